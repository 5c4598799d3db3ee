//! From an object's references to what calls need: the Secrets are read, judged, and become an account.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::account::Account;
use super::index::Index;
use super::secrets::Cache;
use crate::api::RecordingCallback;
use crate::cluster::error::Error;
use crate::cluster::secret::{Secrets, Values};
use crate::config::RunConfig;
use crate::live::account::{Account as Login, AccountKey};
use crate::live::client::Client;
use crate::live::clock::Clock;
use crate::live::credentials::CredentialSet;
use crate::live::endpoint::{AllowList, Endpoint, Service};
use crate::live::looks::Gate;
use crate::live::quota::Quota;
use crate::live::sign_key::SignKey;
use crate::metrics::Metrics;
use crate::plan::facts::{Access, Key};
use crate::plan::place::Target;
use crate::plan::reason::Reason;

use super::parse;

/// What an object's references amount to.
pub(super) struct Resolved {
    pub(super) access: Access,
    pub(super) account: Option<Arc<Account>>,
    pub(super) key: Key,
    pub(super) sign_key: Option<SignKey>,
}

/// Makes accounts of Secrets. Equal credentials at one project are one account.
pub(super) struct Accesses {
    secrets: Cache,
    allowed: AllowList,
    client: Arc<Client>,
    quota: Arc<Quota>,
    clock: Arc<Clock>,
    index: Arc<Index>,
    accounts: Mutex<HashMap<AccountKey, Weak<Account>>>,
    gates: Mutex<HashMap<(String, String), Weak<Gate>>>,
}

/// Why there is no access: the condition's reason and sentence.
type Problem = (Reason, String);

