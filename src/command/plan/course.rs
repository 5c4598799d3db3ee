//! What the operator would do for an object as it would be: the decision of the operator itself, with answers of the cloud.

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;
use tokio::time::Instant;

use crate::api::RecordingCallback;
use crate::api::status::ChangeStatus;
use crate::cluster::error::Error;
use crate::command::cloud::Cloud;
use crate::declared::index::Index;
use crate::declared::parse;
use crate::live::account::Account;
use crate::live::looks::Ask;
use crate::live::purse::Purse;
use crate::live::quota::Lane;
use crate::plan::facts::{Access, Definition, Facts, Key, Observed, Settings};
use crate::plan::failure::Failure;
use crate::plan::interpreter::{Interpreter, interpret};
use crate::plan::observe;
use crate::plan::row::Row;
use crate::plan::situation::sentence;
use crate::plan::step::{Look, Proof, Rest};

/// What the next change at the cloud would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Action {
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
pub(super) struct Outlook {
    pub(super) action: Action,
    pub(super) id: Option<String>,
    pub(super) changes: Vec<ChangeStatus>,
    pub(super) message: Option<String>,
}

impl Outlook {
    pub(super) fn unknown(message: String) -> Self {
        Self {
            action: Action::Unknown,
            id: None,
            changes: Vec::new(),
            message: Some(message),
        }
    }
}

/// What all objects of a plan have in common.
pub(super) struct Ground {
    pub(super) cloud: Cloud,
    /// All objects of the cluster, as far as they may be seen.
    pub(super) index: Index,
    /// How the operator works for which it is told.
    pub(super) settings: Settings,
    /// What was seen since then counts.
    pub(super) since: Instant,
    /// Whether projects are listed whole, which for many objects takes fewer calls than a look for each.
    pub(super) lists: bool,
}

/// An object on its way to a decision.
pub(super) struct Course<'a> {
    ground: &'a Ground,
    object: &'a RecordingCallback,
    facts: Facts,
    account: Option<Account>,
}

impl<'a> Course<'a> {
    pub(super) fn new(ground: &'a Ground, object: &'a RecordingCallback) -> Self {
        let mut facts = parse::facts(object, ground.settings, ground.cloud.client().clock.local());
        // As if somebody had asked for a look: what the cloud holds counts, and no backoff.
        facts.object.requested = Some("plan".to_owned());
        facts.nudged = true;
        let held = facts.status.callback_id.iter().map(String::as_str);
        facts.claimed_elsewhere = ground.index.held_by_others(&facts.object.uid, held);
        Self {
            ground,
            object,
            facts,
            account: None,
        }
    }

    /// Answers what the decision asks for, until there is one. An error is the API server's.
    pub(super) async fn run(mut self) -> Result<Outlook, Error> {
        interpret(&mut self).await
    }

    /// That this would be done to this callback, with what it changes.
    async fn would(&mut self, action: Action, id: Option<String>) -> Told {
        if self.facts.observed == Observed::Unasked {
            let not_before = self.facts.now;
            let proof = Proof::Presence;
            self.see(Look { not_before, proof }).await;
        }
        let changes = match action {
            Action::Create | Action::Update | Action::Adopt => self.changes(),
            Action::Delete | Action::None | Action::Unknown => Vec::new(),
        };
        Ok(Some(Outlook {
            action,
            id,
            changes,
            message: None,
        }))
    }

    /// From what the cloud holds to what it would.
    fn changes(&self) -> Vec<ChangeStatus> {
        let Ok(desired) = &self.facts.desired else {
            return Vec::new();
        };
        observe::changes(&self.facts, desired)
    }

    /// Answers as whom the cloud can be called, and with which key; or says why neither can be told.
    async fn enter(&mut self) -> Result<Option<String>, Error> {
        let namespace = self.object.namespace().unwrap_or_default();
        self.facts.key = self.ground.cloud.sign_key(self.object).await?;
        if self.facts.policies.suspend {
            return Ok(None); // only the key was asked for
        }
        if let Key::Missing(sentence) | Key::Invalid(sentence) = &self.facts.key {
            return Ok(Some(sentence.clone()));
        }
        let login = match self.ground.cloud.login(self.object).await? {
            Ok(login) => login,
            Err((_, sentence)) if self.object.spec.credentials_secret_ref.is_none() => {
                let told = format!("The operator's own credentials are not here: {sentence}");
                return Ok(Some(told));
            }
            Err((_, sentence)) => return Ok(Some(sentence)),
        };
        self.facts.credential = Some(login.credential.digest(&self.facts.object.uid));
        match login.identify(self.ground.cloud.client(), &namespace).await {
            Ok(account) => {
                self.facts.access = Access::Usable(account.target.clone());
                self.account = Some(account);
            }
            Err(Access::Unusable(_, told) | Access::Ambiguous(told)) => return Ok(Some(told)),
            Err(Access::Unknown(failure)) => return Ok(Some(sentence(&failure, None))),
            Err(access @ (Access::Unread | Access::Usable(_))) => self.facts.access = access,
        }
        self.find_rival();
        Ok(None)
    }

