//! The temporary key of this process: made when it is needed, by one caller at a time, and again before it ends.

mod exchange;
pub(crate) mod key_error;
pub(crate) mod source;
mod wire;

use std::fmt;

use tokio::{sync::Mutex, time::Instant};

use self::exchange::IssuedKey;
pub use self::exchange::ServiceClients;
pub use self::key_error::TemporaryKeyError;
use self::source::KeySource;
use crate::platform::keys::KeyPair;
use crate::terms::failure::Operation;

/// A source of keys, with the key that it gave last.
pub struct TemporaryKeys {
    source: KeySource,
    identity: String,
    /// What the sources before this one lack.
    passed: Vec<String>,
    ways: ServiceClients,
    state: Mutex<KeyState>,
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
        ways: ServiceClients,
    ) -> Self {
        Self {
            identity: source.identity(),
            source,
            passed,
            ways,
            state: Mutex::default(),
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

    /// The present key. `operation` is what it is for.
    pub async fn key(&self, operation: Operation) -> Result<KeyPair, TemporaryKeyError> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(held) = state.held.as_ref().filter(|held| now < held.renew) {
            return Ok(held.pair.clone());
        }
        let lately = state.failed.as_ref().filter(|(_, until)| now < *until);
        let problem = match lately {
            Some((problem, _)) => problem.clone(),
            None => match Box::pin(self.made(operation)).await {
                Ok(held) => {
                    state.failed = None;
                    return Ok(state.held.insert(held).pair.clone());
                }
                Err(problem) => {
                    state.failed = Some((problem.clone(), Instant::now() + problem.holdoff()));
                    problem
                }
            },
        };
        // Early enough for other attempts before the old one ends.
        let old = state.held.as_ref().filter(|held| now < held.expire);
        old.map(|held| held.pair.clone()).ok_or(problem)
    }

    /// The cloud did not take this key: the next caller gets another, unless somebody else has replaced it already.
    pub(in crate::platform) async fn forget(&self, refused: &KeyPair) {
        let mut state = self.state.lock().await;
        state.held.take_if(|held| held.pair.ak == refused.ak);
    }

    /// The same. Whether there is another key now.
    pub async fn replace(&self, refused: &KeyPair, operation: Operation) -> bool {
        self.forget(refused).await;
        let key = self.key(operation).await;
        key.is_ok_and(|pair| pair.ak != refused.ak)
    }

    async fn made(&self, operation: Operation) -> Result<CurrentKey, TemporaryKeyError> {
        let given = self.source.exchange(&self.ways, operation).await;
        let IssuedKey { pair, life } = given.map_err(|problem| match problem {
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

impl fmt::Debug for TemporaryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
