//! What the index keeps of one object, and what that makes of it for others.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::ranks::{ProjectAddress, Rank};
use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::declared::parse;
use crate::plan::facts::OtherOwner;
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::ownership::{
    Candidate, ClaimAfar, Sight, find_owner_over_addresses, reserves_place,
};

/// What the index keeps of one object.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct IndexEntry {
    /// `namespace/name`.
    pub(super) name: Box<str>,
    pub(super) uid: Arc<str>,
    pub(super) place: Arc<Place>,
    pub(super) id: Option<Arc<str>>,
    /// When that was first seen here.
    pub(super) held_since: Option<Instant>,
    pub(super) project: Option<Arc<ProjectAddress>>,
    /// Where a look with its own credentials succeeded.
    pub(super) looked_at: Option<Arc<ProjectAddress>>,
    /// When the newest look failed, where none has succeeded since.
    pub(super) look_failed: Option<Instant>,
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
    /// Where it was found to stand when that was last looked at.
    pub(super) rank: Option<Arc<Rank>>,
}

impl IndexEntry {
    /// What there is to keep of an object as it is now. What is not written on it, and was seen before, goes on.
    pub(super) fn of(object: &RecordingCallback, before: Option<&Self>) -> Self {
        let status = object.status.as_ref();
        let closed = status.and_then(|status| status.closed_operation.as_deref());
        let record = parse::record(object);
        let open = record.as_ref().is_some_and(|r| r.is_open(closed));
        let newest = record.as_ref().filter(|_| open).and_then(Record::newest);
        let attempt = newest.map(|newest| {
            let seen = before.and_then(|entry| entry.attempt.clone());
            let seen = seen.filter(|(id, _)| **id == *newest.id);
            seen.unwrap_or_else(|| (newest.id.as_str().into(), Instant::now()))
        });
        let meta = parse::object(object);
        let id = status.and_then(|status| status.callback_id.as_deref());
        // Who is let go names nothing any more. One that does lost its finalizer before: its callback is still to be deleted.
        let names_nothing = id.is_none() && !open;
        let held = before.filter(|before| before.id.as_deref() == id);
        let held_since = id.map(|_| held.and_then(|held| held.held_since));
        let created = object.metadata.creation_timestamp.as_ref();
        Self {
            name: meta.full_name().into(),
            uid: meta.uid.as_str().into(),
            place: Arc::new(parse::place(&object.spec)),
            project: project_of(status, record.as_ref(), before),
            looked_at: before.and_then(|entry| entry.looked_at.clone()),
            look_failed: before.and_then(|entry| entry.look_failed),
            let_go: meta.deleting && !meta.finalizer && names_nothing,
            attempt,
            observes: parse::policies(&object.spec).observe,
            created: created.map(|time| time.0),
            open,
            deleting: meta.deleting,
            id: id.map(Arc::from),
            held_since: held_since.map(|since| since.unwrap_or_else(Instant::now)),
            version: parse::version(object),
            rank: None,
        }
    }

    /// Whether it only looks, or not even that.
    pub(super) fn wants_nothing(&self) -> bool {
        self.observes || self.let_go
    }

    /// What others who want the same place go by. Of one that wants nothing it is the id that its status holds.
    pub(super) fn claim(&self) -> Claim<'_> {
        let wants = !self.wants_nothing();
        Claim {
            id: self.id.as_deref(),
            open: self.open && wants,
            deleting: self.deleting && wants,
            wants,
        }
    }

    /// Where it stands now.
    pub(super) fn standing(&self, settle_time: Duration) -> Option<Rank> {
        let project = self.project.as_ref().filter(|_| !self.wants_nothing())?;
        let standing = self.as_candidate(project, settle_time).standing()?;
        Some((Arc::clone(&self.place), Arc::clone(project), standing))
    }

    /// What it claims through its own address, to one who calls through another.
    fn claim_afar(&self, sight: Sight<'_>, settle_time: Duration) -> Option<ClaimAfar> {
        let opened = self.attempt.as_ref().map(|(_, seen)| *seen);
        let newest = self.held_since.max(opened);
        let is_own = |row: &Row| self.id.as_deref() == Some(row.id.as_str());
        Some(ClaimAfar {
            candidate: self.as_candidate(self.project.as_ref()?, settle_time),
            is_seen: sight.rows.iter().any(is_own),
            since: newest.map(|at| at.elapsed()),
        })
    }

    /// How it stands among those who want its place in a project.
    pub(super) fn as_candidate(
        &self,
        project: &ProjectAddress,
        settle_time: Duration,
    ) -> Candidate {
        let has_looked = self.looked_at.as_deref() == Some(project);
        let counts = |(_, seen): &(Box<str>, Instant)| {
            let failed_since = self.look_failed.map(|at| at.elapsed());
            reserves_place(seen.elapsed(), settle_time, has_looked, failed_since)
        };
        Candidate {
            name: self.name.to_string(),
            uid: Arc::clone(&self.uid),
            created: self.created,
            holds: self.id.is_some(),
            open: self.attempt.as_ref().is_some_and(counts),
            has_looked,
            deleting: self.deleting,
        }
    }
}

