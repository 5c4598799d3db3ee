//! The project that a region stands for, when the credentials name none. Asked once, kept as long as some account has it. Of several that
//! could be meant none is guessed.

use std::{sync::Arc, time::Duration};

use http::Method;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::{sync::Mutex, time::Instant};

use crate::platform::account::Account;
use crate::platform::credentials::Credential;
use crate::platform::iam::login::{UserLogins, at};
use crate::platform::iam::slots::{SlotContent, Slots};
use crate::platform::iam::wire;
use crate::platform::keys::{KeyPair, User};
use crate::platform::redact::{MAX_TEXT, Redactor};
use crate::platform::request::Draft;
use crate::platform::run_to_end::run_to_end;
use crate::platform::service;
use crate::platform::service::{REFUSAL_HOLDOFF, ServiceClient, ServiceReply};
use crate::platform::strikes::{CredentialVerdict, Strikes};
use crate::platform::temporary::TemporaryKeys;
use crate::platform::{codes, failures};
use crate::terms::failure::{Class, Failure, Operation};

/// What no account has is kept for so long after it was asked for: credentials change as often as somebody writes them.
const UNUSED: Duration = Duration::from_mins(30);

/// What a look-up brought, and until when a failure counts.
#[derive(Default)]
struct LookedUp {
    result: Option<Result<String, ProjectLookupError>>,
    until: Option<Instant>,
    /// When it was last asked for.
    used: Option<Instant>,
}

impl LookedUp {
    fn counts(&self, now: Instant) -> bool {
        self.result.is_some() && self.until.is_none_or(|until| now < until)
    }

    fn is_used(&self, now: Instant) -> bool {
        self.used.is_some_and(|used| now < used + UNUSED)
    }
}

/// Locked while somebody asks IAM.
impl SlotContent for Mutex<LookedUp> {
    fn counts(&self, now: Instant) -> bool {
        self.try_lock()
            .is_ok_and(|known| known.counts(now) && known.is_used(now))
    }
}

/// An account has a project that was looked up.
pub struct ProjectUse {
    _known: Arc<Mutex<LookedUp>>,
}

/// IAM's endpoint, the region, and the credential that asks.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ProjectKey {
    endpoint: String,
    region: String,
    credential: String,
}

impl ProjectKey {
    fn new(endpoint: &str, credential: &Credential, region: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            credential: credential.digest("project"),
        }
    }
}

/// What a look-up proves its identity with.
#[derive(Clone, Copy)]
enum LookupAuth<'a> {
    Pair(&'a KeyPair),
    Token(&'a SecretString),
}

/// Why a region's project is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectLookupError {
    /// None or several have the region's name; the sentence names them and says what to do.
    Ambiguous(String),
    /// IAM did not answer, or refused.
    Failed(Failure),
}

/// Looks projects up.
pub(super) struct Projects {
    sender: ServiceClient,
    logins: Arc<UserLogins>,
    strikes: Arc<Strikes>,
    known: Slots<ProjectKey, Mutex<LookedUp>>,
}

impl Projects {
    pub(super) fn new(
        sender: ServiceClient,
        logins: Arc<UserLogins>,
        strikes: Arc<Strikes>,
    ) -> Self {
        Self {
            sender,
            logins,
            strikes,
            known: Slots::default(),
        }
    }

    /// The id of the project that has the region's name.
    pub(super) async fn find(
        self: &Arc<Self>,
        endpoint: &str,
        credential: &Arc<Credential>,
        region: &str,
        operation: Operation,
    ) -> Result<String, ProjectLookupError> {
        let key = ProjectKey::new(endpoint, credential, region);
        let slot = self.known.slot(&key);
        let mut known = slot.lock_owned().await;
        known.used = Some(Instant::now());
        if known.counts(Instant::now())
            && let Some(result) = &known.result
        {
            return result.clone();
        }
        let (projects, credential) = (Arc::clone(self), Arc::clone(credential));
        run_to_end(async move {
            let result = projects.ask(&key, &credential, operation).await;
            let until = lookup_holdoff(&result).map(|keeps| Instant::now() + keeps);
            *known = LookedUp {
                result: Some(result.clone()),
                until,
                used: Some(Instant::now()),
            };
            result
        })
        .await
    }

