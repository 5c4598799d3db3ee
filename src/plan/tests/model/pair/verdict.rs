//! How it ends: what must hold of the two objects once nothing more happens.

use super::world::{DAWN, PairFate, PairObject, PairWorld};
use crate::plan::facts::conditions;
use crate::plan::facts::reason::Reason;
use crate::plan::tests::model::shared;
use crate::plan::tests::world::{SWEEP, content};

/// So long after the beginning it is quiet for sure.
const DAY: i64 = SWEEP + SWEEP / 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairVerdict {
    Good,
    Several,
    Touched,
    Stuck,
    Restless,
}

impl shared::SharedWorld for PairWorld {
    type Verdict = PairVerdict;
    const ENDLESS: PairVerdict = PairVerdict::Stuck;

    fn go_on(&mut self) -> bool {
        if let Some(who) = (0..2).find(|who| self.has_work(*who)) {
            self.reconcile(who, PairFate::Answered);
            return true;
        }
        let wakes = self.memory.of.iter().filter_map(|known| known.wake);
        let sweep = self.now - self.now % SWEEP + SWEEP;
        let dues = self.late.iter().map(|(_, due)| *due);
        self.advance(wakes.chain(dues).chain([sweep]).min().unwrap_or(sweep));
        if self.now == sweep {
            (0..2).for_each(|who| self.sweep(who));
        }
        self.now < DAWN + DAY
    }

    /// How it is once quiet, and whether it stays so. Who is in Conflict goes on to look and to tell when.
    fn end(&self) -> PairVerdict {
        let verdict = self.judge();
        let mut world = self.clone();
        for who in 0..2 {
            world.sweep(who);
            world.reconcile(who, PairFate::Answered);
        }
        let objects = |world: &Self| (!world.is_misled()).then(|| world.objects.clone());
        let same = (objects(self), &self.rows) == (objects(&world), &world.rows);
        if verdict == PairVerdict::Good && !same {
            return PairVerdict::Restless;
        }
        verdict
    }
}

impl PairWorld {
    /// Whether a status that somebody wrote takes somebody to put right.
    fn is_misled(&self) -> bool {
        let mut left = self.objects.iter().flatten();
        self.forged && left.any(|it| conditions::has_reason(&it.status, Reason::Conflict))
    }

    fn judge(&self) -> PairVerdict {
        if self.touched {
            return PairVerdict::Touched;
        }
        let rows = self.here();
        if rows.len() > 1 {
            return PairVerdict::Several;
        }
        let left: Vec<&PairObject> = self.objects.iter().flatten().map(|it| &**it).collect();
        let has = |object: &PairObject, reason| conditions::has_reason(&object.status, reason);
        let is_right = |object: &PairObject| {
            let held = object.status.callback_id.as_deref();
            let mut rows = rows.iter();
            has(object, Reason::Available)
                && rows.any(|row| Some(row.id.as_str()) == held && row.holds(&content(object.url)))
        };
        let is_duplicate = |object: &PairObject| {
            let held = object.status.callback_id.as_deref();
            let owner = left.iter().any(|other| {
                !std::ptr::eq(*other, object) && other.status.callback_id.as_deref() == held
            });
            has(object, Reason::Duplicate) && (held.is_none() || self.forged && !owner)
        };
        let right = left.iter().filter(|it| is_right(it)).count();
        let duplicates = left.iter().filter(|it| is_duplicate(it)).count();
        let misled = left
            .iter()
            .filter(|it| self.forged && has(it, Reason::Conflict))
            .count();
        let is_left = left.is_empty() && (rows.is_empty() || self.forged);
        let one = right == 1 || misled > 0 || is_left;
        let all = right + misled + duplicates == left.len();
        if one && all && left.iter().all(|object| !object.deleting) {
            PairVerdict::Good
        } else {
            PairVerdict::Stuck
        }
    }
}
