//! What happened, in words. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use live_simulator::{Cloud, LoggedCall, LoggedCause, Mutation};
use serde_json::Value;

use super::StoryLine;

/// Longer values are cut off.
const LONGEST: usize = 300;
/// What changes with every version, and what repeats other fields.
const NOISE: [&str; 6] = [
    "generation",
    "managedFields",
    "operations",
    "resourceVersion",
    "selfLink",
    "kubectl.kubernetes.io/last-applied-configuration",
];

/// How an operator logs a call to the cloud, which the cloud's own log tells.
const CALL: &str = "call";

/// Every call, and what others did to the rows.
pub(super) fn of_cloud(cloud: &Cloud) -> Vec<StoryLine> {
    let calls = cloud.calls().into_iter().map(|call| StoryLine {
        at: call.at,
        who: "cloud",
        what: of_call(&call),
    });
    let others = cloud.mutations().into_iter();
    let others = others.filter(|mutation| mutation.cause == LoggedCause::OutOfBand);
    let others = others.map(|mutation| StoryLine {
        at: mutation.at,
        who: "somebody",
        what: of_mutation(&mutation),
    });
    calls.chain(others).collect()
}

fn of_call(call: &LoggedCall) -> String {
    let body = call.body.as_ref().map(|body| format!(" {}", short(body)));
    let status = call.status.map(|status| status.to_string());
    let mut text = format!(
        "{:?} {} {}{} -> {}",
        call.operation,
        call.method,
        call.target,
        body.unwrap_or_default(),
        status.as_deref().unwrap_or("no answer")
    );
    if let Some(code) = &call.error_code {
        text = format!("{text} {code}");
    }
    if let Some(id) = &call.row_id {
        let what = if call.committed { "changed" } else { "read" };
        text = format!("{text}, {what} {id}");
    }
    if let Some(answered) = call.answered_at {
        let took = answered.duration_since(call.at);
        if took.as_millis() > 500 {
            text = format!("{text}, after {took:#}");
        }
    }
    let fault = call.fault.as_ref();
    fault.map_or(text.clone(), |fault| format!("{text} ({fault})"))
}

fn of_mutation(mutation: &Mutation) -> String {
    let row = &mutation.row;
    let url = row.notify_callback_url.as_deref().unwrap_or("no URL");
    let (change, id) = (format!("{:?}", mutation.change).to_lowercase(), &row.id);
    format!(
        "{change} {id} at the cloud: {}/{} {url}",
        row.publish_domain, row.app
    )
}

/// An event that the operator published.
pub(super) fn of_event(event: &Event) -> Option<StoryLine> {
    let at = &event.event_time.as_ref()?.0;
    let object = event.regarding.as_ref()?.name.as_deref()?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (reason, note) = (text(&event.reason), text(&event.note));
    Some(StoryLine {
        at: *at,
        who: "event",
        what: format!("{object} {reason}: {note}"),
    })
}

/// What an operator said, save what it says for its developers only.
pub(super) fn of_log(log: &str) -> Vec<StoryLine> {
    let mut last = Timestamp::UNIX_EPOCH;
    let mut lines = Vec::new();
    for line in log.lines() {
        let fields = serde_json::from_str::<BTreeMap<String, Value>>(line).unwrap_or_default();
        let word = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        last = word("timestamp").parse().unwrap_or(last);
        let level = word("level");
        let what = if level.is_empty() {
            line.to_owned()
        } else if ["DEBUG", "TRACE"].contains(&level) || word("message") == CALL {
            continue;
        } else {
            let known = ["timestamp", "level", "message", "target"];
            let more = fields
                .iter()
                .filter(|(name, _)| !known.contains(&name.as_str()));
            let more: Vec<String> = more
                .map(|(name, value)| format!(" {name}={}", short(value)))
                .collect();
            let more = more.concat();
            format!("{level} {}{more}", word("message"))
        };
        let (at, who) = (last, "operator");
        lines.push(StoryLine { at, who, what });
    }
    lines
}

/// How one version of an object differs from the one before, part by part.
pub(super) fn changes(before: &Value, now: &Value) -> Vec<String> {
    let parts = ["spec", "metadata", "status"];
    let changed = parts.iter().filter_map(|part| {
        let (before, now) = (flat(&before[part]), flat(&now[part]));
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let differs = |name: &&&String| before.get(**name) != now.get(**name);
        let fields: Vec<String> = names
            .iter()
            .filter(differs)
            .map(|name| match now.get(*name) {
                Some(value) => format!("{name} {value}"),
                None => format!("{name} gone"),
            })
            .collect();
        (!fields.is_empty()).then(|| format!("{part}: {}", fields.join("; ")))
    });
    changed.collect()
}

/// The fields of a part; conditions and annotations count as such.
fn flat(part: &Value) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    for (name, value) in part.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("conditions", Value::Array(all)) => flat.extend(all.iter().map(|condition| {
                let word = |name: &str| condition[name].as_str().unwrap_or_default();
                let (status, reason) = (word("status"), word("reason"));
                let text = format!("{status} {reason} ({})", word("message"));
                (word("type").to_owned(), text)
            })),
            ("annotations", Value::Object(all)) => {
                flat.extend(all.iter().map(|(name, value)| (name.clone(), short(value))));
            }
            _ => drop(flat.insert(name.clone(), short(value))),
        }
    }
    flat.retain(|name, _| !NOISE.contains(&name.as_str()));
    flat
}

fn short(value: &Value) -> String {
    let text = value.as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| value.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