/// Where what an object holds lies, or else what its record may have made; as it was known before where it says neither. One that is known
/// is kept once.
fn project_of(
    status: Option<&Status>,
    record: Option<&Record>,
    before: Option<&IndexEntry>,
) -> Option<Arc<ProjectAddress>> {
    let recorded = status.filter(|status| status.callback_id.is_some());
    let recorded = recorded.and_then(|status| status.target.as_ref());
    let recorded = recorded.map(|target| (target.project_id.clone(), target.endpoint.clone()));
    let attempted = record.map(|record| &record.target);
    let attempted = || attempted.map(|at| (at.project_id.clone(), at.endpoint.clone()));
    let known = before.and_then(|entry| entry.project.clone());
    match (recorded.or_else(attempted), known) {
        (Some(project), Some(known)) if *known == project => Some(known),
        (Some(project), _) => Some(Arc::new(project)),
        (None, known) => known,
    }
}

/// Those that want one place of a project.
pub(super) struct Rivals<'a> {
    /// The one that asks, if it wants the place itself.
    pub(super) own: Option<&'a IndexEntry>,
    /// The first of those that call through the same address, if that is another.
    pub(super) here: Option<&'a IndexEntry>,
    /// The first of the others at each other address.
    pub(super) afar: Vec<&'a IndexEntry>,
}

impl Rivals<'_> {
    /// The owner, if that is not the one that asks.
    pub(super) fn owner(
        &self,
        project: &ProjectAddress,
        sight: Sight<'_>,
        settle_time: Duration,
    ) -> Option<OtherOwner> {
        let candidate = |it: &IndexEntry| it.as_candidate(project, settle_time);
        let (own, here) = (self.own.map(candidate), self.here.map(candidate));
        let claims = self.afar.iter();
        let claims = claims.filter_map(|it| it.claim_afar(sight, settle_time));
        let claims: Vec<ClaimAfar> = claims.collect();
        // Who makes one anew has none.
        let is_gone = sight.is_gone || self.own.is_some_and(|own| own.open);
        let (own, here) = (own.as_ref(), here.as_ref());
        let owner = find_owner_over_addresses(own, here, &claims, is_gone, settle_time)?;
        let claim = claims.iter().find(|it| it.candidate.uid == owner.uid);
        let others = self.here.iter().chain(&self.afar);
        let id = others
            .copied()
            .find(|it| it.uid == owner.uid)?
            .id
            .as_deref();
        Some(OtherOwner {
            name: owner.name.clone(),
            id: id.map(str::to_owned),
            deleting: owner.deleting,
            unproven: claim.map_or(!owner.holds && !owner.has_looked, |it| !it.is_seen),
            creating: owner.open,
            afar: claim.is_some(),
        })
    }
}

/// What others see of an object; of one that is not there it is the default.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub(super) id: Option<&'a str>,
    /// Whether its record is open.
    pub(super) open: bool,
    pub(super) deleting: bool,
    /// Whether it wants the place.
    pub(super) wants: bool,
}

impl Claim<'_> {
    /// Whether it means something to others who have a better one, too.
    pub(super) fn always_counts(&self) -> bool {
        self.id.is_some() || self.open
    }
}
