//! The cloud: rows, what becomes of changes, and what a list shows.

use super::{EffectFate, PlanWorld, STRANGE, WorldRemote};
use crate::plan::facts::content::Content;
use crate::plan::facts::row::Row;
use crate::terms::failure::Class;
use jiff::Timestamp;

impl PlanWorld {
    /// Carries a POST out as fate has it.
    pub(super) fn post(&mut self, fate: Option<EffectFate>) -> Option<Result<Row, Class>> {
        assert_ne!(self.endpoint, STRANGE, "it is made in two clouds");
        match fate {
            Some(EffectFate::Refused) => return Some(Err(Class::Rejected)),
            Some(EffectFate::Throttled) => return Some(Err(Class::Throttled)),
            Some(EffectFate::Lost) => return None,
            _ if self.unique && !self.rows.is_empty() => return Some(Err(Class::Exists)),
            Some(EffectFate::Late(seconds)) => {
                let row = self.row(&self.spec.content.clone());
                self.late.push((self.now + seconds, row));
                return None;
            }
            None | Some(EffectFate::ReplyLost | EffectFate::Empty) => {}
        }
        let row = self.insert(&self.spec.content.clone(), true);
        (fate.is_none()).then_some(Ok(row))
    }

    pub(super) fn remove(&mut self, id: &str) {
        assert_ne!(self.endpoint, STRANGE, "what lies there is nobody's");
        self.deletes += 1;
        let adopted =
            self.status.adopted == Some(true) && self.status.callback_id.as_deref() == Some(id);
        if let Some(at) = self.rows.iter().position(|remote| remote.row.id == id) {
            let remote = self.rows.remove(at);
            if !remote.posted && !adopted {
                self.wronged.push(remote.row);
            }
        }
    }

    pub(super) fn insert(&mut self, content: &Content, posted: bool) -> Row {
        let row = self.row(content);
        self.rows.push(WorldRemote {
            row: row.clone(),
            posted,
            visible_at: self.now + self.list_lag,
        });
        row
    }

    pub(super) fn row(&mut self, content: &Content) -> Row {
        self.next_id += 1;
        Row {
            id: format!("row-{}", self.next_id),
            place: self.spec.place.clone(),
            content: content.into(),
            create_time: Some(self.moment()),
            update_time: Some(self.moment()),
        }
    }

    /// Carries out what was late. Where places are unique it finds its place taken.
    pub(super) fn commit_late(&mut self) {
        let now = self.now;
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.late = later;
        for (at, mut row) in due {
            if self.unique && !self.rows.is_empty() {
                continue;
            }
            let made = Timestamp::from_second(at).unwrap();
            (row.create_time, row.update_time) = (Some(made), Some(made));
            self.rows.push(WorldRemote {
                row,
                posted: true,
                visible_at: at + self.list_lag,
            });
        }
    }

    pub(super) fn list(&self) -> Vec<Row> {
        let is_home = self.endpoint != STRANGE;
        self.rows
            .iter()
            .filter(|remote| is_home && remote.visible_at <= self.now)
            .map(|remote| remote.row.clone())
            .collect()
    }
}
