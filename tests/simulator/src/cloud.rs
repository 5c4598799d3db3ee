//! The simulated cloud as its tests see it: settings, credentials, rows, faults, logs. Knows no
//! sockets: calls reach it as values (`exchange`), so it also works without a network and in
//! virtual time.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::api::whole_seconds;
use crate::auth::Keyring;
use crate::auth::KnownCredential;
use crate::auth::KnownToken;
use crate::auth::Rights;
use crate::faults::FaultScript;
use crate::faults::ScriptedFault;
use crate::identities::Identities;
use crate::identities::KnownUser;
use crate::log::Counters;
use crate::log::Log;
use crate::log::LoggedCall;
use crate::log::LoggedCause::{self, OutOfBand};
use crate::log::LoggedChange;
use crate::log::Mutation;
use crate::quota::CallQuota;
use crate::random;
use crate::rules::RecordRule;
use crate::settings::SimulatorSettings;
use crate::store::RowPatch;
use crate::store::Store;
use crate::store::StoredRow;
use crate::validate::DEFAULT_EVENT;
use crate::validate::DEFAULT_SIGN_TYPE;
use crate::workload::Workload;

/// The moment of a call, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// By this machine's clock.
    pub(crate) machine: Timestamp,
    /// By the cloud's, which may be set ahead or behind.
    pub(crate) cloud: Timestamp,
    /// By the one that the cloud dates rows by.
    pub(crate) rows: Timestamp,
}

/// Everything that calls read and change, as one unit.
#[derive(Debug, Default)]
pub(crate) struct CloudState {
    pub(crate) settings: SimulatorSettings,
    pub(crate) store: Store,
    pub(crate) rules: Vec<RecordRule>,
    pub(crate) log: Log,
    pub(crate) keyring: Keyring,
    pub(crate) identities: Identities,
    pub(crate) quota: CallQuota,
    pub(crate) script: FaultScript,
    pub(crate) in_progress: u32,
}

impl CloudState {
    /// Stores a row, or a new version of one.
    pub(crate) fn put(
        &mut self,
        change: LoggedChange,
        cause: LoggedCause,
        row: StoredRow,
        now: Now,
    ) {
        self.log.record(now.machine, change, cause, row.clone());
        self.store.put(row, now.machine);
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, id: &str, cause: LoggedCause, now: Now) -> Option<StoredRow> {
        let row = self.store.remove(id, now.machine)?;
        self.log
            .record(now.machine, LoggedChange::Deleted, cause, row.clone());
        Some(row)
    }
}

/// Where a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// The call is accepted and about to be carried out.
    BeforeCommit,
    /// The call was carried out, or refused; its answer has not been sent.
    AfterCommit,
}

/// A function that is called in the middle of calls, for instance to kill the caller there.
type Hook = Arc<dyn Fn(CallPhase, &LoggedCall) + Send + Sync>;
type SimulatedClock = Box<dyn Fn() -> Timestamp + Send + Sync>;

struct Inner {
    state: Mutex<CloudState>,
    hooks: Mutex<Vec<Hook>>,
    clock: SimulatedClock,
    changed: watch::Sender<()>,
}

/// A simulated cloud. Clones are handles of the same one.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cloud").finish_non_exhaustive()
    }
}

