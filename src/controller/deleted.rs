//! Ids that this process deleted, or found to be gone, a short while ago. A list may lag and still show them: they count as absent for
//! every object of the project, or an object that replaces another would take the dead row over. Kept in memory only.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;
use crate::plan::facts::row::Row;
use crate::terms::target::Target;

/// How long a deleted id counts as absent.
const COUNTS_FOR: Duration = Duration::from_mins(10);

/// The ids that were deleted lately, in all projects.
#[derive(Default)]
pub(super) struct DeletedIds(Mutex<Vec<DeletedId>>);

struct DeletedId {
    region: String,
    project_id: String,
    id: String,
    at: Instant,
}

impl DeletedId {
    fn is_in(&self, target: &Target) -> bool {
        self.region == target.region && self.project_id == target.project_id
    }
}

impl DeletedIds {
    /// An id of this project was deleted, or is known to be gone.
    pub(super) fn note(&self, target: &Target, id: &str) {
        self.entries().push(DeletedId {
            region: target.region.clone(),
            project_id: target.project_id.clone(),
            id: id.to_owned(),
            at: Instant::now(),
        });
    }

    /// The ids of this project that count as absent.
    pub(super) fn ids(&self, target: &Target) -> BTreeSet<String> {
        let entries = self.entries();
        let here = entries.iter().filter(|entry| entry.is_in(target));
        here.map(|entry| entry.id.clone()).collect()
    }

    /// What of these rows of this project does not count as absent.
    pub(super) fn without_deleted(&self, target: &Target, mut rows: Vec<Row>) -> Vec<Row> {
        let entries = self.entries();
        rows.retain(|row| {
            let is_row = |entry: &DeletedId| entry.id == row.id && entry.is_in(target);
            !entries.iter().any(is_row)
        });
        rows
    }

    fn entries(&self) -> MutexGuard<'_, Vec<DeletedId>> {
        let mut entries = lock(&self.0);
        entries.retain(|entry| entry.at.elapsed() < COUNTS_FOR);
        entries
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::plan::facts::content::ReportedContent;
    use crate::plan::facts::place::Place;

    fn project(id: &str) -> Target {
        Target {
            region: "cn-north-4".to_owned(),
            project_id: id.to_owned(),
            endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
        }
    }

    fn row(id: &str) -> Row {
        Row {
            id: id.to_owned(),
            place: Place::new("push.example.com", "live"),
            content: ReportedContent::default(),
            create_time: None,
            update_time: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_id_counts_as_absent_for_all_of_its_project_for_a_while() {
        let deleted = DeletedIds::default();
        deleted.note(&project("one"), "id");
        assert!(deleted.ids(&project("one")).contains("id"));
        assert!(deleted.ids(&project("two")).is_empty());
        advance(COUNTS_FOR).await;
        assert!(deleted.ids(&project("one")).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_row_of_a_deleted_id_is_not_seen() {
        let rows: Vec<Row> = ["dead", "alive"].into_iter().map(row).collect();
        let deleted = DeletedIds::default();
        deleted.note(&project("one"), "dead");
        let living = deleted.without_deleted(&project("one"), rows.clone());
        assert_eq!(living, rows[1..]);
        assert_eq!(deleted.without_deleted(&project("two"), rows.clone()), rows);
    }
}
