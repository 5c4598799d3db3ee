//! The facts of a reconcile, as `controller::gather` puts them together, and who else wants the place.

use std::collections::BTreeSet;
use std::time::Duration;

use super::world::{DAWN, Neglect, PairKnown, PairObject, PairWorld, THEIRS, claim, place};
use crate::plan::facts::operation_log;
use crate::plan::facts::record::Record;
use crate::plan::facts::{
    Adoption, CloudAccess, CrdPresence, Desired, Facts, GetResult, LostUpdate, ObjectFacts,
    Observed, OtherOwner, PlanSettings, Policies, Rewrites, SignKeyState,
};
use crate::plan::ownership::{Candidate, find_owner};
use crate::plan::tests::model::shared::SharedModel;
use crate::plan::tests::world::process::update_of_gone;
use crate::plan::tests::world::{SETTLE, content, moment};

/// How long an open record counts for others.
const RECORD_COUNTS: i64 = SETTLE + 60;
impl PairWorld {
    /// Who else owns the place, as `declared::index` tells it.
    pub(super) fn other_owner(&self, who: usize) -> Option<OtherOwner> {
        if self.lies(Neglect::Rival) {
            return None;
        }
        let candidate = |at: usize| {
            let object = self.objects[at].as_ref()?;
            let (id, open, deleting) = claim(object);
            let newest = object.record.as_ref().and_then(Record::newest);
            let counts = newest.is_some_and(|it| self.now < it.at.as_second() + RECORD_COUNTS);
            Some(Candidate {
                name: format!("media/{at}"),
                uid: at.to_string().into(),
                created: Some(moment(DAWN)),
                holds: id.is_some(),
                open: open && counts,
                has_looked: self.memory.of[at].has_looked,
                deleting,
            })
        };
        let candidates: Vec<Candidate> = (0..2).filter_map(candidate).collect();
        let owner = find_owner(&candidates).filter(|owner| *owner.uid != who.to_string())?;
        let other = self.objects[1 - who].as_ref();
        Some(OtherOwner {
            name: owner.name.clone(),
            id: other.and_then(|other| other.status.callback_id.clone()),
            deleting: owner.deleting,
            unproven: !owner.holds && !owner.has_looked,
            creating: owner.open,
            afar: false,
        })
    }

    /// Which of these ids the statuses of others hold.
    pub(super) fn held_by_others<'a>(
        &self,
        who: usize,
        ids: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<String> {
        if self.lies(Neglect::Claims) {
            return BTreeSet::new();
        }
        let other = self.objects[1 - who].as_ref();
        let held = other.and_then(|other| other.status.callback_id.as_deref());
        ids.filter(|id| *id == THEIRS || held == Some(id))
            .map(str::to_owned)
            .collect()
    }

    /// What is known of an object without asking anybody.
    pub(super) fn facts(&mut self, who: usize, object: &SharedModel<PairObject>) -> Facts {
        let held = object.status.callback_id.iter().map(String::as_str);
        let claimed_elsewhere = self.held_by_others(who, held);
        let now = moment(self.now);
        let known: &mut PairKnown = &mut self.memory.of[who];
        let newest = object.record.as_ref().and_then(Record::newest);
        Facts {
            now,
            settings: PlanSettings {
                settle_time: Duration::from_secs(SETTLE.unsigned_abs()),
                stall_after: Duration::from_mins(10),
                read_only: false,
            },
            object: ObjectFacts {
                uid: who.to_string(),
                namespace: "media".to_owned(),
                name: who.to_string(),
                generation: object.generation,
                finalizer: object.finalizer,
                has_record: object.record.is_some(),
                deleting: object.deleting,
                held_by: Vec::new(),
                requested: None,
            },
            policies: Policies::default(),
            place: place(),
            desired: Ok(Desired {
                place: place(),
                content: content(object.url),
                wants_key: false,
                adoption: Adoption::IfIdentical,
            }),
            last_write: operation_log::last_write(&object.status),
            wrote: None,
            lost_update: LostUpdate {
                given_up: None,
                rechecked: known.update_rechecked,
            },
            next_attempt: object.status.next_attempt_time,
            status: object.status.clone(),
            record: object.record.clone(),
            record_first_seen: now,
            posted_here: false,
            released: false,
            rechecked: newest.is_some_and(|it| known.rechecked.as_ref() == Some(&it.id)),
            look_due: known.look_at.is_some_and(|at| at <= self.now),
            dependency_changed: false,
            access: CloudAccess::Unread,
            credential: None,
            key: SignKeyState::Unread,
            key_in_doubt: false,
            account_has_seen: true,
            other_owner: None,
            knows_all: true,
            is_hearsay: false,
            claimed_elsewhere,
            deleted: self.memory.deleted.clone(),
            crd: CrdPresence::Unread,
            observed: Observed::Unasked,
            get_result: GetResult::Unasked,
            not_found: std::mem::take(&mut known.gone).then(update_of_gone),
            baseline: None,
            rewrites: Rewrites::default(),
            sweep_failure: None,
            queued: false,
        }
    }
}
