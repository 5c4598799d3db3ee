//! `docs/errors.md`, made from the table of codes and the texts of `explain`, so that the two never differ.

use std::fmt::Write as _;

use super::{name, reaction, reasons};
use crate::live::codes;
use crate::plan::facts::reason::Reason;
use crate::terms::failure::Class;

const HEAD: &str = "# Errors

What the operator makes of an answer, and what a person does about it. `recording-callback-operator explain CODE` says the same of one
code or reason. This page is generated.

How an answer is judged: first whether it says that a callback is gone (a delete, update or look by id that ends with 404 and a code of Live, or
with `LIVE.103011019`), then by its error code, then by its HTTP status. The text of a message decides nothing. `APIGW.` equals `APIG.`.

An answer without a known code counts by its status: 401 as credential, 403 as permission, 408 and 5xx as cloud down, 409 as exists, 429 as throttled,
3xx and every other 4xx as rejected. A body that is not of this API (HTML, truncated, larger than 1 MiB, not UTF-8) counts as protocol,
whatever the status; so does a 2xx that names an error. A code of throttling counts as overloaded when its status is 5xx.
A change that is answered 5xx was perhaps made, whatever code the answer has: it is told as `Unknown`, looked for and not made once more at once.

Texts of the cloud are shown as they came, cut to 512 characters, with control characters escaped and secrets replaced.
";

/// In the order of the page. The match makes a new class show up here.
fn classes() -> Vec<Class> {
    let mut class = Some(Class::Rejected);
    std::iter::from_fn(|| {
        let this = class?;
        class = match this {
            Class::Rejected => Some(Class::Exists),
            Class::Exists => Some(Class::Gone),
            Class::Gone => Some(Class::Maintenance),
            Class::Maintenance => Some(Class::CloudDown),
            Class::CloudDown => Some(Class::NotSent),
            Class::NotSent => Some(Class::Throttled),
            Class::Throttled => Some(Class::Overloaded),
            Class::Overloaded => Some(Class::Credential),
            Class::Credential => Some(Class::ClockSkew),
            Class::ClockSkew => Some(Class::Permission),
            Class::Permission => Some(Class::Account),
            Class::Account => Some(Class::Protocol),
            Class::Protocol => None,
        };
        Some(this)
    })
    .collect()
}

fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let happened = |class: Class| {
        if class.may_have_happened() {
            "perhaps"
        } else {
            "no"
        }
    };
    let rows = classes()
        .into_iter()
        .map(|class| vec![name(class), happened(class), reaction(class)]);
    table(
        &mut page,
        "Classes",
        &["Class", "Was the change made?", "Reaction"],
        rows,
    );
    let rows = Reason::ALL.into_iter().map(|reason| {
        let text = reasons::text(reason);
        vec![reason.as_str(), text.meaning, text.reaction, text.remedy]
    });
    table(
        &mut page,
        "Reasons",
        &["Reason", "Meaning", "Reaction", "Remedy"],
        rows,
    );
    for (family, codes) in codes::FAMILIES {
        let rows = codes.iter().map(|row| {
            vec![
                row.code,
                row.class.map_or("by the HTTP status", name),
                row.meaning,
                row.advice,
            ]
        });
        let title = format!("Codes of {family}");
        table(
            &mut page,
            &title,
            &["Code", "Class", "Meaning", "Remedy"],
            rows,
        );
    }
    page
}

fn table<'a>(
    page: &mut String,
    title: &str,
    heads: &[&str],
    rows: impl Iterator<Item = Vec<&'a str>>,
) {
    // Writing to a String can't fail.
    let _ = writeln!(page, "\n## {title}\n\n| {} |", heads.join(" | "));
    let _ = writeln!(page, "|{}", "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

#[test]
fn the_page_of_errors_is_current() {
    crate::api::generated::assert_current("docs/errors.md", &markdown());
}

#[test]
fn every_class_has_one_line() {
    let page = markdown();
    for class in classes() {
        assert_eq!(
            page.matches(&format!("\n| {} |", name(class))).count(),
            1,
            "{class:?}"
        );
    }
    assert_eq!(classes().len(), 13);
}
