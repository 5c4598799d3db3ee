//! Whose a place and what lies there is: which of several objects owns one domain and app of a project (the rest are `Duplicate`), how
//! long a record reserves it, and whose a row is (`rows`). Pure, and nothing is decided here of what is done about it.

pub mod rows;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::plan::facts::observed::FRESH;
use crate::plan::facts::row::Row;
use crate::plan::facts::{Facts, GetResult};

/// So long after a look of its own has failed an object is one whose looks fail: longer than the longest pause between two of them.
pub(in crate::plan) const FAILED_LOOK_COUNTS_FOR: Duration = Duration::from_mins(15);

/// An object that wants the place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
pub struct Candidate {
    /// `namespace/name`.
    pub name: String,
    /// UID.
    pub uid: Arc<str>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its status holds the id of a callback at this place.
    pub holds: bool,
    /// The outcome of its newest create is not known.
    pub open: bool,
    /// A look with its own credentials has succeeded.
    pub has_looked: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// Where one stands among those who want a place: the least of all owns it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    lacks_id: bool,
    is_closed: bool,
    created: Option<Timestamp>,
    /// UID.
    pub uid: Arc<str>,
}

impl Standing {
    /// Nobody stands before this.
    pub fn least() -> Self {
        Self {
            lacks_id: false,
            is_closed: false,
            created: None,
            uid: Arc::default(),
        }
    }
}

impl Candidate {
    /// Who holds an id stands before whose record is open, and that before who has looked; of several such the older, then the lower UID.
    /// Nobody else takes part.
    pub fn standing(&self) -> Option<Standing> {
        let takes_part = self.holds || self.open || (self.has_looked && !self.deleting);
        takes_part.then(|| Standing {
            lacks_id: !self.holds,
            is_closed: !self.open,
            created: self.created,
            uid: Arc::clone(&self.uid),
        })
    }
}

/// The owner: of those that take part, who stands first.
pub fn find_owner<'a>(
    candidates: impl IntoIterator<Item = &'a Candidate>,
) -> Option<&'a Candidate> {
    let candidates = candidates.into_iter();
    let taking_part = candidates.filter(|it| it.standing().is_some());
    taking_part.min_by_key(|it| it.standing())
}

/// What one who wants a place knows of what lies there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sight<'a> {
    /// What a look showed at the place.
    pub rows: &'a [Row],
    /// Its own callback is gone, and would be made anew.
    pub is_gone: bool,
}

impl Facts {
    /// What is known of what lies at the object's place.
    pub fn sight(&self) -> Sight<'_> {
        Sight {
            rows: self.observed.rows(),
            is_gone: self.get_result == GetResult::Gone,
        }
    }
}

/// What another object says of the place that calls the project through another address: whoever answers there says what is held.
#[derive(Debug, Clone)]
pub struct ClaimAfar {
    /// Who stands first of those who call through that address.
    pub candidate: Candidate,
    /// The id in its status was seen at the place by a look of whom it concerns.
    pub is_seen: bool,
    /// How long ago its id, or its newest attempt if the record is open, was first seen here.
    pub since: Option<Duration>,
}

impl ClaimAfar {
    /// Whether it keeps somebody from the place: what it claims is there to be seen, or may not show yet, as with an open record.
    fn counts(&self, settle_time: Duration) -> bool {
        let claims = self.candidate.holds || self.candidate.open;
        claims && (self.is_seen || self.since.is_some_and(|it| is_recent(it, settle_time)))
    }
}

