//! How the objects stand, by the reasons of their condition Ready. Pure.

use std::collections::BTreeMap;

use kube::core::DynamicObject;

use super::finding::Finding;
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::command::full_name;
use crate::explain;
use crate::plan::facts::conditions;
use crate::plan::facts::conditions::ConditionStatus;

const CHECK: &str = "Objects";

/// How many objects of a reason are named.
const NAMED: usize = 3;

/// The objects of a namespace or of all, and what there is to say of them.
pub(super) fn examine(
    listed: Result<Vec<DynamicObject>, ClusterError>,
    namespace: Option<&str>,
) -> (Vec<RecordingCallback>, Vec<Finding>) {
    let subject = namespace.unwrap_or("all namespaces");
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let remedy = "allow get and list on recordingcallbacks, or install the CRD";
            let finding = Finding::kept_back(CHECK, subject, &error, remedy);
            return (Vec::new(), vec![finding]);
        }
    };
    let mut objects = Vec::new();
    let mut unreadable = Vec::new();
    for object in listed {
        let name = full_name(&object);
        match object.try_parse::<RecordingCallback>() {
            Ok(object) => objects.push(object),
            Err(error) => unreadable.push(Finding::failed(
                CHECK,
                name,
                format!("can't be read: {error}"),
                "correct it by hand: kubectl edit",
            )),
        }
    }
    let mut findings = vec![summary(&objects, subject)];
    findings.extend(unreadable);
    (objects, findings)
}

fn summary(objects: &[RecordingCallback], subject: &str) -> Finding {
    let mut ready = 0;
    let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in objects {
        match reason(object) {
            None => ready += 1,
            Some(reason) => others.entry(reason).or_default().push(full_name(object)),
        }
    }
    let detail = format!("{} in all, {ready} ready", objects.len());
    if others.is_empty() {
        return Finding::ok(CHECK, subject, detail);
    }
    let listed: Vec<String> = others
        .iter()
        .map(|(reason, names)| format!("{} {reason} ({})", names.len(), some(names)))
        .collect();
    let remedies: Vec<String> = others
        .keys()
        .map(|reason| match explain::remedy(reason) {
            Some(remedy) => format!("{reason}: {remedy}"),
            None => format!("{reason}: see status NAME -n NAMESPACE"),
        })
        .collect();
    let detail = format!("{detail}; {}", listed.join(", "));
    Finding::warning(CHECK, subject, detail, remedies.join(" "))
}

/// Why an object is not ready, unless it is. One without a condition has not been met by an operator.
fn reason(object: &RecordingCallback) -> Option<String> {
    let status = object.status.as_ref();
    match status.and_then(conditions::ready) {
        None => Some("not seen by an operator".to_owned()),
        Some(ready) if conditions::condition_status(ready) == Some(ConditionStatus::True) => None,
        Some(ready) => Some(ready.reason.clone()),
    }
}

fn some(names: &[String]) -> String {
    let mut listed: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    if names.len() > NAMED {
        listed.push("…");
    }
    listed.join(", ")
}
