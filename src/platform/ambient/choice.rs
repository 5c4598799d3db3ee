//! Which source of the operator's own credentials serves. Pure.
//!
//! The order is that of the cloud's SDK with one exception: CCE pod identity goes before the machine's metadata, since who
//! gives a pod an identity means that one and not its machine's.

use std::collections::BTreeMap;

use crate::platform::ambient::environment::{
    AK, Environment, IAM_ENDPOINT, REGION, SECURITY_TOKEN, SK,
};
use crate::platform::credentials::Credential;
use crate::platform::endpoint::{AllowList, CloudService, Endpoint};
use crate::platform::temporary::source::{IdToken, KeySource, Sts};

const PROVIDER_URN: &str = "HUAWEICLOUD_OIDC_PROVIDER_URN";
const AGENCY_URN: &str = "HUAWEICLOUD_OIDC_AGENCY_URN";
const OIDC_TOKEN: &str = "HUAWEICLOUD_OIDC_ID_TOKEN";
const OIDC_TOKEN_FILE: &str = "HUAWEICLOUD_OIDC_TOKEN_FILE";
const SESSION_NAME: &str = "HUAWEICLOUD_OIDC_SESSION_NAME";
const DURATION_SECONDS: &str = "HUAWEICLOUD_OIDC_DURATION_SECONDS";
const POLICY: &str = "HUAWEICLOUD_OIDC_POLICY";
const POLICY_IDS: &str = "HUAWEICLOUD_OIDC_POLICY_IDS";
const STS_ENDPOINT: &str = "HUAWEICLOUD_SDK_STS_ENDPOINT";
const IDP_ID: &str = "HUAWEICLOUD_SDK_IDP_ID";
const ID_TOKEN_FILE: &str = "HUAWEICLOUD_SDK_ID_TOKEN_FILE";
const POD_URI: &str = "HC_CONTAINER_CREDENTIALS_FULL_URI";
const POD_TOKEN_FILE: &str = "HC_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// How long a key of STS is to live unless the environment says otherwise, in seconds.
const DEFAULT_DURATION: u32 = 3600;
/// What STS calls the session unless the environment says otherwise.
const DEFAULT_SESSION: &str = env!("CARGO_PKG_NAME");

/// Why the environment gives no credentials, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AmbientError {
    /// Something is missing, or can't be read.
    Missing(String),
    /// Calls may not go where it says.
    EndpointNotAllowed(String),
}

/// What serves.
pub(super) enum AmbientSource {
    /// A key that stays as it is.
    Fixed(Credential),
    /// Keys that are made when they are needed.
    Made(KeySource),
}

/// The first source for which everything is there, and what those before it lack.
pub(super) fn choose(
    variables: &Environment,
    allowed: &AllowList,
    metadata: &str,
) -> Result<(AmbientSource, Vec<String>), AmbientError> {
    let mut passed = Vec::new();
    let mut has = |source: &str, needed: &[&str]| {
        let has = needed.iter().all(|name| variables.get(name).is_some());
        if !has {
            passed.push(format!("{source}: {}", variables.lacks(needed)));
        }
        has
    };
    let token = [OIDC_TOKEN, OIDC_TOKEN_FILE];
    let token = token.into_iter().find(|name| variables.get(name).is_some());
    let token = token.unwrap_or(OIDC_TOKEN_FILE);
    let found = if has("OIDC by STS", &[PROVIDER_URN, AGENCY_URN, token]) {
        AmbientSource::Made(KeySource::Sts(sts(variables, allowed)?))
    } else if has("OIDC by IAM", &[IDP_ID, ID_TOKEN_FILE]) {
        AmbientSource::Made(federation(variables, allowed)?)
    } else if has("environment variables", &[AK, SK]) {
        AmbientSource::Fixed(fixed(variables)?)
    } else if has("CCE pod identity", &[POD_URI, POD_TOKEN_FILE]) {
        AmbientSource::Made(pod(variables, allowed)?)
    } else {
        AmbientSource::Made(KeySource::Metadata {
            endpoint: metadata.to_owned(),
        })
    };
    Ok((found, passed))
}

