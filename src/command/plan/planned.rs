//! A plan as it is told. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::api::status::ChangeStatus;
use crate::command::ExitStatus;
use crate::command::output::printable;
use crate::command::plan::dry_run::{PredictedAction, Prediction};

/// One object, and what would be done for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Planned {
    namespace: String,
    name: String,
    action: PredictedAction,
    #[serde(rename = "callbackID", skip_serializing_if = "Option::is_none")]
    callback_id: Option<String>,
    changes: Vec<ChangeStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What else to know of its manifest, which whoever reads a table is told on stderr.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Planned {
    pub(super) fn new(namespace: &str, name: &str, prediction: Prediction) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            action: prediction.action,
            callback_id: prediction.id,
            changes: prediction.changes,
            message: prediction.message,
            note: None,
        }
    }

    /// The same, with something to know of its manifest.
    pub(super) fn noted(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// Which object, and what would be done.
    pub(super) fn title(&self) -> String {
        let id = self.callback_id.iter().map(|id| format!(" {id}"));
        let id: String = id.collect();
        format!("{}/{}: {:?}{id}", self.namespace, self.name, self.action)
    }

    /// Why it is so, and what else to know.
    pub(super) fn remarks(&self) -> impl Iterator<Item = &str> {
        self.message.iter().chain(&self.note).map(String::as_str)
    }

    /// Why it can't be told, where it can't.
    fn problem(&self) -> Option<&str> {
        let is_unknown = self.action == PredictedAction::Unknown;
        is_unknown.then(|| self.message.as_deref().unwrap_or_default())
    }

    /// Whether there is more to say than that all is as it is to be.
    pub(super) fn is_worth_a_word(&self) -> bool {
        self.action != PredictedAction::None || self.remarks().next().is_some()
    }

    /// Whether something would be changed at the cloud. A callback that is taken over as it is, is not.
    fn is_change(&self) -> bool {
        match self.action {
            PredictedAction::Create | PredictedAction::Update | PredictedAction::Delete => true,
            PredictedAction::Adopt => !self.changes.is_empty(),
            PredictedAction::None | PredictedAction::Unknown => false,
        }
    }
}

/// A sentence for each reason why something can't be told, with the first object that it is the reason for: it may be that for all.
pub(super) fn problems(plans: &[Planned]) -> Vec<String> {
    let mut reasons: Vec<&str> = Vec::new();
    let mut objects: HashMap<&str, (&Planned, usize)> = HashMap::new();
    for plan in plans {
        let Some(reason) = plan.problem() else {
            continue;
        };
        let (_, count) = objects.entry(reason).or_insert_with(|| {
            reasons.push(reason);
            (plan, 0)
        });
        *count += 1;
    }
    let told = reasons.into_iter().filter_map(|reason| {
        let (
            Planned {
                namespace, name, ..
            },
            count,
        ) = objects.get(reason)?;
        let more = match count {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        Some(format!("{namespace}/{name}{more}: {reason}"))
    });
    told.collect()
}

/// 2 when something would be changed at the cloud, 1 when that can't be told of all that there is to apply.
pub(super) fn exit(plans: &[Planned], problems: &[String]) -> ExitStatus {
    let is_unknown = |plan: &Planned| plan.action == PredictedAction::Unknown;
    if !problems.is_empty() || plans.iter().any(is_unknown) {
        ExitStatus::Failed
    } else if plans.iter().any(Planned::is_change) {
        ExitStatus::Changes
    } else {
        ExitStatus::Well
    }
}

/// Each object with its diff, and a line that sums up.
pub(super) fn render_plans(plans: &[Planned]) -> String {
    let mut text = String::new();
    for plan in plans {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", printable(&plan.title()));
        for line in diff(plan).lines() {
            let _ = writeln!(text, "  {line}");
        }
        if let Some(message) = &plan.message {
            let _ = writeln!(text, "    {}", printable(message));
        }
    }
    let _ = writeln!(text, "\nPlan: {}.", summary(plans));
    text
}

/// What changes, a line each.
pub(super) fn diff(plan: &Planned) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        for (sign, value) in [('-', &change.from), ('+', &change.to)] {
            if let Some(value) = value {
                let line = format!("{}: {value}", change.field);
                let _ = writeln!(text, "{sign} {}", printable(&line));
            }
        }
    }
    text
}

