//! The cloud, as commands ask it: with the credentials that objects name, read with the rights of the kubeconfig, and seldom: the
//! operator and everything else share the cloud's quota. No command changes anything there.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use kube::ResourceExt as _;

use super::circuit_breaker::CircuitBreaker;
use super::command_cluster::CommandCluster;
use super::first_process::operator_here;
use super::now;
use super::progress::Progress;
use super::remote::ListFilter;
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::cluster::secret::{Keys, SecretClient, Values};
use crate::config::cloud::CloudArgs;
use crate::config::names::Grant;
use crate::declared::parse;
use crate::explain;
use crate::live::answer::{Answer, Page};
use crate::live::client::{CallMeter, Client};
use crate::live::codes;
use crate::live::looks::{CreateBarrier, ListRoom, Lister, Looks};
use crate::live::rules::RulePage;
use crate::lock::lock;
use crate::login::ambient::AmbientLogin;
use crate::login::secret::{self, References};
use crate::login::{Login, LoginError};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::{GetResult, SignKeyState};
use crate::plan::step::situation::{describe_failure, reason_of};
use crate::platform::account::{Account, AccountKey};
use crate::platform::clock::{Clock, WallClock};
use crate::platform::credentials::KEYS;
use crate::platform::endpoint::AllowList;
use crate::platform::quota::{Bucket, Lane, Quota, Token};
use crate::platform::transport::HttpTransport;
use crate::terms::failure::{Failure, Operation};

/// The operator's own credentials are those of its environment. What is in this process's, if something is, are other credentials.
const OWN_ELSEWHERE: &str = "The operator's own credentials are not here but in its environment: only in its pod can be told what they lead to, and whether this namespace may use them.";

/// How many calls a minute a command makes.
pub(super) const CALLS_PER_MINUTE: u32 = 20;

/// The cloud, and who may call it.
pub struct CommandCloud {
    client: Arc<Client>,
    bucket: Bucket,
    progress: Arc<Progress>,
    looks: Mutex<HashMap<AccountKey, Arc<Looks>>>,
    secrets: ReadSecrets,
    /// The operator's own credentials; none where its environment is not this one.
    ambient: Option<AmbientLogin>,
    allowed: AllowList,
}

impl CommandCloud {
    /// As a command is told. In the operator's container that is, too, as the operator is told.
    pub(super) fn of(cluster: &CommandCluster, args: &CloudArgs) -> anyhow::Result<Self> {
        let operator = operator_here();
        let allowed = args.allowed(operator.as_ref().map(|config| &config.allowed_endpoints));
        let granted = operator.map(|config| config.ambient_credentials_namespaces);
        Self::new(cluster, &allowed, granted, args.request_timeout)
    }

    /// Reads Secrets of this cluster, and calls only what is allowed. Objects without a Secret are called for with the credentials
    /// of this process's environment where that is the operator's, and as far as that one was told to grant them.
    pub(super) fn new(
        cluster: &CommandCluster,
        allowed: &AllowList,
        granted: Option<Grant>,
        request_timeout: Duration,
    ) -> anyhow::Result<Self> {
        let wall: WallClock = Arc::new(now);
        let clock = Arc::new(Clock::new(Arc::clone(&wall)));
        let direct = Arc::new(HttpTransport::direct(Arc::clone(&wall))?);
        let transport = Arc::new(HttpTransport::new(wall)?);
        // One for all identities: what is behind them may be one account's quota.
        let bucket = Quota::new(CALLS_PER_MINUTE).bucket("");
        let client = Client::new(transport, clock, Arc::new(Unmetered), request_timeout);
        Ok(Self {
            ambient: granted.map(|granted| AmbientLogin::new(granted, &client, direct, allowed)),
            client: Arc::new(client),
            bucket,
            progress: Arc::new(Progress::new()),
            looks: Mutex::default(),
            secrets: ReadSecrets::new(cluster),
            allowed: allowed.clone(),
        })
    }

    /// Who would call for an object. An error is the API server's, which may be that whoever asks may not read the Secret: it says
    /// nothing about the object.
    pub async fn login(
        &self,
        object: &RecordingCallback,
    ) -> Result<Result<Login, LoginError>, ClusterError> {
        let references = References::of(object);
        let Some(name) = references.credentials() else {
            let Some(ambient) = &self.ambient else {
                let elsewhere = OWN_ELSEWHERE.to_owned();
                return Ok(Err((Reason::CredentialsMissing, elsewhere)));
            };
            return Ok(ambient.login(&references, &self.allowed));
        };
        let namespace = references.namespace();
        let keys = KEYS.map(str::to_owned).into();
        let values = self.secrets.read(namespace, name, &keys).await?;
        Ok(match secret::values(namespace, name, values) {
            Ok(values) => {
                let set = secret::credentials(&values);
                Login::of_secret(&references, name, set, &self.allowed)
            }
            Err(sentence) => Err((Reason::CredentialsMissing, sentence)),
        })
    }

