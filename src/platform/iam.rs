//! IAM: tokens for users, and the project that a region stands for. Nobody else asks it for these; for keys of this process itself
//! `temporary` does.

mod login;
mod project;
mod slots;
mod tokens;
mod wire;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use self::login::UserLogins;
use self::project::Projects;
pub use self::project::{ProjectLookupError, ProjectUse};
pub use self::tokens::LoginUse;
use crate::platform::account::Account;
use crate::platform::clock::Clock;
use crate::platform::credentials::Credential;
use crate::platform::keys::User;
use crate::platform::service::ServiceClient;
use crate::platform::strikes::Strikes;
use crate::platform::transport::Transport;
use crate::terms::failure::{Failure, Operation};

/// A client of IAM with what it was told.
pub struct Iam {
    logins: Arc<UserLogins>,
    projects: Arc<Projects>,
}

impl Iam {
    /// A client that knows nothing yet.
    pub fn new(
        transport: Arc<dyn Transport>,
        clock: Arc<Clock>,
        strikes: Arc<Strikes>,
        request_timeout: Duration,
    ) -> Self {
        let sender = ServiceClient::new(transport, clock, request_timeout);
        let logins = Arc::new(UserLogins::new(sender.clone(), Arc::clone(&strikes)));
        let projects = Arc::new(Projects::new(sender, Arc::clone(&logins), strikes));
        Self { logins, projects }
    }

    /// A token for a user, scoped to the account's project. Who comes while the first is made waits for it; after three quarters of its
    /// life it is renewed beside those who use it. `operation` is what it is for, and what a failure is told as.
    pub async fn token(
        &self,
        account: &Account,
        user: &User,
        operation: Operation,
    ) -> Result<SecretString, Failure> {
        self.logins.token(account, user, operation).await
    }

    /// A service did not take this token: the next caller gets another, unless somebody else has replaced it already.
    pub fn forget(&self, account: &Account, refused: &SecretString) {
        self.logins.forget(account, refused);
    }

    /// Keeps the project that was looked up for an account for as long as this is held.
    pub fn project_in_use(&self, account: &Account) -> Option<ProjectUse> {
        self.projects.in_use(account)
    }

    /// Keeps the token of an account whose credential is a user for as long as this is held.
    pub fn login_in_use(&self, account: &Account) -> Option<LoginUse> {
        self.logins.in_use(account)
    }

    /// The id of the project that has the region's name, asked for once and kept while it is in use. `endpoint` is the base URL of IAM,
    /// `operation` what it is for, and what a failure is told as.
    pub async fn project(
        &self,
        endpoint: &str,
        credential: &Arc<Credential>,
        region: &str,
        operation: Operation,
    ) -> Result<String, ProjectLookupError> {
        self.projects
            .find(endpoint, credential, region, operation)
            .await
    }
}

#[cfg(test)]
mod tests;
