//! A notification with what there is to say of it, for people and for programs. Pure.

use serde::Serialize;

use crate::command::output::printable;
use crate::live::notification::{Notification, SignatureVerdict};

/// A notification, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedNotification {
    pub(super) verdict: &'static str,
    /// What is wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    notification: serde_json::Value,
}

impl VerifiedNotification {
    pub(super) fn new(notification: &Notification, verdict: SignatureVerdict) -> Self {
        let (word, problem) = words(verdict);
        Self {
            verdict: word,
            problem,
            notification: notification.fields().clone().into(),
        }
    }

    /// One that nobody can judge.
    pub(super) fn unverified(notification: &Notification) -> Self {
        Self {
            verdict: "Unverified",
            problem: None,
            notification: notification.fields().clone().into(),
        }
    }

    /// One line for people.
    pub(super) fn line(&self, notification: &Notification) -> String {
        let fields = [
            "event_type",
            "publish_domain",
            "app",
            "stream",
            "download_url",
            "error_message",
        ];
        let said = fields.iter().map(|field| notification.text(field));
        let said: Vec<String> = said.filter(|text| !text.is_empty()).collect();
        let problem = self.problem.iter().map(|problem| format!(": {problem}"));
        let line = format!(
            "{}{} {}",
            self.verdict,
            problem.collect::<String>(),
            said.join(" ")
        );
        printable(&line)
    }
}

fn words(verdict: SignatureVerdict) -> (&'static str, Option<String>) {
    match verdict {
        SignatureVerdict::Genuine => ("Genuine", None),
        SignatureVerdict::Expired(at) => (
            "Expired",
            Some(format!("the signature counted until {at}: it is a repetition, or this machine's clock is wrong")),
        ),
        SignatureVerdict::Wrong => (
            "Wrong",
            Some("the signature is not one of this key: compare key and sign type with the object's Secret and spec.signType; if they are the same, what is said was changed on the way, or is not of Live".to_owned()),
        ),
        SignatureVerdict::Unsigned => (
            "Unsigned",
            Some("there is no signature: the callback has no key, set spec.signKeySecretRef".to_owned()),
        ),
    }
}
