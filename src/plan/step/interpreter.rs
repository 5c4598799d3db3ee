//! Drives a decision to its end: asks `decide`, has the step done, and asks again. The only loop over steps. Who answers and acts is
//! behind a trait: the controller, which does it; a clean-up, which may only delete; a dry run, which only tells.

use crate::plan::facts::Facts;
use crate::plan::step::Step;
use crate::plan::step::decide::decide;

/// How many steps one plan may take. One that takes more goes round in circles.
const STEPS: usize = 20;

/// Answers the questions of a decision and does what it says.
#[allow(
    async_fn_in_trait,
    reason = "each implementation is used where its type is known, and with it whether its futures can be sent"
)]
pub trait Interpreter {
    /// How a plan ends.
    type End;
    /// Why it could not be followed: the API server's errors, not the cloud's.
    type Error;

    /// All that is known so far.
    fn facts(&self) -> &Facts;
    /// The end of a plan that has none.
    fn out_of_steps(&self) -> Self::End;
    /// Answers a question, or does what a step says. `Some` ends the plan; after `None` it is decided again, from the facts as they are
    /// then. It names every step, so that one that is added does not compile before each interpreter says what becomes of it.
    async fn perform(&mut self, step: Step) -> Result<Option<Self::End>, Self::Error>;
}

/// Decides, and has that done, until the plan ends.
pub async fn interpret<I: Interpreter>(interpreter: &mut I) -> Result<I::End, I::Error> {
    for _ in 0..STEPS {
        let step = decide(interpreter.facts());
        if let Some(end) = interpreter.perform(step).await? {
            return Ok(end);
        }
    }
    Ok(interpreter.out_of_steps())
}
