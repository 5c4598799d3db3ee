//! Everything that a decision is made from, and what follows from it without a further question: which record is open, when a look
//! settles it, which deletion policy is in force. Pure; who gathered the facts does not matter here.

pub mod conditions;
pub mod content;
pub mod difference;
pub mod observed;
pub mod operation_log;
mod other_owner;
pub mod place;
pub mod reason;
pub mod record;
pub mod reported_url;
pub mod row;
pub mod sanitize;
pub mod sent_key;
mod target;
pub mod time;

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;

use self::content::Content;
pub use self::observed::{GetResult, Observed};
pub use self::other_owner::OtherOwner;
use self::place::Place;
use self::reason::Reason;
use self::record::Record;
use self::time::later;
use crate::api::status::Status;
use crate::terms::failure::Failure;
use crate::terms::target::Target;

/// What is known of one object at one moment.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub struct Facts {
    /// Now, in the time of the object's cloud.
    pub now: Timestamp,
    /// How the operator was told to work.
    pub settings: PlanSettings,
    /// The object's metadata.
    pub object: ObjectFacts,
    /// The object's policies, read whatever else is wrong with the spec.
    pub policies: Policies,
    /// The place that the spec names, valid or not.
    pub place: Place,
    /// What the spec wants, or what is wrong with it.
    pub desired: Result<Desired, String>,
    /// The status as last read.
    pub status: Status,
    /// The write-ahead record of this object, from its annotation or from this process's own memory.
    pub record: Option<Record>,
    /// When this process first saw that record: one from the future counts from then.
    pub record_first_seen: Timestamp,
    /// This process made the newest attempt, or saw it made: it can't have been long before it was first seen.
    pub posted_here: bool,
    /// This process has let the object go.
    pub released: bool,
    /// Whether the rows of a closed record with several attempts were looked at again after it closed.
    pub rechecked: bool,
    /// When our newest change at the cloud was answered or given up: what the status says, but never later than it was seen there.
    pub last_write: Option<Timestamp>,
    /// When this process last changed something there, by the monotonic clock: no `Date` brings that forward.
    pub wrote: Option<Timestamp>,
    /// What this process knows of the newest update that was given up.
    pub lost_update: LostUpdate,
    /// When the attempt comes that the status announces, whatever became of the clocks since.
    pub next_attempt: Option<Timestamp>,
    /// A look that came too soon to count is to be made again, and it is time.
    pub look_due: bool,
    /// Something that this object uses changed, or somebody asked: a running backoff does not hold.
    pub dependency_changed: bool,
    /// The object's credentials.
    pub access: CloudAccess,
    /// Digest of the object's credential, salted with its UID.
    pub credential: Option<String>,
    /// The object's sign key.
    pub key: SignKeyState,
    /// An earlier process may have sent a key for this spec and died before it could tell: the spec was another than the told one
    /// when this process first saw the object, and this process has sent nothing since.
    pub key_in_doubt: bool,
    /// The account that the credentials name has seen the object's place, or written there.
    pub account_has_seen: bool,
    /// Another object that owns this place.
    pub other_owner: Option<OtherOwner>,
    /// The objects of every namespace that is served are known: an owner that is not known is none.
    pub knows_all: bool,
    /// That the recorded id is this object's is known by a status alone, which anybody may have written who may write statuses.
    pub is_hearsay: bool,
    /// Ids that the statuses of other objects hold.
    pub claimed_elsewhere: BTreeSet<String>,
    /// Ids that this process deleted in the last 10 minutes, as far as the status or what was observed names them.
    pub deleted: BTreeSet<String>,
    /// The state of the CRD, asked for before a DELETE only.
    pub crd: CrdPresence,
    /// What a list showed at the place.
    pub observed: Observed,
    /// What a GET by the recorded id said.
    pub get_result: GetResult,
    /// A change that the cloud answered as if the callback were gone. A look decides whether to believe that.
    pub not_found: Option<Failure>,
    /// The `update_time` that the first row had which was seen after our last write, where this process saw it.
    pub baseline: Option<Timestamp>,
    /// Rewrites of our callback by something else within the last hour, as this process saw them.
    pub rewrites: Rewrites,
    /// How the sweeps failed, when they did so several times in a row for the credential, the permission or the account.
    pub sweep_failure: Option<Failure>,
    /// The object stands in the quota's queue: the time in its status is when its turn comes, not when a backoff ends.
    pub queued: bool,
}

