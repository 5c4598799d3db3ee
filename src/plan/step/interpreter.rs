//! Drives a decision to its end: asks `decide`, has the step done, and asks again. The only loop over steps. Who answers and acts is
//! behind a trait: the controller, which does it; a clean-up, which may only delete; a dry run, which only tells.
//!
//! A step that is added does not compile before each of them says what becomes of it.

use crate::plan::facts::Facts;
use crate::plan::facts::row::Row;
use crate::plan::step::decide::decide;
use crate::plan::step::{Look, Requeue, Step};
use crate::terms::failure::Failure;

/// How many steps one plan may take. One that takes more goes round in circles.
const STEPS: usize = 20;

/// Answers the questions of a decision and does what it says. Each method ends the plan with `Some`; after `None` it is decided
/// again, from the facts as they are then.
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

    /// Reads the credentials and the sign key.
    async fn read_secrets(&mut self) -> Result<Option<Self::End>, Self::Error>;
    /// Looks what lies at the place.
    async fn look(&mut self, look: Look) -> Result<Option<Self::End>, Self::Error>;
    /// GETs the recorded id.
    async fn get_by_id(&mut self) -> Result<Option<Self::End>, Self::Error>;
    /// Reads the CRD.
    async fn read_crd(&mut self) -> Result<Option<Self::End>, Self::Error>;

    /// Puts finalizer and record back on the object.
    async fn add_finalizer(&mut self) -> Result<Option<Self::End>, Self::Error>;
    /// Takes the finalizer off an object that is not being deleted.
    async fn remove_finalizer(&mut self) -> Result<Option<Self::End>, Self::Error>;
    /// POSTs.
    async fn create(&mut self) -> Result<Option<Self::End>, Self::Error>;
    /// PUTs all fields to this id. `drift` is how somebody else had changed the row.
    async fn update(
        &mut self,
        id: &str,
        drift: Option<String>,
    ) -> Result<Option<Self::End>, Self::Error>;
    /// DELETEs this id.
    async fn delete(&mut self, id: &str) -> Result<Option<Self::End>, Self::Error>;
    /// Records a row that an attempt of ours made.
    async fn claim(&mut self, row: Row) -> Result<Option<Self::End>, Self::Error>;
    /// Records a row that somebody else made.
    async fn adopt(&mut self, row: Row) -> Result<Option<Self::End>, Self::Error>;
    /// Forgets an id that the owner of the place (`namespace/name`) holds.
    async fn disown(&mut self, id: &str, owner: &str) -> Result<Option<Self::End>, Self::Error>;
    /// Lets the object go, with the id of a callback that stays.
    async fn release(&mut self, retained: Option<String>)
    -> Result<Option<Self::End>, Self::Error>;
    /// Tells a call that failed.
    async fn report_failure(&mut self, failure: &Failure)
    -> Result<Option<Self::End>, Self::Error>;
    /// Tells that the sweeps fail.
    async fn report_sweep_failure(
        &mut self,
        failure: &Failure,
    ) -> Result<Option<Self::End>, Self::Error>;
    /// Tells how things are.
    async fn requeue(&mut self, rest: Requeue) -> Result<Option<Self::End>, Self::Error>;
}

/// Decides, and has that done, until the plan ends.
pub async fn interpret<I: Interpreter>(interpreter: &mut I) -> Result<I::End, I::Error> {
    for _ in 0..STEPS {
        let end = match decide(interpreter.facts()) {
            Step::ReadSecrets => interpreter.read_secrets().await?,
            Step::Look(look) => interpreter.look(look).await?,
            Step::GetById => interpreter.get_by_id().await?,
            Step::ReadCrd => interpreter.read_crd().await?,
            Step::AddFinalizer => interpreter.add_finalizer().await?,
            Step::RemoveFinalizer => interpreter.remove_finalizer().await?,
            Step::Create => interpreter.create().await?,
            Step::Update { id, drift } => interpreter.update(&id, drift).await?,
            Step::Delete { id } => interpreter.delete(&id).await?,
            Step::Claim(row) => interpreter.claim(row).await?,
            Step::Adopt(row) => interpreter.adopt(row).await?,
            Step::Disown { id, owner } => interpreter.disown(&id, &owner).await?,
            Step::Release { retained } => interpreter.release(retained).await?,
            Step::ReportFailure(failure) => interpreter.report_failure(&failure).await?,
            Step::ReportSweepFailure(failure) => interpreter.report_sweep_failure(&failure).await?,
            Step::Requeue(rest) => interpreter.requeue(rest).await?,
        };
        if let Some(end) = end {
            return Ok(end);
        }
    }
    Ok(interpreter.out_of_steps())
}