/// How many objects there are of each action.
pub(super) fn summary(plans: &[Planned]) -> String {
    if plans.is_empty() {
        return "no RecordingCallback to apply".to_owned();
    }
    let count = |action| plans.iter().filter(|plan| plan.action == action).count();
    let counted = [
        (PredictedAction::Create, "to create"),
        (PredictedAction::Update, "to update"),
        (PredictedAction::Adopt, "to adopt"),
        (PredictedAction::Delete, "to delete"),
        (PredictedAction::None, "without a change"),
        (PredictedAction::Unknown, "not known"),
    ];
    let counted: Vec<String> = counted
        .into_iter()
        .map(|(action, words)| (count(action), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    counted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::output::assert_in_docs;

    fn planned(name: &str, prediction: Prediction) -> Planned {
        Planned::new("media", name, prediction)
    }

    fn prediction(
        action: PredictedAction,
        id: &str,
        changes: &[(&str, Option<&str>, Option<&str>)],
    ) -> Prediction {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let changes = changes.iter().map(|(field, from, to)| ChangeStatus {
            field: (*field).to_owned(),
            from: owned(*from),
            to: owned(*to),
        });
        Prediction {
            action,
            id: Some(id.to_owned()).filter(|id| !id.is_empty()),
            changes: changes.collect(),
            message: None,
        }
    }

    const URL: &str = "https://hooks.example.com/record";

    #[test]
    fn a_plan_is_told_as_in_the_docs() {
        let edited = [(
            "notifyCallbackURL",
            Some("https://old.example.com/record"),
            Some(URL),
        )];
        let new = [
            ("notifyCallbackURL", None, Some(URL)),
            (
                "notifyEventSubscription",
                None,
                Some("RECORD_FILE_COMPLETE"),
            ),
            ("signType", None, Some("HMACSHA256")),
        ];
        let mut taken = prediction(PredictedAction::None, "", &[]);
        taken.message =
            Some("Conflict: https://elsewhere.example.com/record is there already.".to_owned());
        let plans = [
            planned(
                "push",
                prediction(
                    PredictedAction::Update,
                    "e2fe84def7e476651034ec4b9e92bc30",
                    &edited,
                ),
            ),
            planned("live", prediction(PredictedAction::Create, "", &new)),
            planned("taken", taken),
        ];
        let text = render_plans(&plans);
        assert_in_docs(&text);
    }

    #[test]
    fn the_exit_code_tells_of_changes_at_the_cloud() {
        let same = || planned("a", prediction(PredictedAction::Adopt, "id", &[]));
        let differs = || {
            planned(
                "b",
                prediction(
                    PredictedAction::Adopt,
                    "id",
                    &[("signType", None, Some("MD5"))],
                ),
            )
        };
        let unknown = || planned("c", Prediction::unknown("no answer".to_owned()));
        let refused = planned("d", Prediction::unknown("refused".to_owned()));
        let told = problems(&[same(), unknown(), refused, unknown(), unknown()]);
        assert_eq!(told, ["media/c and 2 more: no answer", "media/d: refused"]);
        assert_eq!(exit(&[], &[]), ExitStatus::Well);
        assert_eq!(exit(&[same()], &[]), ExitStatus::Well);
        assert_eq!(exit(&[same(), differs()], &[]), ExitStatus::Changes);
        assert_eq!(exit(&[differs(), unknown()], &[]), ExitStatus::Failed);
        assert_eq!(
            exit(&[differs()], &["a file".to_owned()]),
            ExitStatus::Failed
        );
    }
}
