//! Whether callbacks can ever fire: by the record rules, without which there is nothing to notify of. Only looks.

use std::collections::BTreeSet;

use super::finding::{Finding, counted};
use crate::api::RecordingCallback;
use crate::command::command_cloud::CommandCloud;
use crate::command::full_name;
use crate::live::answer::PAGE;
use crate::live::codes;
use crate::live::rules::RecordRule;
use crate::plan::facts::place::Place;
use crate::plan::step::situation::describe_failure;
use crate::platform::account::Account;
use crate::terms::failure::Class;

const CHECK: &str = "Record rules";

/// How many pages are read: a command shares the cloud's quota with everybody.
const PAGES: u32 = 10;

/// How many objects are told by name.
const NAMED: usize = 10;

/// The rules of a project, as far as they were read.
struct KnownRules {
    rules: Vec<RecordRule>,
    is_all: bool,
}

/// Whether each of these objects, all of one account, has a rule.
pub(super) async fn examine(
    cloud: &CommandCloud,
    account: &Account,
    objects: &[&RecordingCallback],
) -> Finding {
    let target = &account.target;
    let subject = format!("{} {}", target.region, target.project_id);
    match read(cloud, account).await {
        Ok(known) => judge(&known, objects, subject),
        Err(finding) => finding.about(subject),
    }
}

/// Why the rules are not known.
struct UnknownRules {
    detail: String,
    remedy: &'static str,
}

impl UnknownRules {
    fn about(self, subject: String) -> Finding {
        Finding::unknown(CHECK, subject, self.detail, self.remedy)
    }
}

async fn read(cloud: &CommandCloud, account: &Account) -> Result<KnownRules, UnknownRules> {
    let mut rules = Vec::new();
    for page in 0..PAGES {
        let answer = cloud.record_rules(account, page * PAGE, PAGE).await;
        let answer = answer.map_err(|failure| UnknownRules {
            detail: format!(
                "whether callbacks can ever fire is not known: {}",
                describe_failure(&failure, None)
            ),
            remedy: if failure.class == Class::Permission {
                "grant live:record:listRules, which only this check needs, or see in the console that the domains are recorded"
            } else {
                codes::advice(&failure).unwrap_or("see in the console that the domains are recorded")
            },
        })?;
        let is_empty = answer.rules.is_empty();
        rules.extend(answer.rules);
        let is_all = u64::try_from(rules.len()).is_ok_and(|count| count >= answer.total);
        if is_all || is_empty {
            return Ok(KnownRules { rules, is_all });
        }
    }
    Ok(KnownRules {
        rules,
        is_all: false,
    })
}

fn judge(known: &KnownRules, objects: &[&RecordingCallback], subject: String) -> Finding {
    let without: Vec<String> = objects
        .iter()
        .filter_map(|object| {
            let place = Place::new(&object.spec.publish_domain, &object.spec.app);
            if known.rules.iter().any(|rule| rule.is_of(&place)) {
                return None;
            }
            let (name, others) = (full_name(*object), others(known, &place));
            Some(format!(
                "{name} ({} {}{others})",
                place.domain(),
                place.app()
            ))
        })
        .collect();
    let all = counted(u64::try_from(objects.len()).unwrap_or(u64::MAX), "object");
    if without.is_empty() {
        let only = of_some_streams(known, objects);
        return Finding::ok(
            CHECK,
            subject,
            format!("the streams of {all} are recorded{only}"),
        );
    }
    let mut names = without.get(..NAMED).unwrap_or(&without).join(", ");
    if without.len() > NAMED {
        names.push_str(", …");
    }
    let count = without.len();
    if known.is_all {
        let detail = format!(
            "{count} of {all} can never fire, for no rule records their domain and app: {names}"
        );
        let remedy = "add a record rule for these domains and apps at the cloud, or correct publishDomain and app";
        return Finding::warning(CHECK, subject, detail, remedy);
    }
    let detail = format!(
        "of {count} of {all} it is not known whether a rule records them, for there are more than were read: {names}"
    );
    Finding::unknown(
        CHECK,
        subject,
        detail,
        "see in the console that they are recorded",
    )
}

/// For what else of the domain there are rules.
fn others(known: &KnownRules, place: &Place) -> String {
    let of_domain = known
        .rules
        .iter()
        .filter(|rule| rule.domain.eq_ignore_ascii_case(place.domain()));
    let apps: BTreeSet<&str> = of_domain
        .map(|rule| rule.app.as_str())
        .take(NAMED)
        .collect();
    if apps.is_empty() {
        return String::new();
    }
    let apps: Vec<&str> = apps.into_iter().collect();
    format!("; there are rules for {}", apps.join(" "))
}

/// Which objects have rules for named streams only.
fn of_some_streams(known: &KnownRules, objects: &[&RecordingCallback]) -> String {
    let is_of_some = |object: &&&RecordingCallback| {
        let place = Place::new(&object.spec.publish_domain, &object.spec.app);
        let mut rules = known.rules.iter().filter(|rule| rule.is_of(&place));
        !rules.any(RecordRule::is_of_every_stream)
    };
    match objects.iter().filter(is_of_some).count() {
        0 => String::new(),
        count => format!(", of {count} only those that rules name"),
    }
}
