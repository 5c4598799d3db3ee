//! One credential at one project, with everything that its objects share: client, quota and looks. Passes calls on, and decides on none.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::live::answer::{Answer, Page};
use crate::live::client::{Client, CreatePermit, Payload};
use crate::live::looks::{CreateBarrier, ListRoom, Lister, Looks};
use crate::plan::facts::GetResult;
use crate::plan::facts::row::Row;
use crate::platform::account::Account as Login;
use crate::platform::iam::{LoginUse, ProjectUse};
use crate::platform::quota::{Bucket, Token};
use crate::platform::strikes::CredentialUse;
use crate::platform::transport::Deadline;
use crate::terms::failure::{Failure, Operation};
use crate::terms::target::Target;

/// An account of the cloud in use.
pub(super) struct SharedAccount {
    login: Arc<Login>,
    client: Arc<Client>,
    bucket: Bucket,
    looks: Arc<Looks>,
    /// What is known of its credential and of its project, and its token, is kept as long as this account is in use.
    _kept: (CredentialUse, Option<ProjectUse>, Option<LoginUse>),
}

impl SharedAccount {
    /// Brings together what one login uses. `barrier`, the barrier, is shared by all that address the same project,
    /// `room` by all.
    pub(super) fn new(
        login: Login,
        client: Arc<Client>,
        bucket: Bucket,
        barrier: Arc<CreateBarrier>,
        room: Arc<ListRoom>,
        domains: Domains,
    ) -> Self {
        let login = Arc::new(login);
        let lister = Arc::new(AccountLister {
            login: Arc::clone(&login),
            client: Arc::clone(&client),
        });
        let looks = Looks::new(lister, bucket.clone(), barrier, room, domains);
        let credential = client.strikes.in_use(&login.credential);
        let project = client.iam.project_in_use(&login);
        let token = client.iam.login_in_use(&login);
        Self {
            login,
            client,
            bucket,
            looks,
            _kept: (credential, project, token),
        }
    }

    /// Where.
    pub(super) fn target(&self) -> &Target {
        &self.login.target
    }

    /// The quota of whom the cloud counts the calls for.
    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The shared looks.
    pub(super) fn looks(&self) -> &Arc<Looks> {
        &self.looks
    }

    /// Who it is.
    pub(super) fn identity_account(&self) -> &Login {
        &self.login
    }

    /// Stands for the credential in a status.
    pub(super) fn digest(&self, uid: &str) -> String {
        self.login.credential.digest(uid)
    }

    /// Why no call may be made for a while, if so: the cloud refused this credential.
    pub(super) fn stopped(&self) -> Option<Failure> {
        let stopped = self.client.strikes.stopped(&self.login.credential)?;
        Some(stopped.failure(Operation::List))
    }

    /// POST.
    pub(super) async fn create(
        &self,
        permit: CreatePermit,
        payload: Payload<'_>,
    ) -> Result<Answer<Option<Row>>, Failure> {
        self.client.create(permit, &self.login, payload).await
    }

    /// PUT.
    pub(super) async fn update(
        &self,
        token: Token,
        id: &str,
        payload: Payload<'_>,
        deadline: Deadline,
    ) -> Result<Answer<Option<Row>>, Failure> {
        self.client
            .update(token, &self.login, id, payload, deadline)
            .await
    }

    pub(super) async fn delete(
        &self,
        token: Token,
        id: &str,
        deadline: Deadline,
    ) -> Result<Answer<()>, Failure> {
        self.client.delete(token, &self.login, id, deadline).await
    }

    /// GET by id, as the decisions take it.
    pub(super) async fn get_by_id(&self, token: Token, id: &str) -> GetResult {
        self.client.get_by_id(token, &self.login, id).await
    }
}

/// The domains that the objects here name.
pub(super) type Domains = Box<dyn Fn() -> std::collections::BTreeSet<String> + Send + Sync>;

struct AccountLister {
    login: Arc<Login>,
    client: Arc<Client>,
}

impl Lister for AccountLister {
    fn page<'a>(
        &'a self,
        token: Token,
        domain: Option<&'a str>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer<Page>, Failure>> {
        Box::pin(self.client.list(token, &self.login, domain, offset, limit))
    }
}
