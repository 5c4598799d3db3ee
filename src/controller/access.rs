//! From an object's references to what calls need: the Secrets are read, judged, and become an account.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::account::Account;
use super::secrets::Cache;
use crate::api::RecordingCallback;
use crate::api::status::Condition;
use crate::cluster::error::Error;
use crate::cluster::secret::{Secrets, Values};
use crate::config::RunConfig;
use crate::declared::index::Index;
use crate::declared::parse;
use crate::live::account::{Account as Identified, AccountKey};
use crate::live::client::Client;
use crate::live::clock::Clock;
use crate::live::credentials::Credential;
use crate::live::endpoint::AllowList;
use crate::live::looks::Gate;
use crate::live::quota::Quota;
use crate::live::sign_key::SignKey;
use crate::login::own::Own;
use crate::login::secret;
use crate::login::{Login, Problem};
use crate::metrics::Metrics;
use crate::plan::facts::{Access, Key};
use crate::plan::place::Target;
use crate::plan::reason::Reason;

/// What the Secrets that an object refers to say.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) sign_key: Option<SignKey>,
    pub(super) login: Result<Login, Problem>,
}

/// Whether and as whom the cloud can be called.
pub(super) struct Entry {
    pub(super) access: Access,
    pub(super) account: Option<Arc<Account>>,
    /// Stands for the credential in a status.
    pub(super) digest: Option<String>,
}

