//! `verify-notification` and `serve-notifications`: what a receiver of notifications has to do, done once and done right.

pub mod serve;
pub mod verify;

use std::fs;

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use serde::Serialize;

use super::output::printable;
use crate::config::notifications::{self, SignatureArgs};
use crate::live::notification::{Notification, SignType, SignatureVerdict};
use crate::live::sign_key::SignKey;

/// How notifications are to be signed.
struct Expected {
    keys: Vec<SignKey>,
    sign_type: SignType,
}

impl Expected {
    fn read(args: &SignatureArgs) -> anyhow::Result<Self> {
        let key = |file: &std::path::PathBuf| {
            let name = file.display();
            let value = fs::read(file).with_context(|| format!("{name} can't be read"))?;
            // Who writes a file by an editor or echo ends its line.
            let value = value.strip_suffix(b"\n").unwrap_or(&value);
            SignKey::parse(value).map_err(|problem| anyhow!("{name}: {problem}"))
        };
        Ok(Self {
            keys: args.key_file.iter().map(key).collect::<Result<_, _>>()?,
            sign_type: match args.sign_type {
                notifications::SignTypeArg::HmacSha256 => SignType::HmacSha256,
                notifications::SignTypeArg::Md5 => SignType::Md5,
            },
        })
    }
}

/// A notification, and what there is to say of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedNotification {
    verdict: &'static str,
    /// What is wrong, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    notification: serde_json::Value,
}

impl VerifiedNotification {
    fn new(notification: &Notification, verdict: SignatureVerdict) -> Self {
        let (word, problem) = words(verdict);
        Self {
            verdict: word,
            problem,
            notification: notification.fields().clone().into(),
        }
    }

    /// One that nobody can judge.
    fn unverified(notification: &Notification) -> Self {
        Self {
            verdict: "Unverified",
            problem: None,
            notification: notification.fields().clone().into(),
        }
    }

    /// One line for people.
    fn line(&self, notification: &Notification) -> String {
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

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn now() -> Timestamp {
    Timestamp::now()
}
