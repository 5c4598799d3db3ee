//! A notification with what there is to say of it, for people and for programs. Pure.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::command::output::printable;
use crate::live::notification::Notification;

/// What there is to say of a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Signed with one of the keys, and about what it may be about.
    Genuine,
    /// There is no key to judge it with.
    Unverified,
    /// Signed with one of the keys, but the signature counts no longer.
    Expired(Timestamp),
    /// Not signed with one of the keys.
    Wrong,
    /// Not signed.
    Unsigned,
    /// Genuinely signed, but this field has what belongs to its neighbour.
    Shifted(&'static str),
    /// Genuinely signed, but about something else than what it may be about.
    Elsewhere(String),
}

impl Verdict {
    /// Whether it is acted on.
    pub(super) fn is_taken(&self) -> bool {
        match self {
            Self::Genuine | Self::Unverified => true,
            Self::Expired(_)
            | Self::Wrong
            | Self::Unsigned
            | Self::Shifted(_)
            | Self::Elsewhere(_) => false,
        }
    }

    /// Its one word.
    fn word(&self) -> &'static str {
        match self {
            Self::Genuine => "Genuine",
            Self::Unverified => "Unverified",
            Self::Expired(_) => "Expired",
            Self::Wrong => "Wrong",
            Self::Unsigned => "Unsigned",
            Self::Shifted(_) => "Shifted",
            Self::Elsewhere(_) => "Elsewhere",
        }
    }

    /// What is wrong, and what to do.
    fn problem(&self) -> Option<String> {
        match self {
            Self::Genuine | Self::Unverified => None,
            Self::Expired(at) => Some(format!(
                "the signature counted until {at}: it is a repetition, or this machine's clock is wrong"
            )),
            Self::Wrong => Some("the signature is not one of this key: compare key and sign type with the object's Secret and spec.signType; if they are the same, what is said was changed on the way, or is not of Live".to_owned()),
            Self::Unsigned => Some("there is no signature: the callback has no key, set spec.signKeySecretRef".to_owned()),
            Self::Shifted(field) => Some(format!(
                "{field} is nothing that Live says there: a part of its neighbour was moved into or out of it, which the signature does not cover"
            )),
            Self::Elsewhere(objection) => Some(objection.clone()),
        }
    }
}

/// A notification, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VerifiedNotification {
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<Timestamp>,
    verdict: &'static str,
    /// What is wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What else to know of one that is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Nothing of a body that is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<Map<String, Value>>,
}

impl VerifiedNotification {
    /// One that was judged.
    pub(super) fn new(notification: &Notification, verdict: &Verdict) -> Self {
        Self {
            received_at: None,
            verdict: verdict.word(),
            problem: verdict.problem(),
            note: None,
            notification: Some(without_signature(notification)),
        }
    }

    /// A body that is no notification.
    pub(super) fn malformed(problem: String) -> Self {
        Self {
            received_at: None,
            verdict: "Malformed",
            problem: Some(problem),
            note: None,
            notification: None,
        }
    }

    /// The same, that came then.
    pub(super) fn received(mut self, at: Timestamp) -> Self {
        self.received_at = Some(at);
        self
    }

    /// The same, which came before.
    pub(super) fn repeated(mut self) -> Self {
        self.verdict = "Repeated";
        self
    }

    /// The same, with something else to know.
    pub(super) fn noted(mut self, note: &str) -> Self {
        let before = self.note.take().map(|before| format!("{before}; "));
        self.note = Some(before.unwrap_or_default() + note);
        self
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let said = self.problem.iter().chain(&self.note).cloned();
        let said = said.collect::<Vec<_>>().join("; ");
        let said = if said.is_empty() {
            said
        } else {
            format!(": {said}")
        };
        let about = self.notification.as_ref().map(summary);
        let border = if said.is_empty() { " " } else { " | " };
        let about = about.map(|about| format!("{border}{about}"));
        printable(&format!(
            "{}{said}{}",
            self.verdict,
            about.unwrap_or_default()
        ))
    }
}

/// What it says, but for what proves it: a log has many readers, and whoever has that can send the same, or with `MD5` anything, until it
/// expires.
fn without_signature(notification: &Notification) -> Map<String, Value> {
    let mut fields = notification.fields().clone();
    fields.remove("auth_sign");
    fields
}

/// What a notification says, in short and on one line.
pub(super) fn summary(notification: &Map<String, Value>) -> String {
    let fields = [
        "event_type",
        "publish_domain",
        "app",
        "stream",
        "download_url",
        "error_message",
    ];
    let text = |field| notification.get(field).and_then(Value::as_str);
    let said = fields.into_iter().filter_map(text);
    let said: Vec<&str> = said.filter(|text| !text.is_empty()).collect();
    printable(&said.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_told_has_its_parts_apart_and_no_signature() {
        let said = json!({ "event_type": "RECORD_OVER", "publish_domain": "push.example.com", "app": "live", "auth_sign": "c0ffee" });
        let notification = Notification::parse(said.to_string().as_bytes()).unwrap();
        let about = "RECORD_OVER push.example.com live";
        for (verdict, line) in [
            (Verdict::Genuine, format!("Genuine {about}")),
            (
                Verdict::Elsewhere("it is elsewhere".to_owned()),
                format!("Elsewhere: it is elsewhere | {about}"),
            ),
        ] {
            let verified = VerifiedNotification::new(&notification, &verdict);
            assert_eq!(verified.line(), line);
            let verified = json!(verified);
            assert_eq!(verified["notification"]["app"], "live");
            assert!(!verified.to_string().contains("c0ffee"), "{verified}");
        }
    }
}
