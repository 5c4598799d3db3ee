//! The cloud: rows, POSTs that are still under way, and what a list shows. It knows who made a row, which no operator is told.

use super::operator::ModelOperator;
use super::server::ModelObject;
use super::shared::SharedModel;
use super::twins::Mechanism;
use super::world::{ModelFault, ModelWorld, Wrong};
use crate::plan::facts::content::{Content, ReportedContent};
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::tests::world::{FOREIGN, SETTLE, content, moment};
use crate::terms::failure::Class;

/// A row this old at the time of a POST was there for every look that the POST may rely on.
const LONG_AGO: i64 = 60;

/// A row, and what is known of it here only.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(super) struct ModelRemote {
    pub(super) row: SharedModel<Row>,
    /// Made by a POST of an operator; everything else is foreign.
    pub(super) posted: bool,
    /// Its sign key, which no row tells; 0 is none.
    pub(super) key: u8,
    /// Lists do not show it yet, but will from this moment on.
    pub(super) hidden_until: Option<i64>,
}

/// A POST or PUT whose client gave up, and which is carried out later all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LateWrite {
    /// The id that a PUT names.
    pub(super) id: Option<String>,
    pub(super) url: usize,
    pub(super) key: u8,
    /// Until when it is carried out; `None` when that may be after the settle time.
    pub(super) due: Option<i64>,
}

/// The two keys that the Secret has in turn.
pub(super) const KEYS: [u8; 2] = [1, 2];
/// A key that somebody else put there.
const FOREIGN_KEY: u8 = 9;

/// The key that the Secret has not.
pub(super) fn other_key(key: u8) -> u8 {
    KEYS[0] + KEYS[1] - key
}

/// Domain and app of the object.
pub(super) fn place() -> Place {
    Place::new("push.example.com", "live")
}

/// Rows as the product takes them.
pub(super) fn plain(rows: &[SharedModel<Row>]) -> Vec<Row> {
    rows.iter().map(|row| Row::clone(row)).collect()
}

impl ModelWorld {
    /// The rows that lie at the object's place.
    pub(super) fn here(&self) -> impl Iterator<Item = &ModelRemote> {
        let here = place();
        self.rows
            .iter()
            .filter(move |remote| remote.row.place == here)
    }

    /// A POST, from an operator that planned it at `planned`.
    pub(super) fn post(
        &mut self,
        url: usize,
        key: u8,
        planned: i64,
        fault: Option<ModelFault>,
    ) -> Result<Row, Class> {
        let was_there =
            |remote: &ModelRemote| remote.row.create_time < Some(moment(planned - LONG_AGO));
        if self.here().any(was_there) {
            self.wrong = Some(Wrong::PostedBeside);
        }
        match fault {
            Some(ModelFault::Refused) => return Err(Class::Rejected),
            Some(ModelFault::Lost) => return Err(Class::CloudDown),
            Some(ModelFault::Late | ModelFault::TooLate) => {
                let due = (fault == Some(ModelFault::Late)).then_some(planned + SETTLE);
                self.late.push(LateWrite {
                    id: None,
                    url,
                    key,
                    due,
                });
                return Err(Class::CloudDown);
            }
            Some(ModelFault::ReplyLost) | None => {}
        }
        let made = self
            .add_row(url, key, Some(planned + SETTLE))
            .ok_or(Class::Exists)?;
        if fault.is_some() {
            Err(Class::CloudDown)
        } else {
            Ok(made)
        }
    }

    /// Makes a row at the object's place, if that may be. `posted`: by an operator, and from when on lists show it for sure.
    pub(super) fn add_row(&mut self, url: usize, key: u8, posted: Option<i64>) -> Option<Row> {
        if self.setup.unique && self.here().next().is_some() {
            return None;
        }
        let row = self.row(place(), &content(url), self.now);
        let visible = posted.unwrap_or(self.now + SETTLE);
        let hidden_until = (self.lagging && visible > self.now).then_some(visible);
        self.rows.push(ModelRemote {
            row: row.clone().into(),
            posted: posted.is_some(),
            key,
            hidden_until,
        });
        Some(row)
    }

    pub(super) fn row(&mut self, place: Place, content: &Content, made: i64) -> Row {
        self.next_id += 1;
        Row {
            id: format!("row-{}", self.next_id),
            place,
            content: content.into(),
            create_time: Some(moment(made)),
            update_time: Some(moment(made)),
        }
    }

    /// A PUT, as it is handed over. The row as it is then; `None` when there is none of this id.
    pub(super) fn put(&mut self, id: &str, url: usize, key: u8) -> Option<Row> {
        let is_stale = |object: &SharedModel<ModelObject>| object.url != url;
        let is_stale = self.object.as_ref().is_some_and(is_stale);
        if is_stale || (self.setup.keyed && key != self.key) {
            self.wrong = Some(Wrong::StalePut);
        }
        self.overwrite(id, url, key, self.now)
    }