/// A wait that ended without what was waited for.
#[derive(Clone, Debug)]
pub struct TimedOut {
    what: String,
    bound: Duration,
    calls: Vec<LoggedCall>,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, bound, calls } = self;
        write!(
            formatter,
            "waited {bound:?} in vain for {what}; {} calls",
            calls.len()
        )?;
        for LoggedCall {
            seq,
            operation,
            target,
            status,
            ..
        } in calls.iter().rev().take(10)
        {
            write!(formatter, "\n  {seq}: {operation:?} {target} -> {status:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TimedOut {}

impl Cloud {
    /// A cloud without rows and credentials that follows this machine's clock.
    pub fn new(settings: SimulatorSettings) -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is where time enters")]
        Self::with_clock(settings, Timestamp::now)
    }

    /// The same with a clock of the caller's, for tests in virtual time.
    pub fn with_clock(
        settings: SimulatorSettings,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Self {
        let state = CloudState {
            settings,
            ..CloudState::default()
        };
        let inner = Inner {
            state: Mutex::new(state),
            hooks: Mutex::default(),
            clock: Box::new(clock),
            changed: watch::Sender::new(()),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Reads or changes the settings while the cloud runs.
    pub fn settings<R>(&self, change: impl FnOnce(&mut SimulatorSettings) -> R) -> R {
        self.write(|state, _| change(&mut state.settings))
    }

    /// Adds an access key, or replaces the one with the same name.
    pub fn add_credential(&self, credential: KnownCredential) {
        self.write(|state, _| state.keyring.add(credential));
    }

    /// Makes an access key unknown.
    pub fn remove_credential(&self, access_key: &str) {
        self.write(|state, _| state.keyring.remove(access_key));
    }

    /// Makes a ready token valid for a time from now.
    pub fn add_token(&self, token: &str, rights: Rights, lifetime: Duration) {
        self.write(|state, now| {
            let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
            let expires_at = now.cloud.checked_add(lifetime).unwrap_or(Timestamp::MAX);
            let meaning = KnownToken {
                user: rights.clone(),
                rights,
                expires_at,
            };
            state.keyring.add_token(token, meaning);
        });
    }

    /// Makes every token invalid that was added or issued so far.
    pub fn revoke_tokens(&self) {
        self.write(|state, _| state.keyring.revoke_tokens());
    }

    /// Adds an IAM user, or replaces the one with the same domain and name.
    pub fn add_user(&self, user: KnownUser) {
        self.write(|state, _| state.identities.add_user(user));
    }

    /// Lets a workload obtain temporary keys without a secret of its own.
    pub fn set_workload(&self, workload: Workload) {
        self.write(|state, _| state.identities.workload = Some(workload));
    }

    /// All rows as they are now, oldest first.
    pub fn rows(&self) -> Vec<StoredRow> {
        self.read(|state| state.store.rows().into_iter().cloned().collect())
    }

    /// A row as it is now.
    pub fn row(&self, id: &str) -> Option<StoredRow> {
        self.read(|state| state.store.get(id).cloned())
    }

    /// Creates a row as somebody else would, without the checks of the API.
    pub fn insert_row(
        &self,
        project_id: &str,
        publish_domain: &str,
        app: &str,
        fields: &RowPatch,
    ) -> StoredRow {
        self.write(|state, now| {
            let time = whole_seconds(now.rows);
            let mut row = StoredRow {
                id: random::hex(16),
                project_id: project_id.to_owned(),
                publish_domain: publish_domain.to_owned(),
                app: app.to_owned(),
                notify_callback_url: None,
                notify_event_subscription: vec![DEFAULT_EVENT.to_owned()],
                sign_type: DEFAULT_SIGN_TYPE.to_owned(),
                key: None,
                create_time: time,
                update_time: time,
            };
            fields.apply(&mut row);
            state.put(LoggedChange::Created, OutOfBand, row.clone(), now);
            row
        })
    }

    /// Changes a row as somebody else would, without the checks of the API.
    pub fn edit_row(&self, id: &str, patch: &RowPatch) -> Option<StoredRow> {
        self.write(|state, now| {
            let mut row = state.store.get(id)?.clone();
            row.update_time = whole_seconds(now.rows);
            patch.apply(&mut row);
            state.put(LoggedChange::Updated, OutOfBand, row.clone(), now);
            Some(row)
        })
    }

    /// Deletes a row as somebody else would.
    pub fn delete_row(&self, id: &str) -> Option<StoredRow> {
        self.write(|state, now| state.remove(id, OutOfBand, now))
    }

    /// Deletes every row as somebody else would.
    pub fn wipe(&self) {
        for row in self.rows() {
            self.delete_row(&row.id);
        }
    }

    /// Adds a fault after those that are there.
    pub fn fault(&self, fault: ScriptedFault) {
        self.write(|state, _| state.script.add(fault));
    }

    /// The faults that still have calls to befall.
    pub fn faults(&self) -> Vec<ScriptedFault> {
        self.read(|state| state.script.faults().to_vec())
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.write(|state, _| state.script.clear());
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<LoggedCall> {
        self.read(|state| state.log.calls().to_vec())
    }

    /// Every change of a row so far, by calls and out of band.
    pub fn mutations(&self) -> Vec<Mutation> {
        self.read(|state| state.log.mutations().to_vec())
    }

    /// Sums over the log.
    pub fn counters(&self) -> Counters {
        self.read(|state| state.log.counters())
    }

    /// Forgets rows, rules, log, faults, used quota and lock-outs; settings, keys and users stay.
    pub fn reset(&self) {
        self.write(|state, _| {
            state.store = Store::default();
            state.rules.clear();
            state.log = Log::default();
            state.script = FaultScript::default();
            state.quota = CallQuota::default();
            state.keyring.forgive();
        });
    }

    /// Calls a function before and after every call to the five operations and to IAM is carried
    /// out. It runs in the middle of the call: the caller waits for it.
    pub fn on_call(&self, hook: impl Fn(CallPhase, &LoggedCall) + Send + Sync + 'static) {
        lock(&self.inner.hooks).push(Arc::new(hook));
    }

    /// Waits until a condition holds that depends on this cloud, at most for `bound`.
    pub async fn wait_for(
        &self,
        what: &str,
        bound: Duration,
        condition: impl Fn(&Self) -> bool,
    ) -> Result<(), TimedOut> {
        let mut changes = self.inner.changed.subscribe();
        let met = async {
            while !condition(self) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(bound, met)
            .await
            .map_err(|_| TimedOut {
                what: what.to_owned(),
                bound,
                calls: self.calls(),
            })
    }

    /// The time by the cloud's clock.
    pub fn now(&self) -> Timestamp {
        self.write(|_, now| now.cloud)
    }

    pub(crate) fn read<R>(&self, look: impl FnOnce(&CloudState) -> R) -> R {
        look(&lock(&self.inner.state))
    }

    pub(crate) fn write<R>(&self, change: impl FnOnce(&mut CloudState, Now) -> R) -> R {
        let result = {
            let mut state = lock(&self.inner.state);
            let machine = (self.inner.clock)();
            let ahead = |clock: Timestamp, seconds| {
                let offset = SignedDuration::from_secs(seconds);
                clock.checked_add(offset).unwrap_or(clock)
            };
            let cloud = ahead(machine, state.settings.clock_offset_s);
            let rows = ahead(cloud, state.settings.rows_clock_offset_s);
            let now = Now {
                machine,
                cloud,
                rows,
            };
            change(&mut state, now)
        };
        self.inner.changed.send_replace(());
        result
    }

    pub(crate) fn call_hooks(&self, phase: CallPhase, call: &LoggedCall) {
        let hooks = lock(&self.inner.hooks).clone();
        for hook in hooks {
            hook(phase, call);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
