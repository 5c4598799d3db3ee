//! The project that a region stands for, when the credentials name none. Asked once, kept for good.

use std::{sync::Arc, time::Duration};

use http::Method;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::time::Instant;

use super::{
    login::{Logins, at},
    slots::Slots,
    wire,
};
use crate::{
    live::{
        ambient::Temporary,
        classify,
        credentials::Credential,
        draft::Draft,
        keys::{KeyPair, User},
        redact::{MAX_TEXT, Secrets},
        sender::{self, REFUSAL_KEEPS, Reply, Sender},
        strikes::{Strikes, Verdict},
    },
    plan::failure::{Class, Failure, Operation},
};

/// What a look-up brought, and until when a failure counts.
struct LookedUp {
    result: Result<String, NoProject>,
    until: Option<Instant>,
}

/// IAM's endpoint, the region, and the credential that asks.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ProjectKey {
    endpoint: String,
    region: String,
    credential: String,
}

/// What a look-up proves its identity with.
#[derive(Clone, Copy)]
enum Proof<'a> {
    Pair(&'a KeyPair),
    Token(&'a SecretString),
}

/// Why a region's project is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoProject {
    /// None or several have the region's name; the sentence names them and says what to do.
    Ambiguous(String),
    /// IAM did not answer, or refused.
    Failed(Failure),
}

/// Looks projects up.
pub(super) struct Projects {
    sender: Sender,
    logins: Arc<Logins>,
    strikes: Arc<Strikes>,
    known: Slots<ProjectKey, LookedUp>,
}

impl Projects {
    pub(super) fn new(sender: Sender, logins: Arc<Logins>, strikes: Arc<Strikes>) -> Self {
        Self {
            sender,
            logins,
            strikes,
            known: Slots::default(),
        }
    }

    /// The id of the project that has the region's name.
    pub(super) async fn find(
        &self,
        endpoint: &str,
        credential: &Credential,
        region: &str,
        operation: Operation,
    ) -> Result<String, NoProject> {
        let key = ProjectKey {
            endpoint: endpoint.to_owned(),
            region: region.to_owned(),
            credential: credential.digest("project"),
        };
        let slot = self.known.slot(&key);
        let mut known = slot.lock().await;
        let now = Instant::now();
        let is_current = |known: &&LookedUp| known.until.is_none_or(|until| now < until);
        if let Some(known) = known.as_ref().filter(is_current) {
            return known.result.clone();
        }
        let result = self.ask_once(&key, credential, operation).await;
        let until = keeps(&result).map(|keeps| Instant::now() + keeps);
        known.insert(LookedUp { result, until }).result.clone()
    }

    /// Asks, unless the credential is stopped.
    async fn ask_once(
        &self,
        key: &ProjectKey,
        credential: &Credential,
        operation: Operation,
    ) -> Result<String, NoProject> {
        let pass = self.strikes.enter(credential).await;
        let pass = pass.map_err(|stopped| NoProject::Failed(stopped.failure(operation)))?;
        let result = match credential {
            Credential::AkSk(pair) => self.ask(key, Proof::Pair(pair), operation).await,
            Credential::Token(token) => self.ask(key, Proof::Token(token), operation).await,
            Credential::Password(user) => self.ask_as_user(key, user, operation).await,
            Credential::Ambient(temporary) => self.ask_as_itself(key, temporary, operation).await,
        };
        pass.end(match &result {
            Ok(_) | Err(NoProject::Ambiguous(_)) => Verdict::Accepted,
            Err(NoProject::Failed(failure)) => Verdict::of_failure(failure),
        });
        result.map_err(|problem| presentable(problem, credential))
    }

    async fn ask(
        &self,
        key: &ProjectKey,
        proof: Proof<'_>,
        operation: Operation,
    ) -> Result<String, NoProject> {
        let projects = self
            .list(key, proof, operation)
            .await
            .map_err(NoProject::Failed)?;
        wire::only_project(&projects, &key.region).map_err(NoProject::Ambiguous)
    }