    /// All fields of a row are written. Without a key it keeps the one that it has.
    pub(super) fn overwrite(&mut self, id: &str, url: usize, key: u8, at: i64) -> Option<Row> {
        let remote = self.rows.iter_mut().find(|remote| remote.row.id == id)?;
        let row = Row {
            content: ReportedContent::from(&content(url)),
            update_time: Some(moment(at)),
            ..Row::clone(&remote.row)
        };
        remote.row = row.clone().into();
        remote.key = if key == 0 { remote.key } else { key };
        Some(row)
    }

    /// Somebody else writes our row: what nobody can see where there is a key, else what everybody can.
    pub(super) fn rewrite(&mut self, at: usize) {
        self.rewritten = true;
        let remote = &mut self.rows[at];
        let mut row = Row::clone(&remote.row);
        row.update_time = Some(moment(self.now));
        if self.setup.keyed {
            remote.key = FOREIGN_KEY;
        } else {
            row.content = ReportedContent::from(&content(FOREIGN));
        }
        remote.row = row.into();
    }

    /// Whether somebody else may write this row now. Two writes within a second can't be told from one, nor can what comes before
    /// a create is recorded: the first row that is seen is what counts.
    pub(super) fn may_rewrite(&self, at: usize) -> bool {
        let row = &self.rows[at].row;
        let recorded = |object: &SharedModel<ModelObject>| {
            let closed = object.status.closed_operation.as_deref();
            let is_open = |record: &Record| record.is_open(closed);
            object.status.callback_id.as_ref() == Some(&row.id)
                && !object.record.as_ref().is_some_and(is_open)
        };
        self.object.as_ref().is_some_and(recorded)
            && row.update_time < Some(moment(self.now))
            && !self.operators.iter().any(ModelOperator::is_creating)
    }

    /// Whether a late call may be carried out now. A PUT that comes in the second of another can't be told from it.
    pub(super) fn may_commit(&self, late: &LateWrite) -> bool {
        let Some(id) = &late.id else {
            return late.due.is_some() || self.may_come_late();
        };
        let mut rows = self.rows.iter();
        rows.any(|remote| remote.row.id == *id && remote.row.update_time < Some(moment(self.now)))
    }

    /// A DELETE. What is gone already is deleted, too.
    pub(super) fn remove_row(&mut self, id: &str) {
        let Some(at) = self.rows.iter().position(|remote| remote.row.id == id) else {
            return;
        };
        let remote = self.rows.remove(at);
        let retained = self
            .object
            .as_ref()
            .is_some_and(|object| object.deleting && object.retain);
        if !remote.posted {
            self.wrong = Some(Wrong::ForeignDeleted);
        } else if retained {
            self.wrong = Some(Wrong::RetainedDeleted);
        }
    }

    /// What a list of the place shows.
    pub(super) fn list(&self) -> Vec<SharedModel<Row>> {
        let matches = |row: &Row| self.lies(Mechanism::ExactMatch) || row.place == place();
        self.rows
            .iter()
            .filter(|remote| remote.hidden_until.is_none() && matches(&remote.row))
            .map(|remote| self.presented(&remote.row))
            .collect()
    }

    /// A row as an operator gets to read it.
    fn presented(&self, row: &SharedModel<Row>) -> SharedModel<Row> {
        if self.lies(Mechanism::UpdateTime) {
            return Row {
                update_time: None,
                ..Row::clone(row)
            }
            .into();
        }
        let newest = self
            .object
            .as_ref()
            .and_then(|object| object.record.as_ref()?.newest());
        match newest.filter(|_| self.lies(Mechanism::ValuesMatch)) {
            Some(newest) => Row {
                content: ReportedContent::from(&newest.content),
                ..Row::clone(row)
            }
            .into(),
            None => row.clone(),
        }
    }

    /// Whether somebody else may make a row with this URL now. One that says what an attempt says, and comes when that attempt
    /// may have made it, can't be told from ours: that is beyond help, so here it does not happen.
    pub(super) fn may_intrude(&self, url: usize) -> bool {
        let claims = self.object.as_ref().is_some_and(|object| {
            let closed = object.status.closed_operation.as_deref();
            let record = object.record.as_ref();
            record.is_some_and(|record| record.has_several_attempts() || record.is_open(closed))
        });
        let creating = self.operators.iter().any(ModelOperator::is_creating);
        let alike = url != FOREIGN;
        let claims = claims || self.hangs_by_memory();
        let hard_to_tell = claims || creating || !self.late.is_empty() || self.lagging;
        let taken = self.setup.unique && self.here().next().is_some();
        !(taken || alike && hard_to_tell)
    }

    /// Whether a POST that comes later than the settle time may be carried out: while the record still speaks of it. One that
    /// comes when its record is closed by another outcome, or its object is going, is beyond help.
    pub(super) fn may_come_late(&self) -> bool {
        self.object.as_ref().is_some_and(|object| {
            let closed = object.status.closed_operation.as_deref();
            let claims = |record: &Record| record.has_several_attempts() || record.is_open(closed);
            !object.deleting && object.record.as_ref().is_some_and(claims)
        })
    }
}
