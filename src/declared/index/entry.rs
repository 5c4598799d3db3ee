//! What the index keeps of one object, and what that makes of it for others.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::ranks::{ProjectAddress, Rank};
use crate::plan::facts::OtherOwner;
use crate::plan::facts::place::Place;
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