    /// Looks with a temporary key. One that is refused is not used again.
    async fn ask_as_itself(
        &self,
        key: &ProjectKey,
        temporary: &Temporary,
        operation: Operation,
    ) -> Result<String, NoProject> {
        let pair = temporary.key(operation).await;
        let pair = pair.map_err(|problem| NoProject::Failed(problem.into_failure(operation)))?;
        let found = self.ask(key, Proof::Pair(&pair), operation).await;
        if let Err(NoProject::Failed(failure)) = &found
            && failure.class == Class::Credential
        {
            temporary.forget(&pair).await;
        }
        found
    }

    /// Looks with a token of the whole account. Not everybody sees projects so, but whoever has a role in one may enter it by
    /// its name, and IAM then tells its id.
    async fn ask_as_user(
        &self,
        key: &ProjectKey,
        user: &User,
        operation: Operation,
    ) -> Result<String, NoProject> {
        let account = wire::Scope::Domain(&user.domain_name);
        let issued = self
            .logins
            .issue(&key.endpoint, user, account, operation)
            .await;
        let token = issued.map_err(NoProject::Failed)?.token;
        let projects = match self.list(key, Proof::Token(&token), operation).await {
            Err(failure) if matches!(failure.class, Class::Permission | Class::Rejected) => {
                Vec::new()
            }
            listed => listed.map_err(NoProject::Failed)?,
        };
        let found = wire::only_project(&projects, &key.region);
        if found.is_err() && !projects.iter().any(|project| project.is_named(&key.region)) {
            let by_name = wire::Scope::ProjectName(&key.region);
            let entered = self
                .logins
                .issue(&key.endpoint, user, by_name, operation)
                .await;
            if let Some(id) = entered.ok().and_then(|issued| issued.project) {
                return Ok(id);
            }
        }
        found.map_err(NoProject::Ambiguous)
    }

    /// The projects of the region's name, asked for once more when the date of the signature was refused.
    async fn list(
        &self,
        key: &ProjectKey,
        proof: Proof<'_>,
        operation: Operation,
    ) -> Result<Vec<wire::Project>, Failure> {
        let mut secrets = Secrets::new();
        let signed = self.sender.now(at(&key.endpoint));
        let mut reply = self
            .request(key, proof, signed, operation, &mut secrets)
            .await?;
        if let (Proof::Pair(_), Err(failure), Some((date, ahead))) =
            (proof, &reply.result, reply.date)
            && classify::is_skewed(failure, signed, date)
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
            at(&key.endpoint).never_sent(classify::unreadable(
                operation, &response, &problem, &secrets,
            ))
        })
    }

    async fn request(
        &self,
        key: &ProjectKey,
        proof: Proof<'_>,
        signed: Timestamp,
        operation: Operation,
        secrets: &mut Secrets,
    ) -> Result<Reply, Failure> {
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
            Proof::Pair(pair) => draft.signed(pair, signed, secrets),
            Proof::Token(token) => draft.with_token(token, secrets),
        };
        self.sender
            .send(at(&key.endpoint), request, operation, secrets)
            .await
    }
}

/// How long a look-up counts; for good when it found something.
fn keeps(result: &Result<String, NoProject>) -> Option<Duration> {
    match result {
        Ok(_) => None,
        Err(NoProject::Failed(failure)) => Some(sender::keeps(failure)),
        Err(NoProject::Ambiguous(_)) => Some(REFUSAL_KEEPS),
    }
}

/// Names of projects are the cloud's words.
fn presentable(problem: NoProject, credential: &Credential) -> NoProject {
    match problem {
        NoProject::Ambiguous(sentence) => {
            let mut secrets = Secrets::new();
            credential.conceal(&mut secrets);
            NoProject::Ambiguous(secrets.clean(&sentence, MAX_TEXT))
        }
        NoProject::Failed(failure) => NoProject::Failed(failure),
    }
}
