//! Temporary keys for a workload by what it runs on: STS and IAM with an identity token, the
//! metadata service of the machine, the pod-identity endpoint of a cluster. No I/O.

use std::fmt;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;

use crate::auth::KnownToken;
use crate::auth::Rights;
use crate::auth::text;
use crate::cloud::CloudState;
use crate::cloud::Now;
use crate::iam::IamCall;
use crate::iam::flat;
use crate::iam::json_body;
use crate::iam::key_lifetime;
use crate::iam::microseconds;
use crate::random;
use crate::reply::DoneReply;

const METADATA_KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(6);
const NO_AGENCY: &str = "Please configure Cloud Service Agency first";

/// A workload, and the ways in which it obtains temporary keys. A way that is `None` is closed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// What its keys may do.
    pub rights: Rights,
    /// The identity provider whose tokens IAM accepts.
    pub idp_id: Option<String>,
    /// The identity token that STS and IAM accept.
    pub id_token: Option<String>,
    /// The token that the pod-identity endpoint accepts.
    pub pod_token: Option<String>,
    /// What the metadata service does.
    pub metadata: Metadata,
}

/// What the metadata service of a machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Metadata {
    /// It has no agency, and so no keys.
    NoAgency,
    /// It gives keys to everybody who asks.
    Open,
    /// It gives keys to those who bring one of its tokens.
    TokenRequired,
}

impl fmt::Debug for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Workload")
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

impl CloudState {
    /// `POST /v5/agencies/assume-with-oidc`
    pub(crate) fn assume_with_oidc(
        &mut self,
        call: &IamCall<'_>,
        now: Now,
    ) -> Result<DoneReply, DoneReply> {
        let body = json_body(call)?;
        for member in ["provider_urn", "agency_urn", "agency_session_name"] {
            if body
                .get(member)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(flat(400, "IAM.0072", &format!("{member} is required")));
            }
        }
        let sent = body.get("id_token").and_then(Value::as_str);
        let rights = self.workload_rights(sent, |workload| workload.id_token.as_deref())?;
        let key = self.temporary_key(rights, key_lifetime(body.get("duration_seconds"))?, now);
        let body = json!({"credentials": {
            "access_key_id": key.access,
            "secret_access_key": key.secret,
            "security_token": key.security_token,
            "expiration": microseconds(key.expires_at),
        }});
        Ok(DoneReply::new(200, Some(body)))
    }

    /// `POST /v3.0/OS-AUTH/id-token/tokens`, without a scope.
    pub(crate) fn issue_federated_token(
        &mut self,
        call: &IamCall<'_>,
        now: Now,
    ) -> Result<DoneReply, DoneReply> {
        let body = json_body(call)?;
        let provider = text(call.signed.headers, "x-idp-id");
        let provider = provider.ok_or_else(|| flat(400, "IAM.0011", "X-Idp-Id is required"))?;
        if body.pointer("/auth/scope").is_some() {
            return Err(flat(400, "IAM.0011", "A scope is not simulated."));
        }
        let sent = body.pointer("/auth/id_token/id").and_then(Value::as_str);
        let user = self.workload_rights(sent, |workload| {
            let is_known = workload.idp_id.as_deref() == Some(provider);
            workload.id_token.as_deref().filter(|_| is_known)
        })?;
        let lifetime = SignedDuration::from_secs(self.settings.token_lifetime_s);
        let expires_at = now.cloud.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let token = format!("MIITEST{}", random::hex(48));
        let mut rights = user.clone();
        rights.projects.clear();
        let kept = KnownToken {
            rights,
            user,
            expires_at,
        };
        self.keyring.add_token(&token, kept);
        let body =
            json!({"token": {"methods": ["mapped"], "expires_at": microseconds(expires_at)}});
        Ok(DoneReply::new(201, Some(body)).header("x-subject-token", &token))
    }

    /// `POST /pod-identity/credentials`
    pub(crate) fn assume_pod_identity(
        &mut self,
        call: &IamCall<'_>,
        now: Now,
    ) -> Result<DoneReply, DoneReply> {
        json_body(call)?;
        let sent = text(call.signed.headers, "authorization");
        let rights = self.workload_rights(sent, |workload| workload.pod_token.as_deref())?;
        let key = self.temporary_key(rights, METADATA_KEY_LIFETIME, now);
        Ok(DoneReply::new(200, Some(json!({"credential": key.json()}))))
    }

    fn workload_rights(
        &self,
        sent: Option<&str>,
        expected: impl Fn(&Workload) -> Option<&str>,
    ) -> Result<Rights, DoneReply> {
        self.identities
            .workload
            .as_ref()
            .filter(|workload| sent.is_some() && expected(workload) == sent)
            .map(|workload| workload.rights.clone())
            .ok_or_else(|| flat(401, "IAM.0067", "The identity token is not accepted."))
    }

    /// `PUT /meta-data/latest/api/token`
    pub(crate) fn issue_metadata_token(
        &mut self,
        call: &IamCall<'_>,
    ) -> Result<DoneReply, DoneReply> {
        if text(call.signed.headers, "x-metadata-token-ttl-seconds").is_none() {
            return Err(flat(
                400,
                "IAM.0072",
                "X-Metadata-Token-Ttl-Seconds is required",
            ));
        }
        let token = random::hex(20);
        self.identities.metadata_tokens.insert(token.clone());
        Ok(DoneReply::text(200, token))
    }

    /// `GET /openstack/latest/securitykey`
    pub(crate) fn read_metadata_key(
        &mut self,
        call: &IamCall<'_>,
        now: Now,
    ) -> Result<DoneReply, DoneReply> {
        let workload = self.identities.workload.as_ref();
        let metadata = workload.map_or(Metadata::NoAgency, |workload| workload.metadata);
        let token = text(call.signed.headers, "x-metadata-token");
        let known = token.is_some_and(|token| self.identities.metadata_tokens.contains(token));
        let rights = match (workload, metadata) {
            (None, _) | (_, Metadata::NoAgency) => {
                return Err(DoneReply::text(404, NO_AGENCY.to_owned()));
            }
            (Some(_), Metadata::TokenRequired) if !known => {
                return Err(DoneReply::text(401, "401 Unauthorized".to_owned()));
            }
            (Some(workload), Metadata::TokenRequired | Metadata::Open) => workload.rights.clone(),
        };
        let key = self.temporary_key(rights, METADATA_KEY_LIFETIME, now);
        Ok(DoneReply::new(200, Some(json!({"credential": key.json()}))))
    }
}
