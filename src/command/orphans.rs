//! `orphans`: callbacks at the cloud that no object of this cluster holds. Changes nothing.

use jiff::Timestamp;
use kube::ResourceExt as _;
use serde::Serialize;

use super::CommandOutput;
use super::command_cloud::CommandCloud;
use super::command_cluster::{CommandCluster, at_cluster, ended};
use super::output::{TableRow, print_message, render_found, table};
use super::readable::ReadObjects;
use super::remote::{ListedProject, UnclaimedRow, look, sources};
use crate::config::orphans::OrphansArgs;
use crate::terms::target::Target;

/// A callback that no object holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Orphan {
    publish_domain: String,
    app: String,
    #[serde(rename = "callbackID")]
    callback_id: String,
    #[serde(rename = "notifyCallbackURL", skip_serializing_if = "Option::is_none")]
    notify_callback_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    region: String,
    #[serde(rename = "projectID")]
    project_id: String,
    /// Objects that may have to do with it.
    notes: Vec<String>,
}

impl Orphan {
    fn new(target: &Target, found: UnclaimedRow<'_>) -> Self {
        let row = found.row;
        Self {
            publish_domain: row.place.domain().to_owned(),
            app: row.place.app().to_owned(),
            callback_id: row.id.clone(),
            notify_callback_url: row.content.url.as_ref().map(|url| url.shown().to_owned()),
            created: row.create_time,
            region: target.region.clone(),
            project_id: target.project_id.clone(),
            notes: found.notes,
        }
    }
}

impl TableRow for Orphan {
    const HEADS: &'static [&'static str] = &[
        "DOMAIN",
        "APP",
        "REMOTE ID",
        "CREATED",
        "REGION",
        "PROJECT",
        "NOTE",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.publish_domain.clone(),
            self.app.clone(),
            self.callback_id.clone(),
            self.created
                .map(|time| time.to_string())
                .unwrap_or_default(),
            self.region.clone(),
            self.project_id.clone(),
            self.notes.join("; "),
        ]
    }
}

/// Looks at the projects that the objects in the scope use.
pub async fn run(args: OrphansArgs) -> CommandOutput {
    let found = at_cluster(&args.scope.cluster, async |cluster| {
        find(cluster, &args).await
    });
    ended(found.await, args.print.output)
}

async fn find(cluster: &CommandCluster, args: &OrphansArgs) -> anyhow::Result<CommandOutput> {
    let namespace = cluster.namespace(args.scope.namespace.as_deref());
    // Whoever may not see all objects can't say that none holds a callback.
    let raw = cluster.objects();
    let before = ReadObjects::of(raw.list(None).await?);
    let in_scope = before.whole.iter().filter(|object| {
        args.scope.all_namespaces || object.namespace().is_some_and(|of| of == namespace)
    });
    let cloud = CommandCloud::of(cluster, &args.cloud)?;
    let held = before.held();
    let seen = look(cluster.server(), &cloud, sources(in_scope), &held).await;
    // An object that got its callback during the look holds it, too.
    let now = ReadObjects::of(raw.list(None).await?);
    let report = seen.ownership(&now).with_ids_held_before(held);
    let mut problems = now.problems;
    let mut orphans = Vec::new();
    for ListedProject { target, rows } in &seen.projects {
        let unclaimed = report.orphans(target, rows).into_iter();
        orphans.extend(unclaimed.map(|found| Orphan::new(target, found)));
    }
    let unseen = seen.problems.into_iter();
    problems.extend(unseen.map(|problem| format!("not looked at: {problem}")));
    if orphans.is_empty() && problems.is_empty() {
        print_message(&match seen.projects.len() {
            0 => "no object there names a project, so none is looked at".to_owned(),
            count => format!("every callback of {count} projects is held by an object"),
        });
    }
    render_found(args.print.output, &orphans, &problems, table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::output::assert_in_docs;
    use crate::plan::facts::content::ReportedContent;
    use crate::plan::facts::place::Place;
    use crate::plan::facts::row;

    #[test]
    fn orphans_are_told_as_in_the_docs() {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: "0123456789abcdef0123456789abcdef".to_owned(),
            endpoint: String::new(),
        };
        let orphan = |id: &str, app: &str, notes: &[&str]| {
            let row = row::Row {
                id: id.to_owned(),
                place: Place::new("push.example.com", app),
                content: ReportedContent::default(),
                create_time: "2026-11-25T02:00:00Z".parse().ok(),
                update_time: None,
            };
            let found = UnclaimedRow {
                row: &row,
                notes: notes.iter().map(|note| (*note).to_owned()).collect(),
                is_only_row: true,
                is_wanted: !notes.is_empty(),
            };
            Orphan::new(&target, found)
        };
        let text = table(&[
            orphan("e2fe84def7e476651034ec4b9e92bc30", "*", &[]),
            orphan(
                "0b5a35a4c3ad4f7f8e2f4c1d2e3f4a5b",
                "live",
                &["wanted by media/push (Conflict)"],
            ),
        ]);
        assert_in_docs(&text);
    }
}