impl Accesses {
    /// Reads Secrets with this cluster client and calls the cloud as configured.
    pub(super) fn new(
        config: &RunConfig,
        kube: &kube::Client,
        client: Arc<Client>,
        quota: Arc<Quota>,
        clock: Arc<Clock>,
        index: Arc<Index>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            secrets: Cache::new(Secrets::new(kube.clone()), config.secret_poll_interval),
            allowed: config
                .allowed_endpoints
                .join(",")
                .parse()
                .map_err(anyhow::Error::msg)?,
            client,
            quota,
            clock,
            index,
            accounts: Mutex::default(),
            gates: Mutex::default(),
        })
    }

    /// The Secrets in use.
    pub(super) fn secrets(&self) -> &Cache {
        &self.secrets
    }

    /// What the references of an object amount to. An error is the API server's: it says nothing about the object.
    pub(super) async fn resolve(&self, object: &RecordingCallback) -> Result<Resolved, Error> {
        let (key, sign_key) = self.sign_key(object).await?;
        let (access, account) = match self.account(object).await? {
            Ok(account) => (Access::Usable(account.target().clone()), Some(account)),
            Err((reason, sentence)) => (Access::Unusable(reason, sentence), None),
        };
        Ok(Resolved {
            access,
            account,
            key,
            sign_key,
        })
    }

    /// Whether the sign key is still the one that was planned with, read afresh.
    pub(super) async fn key_is_still(
        &self,
        object: &RecordingCallback,
        planned: &Key,
    ) -> Result<bool, Error> {
        if let Some(reference) = &object.spec.sign_key_secret_ref {
            self.secrets
                .read(&(parse::object(object).namespace, reference.name.clone()))
                .await?;
        }
        Ok(self.sign_key(object).await?.0 == *planned)
    }

    async fn sign_key(&self, object: &RecordingCallback) -> Result<(Key, Option<SignKey>), Error> {
        let Some(reference) = &object.spec.sign_key_secret_ref else {
            return Ok((Key::Unwanted, None));
        };
        let meta = parse::object(object);
        let values = match self.values(&meta.namespace, &reference.name).await? {
            Ok(values) => values,
            Err(sentence) => return Ok((Key::Missing(sentence), None)),
        };
        let Some(value) = values
            .0
            .get(&reference.key)
            .filter(|value| !value.is_empty())
        else {
            let sentence = format!(
                "Secret {} has no key {:?} for signing: add it.",
                reference.name, reference.key
            );
            return Ok((Key::Missing(sentence), None));
        };
        Ok(match SignKey::parse(value) {
            Ok(key) => (Key::Digest(key.digest(&meta.uid)), Some(key)),
            Err(problem) => {
                let told = format!(
                    "Key {:?} of Secret {}: {problem}.",
                    reference.key, reference.name
                );
                (Key::Invalid(told), None)
            }
        })
    }

    async fn account(
        &self,
        object: &RecordingCallback,
    ) -> Result<Result<Arc<Account>, Problem>, Error> {
        let namespace = parse::object(object).namespace;
        let Some(reference) = &object.spec.credentials_secret_ref else {
            return Ok(Err((Reason::CredentialsMissing, no_reference(&namespace))));
        };
        let values = match self.values(&namespace, &reference.name).await? {
            Ok(values) => values,
            Err(sentence) => return Ok(Err((Reason::CredentialsMissing, sentence))),
        };
        Ok(self
            .login(object, &reference.name, &values.0)
            .map(|login| self.shared(login)))
    }

    /// The values of a Secret, or the sentence that says why there are none.
    async fn values(&self, namespace: &str, name: &str) -> Result<Result<Values, String>, Error> {
        match self
            .secrets
            .get(&(namespace.to_owned(), name.to_owned()))
            .await
        {
            Ok(Some(values)) => Ok(Ok(values)),
            Ok(None) => Ok(Err(format!(
                "Secret {name} does not exist in namespace {namespace}: create it; it is looked for again by itself."
            ))),
            Err(error) if error.is_forbidden() => Ok(Err(format!(
                "The operator may not read Secret {name} in namespace {namespace}: grant its service account `get` on secrets there."
            ))),
            Err(error) => Err(error),
        }
    }

    /// Who calls, and where.
    fn login(
        &self,
        object: &RecordingCallback,
        name: &str,
        data: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Login, Problem> {
        let missing = |sentence: String| (Reason::CredentialsMissing, sentence);
        let refused = |sentence: String| (Reason::EndpointNotAllowed, sentence);
        let set = CredentialSet::read(data)
            .map_err(|problem| missing(format!("Secret {name}: {problem}")))?;
        let region = object.spec.region.clone().or(set.region).ok_or_else(|| {
            missing(format!(
                "No region is known: write region into Secret {name}, or spec.region."
            ))
        })?;
        let project_id = object
            .spec
            .project_id
            .clone()
            .or(set.project_id)
            .ok_or_else(|| {
                missing(format!(
                    "No project is known: write project_id into Secret {name}, or spec.projectID."
                ))
            })?;
        let live = self
            .endpoint(Service::Live, set.live_endpoint.as_deref(), &region)
            .map_err(refused)?;
        let iam = self
            .endpoint(Service::Iam, set.iam_endpoint.as_deref(), &region)
            .unwrap_or_default();
        let target = Target {
            region,
            project_id,
            endpoint: live,
        };
        Ok(Login::new(target, set.credential, iam))
    }

    /// The address of a service: the given one or the region's, if it is allowed.
    fn endpoint(
        &self,
        service: Service,
        given: Option<&str>,
        region: &str,
    ) -> Result<String, String> {
        let endpoint = match given {
            Some(text) => Endpoint::parse(text)?,
            None => Endpoint::of_region(service, region)?,
        };
        self.allowed.check(&endpoint)?;
        Ok(endpoint.to_string())
    }

    /// The one account for this login.
    fn shared(&self, login: Login) -> Arc<Account> {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|_, account| account.strong_count() > 0);
        if let Some(account) = accounts.get(login.key()).and_then(Weak::upgrade) {
            return account;
        }
        let key = login.key().clone();
        let bucket = self.quota.bucket(&format!("{:?}", login.identity()));
        let gate = self.gate(&login.target);
        let index = Arc::clone(&self.index);
        let domains = Box::new(move || index.domains());
        let account = Arc::new(Account::new(
            login,
            Arc::clone(&self.client),
            bucket,
            gate,
            domains,
        ));
        accounts.insert(key, Arc::downgrade(&account));
        account
    }

    /// The gate of a project at an endpoint.
    fn gate(&self, target: &Target) -> Arc<Gate> {
        let mut gates = lock(&self.gates);
        gates.retain(|_, gate| gate.strong_count() > 0);
        let key = (target.endpoint.clone(), target.project_id.clone());
        if let Some(gate) = gates.get(&key).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Gate::new();
        gates.insert(key, Arc::downgrade(&gate));
        gate
    }

    /// Sets the gauges of quotas, inventories and clocks.
    pub(super) fn tell_gauges(&self, metrics: &Metrics) {
        let accounts: Vec<Arc<Account>> = lock(&self.accounts)
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for account in accounts {
            let target = account.target();
            metrics.set_quota_limit(
                &target.region,
                &account.login().identity().to_string(),
                account.bucket().limit(),
            );
            metrics.set_clock_offset(self.clock.offset(&target.endpoint).as_secs_f64());
        }
    }
}

/// Neither a Secret is named nor may this namespace use the operator's own credentials.
fn no_reference(namespace: &str) -> String {
    format!(
        "No credentials are named: set spec.credentialsSecretRef to a Secret of namespace {namespace} with ak and sk, \
         or have the operator started with --ambient-credentials-namespaces={namespace}."
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
