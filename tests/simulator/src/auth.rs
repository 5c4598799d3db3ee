//! Who calls: signed requests and tokens, access keys and their lock-out. No I/O; the caller brings
//! the time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use http::HeaderMap;
use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::cloud::Now;
use crate::log::LoggedOperation;
use crate::refusal::CloudRefusal;
use crate::settings::SimulatorSettings;
use crate::sign;
use crate::sign::Authorization;
use crate::sign::Signed;

const FAILURES_ALLOWED: u32 = 5;
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(5);
const DEFAULT_REGION: &str = "cn-north-4";

/// A project of the account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownProject {
    /// Its id.
    pub id: String,
    /// Its name: of a region's main project, the region's id.
    pub name: String,
}

/// What somebody may do, whatever they sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// The user: calls are counted for each one.
    pub user: String,
    /// The projects that may be called.
    pub projects: Vec<KnownProject>,
    /// The operations that are not permitted.
    #[serde(default)]
    pub denied: BTreeSet<LoggedOperation>,
    /// The answer to every authenticated call, where the account itself is in trouble.
    #[serde(default)]
    pub refusal: Option<CloudRefusal>,
}

impl Rights {
    /// Every operation in one project, which is the main one of `cn-north-4`.
    pub fn full(user: &str, project_id: &str) -> Self {
        let project = KnownProject {
            id: project_id.to_owned(),
            name: DEFAULT_REGION.to_owned(),
        };
        Self {
            user: user.to_owned(),
            projects: vec![project],
            denied: BTreeSet::new(),
            refusal: None,
        }
    }
}

/// An access key.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownCredential {
    /// The access key (AK).
    pub access_key: String,
    /// The secret key (SK).
    pub secret_key: String,
    /// The security token that must come with a temporary key.
    #[serde(default)]
    pub security_token: Option<String>,
    /// When a temporary key expires, by the cloud's clock.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    pub rights: Rights,
}

impl KnownCredential {
    /// A permanent key with full rights in one project, of a user with the access key's name.
    pub fn new(access_key: &str, secret_key: &str, project_id: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            security_token: None,
            expires_at: None,
            rights: Rights::full(access_key, project_id),
        }
    }

    /// The same key as one of this user, whose calls count together with those of its other keys.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.rights.user);
        self
    }

    /// The same key with one more project.
    #[must_use]
    pub fn project(mut self, id: &str, name: &str) -> Self {
        self.rights.projects.push(KnownProject {
            id: id.to_owned(),
            name: name.to_owned(),
        });
        self
    }

    /// The same key, temporary, with this security token.
    #[must_use]
    pub fn security_token(mut self, token: &str) -> Self {
        self.security_token = Some(token.to_owned());
        self
    }

    /// The same key without permission for an operation.
    #[must_use]
    pub fn deny(mut self, operation: LoggedOperation) -> Self {
        self.rights.denied.insert(operation);
        self
    }

    /// The same key in an account that answers every call with this.
    #[must_use]
    pub fn refused_with(mut self, refusal: CloudRefusal) -> Self {
        self.rights.refusal = Some(refusal);
        self
    }
}

impl fmt::Debug for KnownCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("access_key", &self.access_key)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(crate) struct KnownPrincipal {
    /// How the log names it.
    pub(crate) label: String,
    /// What it may do.
    pub(crate) rights: Rights,
}

impl KnownPrincipal {
    /// Whether it may call an operation in the project of the path. The request may name the project
    /// once more, in a header.
    pub(crate) fn check(
        &self,
        operation: LoggedOperation,
        project_id: &str,
        named: Option<&str>,
    ) -> Result<(), CloudRefusal> {
        let rights = &self.rights;
        if let Some(refusal) = &rights.refusal {
            return Err(refusal.clone());
        }
        if rights.projects.is_empty() {
            return Err(CloudRefusal::no_such_api());
        }
        let mut ids = rights.projects.iter().map(|project| project.id.as_str());
        if named.is_some_and(|named| named != project_id) || !ids.any(|id| id == project_id) {
            return Err(CloudRefusal::wrong_project());
        }
        if rights.denied.contains(&operation) {
            return Err(CloudRefusal::permission_denied(operation));
        }
        Ok(())
    }
}

/// What an IAM token stands for.
#[derive(Clone, Debug)]
pub(crate) struct KnownToken {
    /// What its holder may do; without projects when it is scoped to the domain.
    pub(crate) rights: Rights,
    /// What the user may do whom it was issued to, whatever the scope.
    pub(crate) user: Rights,
    /// When it expires, by the cloud's clock.
    pub(crate) expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct LockOuts {
    failures: u32,
    locked_until: Option<Timestamp>,
}

/// All access keys and tokens.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    credentials: BTreeMap<String, KnownCredential>,
    tokens: BTreeMap<String, KnownToken>,
    strikes: BTreeMap<String, LockOuts>,
}

impl Keyring {
    /// Adds a key, or replaces the one with the same access key.
    pub(crate) fn add(&mut self, credential: KnownCredential) {
        self.credentials
            .insert(credential.access_key.clone(), credential);
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, access_key: &str) {
        self.credentials.remove(access_key);
    }