    /// Keeps what was found for an account for as long as this is held; none where its project was not looked up.
    pub(super) fn in_use(&self, account: &Account) -> Option<ProjectUse> {
        let (endpoint, region) = (&account.iam_endpoint, &account.target.region);
        let key = ProjectKey::new(endpoint, &account.credential, region);
        let known = self.known.known(&key)?;
        Some(ProjectUse { _known: known })
    }

    /// How many look-ups are known.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    async fn ask(
        &self,
        key: &ProjectKey,
        credential: &Credential,
        operation: Operation,
    ) -> Result<String, ProjectLookupError> {
        let result = match credential {
            Credential::AkSk(pair) => {
                let listed = self.list(key, LookupAuth::Pair(pair), operation);
                only(key, self.guarded(credential, operation, listed).await)
            }
            Credential::Token(token) => {
                let listed = self.list(key, LookupAuth::Token(token), operation);
                only(key, self.guarded(credential, operation, listed).await)
            }
            Credential::Password(user) => self.ask_as_user(key, credential, user, operation).await,
            Credential::Ambient(temporary) => {
                self.ask_as_itself(key, credential, temporary, operation)
                    .await
            }
        };
        result.map_err(|problem| presentable(problem, credential))
    }

    /// Makes a call, unless the credential is stopped.
    async fn guarded<T>(
        &self,
        credential: &Credential,
        operation: Operation,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let pass = self.strikes.enter(credential).await;
        let pass = pass.map_err(|stopped| stopped.failure(operation))?;
        let result = call.await;
        pass.end(CredentialVerdict::of(&result));
        result
    }

    /// Looks with a temporary key. One that is refused is not used again.
    async fn ask_as_itself(
        &self,
        key: &ProjectKey,
        credential: &Credential,
        temporary: &Arc<TemporaryKeys>,
        operation: Operation,
    ) -> Result<String, ProjectLookupError> {
        let pair = temporary.key(operation).await;
        let pair =
            pair.map_err(|problem| ProjectLookupError::Failed(problem.into_failure(operation)))?;
        let listed = self.list(key, LookupAuth::Pair(&pair), operation);
        let listed = self.guarded(credential, operation, listed).await;
        if let Err(failure) = &listed
            && failure.class == Class::Credential
        {
            temporary.forget(&pair);
        }
        only(key, listed)
    }

    /// Logs in to the project by its name: the answer tells its id, and the token serves the calls that follow. Where there is no such
    /// project, a login to the whole account tells those that there are.
    async fn ask_as_user(
        &self,
        key: &ProjectKey,
        credential: &Credential,
        user: &User,
        operation: Operation,
    ) -> Result<String, ProjectLookupError> {
        let (endpoint, name) = (&key.endpoint, &key.region);
        if let Some(id) = self.logins.known(endpoint, credential, name) {
            return Ok(id);
        }
        let entered = self
            .logins
            .enter(endpoint, credential, user, name, operation);
        match self.guarded(credential, operation, entered).await {
            Ok(Some(id)) => return Ok(id),
            Ok(None) => {}
            Err(failure) if may_be_the_name(&failure) => {}
            Err(failure) => return Err(ProjectLookupError::Failed(failure)),
        }
        let account = wire::TokenScope::Domain(&user.domain_name);
        let issued = self.logins.issue(endpoint, user, account, operation);
        let issued = self.guarded(credential, operation, issued).await;
        let token = issued.map_err(ProjectLookupError::Failed)?.token;
        let listed = self.list(key, LookupAuth::Token(&token), operation).await;
        only(
            key,
            match listed {
                // Not everybody sees projects so.
                Err(failure) if matches!(failure.class, Class::Permission | Class::Rejected) => {
                    Ok(Vec::new())
                }
                listed => listed,
            },
        )
    }

    /// The projects of the region's name, asked for once more when the date of the signature was refused.
    async fn list(
        &self,
        key: &ProjectKey,
        proof: LookupAuth<'_>,
        operation: Operation,
    ) -> Result<Vec<wire::IamProject>, Failure> {
        let mut secrets = Redactor::new();
        let signed = self.sender.now(at(&key.endpoint));
        let mut reply = self
            .request(key, proof, signed, operation, &mut secrets)
            .await?;
        if let (LookupAuth::Pair(_), Err(failure), Some((date, ahead))) =
            (proof, &reply.result, reply.date)
            && failures::is_skewed(failure, signed, date)
        {
            let signed = self.sender.ahead(ahead);
            reply = self
                .request(key, proof, signed, operation, &mut secrets)
                .await?;
            if let Err(failure) = &mut reply.result
                && failure.class == Class::Credential
            {
                failure.class = Class::ClockSkew;
            }
        }
        let response = reply.result?;
        wire::projects(&response.body).map_err(|problem| {
            at(&key.endpoint).as_not_sent(failures::failure_of_unreadable(
                operation, &response, &problem, &secrets,
            ))
        })
    }

    async fn request(
        &self,
        key: &ProjectKey,
        proof: LookupAuth<'_>,
        signed: Timestamp,
        operation: Operation,
        secrets: &mut Redactor,
    ) -> Result<ServiceReply, Failure> {
        let query = [("name".to_owned(), key.region.clone())];
        let draft = Draft {
            method: Method::GET,
            endpoint: &key.endpoint,
            path: "/v3/projects",
            query: &query,
            headers: Vec::new(),
            body: None,
        };
        let request = match proof {
            LookupAuth::Pair(pair) => draft.signed(pair, signed, secrets),
            LookupAuth::Token(token) => draft.with_token(token, secrets),
        };
        self.sender
            .send(at(&key.endpoint), request, operation, secrets)
            .await
    }
}

