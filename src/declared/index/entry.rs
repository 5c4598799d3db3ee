//! What the index keeps of one object, and what that makes of it for others.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;

use crate::api::RecordingCallback;
use crate::plan::facts::place::Place;
use crate::plan::ownership::{Candidate, reserves_place};

/// Region and project id.
pub(super) type RegionProject = (String, String);

/// What the index keeps of one object.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct IndexEntry {
    /// `namespace/name`.
    pub(super) name: Box<str>,
    pub(super) uid: Arc<str>,
    pub(super) place: Arc<Place>,
    pub(super) id: Option<Arc<str>>,
    pub(super) project: Option<Arc<RegionProject>>,
    /// Where a look with its own credentials succeeded.
    pub(super) looked_at: Option<Arc<RegionProject>>,
    /// Whether those that came after it fail.
    pub(super) looks_fail: bool,
    /// Whether it was let go and is only held by the finalizers of others: it wants nothing any more.
    pub(super) let_go: bool,
    /// The newest attempt of its record while that is open, and when it was first seen here.
    pub(super) attempt: Option<(Box<str>, Instant)>,
    pub(super) observes: bool,
    pub(super) created: Option<Timestamp>,
    /// Whether its record is open.
    pub(super) open: bool,
    pub(super) deleting: bool,
    /// The resourceVersion: the watch may be behind our own writes.
    pub(super) version: u64,
}

impl IndexEntry {
    /// Which object it is.
    pub(super) fn object(&self) -> ObjectRef<RecordingCallback> {
        let (namespace, name) = self.name.split_once('/').unwrap_or_default();
        ObjectRef::new(name).within(namespace)
    }

    /// What others who want the same place go by.
    pub(super) fn claim(&self) -> ClaimKey<'_> {
        let observes = self.observes || self.let_go;
        (self.id.as_deref(), self.open, self.deleting, observes)
    }

    /// How it stands among those who want its place in a project.
    pub(super) fn as_candidate(&self, project: &RegionProject, settle_time: Duration) -> Candidate {
        let has_looked = self.looked_at.as_deref() == Some(project);
        let counts = |(_, seen): &(Box<str>, Instant)| {
            reserves_place(seen.elapsed(), settle_time, has_looked, self.looks_fail)
        };
        Candidate {
            name: self.name.to_string(),
            uid: self.uid.to_string(),
            created: self.created,
            holds: self.id.is_some(),
            open: self.attempt.as_ref().is_some_and(counts),
            has_looked,
            deleting: self.deleting,
        }
    }
}

/// Id, whether the record is open, whether the object is being deleted, whether it only looks or not even that.
pub(super) type ClaimKey<'a> = (Option<&'a str>, bool, bool, bool);
