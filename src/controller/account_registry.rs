//! From an object's references to what calls need: its Secrets are read and judged, and become an account, which all who name the same
//! share. Sets the gauges of quotas, too. Asks who an account is (`login`), and never calls Live.

mod found;
mod limits;
mod recall;
mod single;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(super) use self::found::KnownLogin;
use self::found::{FoundSecrets, credentials, inputs, sign_key, values};
use self::single::SingleCopies;
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::cluster::secret::{self as cluster, Keys};
use crate::config::RunConfig;
use crate::controller::account::SharedAccount;
use crate::controller::externals::Externals;
use crate::controller::inputs::{Inputs, SourcesMark};
use crate::controller::memory::Memories;
use crate::controller::secrets::{SecretCache, SecretName};
use crate::controller::weak_registry::WeakRegistry;
use crate::declared::index::Index;
use crate::declared::parse;
use crate::live::client::Client;
use crate::live::looks::{CreateBarrier, ListRoom};
use crate::live::sign_key::SignKey;
use crate::lock::lock;
use crate::login::ambient::AmbientLogin;
use crate::login::secret::{self, References};
use crate::login::{Login, LoginError};
use crate::metrics::Metrics;
use crate::plan::facts::conditions;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::{CloudAccess, SignKeyState};
use crate::platform::account::{Account as Identified, AccountKey};
use crate::platform::clock::Clock;
use crate::platform::credentials::Credential;
use crate::platform::endpoint::AllowList;
use crate::platform::quota::Quota;
use crate::terms::target::Target;

/// What the Secrets that an object refers to say.
pub(super) struct SecretsRead {
    pub(super) sign_key: Option<Arc<SignKey>>,
    pub(super) login: Result<Login, LoginError>,
    /// The same as one value that can be compared.
    pub(super) inputs: Inputs,
}

/// Whether and as whom the cloud can be called.
pub(super) struct AccountLookup {
    pub(super) access: CloudAccess,
    pub(super) account: Option<Arc<SharedAccount>>,
    /// Stands for the credential in a status.
    pub(super) digest: Option<String>,
}

impl AccountLookup {
    /// This account serves, for the object of this UID.
    pub(super) fn of(account: Arc<SharedAccount>, uid: &str) -> Self {
        Self {
            access: CloudAccess::Usable(account.target().clone()),
            digest: Some(account.digest(uid)),
            account: Some(account),
        }
    }
}

/// Makes accounts of Secrets. Equal credentials at one project are one account.
pub(super) struct AccountRegistry {
    secrets: SecretCache,
    ambient: AmbientLogin,
    allowed: AllowList,
    client: Arc<Client>,
    quota: Arc<Quota>,
    clock: Arc<Clock>,
    index: Arc<Index>,
    memories: Arc<Memories>,
    accounts: Mutex<WeakRegistry<AccountKey, SharedAccount>>,
    barriers: Mutex<WeakRegistry<(String, String), CreateBarrier>>,
    single: SingleCopies,
    room: Arc<ListRoom>,
    /// The labels of the quotas that were told last.
    labelled_quotas: Mutex<BTreeSet<(String, String)>>,
}

impl AccountRegistry {
    /// Reads Secrets and calls the cloud as configured.
    pub(super) fn new(
        config: &RunConfig,
        outside: &Externals,
        client: Arc<Client>,
        quota: Arc<Quota>,
        clock: Arc<Clock>,
        index: Arc<Index>,
        memories: Arc<Memories>,
    ) -> Self {
        let allowed = config.allowed_endpoints.clone();
        let granted = config.ambient_credentials_namespaces.clone();
        let objects = Arc::clone(&index);
        Self {
            secrets: SecretCache::new(
                Arc::new(cluster::SecretClient::new(outside.kube.clone())),
                config.secret_poll_interval,
            ),
            ambient: AmbientLogin::new(granted, &client, Arc::clone(&outside.direct), &allowed),
            allowed,
            client,
            quota,
            clock,
            index,
            memories,
            accounts: Mutex::default(),
            barriers: Mutex::default(),
            single: SingleCopies::default(),
            room: ListRoom::new(move || objects.count()),
            labelled_quotas: Mutex::default(),
        }
    }

    /// The Secrets in use.
    pub(super) fn secrets(&self) -> &SecretCache {
        &self.secrets
    }

    /// Reads the Secrets of an object anew, however young they are; that of the sign key only where one is needed.
    pub(super) async fn refresh(
        &self,
        object: &RecordingCallback,
        needs_key: bool,
    ) -> Result<(), ClusterError> {
        for (name, keys) in secret::uses(object) {
            if needs_key || secret::is_of_credentials(object, &name) {
                self.secrets.refresh(&name, &keys).await?;
            }
        }
        Ok(())
    }