/// The operator's settings, as far as decisions depend on them.
#[derive(Debug, Clone, Copy)]
pub struct PlanSettings {
    /// How long a POST may take to show in a list.
    pub settle_time: Duration,
    /// How long the same rejection lasts before the object counts as stalled.
    pub stall_after: Duration,
    /// Change nothing at the cloud.
    pub read_only: bool,
}

/// Metadata of the object.
#[derive(Debug, Clone)]
pub struct ObjectFacts {
    /// UID.
    pub uid: String,
    /// Namespace, for messages.
    pub namespace: String,
    /// Name, for messages.
    pub name: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// Whether the annotation of the record is on it.
    pub has_record: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The finalizers of others.
    pub held_by: Vec<String>,
    /// The look that somebody asked for by annotation.
    pub requested: Option<String>,
}

impl ObjectFacts {
    /// `namespace/name`, for messages.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// The parts of a spec that hold even when the rest is invalid.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies {
    /// `managementPolicy: Observe`.
    pub observe: bool,
    /// `suspend: true`.
    pub suspend: bool,
    /// `deletionPolicy`, if given.
    pub deletion: Option<Deletion>,
}

/// What happens to the remote callback when its object goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It is deleted.
    Delete,
    /// It stays.
    Retain,
}

impl Deletion {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "Delete",
            Self::Retain => "Retain",
        }
    }
}

/// What may be done with a remote callback that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Adoption {
    /// Nothing.
    Never,
    /// It is taken over when it says what the spec says.
    IfIdentical,
    /// It is taken over and brought to the spec.
    Always,
}

/// A valid spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Domain and application.
    pub place: Place,
    /// URL, events and signature type.
    pub content: Content,
    /// Whether a sign key is referenced.
    pub wants_key: bool,
    /// What may be done with a foreign callback.
    pub adoption: Adoption,
}

/// Whether and where the cloud can be called for this object.
#[derive(Debug, Clone)]
pub enum CloudAccess {
    /// Nobody asked yet.
    Unread,
    /// It can be called.
    Usable(Target),
    /// It can't, and this is why: a person has to change something, which is noticed.
    Unusable(Reason, String),
    /// Nobody can tell the project, or gives the operator credentials of its own: the sentence says why. It is asked again, since
    /// either may come to be there.
    Ambiguous(String),
    /// It could not be found out, or the credential must not be used for a while.
    Unknown(Failure),
}

/// The sign key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignKeyState {
    /// Nobody asked yet.
    Unread,
    /// The spec wants none.
    Unwanted,
    /// The Secret or its key is not there, or can't be read.
    Missing(String),
    /// It is not letters and digits, at least 32.
    Invalid(String),
    /// A good key, by its digest.
    Digest(String),
}

impl SignKeyState {
    /// The digest of a good key.
    pub fn digest(&self) -> Option<&str> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Unread | Self::Unwanted | Self::Missing(_) | Self::Invalid(_) => None,
        }
    }
}

/// The CRD, as far as a delete cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrdPresence {
    /// Nobody asked yet.
    Unread,
    /// It is there to stay.
    Stays,
    /// It is being deleted: the product is being uninstalled.
    Going,
    /// It can't be read.
    Unknown(String),
}

/// The newest update of which it is not known whether it was carried out, as a process knows of it beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LostUpdate {
    /// When this process gave it up, by the monotonic clock: no `Date` brings the end of its settle time forward.
    pub given_up: Option<Timestamp>,
    /// The time in the status of the one after whose settle time the callback was seen to be as told.
    pub rechecked: Option<Timestamp>,
}