    /// The sign key of an object. An error is the API server's.
    pub async fn sign_key(&self, object: &RecordingCallback) -> Result<SignKeyState, ClusterError> {
        let Some(reference) = &object.spec.sign_key_secret_ref else {
            return Ok(SignKeyState::Unwanted);
        };
        let namespace = object.namespace().unwrap_or_default();
        let (name, keys) = (&reference.name, [reference.key.clone()].into());
        let values = self.secrets.read(&namespace, name, &keys).await?;
        Ok(match secret::values(&namespace, name, values) {
            Ok(values) => secret::sign_key(reference, &parse::uid(object), &values).0,
            Err(sentence) => SignKeyState::Missing(sentence),
        })
    }

    /// The looks of an account, which share what was seen.
    pub fn looks(&self, account: &Account) -> Arc<Looks> {
        let mut looks = lock(&self.looks);
        let known = looks.entry(account.key().clone()).or_insert_with(|| {
            let lister = Arc::new(ProgressLister {
                client: Arc::clone(&self.client),
                account: account.clone(),
                progress: Arc::clone(&self.progress),
            });
            Looks::new(
                lister,
                self.bucket.clone(),
                CreateBarrier::new(),
                // Nobody else's lists are beside it.
                ListRoom::new(|| usize::MAX),
                BTreeSet::new,
            )
        });
        Arc::clone(known)
    }

    /// The client, for what needs no token.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The callback of an id.
    pub async fn get_by_id(&self, account: &Account, id: &str) -> GetResult {
        let token = self.bucket.acquire(Lane::Background, "").await;
        self.client.get_by_id(token, account, id).await
    }

    /// One page of what an account's project holds, as far as a filter lets it through.
    pub(super) async fn page(
        &self,
        account: &Account,
        filter: &ListFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Answer<Page>, Failure> {
        let token = self.bucket.acquire(Lane::Background, "").await;
        let client = &self.client;
        match filter {
            ListFilter::All => client.list(token, account, None, offset, limit).await,
            ListFilter::Domain(domain) => {
                let domain = Some(domain.as_str());
                client.list(token, account, domain, offset, limit).await
            }
            ListFilter::App(app) => client.list_app(token, account, app, offset, limit).await,
        }
    }

    /// What is shown of how far it is.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// One page of the record rules of an account's project.
    pub async fn record_rules(
        &self,
        account: &Account,
        offset: u32,
        limit: u32,
    ) -> Result<RulePage, Failure> {
        let token = self.bucket.acquire(Lane::Background, "").await;
        let asked = self.client.record_rules(token, account, offset, limit);
        Ok(asked.await?.value)
    }
}

/// Secrets, of which each is read once: many objects name the same.
struct ReadSecrets {
    client: SecretClient,
    breaker: Arc<CircuitBreaker>,
    read: Mutex<HashMap<(String, String, Keys), Option<Values>>>,
}

impl ReadSecrets {
    fn new(cluster: &CommandCluster) -> Self {
        Self {
            client: SecretClient::new(cluster.client().clone()),
            breaker: Arc::clone(cluster.breaker()),
            read: Mutex::default(),
        }
    }

    async fn read(
        &self,
        namespace: &str,
        name: &str,
        keys: &Keys,
    ) -> Result<Option<Values>, ClusterError> {
        let key = (namespace.to_owned(), name.to_owned(), keys.clone());
        if let Some(values) = lock(&self.read).get(&key) {
            return Ok(values.clone());
        }
        let read = self.client.read(namespace, name, keys);
        let values = self.breaker.ask(read).await?;
        lock(&self.read).insert(key, values.clone());
        Ok(values)
    }
}

/// Why a call failed, and what to do.
pub(super) fn failure_with_remedy(failure: &Failure) -> String {
    describe_failure(failure, remedy(failure))
}

/// What to do about a call that failed.
pub(super) fn remedy(failure: &Failure) -> Option<&'static str> {
    codes::advice(failure).or_else(|| explain::remedy(reason_of(failure).as_str()))
}

/// Lists as one account.
struct ProgressLister {
    client: Arc<Client>,
    account: Account,
    progress: Arc<Progress>,
}

impl Lister for ProgressLister {
    fn page<'a>(
        &'a self,
        token: Token,
        domain: Option<&'a str>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer<Page>, Failure>> {
        let listed = self
            .client
            .list(token, &self.account, domain, offset, limit);
        Box::pin(async move {
            let page = listed.await?;
            // A filtered list is one look among many.
            if domain.is_none() {
                let read = u64::from(offset) + page.value.rows.len() as u64;
                let project = &self.account.target.project_id;
                self.progress.read(project, read, page.value.total);
            }
            Ok(page)
        })
    }
}

/// A command has no metrics.
struct Unmetered;

impl CallMeter for Unmetered {
    fn waited(&self, _: Lane, _: Duration) {}

    fn call(&self, _: Operation, _: Option<u16>, _: Option<&'static str>, _: Duration) {}
}
