//! An API server that dies while a command is at work: what is left is not asked for, each with a wait of its own. Makes no call itself.

use std::sync::Mutex;

use crate::cluster::error::ClusterError;
use crate::lock::lock;

/// Opens when a call was not answered, and no other since it began: one that is slow for one object alone holds up no others.
#[derive(Default)]
pub(super) struct CircuitBreaker(Mutex<HeardAnswers>);

#[derive(Default)]
struct HeardAnswers {
    count: u64,
    /// The call by which it opened.
    unanswered: Option<ClusterError>,
}

impl CircuitBreaker {
    /// Makes the call, or tells what the one before it ended with that nobody answered.
    pub(super) async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        let before = {
            let answers = lock(&self.0);
            if let Some(error) = &answers.unanswered {
                return Err(error.clone());
            }
            answers.count
        };
        let answer = call.await;
        let mut answers = lock(&self.0);
        match &answer {
            Err(error) if error.is_unanswered() => {
                if answers.count == before {
                    answers.unanswered.get_or_insert_with(|| error.clone());
                }
            }
            Ok(_) | Err(_) => {
                answers.count += 1;
                answers.unanswered = None;
            }
        }
        answer
    }

    /// The call by which it opened, in the place of another that was not answered: who is told of many is told one thing.
    pub(super) fn cause_of(&self, error: ClusterError) -> ClusterError {
        if !error.is_unanswered() {
            return error;
        }
        lock(&self.0).unanswered.clone().unwrap_or(error)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    async fn timeout(after: u64) -> Result<(), ClusterError> {
        sleep(Duration::from_secs(after)).await;
        Err(ClusterError::timeout("ask", Duration::from_secs(after)))
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_call_that_nobody_answers_none_is_made() {
        let (breaker, made) = (CircuitBreaker::default(), Cell::new(0));
        for _ in 0..5 {
            let call = async {
                made.set(made.get() + 1);
                timeout(10).await
            };
            assert!(breaker.ask(call).await.unwrap_err().is_timeout());
        }
        assert_eq!(made.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_slow_beside_others_holds_up_none() {
        let breaker = CircuitBreaker::default();
        let quick = async {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        };
        let (slow, quick) = tokio::join!(breaker.ask(timeout(10)), breaker.ask(quick));
        assert!(slow.is_err() && quick.is_ok());
        assert!(breaker.ask(async { Ok(()) }).await.is_ok());
        // An answer that comes late tells that it is there again.
        let late = async {
            sleep(Duration::from_secs(11)).await;
            Ok(())
        };
        let (slow, late) = tokio::join!(breaker.ask(timeout(10)), breaker.ask(late));
        assert!(slow.is_err() && late.is_ok());
        assert!(breaker.ask(async { Ok(()) }).await.is_ok());
    }
}
