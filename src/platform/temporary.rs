//! The temporary key of this process: made when it is needed, by one caller at a time, and again before it ends, beside those who have it.
//! Never written anywhere.

mod exchange;
pub(crate) mod key_error;
pub(crate) mod source;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

use self::exchange::IssuedKey;
pub use self::exchange::ServiceClients;
pub use self::key_error::TemporaryKeyError;
use self::source::KeySource;
use crate::lock::lock;
use crate::platform::keys::KeyPair;
use crate::platform::run_to_end::run_to_end;
use crate::terms::failure::Operation;

/// A source of keys, with the key that it gave last.
pub struct TemporaryKeys {
    source: KeySource,
    identity: String,
    /// What the sources before this one lack.
    passed: Vec<String>,
    clients: ServiceClients,
    state: Mutex<KeyState>,
    /// Held while the source is asked.
    renewal: Arc<AsyncMutex<()>>,
}

#[derive(Default)]
struct KeyState {
    held: Option<CurrentKey>,
    /// What became of the last attempt, and until when there is no other.
    failed: Option<(TemporaryKeyError, Instant)>,
}

/// A key, and when it is to be replaced.
struct CurrentKey {
    pair: KeyPair,
    renew: Instant,
    expire: Instant,
}

impl TemporaryKeys {
    pub(in crate::platform) fn new(
        source: KeySource,
        passed: Vec<String>,
        clients: ServiceClients,
    ) -> Self {
        Self {
            identity: source.identity(),
            source,
            passed,
            clients,
            state: Mutex::default(),
            renewal: Arc::default(),
        }
    }

    /// What its source is called.
    pub fn name(&self) -> &'static str {
        self.source.name()
    }

    /// Stands for the source: the same whatever keys it gives.
    pub(in crate::platform) fn identity(&self) -> &str {
        &self.identity
    }

    /// The present key, for which one call at a time is made: who comes meanwhile waits for it, and a failure is the answer to all who ask
    /// soon after. `operation` is what it is for, and what a failure is told as.
    pub async fn key(self: &Arc<Self>, operation: Operation) -> Result<KeyPair, TemporaryKeyError> {
        if let Some(pair) = self.present(operation) {
            return Ok(pair);
        }
        let renewal = Arc::clone(&self.renewal).lock_owned().await;
        // Another one may have made it while this one waited for it.
        if let Some(made) = lock(&self.state).known(Instant::now()) {
            return made;
        }
        run_to_end(self.renewed(renewal, operation)).await
    }

    /// The key that there is. One that is to be replaced serves on, early enough for some attempts before it ends, and the first who
    /// sees that lets it be replaced beside.
    fn present(self: &Arc<Self>, operation: Operation) -> Option<KeyPair> {
        let (state, now) = (lock(&self.state), Instant::now());
        let held = state.held.as_ref().filter(|held| now < held.expire)?;
        let is_due = held.renew <= now && state.failure(now).is_none();
        if is_due && let Ok(renewal) = Arc::clone(&self.renewal).try_lock_owned() {
            // What becomes of it is kept for those who ask next.
            tokio::spawn(self.renewed(renewal, operation));
        }
        Some(held.pair.clone())
    }

    /// The whole of a renewal, which may outlive who asked for it.
    fn renewed(
        self: &Arc<Self>,
        renewal: OwnedMutexGuard<()>,
        operation: Operation,
    ) -> impl Future<Output = Result<KeyPair, TemporaryKeyError>> + Send + use<> {
        let keys = Arc::clone(self);
        async move {
            let renewed = keys.renew(operation).await;
            drop(renewal);
            renewed
        }
    }

    /// Asks the source, and keeps what comes of it. Whoever calls this holds `renewal`.
    async fn renew(&self, operation: Operation) -> Result<KeyPair, TemporaryKeyError> {
        let made = Box::pin(self.made(operation)).await;
        let mut state = lock(&self.state);
        match made {
            Ok(held) => {
                state.failed = None;
                Ok(state.held.insert(held).pair.clone())
            }
            Err(problem) => {
                state.failed = Some((problem.clone(), Instant::now() + problem.holdoff()));
                Err(problem)
            }
        }
    }

    /// The cloud did not take this key: the next caller gets another, unless somebody else has replaced it already.
    pub(in crate::platform) fn forget(&self, refused: &KeyPair) {
        let mut state = lock(&self.state);
        state.held.take_if(|held| held.pair.ak == refused.ak);
    }

    /// The cloud did not take this key: it is given up, and one made unless there is another already. Whether there is one that differs.
    pub async fn replace(self: &Arc<Self>, refused: &KeyPair, operation: Operation) -> bool {
        self.forget(refused);
        let key = self.key(operation).await;
        key.is_ok_and(|pair| pair.ak != refused.ak)
    }

    async fn made(&self, operation: Operation) -> Result<CurrentKey, TemporaryKeyError> {
        let issued = self.source.exchange(&self.clients, operation).await;
        let IssuedKey { pair, life } = issued.map_err(|problem| match problem {
            TemporaryKeyError::Missing(problem) => {
                TemporaryKeyError::Missing(self.lacking(&problem))
            }
            TemporaryKeyError::Failed(failure) => TemporaryKeyError::Failed(failure),
        })?;
        let now = Instant::now();
        Ok(CurrentKey {
            pair,
            renew: now + life * 3 / 4,
            expire: now + life,
        })
    }

    fn lacking(&self, problem: &str) -> String {
        let mut lacking = self.passed.clone();
        lacking.push(format!("{}: {problem}", self.name()));
        format!(
            "The operator's own environment gives no credentials. {}.",
            lacking.join("; ")
        )
    }
}

impl KeyState {
    /// The key, if it has not ended, or the failure of a moment ago.
    fn known(&self, now: Instant) -> Option<Result<KeyPair, TemporaryKeyError>> {
        let held = self.held.as_ref().filter(|held| now < held.expire);
        let held = held.map(|held| Ok(held.pair.clone()));
        held.or_else(|| self.failure(now).cloned().map(Err))
    }

    fn failure(&self, now: Instant) -> Option<&TemporaryKeyError> {
        let failed = self.failed.as_ref();
        let failed = failed.filter(|(_, until)| now < *until);
        failed.map(|(problem, _)| problem)
    }
}

impl fmt::Debug for TemporaryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
