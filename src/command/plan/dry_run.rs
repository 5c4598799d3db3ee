//! What the operator would do for an object as it would be: the decision of the operator itself, with answers of the cloud. An
//! interpreter of the steps that looks, and tells of every change instead of making it.

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;
use tokio::time::Instant;

use crate::api::RecordingCallback;
use crate::api::status::ChangeStatus;
use crate::cluster::error::ClusterError;
use crate::command::command_cloud::{CommandCloud, failure_with_remedy};
use crate::declared::index::Index;
use crate::declared::parse;
use crate::live::looks::LookRequest;
use crate::login::IdentifyError;
use crate::plan::facts::row::Row;
use crate::plan::facts::{CloudAccess, CrdPresence, Facts, Observed, PlanSettings, SignKeyState};
use crate::plan::step::interpreter::{Interpreter, interpret};
use crate::plan::step::observe;
use crate::plan::step::{Look, Proof, Step};
use crate::platform::account::Account;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::Lane;
use crate::terms::failure::Failure;

/// What the next change at the cloud would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum PredictedAction {
    /// A callback is made.
    Create,
    /// The callback is changed.
    Update,
    /// A callback that is there is taken over; where it differs, it is then changed.
    Adopt,
    /// A callback that is there twice is deleted.
    Delete,
    /// Nothing.
    None,
    /// It can't be told.
    Unknown,
}

/// What would be done, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Prediction {
    pub(super) action: PredictedAction,
    pub(super) id: Option<String>,
    pub(super) changes: Vec<ChangeStatus>,
    pub(super) message: Option<String>,
}

impl Prediction {
    pub(super) fn unknown(message: String) -> Self {
        Self {
            action: PredictedAction::Unknown,
            id: None,
            changes: Vec::new(),
            message: Some(message),
        }
    }
}

/// What all objects of a plan have in common.
pub(super) struct DryRunContext {
    pub(super) cloud: CommandCloud,
    /// All objects of the cluster, as far as they may be seen.
    pub(super) index: Index,
    /// How the operator works for which it is told.
    pub(super) settings: PlanSettings,
    /// What was seen since then counts.
    pub(super) since: Instant,
    /// How many domains are looked at. A project is listed whole where that takes no more calls than a look at each.
    pub(super) domains: u32,
}

/// An object on its way to a decision.
pub(super) struct DryRun<'a> {
    context: &'a DryRunContext,
    object: &'a RecordingCallback,
    facts: Facts,
    account: Option<Account>,
}

impl<'a> DryRun<'a> {
    pub(super) fn new(context: &'a DryRunContext, object: &'a RecordingCallback) -> Self {
        let mut facts = parse::facts(
            object,
            context.settings,
            context.cloud.client().clock.local(),
        );
        // As if somebody had asked for a look: what the cloud holds counts, and no backoff.
        facts.object.requested = Some("plan".to_owned());
        facts.dependency_changed = true;
        let held = facts.status.callback_id.iter().map(String::as_str);
        facts.claimed_elsewhere = context.index.held_by_others(&facts.object.uid, held);
        Self {
            context,
            object,
            facts,
            account: None,
        }
    }

    /// Answers what the decision asks for, until there is one. An error is the API server's.
    pub(super) async fn run(mut self) -> Result<Prediction, ClusterError> {
        interpret(&mut self).await
    }

    /// That this would be done to this callback, with what it changes.
    async fn predict(
        &mut self,
        action: PredictedAction,
        id: Option<String>,
    ) -> Result<Prediction, ClusterError> {
        if self.facts.observed == Observed::Unasked {
            let not_before = self.facts.now;
            let proof = Proof::Presence;
            self.look_at_place(Look { not_before, proof }).await;
        }
        let changes = match action {
            PredictedAction::Create | PredictedAction::Update | PredictedAction::Adopt => {
                self.changes()
            }
            PredictedAction::Delete | PredictedAction::None | PredictedAction::Unknown => {
                Vec::new()
            }
        };
        Ok(Prediction {
            action,
            id,
            changes,
            message: None,
        })
    }

    /// From what the cloud holds to what it would.
    fn changes(&self) -> Vec<ChangeStatus> {
        let Ok(desired) = &self.facts.desired else {
            return Vec::new();
        };
        observe::changes(&self.facts, desired)
    }

    /// Answers as whom the cloud can be called, and with which key; or says why neither can be told.
    async fn enter(&mut self) -> Result<Option<String>, ClusterError> {
        let namespace = self.object.namespace().unwrap_or_default();
        self.facts.key = self.context.cloud.sign_key(self.object).await?;
        if self.facts.policies.suspend {
            return Ok(None); // only the key was asked for
        }
        if let SignKeyState::Missing(sentence) | SignKeyState::Invalid(sentence) = &self.facts.key {
            return Ok(Some(sentence.clone()));
        }
        let login = match self.context.cloud.login(self.object).await? {
            Ok(login) => login,
            Err((_, sentence)) => return Ok(Some(sentence)),
        };
        self.facts.credential = Some(login.credential.digest(&self.facts.object.uid));
        match login
            .identify(self.context.cloud.client(), &namespace)
            .await
        {
            Ok(account) => {
                self.facts.access = CloudAccess::Usable(account.target.clone());
                self.account = Some(account);
            }
            Err(IdentifyError::Ambiguous(problem)) => return Ok(Some(problem)),
            Err(IdentifyError::Unknown(failure)) => {
                return Ok(Some(failure_with_remedy(&failure)));
            }
        }
        self.find_other_owner();
        Ok(None)
    }