/// Rewrites of our callback by somebody else, those that were repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rewrites {
    /// How many in the last hour.
    pub count: usize,
    /// When we last repaired one, however long ago that was.
    pub repaired: Option<Timestamp>,
}

impl Facts {
    /// The id of the remote callback that is recorded as ours, unless we deleted it.
    pub fn id(&self) -> Option<&str> {
        self.status
            .callback_id
            .as_deref()
            .filter(|id| !self.deleted.contains(*id))
    }

    /// The id of the newest attempt that the record tells of.
    pub fn newest_attempt_id(&self) -> Option<String> {
        let newest = self.record.as_ref()?.newest()?;
        Some(newest.id.clone())
    }

    /// The record, if the outcome of its newest attempt is not known.
    pub fn open_record(&self) -> Option<&Record> {
        self.record
            .as_ref()
            .filter(|record| record.is_open(self.status.closed_operation.as_deref()))
    }

    /// The record, if rows may be ours by it: it is open or has several attempts.
    pub fn claiming_record(&self) -> Option<&Record> {
        self.record.as_ref().filter(|r| {
            r.has_several_attempts() || r.is_open(self.status.closed_operation.as_deref())
        })
    }

    /// When the newest attempt was made. One from the future counts from when it was first seen.
    pub fn attempted_at(&self, record: &Record) -> Timestamp {
        let newest = record
            .newest()
            .map_or(self.record_first_seen, |newest| newest.at);
        if newest > self.now {
            self.record_first_seen.min(newest)
        } else {
            newest
        }
    }

    /// From when on a look tells for sure what the newest attempt left behind.
    pub fn settled_at(&self, record: &Record) -> Timestamp {
        let at = self.attempted_at(record);
        let settled = later(at, self.settings.settle_time);
        if self.posted_here {
            // However far ahead a header says that the cloud's clock is.
            return settled.max(later(self.record_first_seen, self.settings.settle_time));
        }
        settled
    }

    /// The look that was asked for and not answered yet.
    pub fn unanswered(&self) -> Option<&str> {
        self.object
            .requested
            .as_deref()
            .filter(|token| self.status.last_handled_reconcile_at.as_deref() != Some(token))
    }

    /// The deletion policy in force: `Retain` under Observe, else what the spec says, else `Retain` for what was adopted and `Delete`
    /// for what was created, also while it is not known yet whether a create made something where an adopted callback had gone.
    pub fn deletion(&self) -> Deletion {
        self.deletion_by(&self.status)
    }

    /// The same, once this is the status.
    pub fn deletion_by(&self, status: &Status) -> Deletion {
        let closed = status.closed_operation.as_deref();
        let is_open = self.record.as_ref().is_some_and(|it| it.is_open(closed));
        match (self.policies.observe, self.policies.deletion) {
            (true, _) => Deletion::Retain,
            (false, Some(policy)) => policy,
            (false, None) if self.keeps_adopted(status) && !is_open => Deletion::Retain,
            (false, None) => Deletion::Delete,
        }
    }

    /// Whether what was taken over stays when the object goes: it does unless the policy says otherwise.
    pub fn keeps_adopted(&self, status: &Status) -> bool {
        self.policies.deletion.is_none() && status.adopted == Some(true)
    }

    /// How many calls failed in a row.
    pub fn failures(&self) -> i64 {
        self.status.failures.unwrap_or_default().max(0)
    }

    /// Whether the spec is another than the one that the conditions tell of.
    pub fn is_new_generation(&self) -> bool {
        self.status.observed_generation != Some(self.object.generation)
    }

    /// Whether something changed, or somebody asked: then no pause holds the object.
    pub fn is_urged(&self) -> bool {
        self.dependency_changed || self.unanswered().is_some() || self.is_new_generation()
    }

    /// Whether the object is only looked at.
    pub fn only_observes(&self) -> bool {
        self.policies.observe || self.settings.read_only
    }
}