    fn find_rival(&mut self) {
        if let Access::Usable(target) = &self.facts.access {
            let place = parse::place(&self.object.spec);
            self.facts.rival = self
                .ground
                .index
                .rival(&self.facts.object.uid, &place, target);
        }
    }

    async fn see(&mut self, look: Look) {
        let Some(account) = self.account.clone() else {
            return;
        };
        let begun = self.now();
        self.facts.observed = match self.seen(&account, look.proof).await {
            Ok((rows, proven)) => {
                let uid = self.facts.object.uid.clone();
                let ids = rows.iter().map(|row| row.id.as_str());
                let ids = ids.chain(self.facts.id());
                self.facts.claimed_elsewhere = self.ground.index.held_by_others(&uid, ids);
                self.ground.index.looked(&uid, &account.target);
                Observed::seen(begun, rows, proven)
            }
            Err(failure) => Observed::Unknown(failure),
        };
        self.find_rival();
    }

    /// The rows at the object's place, and whether there being none is certain.
    async fn seen(&self, account: &Account, proof: Proof) -> Result<(Vec<Row>, bool), Failure> {
        let looks = self.ground.cloud.looks(account);
        let (place, since) = (parse::place(&self.object.spec), self.ground.since);
        if self.ground.lists {
            let inventory = looks.sweep(since, Lane::Background).await?;
            if inventory.covers(place.domain()) {
                return Ok((inventory.at_place(&place).to_vec(), true));
            }
        }
        let ask = Ask {
            place,
            not_before: since,
            proof,
            lane: Lane::Background,
            namespace: String::new(),
            purse: Purse::default(),
        };
        let seen = looks.look(ask).await?;
        Ok((seen.rows, seen.proves_absence))
    }

    /// Now at the cloud; the facts stay of the moment at which the course began, or later.
    fn now(&mut self) -> Timestamp {
        let clock = &self.ground.cloud.client().clock;
        let now = match &self.account {
            Some(account) => clock.now(&account.target.endpoint),
            None => clock.local(),
        };
        self.facts.now = self.facts.now.max(now);
        self.facts.now
    }
}

/// What would come of a step, if that ends the plan.
type Told = Result<Option<Outlook>, Error>;

/// A dry run: questions are answered, metadata is taken as put right, and the first change is told.
impl Interpreter for Course<'_> {
    type End = Outlook;
    type Error = Error;

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn endless(&self) -> Outlook {
        Outlook::unknown("There is no end to it.".to_owned())
    }

    async fn read_access(&mut self) -> Told {
        Ok(self.enter().await?.map(Outlook::unknown))
    }

    async fn look(&mut self, look: Look) -> Told {
        if look.not_before > self.now() {
            return Ok(Some(Outlook::unknown(format!(
                "What came of the last change is not known before {}.",
                look.not_before
            ))));
        }
        self.see(look).await;
        Ok(None)
    }

    async fn show(&mut self) -> Told {
        if let (Some(account), Some(id)) = (&self.account, self.facts.id()) {
            self.facts.shown = self.ground.cloud.show(account, id).await;
        }
        Ok(None)
    }

    async fn read_definition(&mut self) -> Told {
        self.facts.definition = Definition::Stays;
        Ok(None)
    }

    async fn protect(&mut self) -> Told {
        self.facts.object.finalizer = true;
        self.facts.object.annotated = true;
        Ok(None)
    }

    async fn unprotect(&mut self) -> Told {
        self.facts.object.finalizer = false;
        Ok(None)
    }

    async fn create(&mut self) -> Told {
        self.would(Action::Create, None).await
    }

    async fn update(&mut self, id: &str, _: Option<String>) -> Told {
        self.would(Action::Update, Some(id.to_owned())).await
    }

    async fn delete(&mut self, id: &str) -> Told {
        self.would(Action::Delete, Some(id.to_owned())).await
    }

    /// A row of a create whose outcome was not known: it is ours already.
    async fn claim(&mut self, row: Row) -> Told {
        let action = if self.changes().is_empty() {
            Action::None
        } else {
            Action::Update
        };
        self.would(action, Some(row.id)).await
    }

    async fn adopt(&mut self, row: Row) -> Told {
        self.would(Action::Adopt, Some(row.id)).await
    }

    async fn disown(&mut self, id: &str, _: &str) -> Told {
        self.facts.status.callback_id.take_if(|held| held == id);
        Ok(None)
    }

    async fn release(&mut self, _: Option<String>) -> Told {
        self.would(Action::None, None).await
    }

    async fn failed(&mut self, failure: &Failure) -> Told {
        Ok(Some(Outlook::unknown(sentence(failure, None))))
    }

    async fn unseen(&mut self, failure: &Failure) -> Told {
        Ok(Some(Outlook::unknown(sentence(failure, None))))
    }

    async fn rest(&mut self, rest: Rest) -> Told {
        Ok(Some(Outlook {
            action: Action::None,
            id: self.facts.id().map(str::to_owned),
            changes: Vec::new(),
            message: Some(rest.situation.message).filter(|message| !message.is_empty()),
        }))
    }
}