    /// Makes a token valid.
    pub(crate) fn add_token(&mut self, token: &str, meaning: KnownToken) {
        self.tokens
            .insert(sign::sha256_hex(token.as_bytes()), meaning);
    }

    /// Makes every token invalid.
    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Forgets signature failures and lock-outs.
    pub(crate) fn forgive(&mut self) {
        self.strikes.clear();
    }

    /// What a valid token stands for.
    pub(crate) fn token(&self, token: &str, now: Now) -> Result<&KnownToken, CloudRefusal> {
        let token = self
            .tokens
            .get(&sign::sha256_hex(token.as_bytes()))
            .ok_or_else(|| CloudRefusal::unauthenticated("decrypt token fail"))?;
        if token.expires_at <= now.cloud {
            return Err(CloudRefusal::token_expired());
        }
        Ok(token)
    }

    /// Finds out who sent a request.
    pub(crate) fn authenticate(
        &mut self,
        signed: &Signed<'_>,
        now: Now,
        settings: &SimulatorSettings,
    ) -> Result<KnownPrincipal, CloudRefusal> {
        match (
            text(signed.headers, "authorization"),
            text(signed.headers, "x-auth-token"),
        ) {
            (Some(authorization), _) => self.verify(authorization, signed, now, settings),
            (None, Some(token)) => Ok(KnownPrincipal {
                label: format!("token:{}", sign::sha256_hex(token.as_bytes())),
                rights: self.token(token, now)?.rights.clone(),
            }),
            (None, None) => Err(CloudRefusal::unauthenticated("x-auth-token not found")),
        }
    }

    fn verify(
        &mut self,
        authorization: &str,
        signed: &Signed<'_>,
        now: Now,
        settings: &SimulatorSettings,
    ) -> Result<KnownPrincipal, CloudRefusal> {
        let authorization =
            Authorization::parse(authorization).map_err(CloudRefusal::unauthenticated)?;
        let access_key = authorization.access_key.as_str();
        let Some(credential) = self.credentials.get(access_key) else {
            let cause = format!("Get secretKey failed,ak:{access_key},err:ak not exist");
            return Err(CloudRefusal::unauthenticated(&cause));
        };
        let strikes = self.strikes.entry(access_key.to_owned()).or_default();
        match strikes.locked_until {
            Some(until) if until > now.machine => {
                let cause = format!("AK access failed to reach the limit,forbidden:{access_key}");
                return Err(CloudRefusal::unauthenticated(&cause));
            }
            Some(_) => *strikes = LockOuts::default(),
            None => {}
        }
        let date = text(signed.headers, sign::DATE_HEADER).unwrap_or_default();
        check_date(date, now, settings)?;
        if let Err(cause) = check_signature(credential, &authorization, signed, date) {
            strikes.failures += 1;
            if settings.lock_out && strikes.failures > FAILURES_ALLOWED {
                strikes.locked_until = now.machine.checked_add(LOCKED_FOR).ok();
            }
            return Err(CloudRefusal::unauthenticated(&cause));
        }
        *strikes = LockOuts::default();
        check_security_token(credential, signed, now)?;
        Ok(KnownPrincipal {
            label: format!("ak:{access_key}"),
            rights: credential.rights.clone(),
        })
    }
}

/// A header, if it is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn check_date(date: &str, now: Now, settings: &SimulatorSettings) -> Result<(), CloudRefusal> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|date| TimeZone::UTC.to_timestamp(date))
        .map_err(|_| {
            CloudRefusal::unauthenticated("x-sdk-date is not of the form YYYYMMDDTHHMMSSZ")
        })?;
    let skew = now.cloud.duration_since(date).abs();
    if skew > SignedDuration::from_secs(settings.clock_skew_s) {
        return Err(CloudRefusal::clock_skew());
    }
    Ok(())
}

fn check_signature(
    credential: &KnownCredential,
    authorization: &Authorization,
    signed: &Signed<'_>,
    date: &str,
) -> Result<(), String> {
    let canonical = signed.canonical_request(&authorization.signed_headers)?;
    let to_sign = sign::string_to_sign(date, &canonical);
    if sign::matches(&credential.secret_key, &to_sign, &authorization.signature) {
        return Ok(());
    }
    let echo = canonical.replace('\n', "|");
    Err(format!(
        "verify aksk signature fail,canonicalRequest:{echo}"
    ))
}

fn check_security_token(
    credential: &KnownCredential,
    signed: &Signed<'_>,
    now: Now,
) -> Result<(), CloudRefusal> {
    let sent = text(signed.headers, "x-security-token");
    if sent != credential.security_token.as_deref() {
        return Err(CloudRefusal::unauthenticated(
            "the security token is not that of the access key",
        ));
    }
    match credential.expires_at {
        Some(expires_at) if expires_at <= now.cloud => Err(CloudRefusal::unauthenticated(
            "the security token has expired",
        )),
        Some(_) | None => Ok(()),
    }
}
