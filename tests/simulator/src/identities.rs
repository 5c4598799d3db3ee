//! IAM users and what they get wrong: passwords, lock-outs. No I/O; the caller brings the time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::Rights;
use crate::cloud::Now;
use crate::iam::flat;
use crate::iam::keystone;
use crate::reply::DoneReply;
use crate::workload::Workload;

const WRONG_PASSWORDS_ALLOWED: u32 = 5;
const THROTTLE_WINDOW: SignedDuration = SignedDuration::from_mins(1);
const LOCKED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// An IAM user who signs in with a password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The name of the account, which IAM calls domain.
    pub domain_name: String,
    /// What the user may do.
    pub rights: Rights,
}

impl KnownUser {
    /// A user with full rights in one project, the main one of `cn-north-4`.
    pub fn new(domain_name: &str, name: &str, password: &str, project_id: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: password.to_owned(),
            domain_name: domain_name.to_owned(),
            rights: Rights::full(name, project_id),
        }
    }
}

impl fmt::Debug for KnownUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            domain_name,
            rights,
            ..
        } = self;
        formatter
            .debug_struct("User")
            .field("domain_name", domain_name)
            .field("name", name)
            .field("rights", rights)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Attempts {
    wrong: u32,
    locked_until: Option<Timestamp>,
}

/// Users, their failed attempts, and the workload.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    users: BTreeMap<(String, String), KnownUser>,
    attempts: BTreeMap<(String, String), Attempts>,
    pub(crate) workload: Option<Workload>,
    pub(crate) metadata_tokens: BTreeSet<String>,
    token_requests: Vec<Timestamp>,
}

impl Identities {
    pub(crate) fn add_user(&mut self, user: KnownUser) {
        self.users
            .insert((user.domain_name.clone(), user.name.clone()), user);
    }

    /// Counts a token request, or refuses it.
    pub(crate) fn throttle(&mut self, limit: Option<u32>, now: Now) -> Result<(), DoneReply> {
        self.token_requests
            .retain(|at| now.machine.duration_since(*at) < THROTTLE_WINDOW);
        let accepted = self.token_requests.len();
        if let Some(limit) = limit
            && accepted >= usize::try_from(limit).unwrap_or(usize::MAX)
        {
            let message = format!(
                "The throttling threshold has been reached. Threshold: {limit} times per 60 seconds"
            );
            return Err(flat(429, "IAM.0012", &message));
        }
        self.token_requests.push(now.machine);
        Ok(())
    }

    /// Finds the user whose name and password a token request holds.
    pub(crate) fn sign_in(&mut self, body: &Value, now: Now) -> Result<KnownUser, DoneReply> {
        let user = body
            .pointer("/auth/identity/password/user")
            .unwrap_or(&Value::Null);
        let name = (text(user, "/domain/name")?, text(user, "/name")?);
        let password = text(user, "/password")?;
        let attempts = self.attempts.entry(name.clone()).or_default();
        if attempts
            .locked_until
            .is_some_and(|until| until > now.machine)
        {
            return Err(keystone(
                401,
                "Unauthorized",
                "The account is locked. Try again later.",
            ));
        }
        let known = self
            .users
            .get(&name)
            .filter(|user| user.password == password);
        if let Some(user) = known {
            *attempts = Attempts::default();
            return Ok(user.clone());
        }
        attempts.wrong += 1;
        if attempts.wrong >= WRONG_PASSWORDS_ALLOWED {
            *attempts = Attempts {
                wrong: 0,
                locked_until: now.machine.checked_add(LOCKED_FOR).ok(),
            };
        }
        let message = "The username or password is wrong.";
        Err(keystone(401, "Unauthorized", message))
    }
}

fn text(value: &Value, path: &str) -> Result<String, DoneReply> {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = format!("identity.password.user{path} is missing.");
            keystone(400, "Bad Request", &message)
        })
}
