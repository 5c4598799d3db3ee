//! A plan as a comment of a pull request: the same text for the same plan, and short enough for GitHub and GitLab. Pure.

use std::fmt::Write as _;

use super::planned::{Planned, diff, summary};
use crate::command::output::printable;

/// By this line a job finds the comment that it wrote before.
const MARK: &str = "<!-- recording-callback-operator plan -->";

/// GitHub takes 65,536 characters; a job adds some of its own.
const LONGEST: usize = 60_000;

/// So much is kept free for the line that tells of the rest.
const REST: usize = 200;

/// The summary, what could not be planned, and each object for which there is something to say, in the order of their names.
pub(super) fn render(plans: &[Planned], problems: &[String]) -> String {
    let mut listed: Vec<&Planned> = plans.iter().filter(|plan| plan.is_worth_a_word()).collect();
    listed.sort_by_key(|plan| plan.title());
    let sections = problems
        .iter()
        .map(|problem| format!("\n- {}\n", code(problem)));
    let sections = sections.chain(listed.into_iter().map(section));
    let mut text = format!("{MARK}\n### Recording callbacks: {}\n", summary(plans));
    let mut left = 0;
    for section in sections {
        // Once one is left out, all after it are, so that what is shown is the beginning.
        if left > 0 || text.len() + section.len() > LONGEST - REST {
            left += 1;
        } else {
            text.push_str(&section);
        }
    }
    if left > 0 {
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "\n{left} more are not shown here: see the log of the job."
        );
    }
    text
}

fn section(plan: &Planned) -> String {
    let mut text = format!("\n#### {}\n", code(&plan.title()));
    for remark in plan.remarks() {
        let _ = writeln!(text, "\n{}", code(remark));
    }
    let diff = diff(plan);
    if !diff.is_empty() {
        let fence = "`".repeat(longest_run(&diff).max(2) + 1);
        let _ = writeln!(text, "\n{fence}diff\n{diff}{fence}");
    }
    text
}

/// Text that Markdown leaves as it is.
fn code(text: &str) -> String {
    let text = printable(text);
    let ticks = "`".repeat(longest_run(&text) + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{ticks} {text} {ticks}")
    } else {
        format!("{ticks}{text}{ticks}")
    }
}

/// How many backticks stand in a row, at most.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::dry_run::{PredictedAction, Prediction};
    use super::*;
    use crate::api::status::ChangeStatus;
    use crate::command::output::assert_in_docs;

    fn planned(name: &str, action: PredictedAction, to: Option<&str>) -> Planned {
        let change = |to: &str| ChangeStatus {
            field: "notifyCallbackURL".to_owned(),
            from: None,
            to: Some(to.to_owned()),
        };
        let prediction = Prediction {
            action,
            id: None,
            changes: to.into_iter().map(change).collect(),
            message: (action == PredictedAction::Unknown).then(|| "no `answer`".to_owned()),
        };
        Planned::new("media", name, prediction)
    }

    #[test]
    fn a_comment_is_the_same_for_the_same_plan_and_as_in_the_docs() {
        let hook = Some("https://hooks.example.com/record");
        let mut plans = [
            planned("push", PredictedAction::Create, hook),
            planned("live", PredictedAction::Unknown, None),
            planned("same", PredictedAction::None, None),
        ];
        let problems =
            ["callbacks.yaml: document 2, line 9, column 1: a key is there twice".to_owned()];
        let text = render(&plans, &problems);
        assert_in_docs(&text);
        plans.reverse();
        assert_eq!(render(&plans, &problems), text);
    }

    #[test]
    fn what_is_declared_twice_is_told_though_nothing_changes() {
        let note = "declared 2 times, planned is the last: a.yaml, b.yaml".to_owned();
        let same = planned("same", PredictedAction::None, None).noted(Some(note.clone()));
        let text = render(std::slice::from_ref(&same), &[]);
        assert!(
            text.ends_with(&format!("#### `media/same: None`\n\n`{note}`\n")),
            "{text}"
        );
        assert_eq!(serde_json::json!(same)["note"], note);
    }

    #[test]
    fn no_comment_is_longer_than_its_limit_or_breaks_out_of_its_fence() {
        let long = "x".repeat(2_000);
        let plans: Vec<_> = (0..1_000)
            .map(|n| planned(&format!("n{n}"), PredictedAction::Create, Some(&long)))
            .collect();
        let text = render(&plans, &[]);
        assert!(text.len() < LONGEST, "{}", text.len());
        let shown = text.matches("#### ").count();
        assert!(text.ends_with(&format!(
            "{} more are not shown here: see the log of the job.\n",
            1_000 - shown
        )));
        let hostile = planned("a", PredictedAction::Create, Some("```\n# owned"));
        let text = render(&[hostile], &[]);
        assert!(
            text.contains("````diff\n+ notifyCallbackURL: ``` # owned\n````"),
            "{text}"
        );
    }
}