    /// What the Secrets of an object say. An error is the API server's: it says nothing about the object. Where no sign key is needed, it
    /// is what was last read, if anything was.
    pub(super) async fn read(
        &self,
        object: &RecordingCallback,
        needs_key: bool,
    ) -> Result<SecretsRead, ClusterError> {
        let mut found = FoundSecrets::new();
        for (name, keys) in secret::uses(object) {
            let read = if needs_key || secret::is_of_credentials(object, &name) {
                Some(self.secrets.get(&name, &keys).await?)
            } else {
                self.secrets.known(&name, &keys)
            };
            found.extend(read.map(|read| (name, read)));
        }
        let (key, sign_key) = sign_key(object, &found);
        let login = self.login(&References::of(object), &found);
        let inputs = inputs(object, &found, key, &login, &self.single);
        Ok(SecretsRead {
            sign_key: sign_key.map(|key| self.single.sign_key(key)),
            login: login.map(|known| known.login),
            inputs,
        })
    }

    /// The same as one value, by what was last read; `None` while a Secret was not.
    pub(super) fn inputs(&self, object: &RecordingCallback) -> Option<Inputs> {
        let found = self.known(secret::uses(object))?;
        let login = self.login(&References::of(object), &found);
        let key = sign_key(object, &found).0;
        Some(inputs(object, &found, key, &login, &self.single))
    }

    /// Stands for all but the object itself that its inputs follow from; `None` while a Secret was not read, or where the operator's own
    /// credentials serve, which are no Secret's.
    pub(super) fn sources(&self, references: &References) -> Option<SourcesMark> {
        references.credentials()?;
        let uses = references.uses().into_iter();
        let editions = uses.map(|(name, keys)| self.secrets.edition(&name, &keys));
        let editions: Vec<u64> = editions.collect::<Option<_>>()?;
        Some(SourcesMark::of(references, &editions))
    }

    /// Who calls for objects that refer to these, by what was last read; `None` while their credentials were not.
    pub(super) fn known_login(
        &self,
        references: &References,
    ) -> Option<Result<KnownLogin, LoginError>> {
        let mut uses = references.uses();
        uses.retain(|(_, name), _| references.credentials() == Some(name.as_str()));
        Some(self.login(references, &self.known(uses)?))
    }

    /// These Secrets as they were last read.
    fn known(&self, uses: BTreeMap<SecretName, Keys>) -> Option<FoundSecrets> {
        let uses = uses.into_iter();
        uses.map(|(name, keys)| {
            let found = self.secrets.known(&name, &keys)?;
            Some((name, found))
        })
        .collect()
    }

    /// Goes from who calls to the account, which may take a look-up at IAM.
    pub(super) async fn identify(
        &self,
        object: &RecordingCallback,
        login: Result<Login, LoginError>,
    ) -> AccountLookup {
        let closed = |access| AccountLookup {
            access,
            account: None,
            digest: None,
        };
        let login = match login {
            Ok(login) => login,
            Err((reason, sentence)) => return closed(CloudAccess::Unusable(reason, sentence)),
        };
        let digest = login.credential.digest(&parse::uid(object));
        self.inherit_refusal(object, &login.credential, &digest);
        let digest = Some(digest);
        let namespace = parse::object(object).namespace;
        match login.identify(&self.client, &namespace).await {
            Ok(identified) => {
                let account = self.shared(identified);
                AccountLookup {
                    access: CloudAccess::Usable(account.target().clone()),
                    account: Some(account),
                    digest,
                }
            }
            Err(error) => AccountLookup {
                digest,
                ..closed(error.into())
            },
        }
    }

    /// A refusal that an earlier process wrote into the status counts here, too. Asked when the object is first seen: what is told later
    /// is this process's own, which knows better, and by a clock that no `Date` moves.
    fn inherit_refusal(&self, object: &RecordingCallback, credential: &Credential, digest: &str) {
        let is_first = self.memories.with(&parse::uid(object), |memory| {
            !std::mem::replace(&mut memory.has_inherited, true)
        });
        let Some(status) = object.status.as_ref().filter(|_| is_first) else {
            return;
        };
        let refused = status.last_operation.as_ref().and_then(|last| last.time);
        if let Some(refused) = refused
            && status.rejected_credential.as_deref() == Some(digest)
            && conditions::has_reason(status, Reason::CredentialsRejected)
        {
            let ago = self.clock.local().duration_since(refused);
            let ago = Duration::try_from(ago).unwrap_or_default();
            self.client.strikes.inherit(credential, ago);
        }
    }