/// Makes accounts of Secrets. Equal credentials at one project are one account.
pub(super) struct Accesses {
    secrets: Cache,
    own: Own,
    allowed: AllowList,
    client: Arc<Client>,
    quota: Arc<Quota>,
    clock: Arc<Clock>,
    index: Arc<Index>,
    accounts: Mutex<HashMap<AccountKey, Weak<Account>>>,
    gates: Mutex<HashMap<(String, String), Weak<Gate>>>,
    /// The labels of the quotas that were told last.
    told: Mutex<BTreeSet<(String, String)>>,
}

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
        let allowed = config.allowed_endpoints.join(",").parse();
        let allowed: AllowList = allowed.map_err(anyhow::Error::msg)?;
        let granted = config.ambient_credentials_namespaces.clone();
        Ok(Self {
            secrets: Cache::new(Secrets::new(kube.clone()), config.secret_poll_interval),
            own: Own::new(granted, &client, &allowed)?,
            allowed,
            client,
            quota,
            clock,
            index,
            accounts: Mutex::default(),
            gates: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// The Secrets in use.
    pub(super) fn secrets(&self) -> &Cache {
        &self.secrets
    }

    /// Reads the Secrets of an object anew, however young they are.
    pub(super) async fn refresh(&self, object: &RecordingCallback) -> Result<(), Error> {
        for name in secret::names(object) {
            match self.secrets.read(&name).await {
                Ok(_) => {}
                // Told by the read that follows.
                Err(error) if error.is_forbidden() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What the Secrets of an object say. An error is the API server's: it says nothing about the object.
    pub(super) async fn read(&self, object: &RecordingCallback) -> Result<Read, Error> {
        let (key, sign_key) = self.sign_key(object).await?;
        Ok(Read {
            key,
            sign_key,
            login: self.login(object).await?,
        })
    }

    /// Goes from who calls to the account, which may take a look-up at IAM.
    pub(super) async fn enter(
        &self,
        object: &RecordingCallback,
        login: Result<Login, Problem>,
    ) -> Entry {
        let closed = |access| Entry {
            access,
            account: None,
            digest: None,
        };
        let login = match login {
            Ok(login) => login,
            Err((reason, sentence)) => return closed(Access::Unusable(reason, sentence)),
        };
        let digest = login.credential.digest(&parse::uid(object));
        self.inherit(object, &login.credential, &digest);
        let digest = Some(digest);
        let namespace = parse::object(object).namespace;
        match login.identify(&self.client, &namespace).await {
            Ok(identified) => {
                let account = self.shared(identified);
                Entry {
                    access: Access::Usable(account.target().clone()),
                    account: Some(account),
                    digest,
                }
            }
            Err(access) => Entry {
                digest,
                ..closed(access)
            },
        }
    }

    /// A refusal that an earlier process wrote into the status counts here, too.
    fn inherit(&self, object: &RecordingCallback, credential: &Credential, digest: &str) {
        let Some(status) = &object.status else { return };
        let refused = status.last_operation.as_ref().and_then(|last| last.time);
        if let Some(refused) = refused
            && status.rejected_credential.as_deref() == Some(digest)
        {
            let ago = self.clock.local().duration_since(refused);
            let ago = Duration::try_from(ago).unwrap_or_default();
            self.client.strikes.inherit(credential, ago);
        }
    }

    /// What an earlier process saw refused, before anything is called: the objects of one access key share their failures.
    /// Gives the objects whose credential was replaced since.
    pub(super) async fn recall(
        &self,
        objects: &[Arc<RecordingCallback>],
    ) -> Vec<Arc<RecordingCallback>> {
        self.vouch(objects).await;
        let mut replaced = Vec::new();
        for object in objects {
            let status = object.status.as_ref();
            if let Some(refused) = status.and_then(|status| status.rejected_credential.as_deref())
                && let Ok(Ok(login)) = self.login(object).await
            {
                let digest = login.credential.digest(&parse::uid(object));
                self.inherit(object, &login.credential, &digest);
                if digest != refused {
                    replaced.push(Arc::clone(object));
                }
            }
        }
        replaced
    }

    /// Where a refusal is remembered, what settled objects has a try of its own: others of the same key may be to blame.
    async fn vouch(&self, objects: &[Arc<RecordingCallback>]) {
        let status = |object: &Arc<RecordingCallback>| object.status.clone().unwrap_or_default();
        if !objects
            .iter()
            .any(|object| status(object).rejected_credential.is_some())
        {
            return;
        }
        for object in objects {
            let status = status(object);
            let ready = |c: &Condition| c.type_ == "Ready" && c.status == "True";
            if status.callback_id.is_some()
                && status.conditions.iter().any(ready)
                && let Ok(Ok(login)) = self.login(object).await
            {
                self.client.strikes.vouch(&login.credential);
            }
        }
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
        Ok(secret::sign_key(reference, &meta.uid, &values))
    }

    /// Who calls, by the Secret that the object names or else by the operator's own credentials.
    async fn login(&self, object: &RecordingCallback) -> Result<Result<Login, Problem>, Error> {
        let missing = |sentence: String| (Reason::CredentialsMissing, sentence);
        let namespace = parse::object(object).namespace;
        let Some(reference) = &object.spec.credentials_secret_ref else {
            return Ok(self.own.login(&object.spec, &namespace, &self.allowed));
        };
        let values = match self.values(&namespace, &reference.name).await? {
            Ok(values) => values,
            Err(sentence) => return Ok(Err(missing(sentence))),
        };
        Ok(Login::of_secret(
            &object.spec,
            &reference.name,
            &values,
            &self.allowed,
        ))
    }

    /// The values of a Secret, or the sentence that says why there are none.
    async fn values(&self, namespace: &str, name: &str) -> Result<Result<Values, String>, Error> {
        let read = self
            .secrets
            .get(&(namespace.to_owned(), name.to_owned()))
            .await;
        secret::values(namespace, name, read)
    }

    /// The one account for this login.
    fn shared(&self, login: Identified) -> Arc<Account> {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|_, account| account.strong_count() > 0);
        if let Some(account) = accounts.get(login.key()).and_then(Weak::upgrade) {
            return account;
        }
        let key = login.key().clone();
        let bucket = self.quota.bucket(&login.identity().bucket());
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
        let mut present = BTreeSet::new();
        for account in accounts {
            let (target, identity) = (account.target(), account.login().identity().to_string());
            metrics.set_quota_limit(&target.region, &identity, account.bucket().limit());
            metrics.set_clock_offset(self.clock.offset(&target.endpoint).as_secs_f64());
            present.insert((target.region.clone(), identity));
        }
        let before = std::mem::replace(&mut *lock(&self.told), present.clone());
        for (region, identity) in before.difference(&present) {
            metrics.forget_quota_limit(region, identity);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