/// The owner of a place as one sees it who wants it (`own`, if it takes part at all): who stands first of those that call through the same
/// address (`here` is the first of the others), and behind another address who counts and stands before it. One that holds a callback
/// gives way to nobody behind another address, unless that `is_gone` and it is not going itself.
pub fn find_owner_over_addresses<'a>(
    own: Option<&'a Candidate>,
    here: Option<&'a Candidate>,
    afar: &'a [ClaimAfar],
    is_gone: bool,
    settle_time: Duration,
) -> Option<&'a Candidate> {
    let is_own = |it: &Candidate| own.is_some_and(|own| own.uid == it.uid);
    let both = own.into_iter().chain(here);
    let first = find_owner(both).filter(|first| !is_own(first));
    let keeps_its_own = own.is_some_and(|own| own.holds && (own.deleting || !is_gone));
    if first.is_some() || keeps_its_own {
        return first;
    }
    let afar = afar.iter().filter(|it| it.counts(settle_time));
    let first = find_owner(afar.map(|it| &it.candidate))?;
    let own = own.map(|own| Candidate {
        holds: false,
        ..own.clone()
    });
    let own = own.and_then(|own| own.standing());
    own.is_none_or(|own| first.standing().is_some_and(|first| first < own))
        .then_some(first)
}

/// Whether a record that is open, and was first seen so long ago, still keeps others from its place. Whoever may edit an object may
/// write one, so it must not count for ever; and as long as a create may show late, or a look that missed it is believed, it must.
/// Failing looks (`failed_since`: how long ago the newest one failed, where none has succeeded since) make it count for longer only of
/// who has `has_looked` there before: anybody may write a record with credentials that never work. Who looks no more, since it was
/// suspended or has lost its Secret, has no failing looks after a while.
pub fn reserves_place(
    seen_since: Duration,
    settle_time: Duration,
    has_looked: bool,
    failed_since: Option<Duration>,
) -> bool {
    let looks_fail = failed_since.is_some_and(|since| since < FAILED_LOOK_COUNTS_FOR);
    let is_unprovable = has_looked && looks_fail;
    is_unprovable || is_recent(seen_since, settle_time)
}

/// Whether what was claimed so long ago may not show yet, or a look that missed it is still believed.
fn is_recent(seen_since: Duration, settle_time: Duration) -> bool {
    seen_since < settle_time + FRESH.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(uid: &str, created: i64) -> Candidate {
        Candidate {
            name: format!("media/{uid}"),
            uid: uid.into(),
            created: Timestamp::from_second(created).ok(),
            holds: false,
            open: false,
            has_looked: true,
            deleting: false,
        }
    }

    #[test]
    fn the_holder_owns_then_the_open_record_then_the_older() {
        let old = candidate("a", 1);
        let young = candidate("b", 2);
        let open = Candidate {
            open: true,
            ..candidate("c", 3)
        };
        let holder = Candidate {
            holds: true,
            deleting: true,
            ..candidate("d", 4)
        };
        let uid = |candidates: &[Candidate]| find_owner(candidates).map(|c| c.uid.clone());
        assert_eq!(uid(&[young.clone(), old.clone()]).as_deref(), Some("a"));
        assert_eq!(
            uid(&[young.clone(), old.clone(), open.clone()]).as_deref(),
            Some("c")
        );
        assert_eq!(
            uid(&[young, old, open, holder]).as_deref(),
            Some("d"),
            "terminating or not"
        );
    }

    #[test]
    fn of_two_of_a_kind_the_older_owns_then_the_lower_uid() {
        let holder = |uid, created| Candidate {
            holds: true,
            ..candidate(uid, created)
        };
        assert_eq!(
            find_owner(&[holder("b", 2), holder("c", 1)]).map(|c| &*c.uid),
            Some("c")
        );
        assert_eq!(
            find_owner(&[holder("b", 1), holder("a", 1)]).map(|c| &*c.uid),
            Some("a")
        );
    }

    #[test]
    fn who_has_not_looked_or_is_going_without_anything_takes_no_part() {
        let unlooked = Candidate {
            has_looked: false,
            ..candidate("a", 1)
        };
        let going = Candidate {
            deleting: true,
            ..candidate("b", 1)
        };
        assert_eq!(
            find_owner(&[unlooked, going, candidate("c", 9)]).map(|c| &*c.uid),
            Some("c")
        );
        assert_eq!(find_owner(&[]), None);
    }
}
