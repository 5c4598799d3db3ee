//! How the callbacks of a project stand to the objects of the cluster. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;

use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::plan::facts::conditions;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::terms::target::Target;

/// The objects, as far as they say something of callbacks.
#[derive(Debug, Default)]
pub(in crate::command) struct OwnershipReport {
    held: BTreeSet<String>,
    wanted: BTreeMap<Place, Vec<Claimant>>,
}

/// An object that names a place.
#[derive(Debug)]
struct Claimant {
    name: String,
    /// Why it is as it is.
    reason: Option<String>,
    /// Region and project, where they are known.
    project: Option<(String, String)>,
    /// A create of it may have made something that is not known.
    is_open: bool,
}

/// Region and project that an object keeps to, as far as its status or the record of its create names them.
pub(super) fn recorded_project(object: &RecordingCallback) -> Option<(String, String)> {
    let status = object.status.as_ref();
    let target = status.and_then(|status| status.target.as_ref());
    let target = target.map(|target| (target.region.clone(), target.project_id.clone()));
    target.or_else(|| {
        let Target {
            region, project_id, ..
        } = parse::record(object)?.target;
        Some((region, project_id))
    })
}

/// A callback that no object holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::command) struct UnclaimedRow<'a> {
    pub(in crate::command) row: &'a Row,
    /// What else there is to say of it; nothing of one that no object has to do with.
    pub(in crate::command) notes: Vec<String>,
    /// There is no other at its place.
    pub(in crate::command) is_only_row: bool,
    /// An object of this very project wants it.
    pub(in crate::command) is_wanted: bool,
}

impl OwnershipReport {
    /// Each object comes with its project, as far as its credentials tell it.
    pub(super) fn of<'a>(
        objects: impl Iterator<Item = (&'a RecordingCallback, Option<(String, String)>)>,
    ) -> Self {
        let mut report = Self::default();
        for (object, entered) in objects {
            let ready = object.status.as_ref().and_then(conditions::ready);
            report.add_object(object, entered, ready.map(|ready| ready.reason.clone()));
        }
        report
    }

    /// The same, with objects of which only a part can be read: what they hold is held nonetheless.
    pub(super) fn with_partial<'a>(
        mut self,
        objects: impl Iterator<Item = (&'a RecordingCallback, Option<(String, String)>)>,
    ) -> Self {
        for (object, entered) in objects {
            self.add_object(object, entered, Some("can't be read".to_owned()));
        }
        self
    }

    fn add_object(
        &mut self,
        object: &RecordingCallback,
        entered: Option<(String, String)>,
        reason: Option<String>,
    ) {
        let status = object.status.as_ref();
        let id = status.and_then(|status| status.callback_id.clone());
        self.held.extend(id);
        let record = parse::record(object);
        let closed = status.and_then(|status| status.closed_operation.as_deref());
        let claimant = Claimant {
            name: format!(
                "{}/{}",
                object.namespace().unwrap_or_default(),
                object.name_any()
            ),
            reason,
            project: recorded_project(object).or(entered),
            is_open: record
                .is_some_and(|record| record.is_open(closed) || record.has_several_attempts()),
        };
        let place = parse::place(&object.spec);
        self.wanted.entry(place).or_default().push(claimant);
    }

    /// The same, with what objects held before the look: a callback of one that went meanwhile is nobody's orphan.
    pub(in crate::command) fn with_ids_held_before(mut self, before: BTreeSet<String>) -> Self {
        self.held.extend(before);
        self
    }

