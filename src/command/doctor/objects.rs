//! How the objects stand, by the reasons of their condition Ready. Pure.

use std::collections::BTreeMap;

use kube::core::DynamicObject;

use super::finding::Finding;
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::command::unanswered::{Unanswered, unanswered};
use crate::explain;
use crate::plan::facts::conditions;
use crate::plan::facts::conditions::ConditionStatus;

const CHECK: &str = "Objects";

/// How many objects of a reason are named.
const NAMED: usize = 3;

/// What is so of an object that no operator has come to.
const NOT_SEEN: &str = "not seen by an operator";
const NOT_TAKEN_UP: &str = "newest spec not taken up";
const NOT_ANSWERED: &str = "look not answered";

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
        let name = name(&object);
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
            Some(reason) => others.entry(reason).or_default().push(name(object)),
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
    let remedies: Vec<String> = others.keys().map(|reason| remedy(reason)).collect();
    let detail = format!("{detail}; {}", listed.join(", "));
    Finding::warning(CHECK, subject, detail, remedies.join(" "))
}

/// Why an object is not ready, unless it is. One without a condition has not been met by an operator, and a condition says nothing of a
/// spec that is newer.
fn reason(object: &RecordingCallback) -> Option<String> {
    let status = object.status.as_ref();
    let Some(ready) = status.and_then(conditions::ready) else {
        return Some(NOT_SEEN.to_owned());
    };
    let is_ready = conditions::condition_status(ready) == Some(ConditionStatus::True);
    let reason = match unanswered(object).first() {
        Some(Unanswered::Object) => NOT_SEEN,
        Some(Unanswered::Spec { .. }) => NOT_TAKEN_UP,
        Some(Unanswered::Look) if is_ready => NOT_ANSWERED,
        None if is_ready => return None,
        Some(Unanswered::Look) | None => &ready.reason,
    };
    Some(reason.to_owned())
}

/// What to do about a reason.
fn remedy(reason: &str) -> String {
    let remedy = match reason {
        NOT_SEEN | NOT_TAKEN_UP | NOT_ANSWERED => Some(
            "see whether an operator acts that serves its namespace and labels (watchNamespaces, labelSelector).",
        ),
        reason => explain::remedy(reason),
    };
    let remedy = remedy.unwrap_or("see status NAME -n NAMESPACE");
    format!("{reason}: {remedy}")
}

fn name(object: &impl kube::ResourceExt) -> String {
    let namespace = object.namespace().unwrap_or_default();
    format!("{namespace}/{}", object.name_any())
}

fn some(names: &[String]) -> String {
    let mut listed: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    if names.len() > NAMED {
        listed.push("…");
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An object of generation 4 that somebody asked a look for, with this status.
    fn object(status: &Value) -> RecordingCallback {
        let asked = json!({ crate::api::RECONCILE_REQUESTED_AT: "now" });
        serde_json::from_value(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
            "metadata": { "name": "push", "namespace": "media", "generation": 4, "annotations": asked },
            "spec": { "publishDomain": "push.example.com", "app": "live" }, "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_condition_counts_for_the_spec_that_it_is_of() {
        let of = |generation: i64, ready: &str, answered: &str| {
            let condition = json!({ "type": "Ready", "status": ready, "reason": "Conflict" });
            let status = json!({ "observedGeneration": generation, "conditions": [condition],
                "lastHandledReconcileAt": answered });
            reason(&object(&status))
        };
        let told = |words: &str| Some(words.to_owned());
        assert_eq!(of(4, "True", "now"), None);
        assert_eq!(of(4, "True", "before"), told(NOT_ANSWERED));
        assert_eq!(of(4, "False", "before"), told("Conflict"));
        for ready in ["True", "False"] {
            assert_eq!(of(1, ready, "now"), told(NOT_TAKEN_UP));
        }
        assert_eq!(reason(&object(&json!({}))), told(NOT_SEEN));
        let summary = summary(&[object(&json!({}))], "media");
        assert!(summary.remedy.unwrap().contains("watchNamespaces"));
    }
}