fn fixed(variables: &Environment) -> Result<Credential, AmbientError> {
    let data = [
        ("ak", variables.get(AK)),
        ("sk", variables.get(SK)),
        ("security_token", variables.get(SECURITY_TOKEN)),
    ];
    Credential::read(&data_of(&data)).map_err(|problem| missing(&problem))
}

fn sts(variables: &Environment, allowed: &AllowList) -> Result<Sts, AmbientError> {
    let duration_seconds = match variables.get(DURATION_SECONDS) {
        None => DEFAULT_DURATION,
        Some(text) => text
            .parse()
            .map_err(|_| missing(&format!("{DURATION_SECONDS} is not a number of seconds")))?,
    };
    let ids = variables.get(POLICY_IDS).unwrap_or_default().split(',');
    let ids = ids.map(str::trim).filter(|id| !id.is_empty());
    Ok(Sts {
        endpoint: endpoint(variables, allowed, CloudService::Sts, STS_ENDPOINT)?,
        provider_urn: variables.text(PROVIDER_URN),
        agency_urn: variables.text(AGENCY_URN),
        token: match variables.get(OIDC_TOKEN) {
            Some(token) => IdToken::Value(token.into()),
            None => IdToken::File(variables.text(OIDC_TOKEN_FILE).into()),
        },
        session_name: variables
            .get(SESSION_NAME)
            .unwrap_or(DEFAULT_SESSION)
            .to_owned(),
        duration_seconds,
        policy: variables.get(POLICY).map(str::to_owned),
        policy_ids: ids.map(str::to_owned).collect(),
    })
}

fn federation(variables: &Environment, allowed: &AllowList) -> Result<KeySource, AmbientError> {
    Ok(KeySource::Federation {
        endpoint: endpoint(variables, allowed, CloudService::Iam, IAM_ENDPOINT)?,
        idp_id: variables.text(IDP_ID),
        token_file: variables.text(ID_TOKEN_FILE).into(),
    })
}

/// The agent is an address of this machine or its link; one elsewhere has to be allowed.
fn pod(variables: &Environment, allowed: &AllowList) -> Result<KeySource, AmbientError> {
    let uri = variables.text(POD_URI);
    let start = uri.find("://").map_or(0, |at| at + "://".len());
    let end = uri.get(start..).and_then(|rest| rest.find('/'));
    let (base, path) = uri.split_at(end.map_or(uri.len(), |end| start + end));
    let endpoint = Endpoint::parse(base).map_err(|problem| refused(POD_URI, &problem))?;
    let is_local = endpoint.is_local();
    if !is_local {
        let checked = allowed.check(&endpoint);
        checked.map_err(|problem| refused(POD_URI, &problem))?;
    }
    Ok(KeySource::Pod {
        endpoint: endpoint.to_string(),
        path: path.to_owned(),
        token_file: variables.text(POD_TOKEN_FILE).into(),
        is_local,
    })
}

/// The address of a service: that of the variable or the one in the environment's region, if it is allowed.
fn endpoint(
    variables: &Environment,
    allowed: &AllowList,
    service: CloudService,
    name: &str,
) -> Result<String, AmbientError> {
    let endpoint = match (variables.get(name), variables.get(REGION)) {
        (Some(text), _) => Endpoint::parse(text),
        (None, Some(region)) => Endpoint::of_region(service, region),
        (None, None) => {
            let problem =
                format!("neither {name} nor {REGION} is set, so nobody knows whom to ask");
            return Err(missing(&problem));
        }
    };
    let endpoint = endpoint.map_err(|problem| refused(name, &problem))?;
    let checked = allowed.check(&endpoint);
    checked.map_err(|problem| refused(name, &problem))?;
    Ok(endpoint.to_string())
}

fn refused(name: &str, problem: &str) -> AmbientError {
    let sentence = format!("The operator's own environment ({name}): {problem}.");
    AmbientError::EndpointNotAllowed(sentence)
}

/// Values as a Secret would hold them.
pub(super) fn data_of(values: &[(&str, Option<&str>)]) -> BTreeMap<String, Vec<u8>> {
    let present = values
        .iter()
        .filter_map(|(key, value)| Some(((*key).to_owned(), (*value)?.as_bytes().to_vec())));
    present.collect()
}

pub(super) fn missing(problem: &str) -> AmbientError {
    let sentence = format!("The operator's own environment: {problem}.");
    AmbientError::Missing(sentence)
}
