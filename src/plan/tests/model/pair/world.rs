//! The cloud, the API server and what one process remembers, with two objects.

use std::collections::BTreeSet;

use crate::api::status::Status;
use crate::plan::conditions;
use crate::plan::content::Partial;
use crate::plan::facts::Rival;
use crate::plan::owner::{Candidate, owner};
use crate::plan::place::Place;
use crate::plan::reason::Reason;
use crate::plan::record::Record;
use crate::plan::row::Row;
use crate::plan::tests::model::shared::{self, Shared};
use crate::plan::tests::world::{SETTLE, SWEEP, content, moment};

const DAWN: i64 = 1_800_000_000;
/// Half the settle time, so that a moment is before or after it.
const TICK: i64 = SETTLE / 2 + 1;
/// So long after the beginning it is quiet for sure.
const DAY: i64 = SWEEP + SWEEP / 2;
/// How long an open record counts for others.
const RECORD_COUNTS: i64 = SETTLE + 60;
/// The callback of another team, which a third object's status holds.
pub(super) const THEIRS: &str = "theirs";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Setting {
    /// Whether the cloud refuses a second row at a place.
    pub(super) unique: bool,
    /// Whether both objects want the same content.
    pub(super) alike: bool,
    pub(super) twin: Option<Neglect>,
}

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Neglect {
    /// Nobody asks who owns the place.
    Rival,
    /// Nobody asks which ids other statuses hold.
    Claims,
    /// A GET shows every row at the object's own place.
    Dispute,
    /// A duplicate keeps the id that is not its own.
    Disowning,
    /// What becomes of the other object wakes nobody.
    Waking,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) now: i64,
    pub(super) objects: [Option<Shared<Object>>; 2],
    pub(super) rows: Vec<Shared<Row>>,
    pub(super) memory: Memory,
    pub(super) next_id: u32,
    touched: bool,
    /// Somebody wrote an id into a status: what was known by the one that it took the place of, nobody knows any more.
    forged: bool,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) struct Object {
    pub(super) generation: i64,
    pub(super) url: usize,
    pub(super) deleting: bool,
    pub(super) finalizer: bool,
    pub(super) record: Option<Record>,
    pub(super) status: Status,
}

/// What the process remembers, of each object and of the cloud.
#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub(super) struct Memory {
    pub(super) of: [Known; 2],
    pub(super) deleted: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub(super) struct Known {
    pub(super) looked: bool,
    pub(super) gone: bool,
    pub(super) look_at: Option<i64>,
    pub(super) rechecked: Option<String>,
    pub(super) wake: Option<i64>,
    /// What it was reconciled for last.
    seen: Option<Occasion>,
}

/// What of an object has it reconciled when it changes, and what of the other one.
type Occasion = ((i64, bool, bool, bool), Option<Claim>);
/// Id, whether the record is open, whether it is being deleted.
type Claim = (Option<String>, bool, bool);

/// What becomes of the change that a reconcile makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Lost,
    ReplyLost,
    /// It is carried out, and the process dies.
    Killed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Several,
    Touched,
    Stuck,
    Restless,
}

impl shared::World for World {
    type Verdict = Verdict;
    const ENDLESS: Verdict = Verdict::Stuck;

    fn go_on(&mut self) -> bool {
        if let Some(who) = (0..2).find(|who| self.has_work(*who)) {
            self.reconcile(who, Fate::Answered);
            return true;
        }
        let wakes = self.memory.of.iter().filter_map(|known| known.wake);
        let sweep = self.now - self.now % SWEEP + SWEEP;
        self.now = wakes.chain([sweep]).min().unwrap_or(sweep);
        if self.now == sweep {
            (0..2).for_each(|who| self.sweep(who));
        }
        self.now < DAWN + DAY
    }

    /// How it is once quiet, and whether it stays so. Who is in Conflict goes on to look and to tell when.
    fn end(&self) -> Verdict {
        let verdict = self.judge();
        let mut world = self.clone();
        for who in 0..2 {
            world.sweep(who);
            world.reconcile(who, Fate::Answered);
        }
        let told = |world: &Self| (!world.is_misled()).then(|| world.objects.clone());
        let same = (told(self), &self.rows) == (told(&world), &world.rows);
        if verdict == Verdict::Good && !same {
            return Verdict::Restless;
        }
        verdict
    }
}

pub(super) fn place() -> Place {
    Place::new("push.example.com", "live")
}

fn claim(object: &Object) -> Claim {
    let open = object.record.as_ref();
    let open = open.is_some_and(|it| it.is_open(object.status.closed_operation.as_deref()));
    (object.status.callback_id.clone(), open, object.deleting)
}

impl World {
    pub(super) fn new(setting: Setting) -> Self {
        let object = |url| {
            Some(Shared::from(Object {
                generation: 1,
                url,
                deleting: false,
                finalizer: false,
                record: None,
                status: Status {
                    observed_generation: Some(-1),
                    ..Status::default()
                },
            }))
        };
        let mut world = Self {
            setting,
            now: DAWN,
            objects: [object(0), object(if setting.alike { 0 } else { 2 })],
            rows: Vec::new(),
            memory: Memory::default(),
            next_id: 0,
            touched: false,
            forged: false,
        };
        let theirs = Place::new("theirs.example.com", "live");
        let row = world.row(THEIRS.to_owned(), theirs, 0);
        world.rows.push(row.into());
        world
    }