    /// Whether the sign key is still the one that was planned with, read afresh.
    pub(super) async fn key_is_still(
        &self,
        object: &RecordingCallback,
        planned: &SignKeyState,
    ) -> Result<bool, ClusterError> {
        let mut found = FoundSecrets::new();
        let reference = object.spec.sign_key_secret_ref.as_ref();
        for (name, keys) in secret::uses(object) {
            if reference.is_some_and(|reference| reference.name == name.1) {
                let read = self.secrets.refresh(&name, &keys).await?;
                found.insert(name, read);
            }
        }
        Ok(sign_key(object, &found).0 == *planned)
    }

    /// Who calls, by the Secret that the object names or else by the operator's own credentials. Equal credentials are one that is held.
    fn login(
        &self,
        references: &References,
        found: &FoundSecrets,
    ) -> Result<KnownLogin, LoginError> {
        let Some(name) = references.credentials() else {
            let mut login = self.ambient.login(references, &self.allowed)?;
            let (credential, digest) = self.single.credential(login.credential);
            login.credential = credential;
            return Ok(KnownLogin { login, digest });
        };
        let values = values(found, references.namespace().to_owned(), name);
        let values = values.map_err(|sentence| (Reason::CredentialsMissing, sentence))?;
        let read = credentials(&values, &self.single);
        let digest = read.as_ref().map(|read| read.credential.clone());
        let digest = digest.unwrap_or_default();
        let set = read.map(|read| read.set.clone());
        let login = Login::of_secret(references, name, set, &self.allowed)?;
        Ok(KnownLogin { login, digest })
    }

    /// The one account for this login.
    fn shared(&self, login: Identified) -> Arc<SharedAccount> {
        let key = login.key().clone();
        lock(&self.accounts).get_or_make(key, || Arc::new(self.account(login)))
    }

    fn account(&self, login: Identified) -> SharedAccount {
        let bucket = self.quota.bucket(&login.identity().bucket());
        let barrier = self.barrier(&login.target);
        let (index, memories) = (Arc::clone(&self.index), Arc::downgrade(&self.memories));
        let user = login.key().clone();
        let domains = Box::new(move || match memories.upgrade() {
            Some(memories) => index.domains(&memories.users(&user)),
            None => BTreeSet::new(),
        });
        let (client, room) = (Arc::clone(&self.client), Arc::clone(&self.room));
        SharedAccount::new(login, client, bucket, barrier, room, domains)
    }

    /// A write of ours at this place was handed over: what any account of the project has seen of it is void, through whatever address.
    pub(super) fn void_place(&self, target: &Target, place: &Place) {
        for account in lock(&self.accounts).all() {
            if account.target().project_id == target.project_id {
                account.looks().void_place(place);
            }
        }
    }

    /// The barrier of a project at an endpoint.
    fn barrier(&self, target: &Target) -> Arc<CreateBarrier> {
        let key = (target.endpoint.clone(), target.project_id.clone());
        lock(&self.barriers).get_or_make(key, CreateBarrier::new)
    }

    /// Sets the gauges of quotas and clocks. Of several clocks the one counts that is furthest off.
    pub(super) fn set_gauges(&self, metrics: &Metrics) {
        let (accounts, seen) = (lock(&self.accounts).all(), self.memories.seen_by());
        // One that was made up is none: each word in it would be a series.
        let accounts = accounts.into_iter();
        let in_use = accounts.filter(|account| seen.contains(account.identity_account().key()));
        let mut limits = Vec::new();
        let mut furthest = 0.0_f64;
        for account in in_use {
            let (target, identity) = (
                account.target(),
                account.identity_account().identity().label().to_owned(),
            );
            let offset = self.clock.offset(&target.endpoint).as_secs_f64();
            furthest = if offset.abs() > furthest.abs() {
                offset
            } else {
                furthest
            };
            limits.push(((target.region.clone(), identity), account.bucket().limit()));
        }
        metrics.set_clock_offset(furthest);
        let limits = limits::least(limits);
        for ((region, identity), limit) in &limits {
            metrics.set_quota_limit(region, identity, *limit);
        }
        let present: BTreeSet<_> = limits.into_keys().collect();
        let before = std::mem::replace(&mut *lock(&self.labelled_quotas), present.clone());
        for (region, identity) in before.difference(&present) {
            metrics.forget_quota_limit(region, identity);
        }
    }
}
