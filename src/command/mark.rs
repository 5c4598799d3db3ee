//! `retry`, `suspend` and `resume`: the annotation and the field that a person would set by hand. Writes nothing else, calls no cloud.

use anyhow::{Context as _, bail};
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::{Value, json};

use super::command_cluster::{CommandCluster, at_cluster, ended};
use super::output::{TableRow, print_message, render_found, table};
use super::{CommandOutput, chosen, each, now};
use crate::api::RECONCILE_REQUESTED_AT;
use crate::config::objects::ObjectsArgs;
use crate::stop::Stop;

const DROPPED: &str = "the API server took it and did not keep it: its CRD is older than this program, apply the present one: \
                       recording-callback-operator crd | kubectl apply --server-side -f -";

/// What to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Ask for a look now, by a token that was not used before.
    Look(String),
    /// Leave the object alone.
    Suspend,
    /// Work on it again.
    Resume,
}

/// One object, and what was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Marked {
    namespace: String,
    name: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Mark {
    /// A request for a look, by a token of this moment.
    pub fn look() -> Self {
        Self::Look(now().to_string())
    }

    /// What to merge into the object, if that changes anything.
    fn change(&self, object: &DynamicObject) -> Option<Value> {
        let is_suspended = is_suspended(object);
        match self {
            Self::Look(token) => {
                Some(json!({ "metadata": { "annotations": { RECONCILE_REQUESTED_AT: token } } }))
            }
            Self::Suspend => (!is_suspended).then(|| json!({ "spec": { "suspend": true } })),
            Self::Resume => is_suspended.then(|| json!({ "spec": { "suspend": null } })),
        }
    }

    /// Whether an object has it: an older CRD drops without a word what it does not know.
    fn holds(&self, object: &DynamicObject) -> bool {
        match self {
            Self::Look(_) => true,
            Self::Suspend => is_suspended(object),
            Self::Resume => !is_suspended(object),
        }
    }

    fn done(&self) -> &'static str {
        match self {
            Self::Look(_) => "Requested",
            Self::Suspend => "Suspended",
            Self::Resume => "Resumed",
        }
    }
}

/// Sets it on the objects that `args` name.
pub async fn run(args: ObjectsArgs, mark: Mark) -> CommandOutput {
    let done = at_cluster(&args.objects.scope.cluster, async |cluster| {
        set_all(cluster, &args, &mark).await
    });
    ended(done.await, args.print.output)
}

async fn set_all(
    cluster: &CommandCluster,
    args: &ObjectsArgs,
    mark: &Mark,
) -> anyhow::Result<CommandOutput> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let found = tokio::select! {
        found = chosen(cluster, &args.objects) => found?,
        () = stop.requested() => bail!("asked to stop: nothing was changed"),
    };
    if found.is_empty() {
        print_message("there is no RecordingCallback there");
    }
    let (rows, left) = each(found, &stop, |object| set(cluster, object, mark)).await;
    let problems = rows.iter().filter_map(Marked::problem).chain(left);
    let problems: Vec<String> = problems.collect();
    render_found(args.print.output, &rows, &problems, table)
}

async fn set(cluster: &CommandCluster, object: DynamicObject, mark: &Mark) -> Marked {
    let (result, note) = match mark.change(&object) {
        None => ("Unchanged", None),
        Some(change) => match cluster.objects().merge(&object, &change).await {
            Ok(changed) if mark.holds(&changed) => (mark.done(), note(mark, &object)),
            Ok(_) => ("Failed", Some(DROPPED.to_owned())),
            Err(error) => ("Failed", Some(cluster.describe_failed_call(&error).await)),
        },
    };
    Marked {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        result,
        note,
    }
}

fn note(mark: &Mark, object: &DynamicObject) -> Option<String> {
    let asks = matches!(mark, Mark::Look(_));
    (asks && is_suspended(object))
        .then(|| "suspended, so nothing is called before resume".to_owned())
}

fn is_suspended(object: &DynamicObject) -> bool {
    object.data.pointer("/spec/suspend") == Some(&Value::Bool(true))
}

impl Marked {
    /// What went wrong.
    fn problem(&self) -> Option<String> {
        let note = self.note.as_deref().unwrap_or_default();
        (self.result == "Failed").then(|| format!("{}/{}: {note}", self.namespace, self.name))
    }
}

impl TableRow for Marked {
    const HEADS: &'static [&'static str] = &["NAMESPACE", "NAME", "RESULT"];

    fn cells(&self) -> Vec<String> {
        let note = self.note.iter().map(|note| format!(": {note}"));
        let result = std::iter::once(self.result.to_owned())
            .chain(note)
            .collect();
        vec![self.namespace.clone(), self.name.clone(), result]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(suspend: &Value) -> DynamicObject {
        let object = json!({ "metadata": { "name": "push" }, "spec": { "suspend": suspend } });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_is_so_already_is_not_written() {
        for (mark, suspend, is_written) in [
            (Mark::Suspend, json!(true), false),
            (Mark::Suspend, json!(false), true),
            (Mark::Suspend, Value::Null, true),
            (Mark::Resume, json!(true), true),
            (Mark::Resume, json!(false), false),
            (Mark::Resume, Value::Null, false),
            (Mark::Look("now".into()), json!(true), true),
        ] {
            let change = mark.change(&object(&suspend));
            assert_eq!(change.is_some(), is_written, "{mark:?} {suspend}");
            let is_kept = matches!(mark, Mark::Look(_)) || !is_written;
            assert_eq!(mark.holds(&object(&suspend)), is_kept, "{mark:?} {suspend}");
        }
    }
}
