//! The cloud, the API server and what one process remembers, with two objects.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::tests::model::shared::SharedModel;
use crate::plan::tests::world::{SETTLE, content, moment};

pub(super) const DAWN: i64 = 1_800_000_000;
/// Half the settle time, so that a moment is before or after it.
const TICK: i64 = SETTLE / 2 + 1;
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
pub(super) struct PairWorld {
    pub(super) setting: Setting,
    pub(super) now: i64,
    pub(super) objects: [Option<SharedModel<PairObject>>; 2],
    pub(super) rows: Vec<SharedModel<Row>>,
    /// POSTs that are carried out later: their URL, and until when.
    pub(super) late: Vec<(usize, i64)>,
    pub(super) memory: PairMemory,
    pub(super) next_id: u32,
    pub(super) touched: bool,
    /// Somebody wrote an id into a status: what was known by the one that it took the place of, nobody knows any more.
    pub(super) forged: bool,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) struct PairObject {
    pub(super) generation: i64,
    pub(super) url: usize,
    pub(super) deleting: bool,
    pub(super) finalizer: bool,
    pub(super) record: Option<Record>,
    pub(super) status: Status,
}

/// What the process remembers, of each object and of the cloud.
#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub(super) struct PairMemory {
    pub(super) of: [PairKnown; 2],
    pub(super) deleted: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Hash)]
pub(super) struct PairKnown {
    pub(super) has_looked: bool,
    pub(super) gone: bool,
    pub(super) look_at: Option<i64>,
    pub(super) rechecked: Option<String>,
    pub(super) update_rechecked: Option<Timestamp>,
    pub(super) wake: Option<i64>,
    /// What it was reconciled for last.
    seen: Option<PairOccasion>,
}

/// What of an object has it reconciled when it changes, and what of the other one.
type PairOccasion = ((i64, bool, bool, bool), Option<PairClaim>);
/// Id, whether the record is open, whether it is being deleted.
pub(super) type PairClaim = (Option<String>, bool, bool);

/// What becomes of the change that a reconcile makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairFate {
    Answered,
    Lost,
    ReplyLost,
    /// A POST is carried out within the settle time; another change is lost.
    Late,
    /// It is carried out, and the process dies.
    Killed,
}

pub(super) fn place() -> Place {
    Place::new("push.example.com", "live")
}

/// What others go by.
pub(super) fn claim(object: &PairObject) -> PairClaim {
    let open = object.record.as_ref();
    let open = open.is_some_and(|it| it.is_open(object.status.closed_operation.as_deref()));
    (object.status.callback_id.clone(), open, object.deleting)
}

impl PairWorld {
    pub(super) fn new(setting: Setting) -> Self {
        let object = |url| {
            Some(SharedModel::from(PairObject {
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
            late: Vec::new(),
            memory: PairMemory::default(),
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
            content: ReportedContent::from(&content(url)),
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
            content: ReportedContent::from(&content(url)),
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

    pub(super) fn write(&mut self, who: usize, change: impl FnOnce(&mut PairObject)) {
        let Some(object) = &self.objects[who] else {
            return;
        };
        let mut object = PairObject::clone(object);
        change(&mut object);
        let is_gone = object.deleting && !object.finalizer;
        self.objects[who] = (!is_gone).then(|| object.into());
        if is_gone {
            self.memory.of[who] = PairKnown::default();
        }
    }

    pub(super) fn edit(&mut self, who: usize, change: impl FnOnce(&mut PairObject)) {
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
        self.memory = PairMemory::default();
    }

    pub(super) fn tick(&mut self) {
        self.advance(self.now + TICK);
    }

    /// Time passes. What the settle time is an upper bound of comes within it.
    pub(super) fn advance(&mut self, to: i64) {
        while let Some(at) = self.late.iter().position(|(_, due)| *due <= to) {
            self.commit(at);
        }
        self.now = to;
    }

    pub(super) fn commit(&mut self, at: usize) {
        let (url, _) = self.late.remove(at);
        self.post(url);
    }

    fn occasion(&self, who: usize) -> Option<PairOccasion> {
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

    pub(super) fn is_compared(&self, who: usize) -> bool {
        let object = self.objects[who].as_ref();
        object.is_some_and(|it| !it.deleting && it.status.callback_id.is_some())
    }
}