/// Whether a login may have been refused because there is no such project: IAM says nothing that could be told from a wrong password.
fn may_be_the_name(failure: &Failure) -> bool {
    let is_known_code = || failure.code.as_deref().and_then(codes::find).is_some();
    match failure.class {
        Class::Permission | Class::Rejected => true,
        Class::Credential => failure.http_status.is_some() && !is_known_code(),
        Class::Exists
        | Class::Gone
        | Class::Maintenance
        | Class::CloudDown
        | Class::NotSent
        | Class::Throttled
        | Class::Overloaded
        | Class::ClockSkew
        | Class::Account
        | Class::Protocol => false,
    }
}

fn only(
    key: &ProjectKey,
    listed: Result<Vec<wire::IamProject>, Failure>,
) -> Result<String, ProjectLookupError> {
    let projects = listed.map_err(ProjectLookupError::Failed)?;
    wire::only_project(&projects, &key.region).map_err(ProjectLookupError::Ambiguous)
}

/// How long a look-up counts; for good when it found something.
fn lookup_holdoff(result: &Result<String, ProjectLookupError>) -> Option<Duration> {
    match result {
        Ok(_) => None,
        Err(ProjectLookupError::Failed(failure)) => Some(service::holdoff(failure)),
        Err(ProjectLookupError::Ambiguous(_)) => Some(REFUSAL_HOLDOFF),
    }
}

/// Names of projects are the cloud's words.
fn presentable(problem: ProjectLookupError, credential: &Credential) -> ProjectLookupError {
    match problem {
        ProjectLookupError::Ambiguous(sentence) => {
            let mut secrets = Redactor::new();
            credential.conceal(&mut secrets);
            ProjectLookupError::Ambiguous(secrets.clean(&sentence, MAX_TEXT))
        }
        ProjectLookupError::Failed(failure) => ProjectLookupError::Failed(failure),
    }
}