    /// The callbacks of a project that no object holds, by place.
    pub(in crate::command) fn orphans<'a>(
        &self,
        target: &Target,
        rows: &'a [Row],
    ) -> Vec<UnclaimedRow<'a>> {
        let mut places: BTreeMap<&Place, usize> = BTreeMap::new();
        for row in rows {
            *places.entry(&row.place).or_default() += 1;
        }
        let unclaimed = rows.iter().filter(|row| !self.held.contains(&row.id));
        let mut found: Vec<UnclaimedRow<'_>> = unclaimed
            .map(|row| {
                let (mut notes, is_wanted) = self.claimants(target, &row.place);
                let count = places.get(&row.place).copied().unwrap_or_default();
                let is_only_row = count < 2;
                if !is_only_row {
                    notes.push(format!("one of {count} at this place"));
                }
                UnclaimedRow {
                    row,
                    notes,
                    is_only_row,
                    is_wanted,
                }
            })
            .collect();
        found.sort_by(|a, b| (&a.row.place, &a.row.id).cmp(&(&b.row.place, &b.row.id)));
        found
    }

    /// The objects that want a place in a project, or may since theirs is not known; and whether there is one that does.
    fn claimants(&self, target: &Target, place: &Place) -> (Vec<String>, bool) {
        let project = (target.region.clone(), target.project_id.clone());
        let (mut notes, mut is_wanted) = (Vec::new(), false);
        for claimant in self.wanted.get(place).into_iter().flatten() {
            let here = match &claimant.project {
                None => ", whose project is not known",
                Some(wanted) if *wanted == project => "",
                Some(_) => continue,
            };
            is_wanted |= here.is_empty();
            let reason = claimant
                .reason
                .as_deref()
                .unwrap_or("not seen by an operator");
            let verb = if claimant.is_open {
                "may be made by a create of"
            } else {
                "wanted by"
            };
            notes.push(format!("{verb} {} ({reason}){here}", claimant.name));
        }
        (notes, is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::facts::content::ReportedContent;

    fn target(project_id: &str) -> Target {
        Target {
            region: "cn-north-4".to_owned(),
            project_id: project_id.to_owned(),
            endpoint: "https://live.example.com".to_owned(),
        }
    }

    fn row(id: &str, domain: &str) -> Row {
        Row {
            id: id.to_owned(),
            place: Place::new(domain, "live"),
            content: ReportedContent::default(),
            create_time: None,
            update_time: None,
        }
    }

    fn object(name: &str, domain: &str, record: Option<&str>, status: &Value) -> RecordingCallback {
        let record = record.map(|project| {
            let target = json!({ "region": "cn-north-4", "projectID": project, "endpoint": "https://live.example.com" });
            let attempt = json!({ "id": "a", "at": "2026-11-25T02:00:00Z", "signType": "MD5" });
            json!({ "uid": name, "target": target, "attempts": [attempt] }).to_string()
        });
        let mut metadata = json!({ "name": name, "namespace": "media", "uid": name });
        if let Some(record) = record {
            metadata["annotations"] = json!({ crate::api::PENDING_OPERATION: record });
        }
        serde_json::from_value(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback", "metadata": metadata,
            "spec": { "publishDomain": domain, "app": "live" }, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_callback_is_held_by_its_id_and_else_told_with_who_may_have_to_do_with_it() {
        let conflict = json!({ "type": "Ready", "status": "False", "reason": "Conflict" });
        let elsewhere = json!({ "target": { "region": "cn-north-4", "projectID": "p2" } });
        let objects = [
            object(
                "owner",
                "held.example.com",
                None,
                &json!({ "callbackID": "held" }),
            ),
            object(
                "late",
                "taken.example.com",
                None,
                &json!({ "conditions": [conflict] }),
            ),
            object("creating", "open.example.com", Some("p1"), &json!({})),
            object(
                "closed",
                "closed.example.com",
                Some("p1"),
                &json!({ "closedOperation": "a" }),
            ),
            object("other", "other.example.com", None, &elsewhere),
            object("new", "other.example.com", None, &json!({})),
        ];
        let entered = |object: &RecordingCallback| {
            let is_late = object.name_any() == "late";
            is_late.then(|| ("cn-north-4".to_owned(), "p1".to_owned()))
        };
        let report = OwnershipReport::of(objects.iter().map(|object| (object, entered(object))));
        let rows = ["held", "taken", "open", "closed", "other", "twice", "free"]
            .map(|name| row(name, &format!("{name}.example.com")));
        let mut rows = rows.to_vec();
        rows.push(row("again", "twice.example.com"));
        let target = target("p1");
        let found = report.orphans(&target, &rows);
        let notes = |id: &str| {
            let found = found.iter().find(|found| found.row.id == id);
            found.map(|found| found.notes.join("; "))
        };
        assert_eq!(notes("held"), None);
        for (id, expected) in [
            ("taken", "wanted by media/late (Conflict)"),
            (
                "open",
                "may be made by a create of media/creating (not seen by an operator)",
            ),
            ("closed", "wanted by media/closed (not seen by an operator)"),
            (
                "other",
                "wanted by media/new (not seen by an operator), whose project is not known",
            ),
            ("free", ""),
            ("twice", "one of 2 at this place"),
            ("again", "one of 2 at this place"),
        ] {
            assert_eq!(notes(id).as_deref(), Some(expected), "{id}");
        }
        let wanted = found.iter().filter(|found| found.is_wanted);
        let wanted: Vec<&str> = wanted.map(|found| found.row.id.as_str()).collect();
        assert_eq!(wanted, ["closed", "open", "taken"]);
        let places: Vec<&Place> = found.iter().map(|found| &found.row.place).collect();
        assert!(places.is_sorted());
    }
}