    fn find_other_owner(&mut self) {
        if let CloudAccess::Usable(target) = &self.facts.access {
            let place = parse::place(&self.object.spec);
            self.facts.other_owner = self.context.index.owner_elsewhere(
                &self.facts.object.uid,
                &place,
                target,
                self.facts.sight(),
            );
        }
    }

    async fn look_at_place(&mut self, look: Look) {
        let Some(account) = self.account.clone() else {
            return;
        };
        let begun = self.now();
        self.facts.observed = match self.rows_at_place(&account, look.proof).await {
            Ok((rows, proven)) => {
                let uid = self.facts.object.uid.clone();
                let ids = rows.iter().map(|row| row.id.as_str());
                let ids = ids.chain(self.facts.id());
                self.facts.claimed_elsewhere = self.context.index.held_by_others(&uid, ids);
                self.context.index.note_look(&uid, &account.target);
                Observed::seen(begun, rows, proven)
            }
            Err(failure) => Observed::Unknown(failure),
        };
        self.find_other_owner();
    }

    /// The rows at the object's place, and whether there being none is certain.
    async fn rows_at_place(
        &self,
        account: &Account,
        proof: Proof,
    ) -> Result<(Vec<Row>, bool), Failure> {
        let looks = self.context.cloud.looks(account);
        let (place, since) = (parse::place(&self.object.spec), self.context.since);
        let domains = self.context.domains;
        // The first page of a list is asked for before it is known how long the list is.
        let is_worth_it = || {
            let more = looks.pages().map(|pages| pages - 1);
            domains > 1 && more.is_none_or(|more| more <= domains.into())
        };
        if is_worth_it() {
            let budget = CallBudget::limited_to(domains);
            let swept = looks.sweep_within(since, (Lane::Background, ""), budget);
            match swept.await {
                Ok(inventory) if inventory.covers(place.domain()) => {
                    return Ok((inventory.at_place(&place).to_vec(), true));
                }
                Err(failure) if is_worth_it() => return Err(failure),
                Ok(_) | Err(_) => {}
            }
        }
        let ask = LookRequest {
            place,
            not_before: since,
            proof,
            lane: Lane::Background,
            namespace: String::new(),
            budget: CallBudget::default(),
        };
        let seen = looks.look(ask).await?;
        Ok((seen.rows, seen.proves_absence))
    }

    /// Now at the cloud; the facts stay of the moment at which the dry run began, or later.
    fn now(&mut self) -> Timestamp {
        let clock = &self.context.cloud.client().clock;
        let now = match &self.account {
            Some(account) => clock.now(&account.target.endpoint),
            None => clock.local(),
        };
        self.facts.now = self.facts.now.max(now);
        self.facts.now
    }
}

/// What would come of a step, if that ends the plan.
type DryRunStep = Result<Option<Prediction>, ClusterError>;

/// A dry run: questions are answered, metadata is taken as put right, and the first change is told.
impl Interpreter for DryRun<'_> {
    type End = Prediction;
    type Error = ClusterError;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn out_of_steps(&self) -> Prediction {
        Prediction::unknown("There is no end to it.".to_owned())
    }

    async fn perform(&mut self, step: Step) -> DryRunStep {
        let (action, id) = match step {
            Step::ReadSecrets => return Ok(self.enter().await?.map(Prediction::unknown)),
            Step::Look(look) => {
                if look.not_before > self.now() {
                    return Ok(Some(Prediction::unknown(format!(
                        "What came of the last change is not known before {}.",
                        look.not_before
                    ))));
                }
                self.look_at_place(look).await;
                return Ok(None);
            }
            Step::GetById => {
                if let (Some(account), Some(id)) = (&self.account, self.facts.id()) {
                    self.facts.get_result = self.context.cloud.get_by_id(account, id).await;
                }
                return Ok(None);
            }
            Step::ReadCrd => {
                self.facts.crd = CrdPresence::Stays;
                return Ok(None);
            }
            Step::AddFinalizer => {
                self.facts.object.finalizer = true;
                self.facts.object.has_record = true;
                return Ok(None);
            }
            Step::RemoveFinalizer => {
                self.facts.object.finalizer = false;
                return Ok(None);
            }
            Step::Disown { id, .. } => {
                self.facts.status.callback_id.take_if(|held| *held == id);
                return Ok(None);
            }
            Step::ReportFailure(failure) | Step::ReportSweepFailure(failure) => {
                return Ok(Some(Prediction::unknown(failure_with_remedy(&failure))));
            }
            Step::Requeue(rest) => {
                return Ok(Some(Prediction {
                    action: PredictedAction::None,
                    id: self.facts.id().map(str::to_owned),
                    changes: Vec::new(),
                    message: Some(rest.situation.message).filter(|message| !message.is_empty()),
                }));
            }
            Step::Create => (PredictedAction::Create, None),
            Step::Update { id, .. } => (PredictedAction::Update, Some(id)),
            Step::Delete { id } => (PredictedAction::Delete, Some(id)),
            // A row of a create whose outcome was not known: it is ours already.
            Step::Claim(row) if self.changes().is_empty() => (PredictedAction::None, Some(row.id)),
            Step::Claim(row) => (PredictedAction::Update, Some(row.id)),
            Step::Adopt(row) => (PredictedAction::Adopt, Some(row.id)),
            Step::Release { .. } => (PredictedAction::None, None),
        };
        self.predict(action, id).await.map(Some)
    }
}