    pub(super) fn lies(&self, neglect: Neglect) -> bool {
        self.setting.twin == Some(neglect)
    }

    fn row(&self, id: String, place: Place, url: usize) -> Row {
        Row {
            id,
            place,
            content: Partial::from(&content(url)),
            create_time: Some(moment(self.now)),
            update_time: Some(moment(self.now)),
        }
    }

    /// A POST. `None` where the place is taken.
    pub(super) fn post(&mut self, url: usize) -> Option<Row> {
        if self.setting.unique && !self.here().is_empty() {
            return None;
        }
        self.next_id += 1;
        let row = self.row(format!("row-{}", self.next_id), place(), url);
        self.rows.push(row.clone().into());
        Some(row)
    }

    /// A PUT. `None` where there is no such row.
    pub(super) fn put(&mut self, id: &str, url: usize) -> Option<Row> {
        self.touched |= id == THEIRS;
        let now = moment(self.now);
        let row = self.rows.iter_mut().find(|row| row.id == id)?;
        let written = Row {
            content: Partial::from(&content(url)),
            update_time: Some(now),
            ..Row::clone(row)
        };
        *row = written.clone().into();
        Some(written)
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.touched |= id == THEIRS;
        self.rows.retain(|row| row.id != id);
    }

    /// What a list of the place shows.
    pub(super) fn here(&self) -> Vec<Row> {
        let here = place();
        let rows = self.rows.iter().filter(|row| row.place == here);
        rows.map(|row| Row::clone(row)).collect()
    }

    pub(super) fn write(&mut self, who: usize, change: impl FnOnce(&mut Object)) {
        let Some(object) = &self.objects[who] else {
            return;
        };
        let mut object = Object::clone(object);
        change(&mut object);
        let is_gone = object.deleting && !object.finalizer;
        self.objects[who] = (!is_gone).then(|| object.into());
        if is_gone {
            self.memory.of[who] = Known::default();
        }
    }

    pub(super) fn edit(&mut self, who: usize, change: impl FnOnce(&mut Object)) {
        self.write(who, |object| {
            change(object);
            object.generation += 1;
        });
    }

    /// A status that somebody wrote has the object reconciled with the next change of it, at the latest by a sweep; here at once.
    pub(super) fn forge(&mut self, who: usize, id: String) {
        self.write(who, |object| object.status.callback_id = Some(id));
        self.memory.of[who].seen = None;
        self.forged = true;
    }

    pub(super) fn crash(&mut self) {
        self.memory = Memory::default();
    }

    pub(super) fn tick(&mut self) {
        self.now += TICK;
    }

    fn occasion(&self, who: usize) -> Option<Occasion> {
        let object = self.objects[who].as_ref()?;
        let own = (
            object.generation,
            object.deleting,
            object.finalizer,
            object.record.is_some(),
        );
        let other = self.objects[1 - who].as_ref();
        let other = other.filter(|_| !self.lies(Neglect::Waking));
        Some((own, other.map(|other| claim(other))))
    }

    pub(super) fn has_work(&self, who: usize) -> bool {
        let known = &self.memory.of[who];
        let occasion = self.occasion(who);
        let due = known.wake.is_some_and(|wake| wake <= self.now);
        occasion.is_some() && (due || occasion != known.seen)
    }

    /// A reconcile begins.
    pub(super) fn note_begun(&mut self, who: usize) {
        let occasion = self.occasion(who);
        let known = &mut self.memory.of[who];
        (known.seen, known.wake) = (occasion, None);
    }

    /// Who else owns the place, as `declared::index` tells it.
    pub(super) fn rival(&self, who: usize) -> Option<Rival> {
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
                uid: at.to_string(),
                created: Some(moment(DAWN)),
                holds: id.is_some(),
                open: open && counts,
                looked: self.memory.of[at].looked,
                deleting,
            })
        };
        let candidates: Vec<Candidate> = (0..2).filter_map(candidate).collect();
        let owner = owner(&candidates).filter(|owner| owner.uid != who.to_string())?;
        let other = self.objects[1 - who].as_ref();
        Some(Rival {
            name: owner.name.clone(),
            id: other.and_then(|other| other.status.callback_id.clone()),
            deleting: owner.deleting,
            unproven: !owner.holds && !owner.looked,
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

    pub(super) fn is_compared(&self, who: usize) -> bool {
        let object = self.objects[who].as_ref();
        object.is_some_and(|it| !it.deleting && it.status.callback_id.is_some())
    }

    /// Whether a status that somebody wrote takes somebody to put right.
    fn is_misled(&self) -> bool {
        let mut left = self.objects.iter().flatten();
        self.forged && left.any(|it| conditions::has_reason(&it.status, Reason::Conflict))
    }

    fn judge(&self) -> Verdict {
        if self.touched {
            return Verdict::Touched;
        }
        let rows = self.here();
        if rows.len() > 1 {
            return Verdict::Several;
        }
        let left: Vec<&Object> = self.objects.iter().flatten().map(|it| &**it).collect();
        let has = |object: &Object, reason| conditions::has_reason(&object.status, reason);
        let is_right = |object: &Object| {
            let held = object.status.callback_id.as_deref();
            let mut rows = rows.iter();
            has(object, Reason::Available)
                && rows.any(|row| Some(row.id.as_str()) == held && row.holds(&content(object.url)))
        };
        let is_duplicate = |object: &Object| {
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
            Verdict::Good
        } else {
            Verdict::Stuck
        }
    }
}
