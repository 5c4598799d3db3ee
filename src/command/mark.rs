//! `retry`, `suspend` and `resume`: the annotation and the field that a person would set by hand.

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Serialize;
use serde_json::{Value, json};

use super::output::{TableRow, render, table};
use super::{CommandOutput, ExitStatus, access, chosen};
use crate::api::RECONCILE_REQUESTED_AT;
use crate::cluster::raw::RawObjects;
use crate::config::objects::ObjectsArgs;
use crate::stop::Stop;

/// How many objects are written at once.
const AT_ONCE: usize = 8;

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
    #[expect(
        clippy::disallowed_methods,
        reason = "a token for people to read; nobody compares it with a clock"
    )]
    pub fn look() -> Self {
        Self::Look(Timestamp::now().to_string())
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

    fn done(&self) -> &'static str {
        match self {
            Self::Look(_) => "Requested",
            Self::Suspend => "Suspended",
            Self::Resume => "Resumed",
        }
    }
}

/// Sets it on the objects that `args` name.
pub async fn run(args: ObjectsArgs, mark: Mark) -> anyhow::Result<CommandOutput> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let client = access(&args.objects.scope.cluster)?.client()?;
    let objects = RawObjects::new(client.clone());
    let found = chosen(&objects, &args.objects, client.default_namespace()).await?;
    let count = found.len();
    let rows: Vec<Marked> = stream::iter(found)
        .take_until(stop.requested())
        .map(|object| set(&objects, object, &mark))
        .buffered(AT_ONCE)
        .collect()
        .await;
    if count == 0 {
        eprintln!("there is no RecordingCallback there");
    }
    Ok(CommandOutput {
        text: render(args.print.output, &rows, table)?,
        exit: ExitStatus::of(rows.len() == count && rows.iter().all(|row| row.result != "Failed")),
    })
}

async fn set(objects: &RawObjects, object: DynamicObject, mark: &Mark) -> Marked {
    let (result, note) = match mark.change(&object) {
        None => ("Unchanged", None),
        Some(change) => match objects.merge(&object, &change).await {
            Ok(()) => (mark.done(), note(mark, &object)),
            Err(error) => ("Failed", Some(error.to_string())),
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
        }
    }
}
