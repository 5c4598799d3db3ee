//! What an object's Secrets say, in a form that can be compared and holds no secret: the level that decisions are made on.
//!
//! That a Secret changed is known by comparing, never by having noticed it: what was noticed is lost with the first error after it.

use std::num::NonZeroU64;

use crate::api::status::Status;
use crate::hash::hash;
use crate::login::secret::References;
use crate::plan::facts::SignKeyState;
use crate::plan::facts::conditions;

/// What an object's Secrets say.
#[derive(Debug)]
pub(super) struct Inputs {
    /// The sign key, by its digest.
    pub(super) key: SignKeyState,
    /// All that the credentials' Secret says, by its digest, or what is wrong with it; without such a Secret what stands for the operator's
    /// own credentials, if they serve.
    pub(super) credentials: Option<Result<String, String>>,
    /// Stands for the credential in a status; only where that tells of a refused one.
    pub(super) credential: Option<String>,
    /// Region and project, where they are named.
    pub(super) target: (Option<String>, Option<String>),
    /// The address that they lead to.
    pub(super) endpoint: Option<String>,
    /// They name an endpoint that is not allowed.
    pub(super) is_forbidden: bool,
}

/// What is remembered of inputs, to tell others from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InputsMark {
    /// Unset where the key was not read.
    key: Option<NonZeroU64>,
    rest: NonZeroU64,
}

/// Stands for all that the inputs of objects with the same references follow from, but for the objects themselves: what they refer to,
/// and what their Secrets were found to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourcesMark(NonZeroU64);

impl SourcesMark {
    /// The Secrets that are referred to have these editions.
    pub(super) fn of(references: &References, editions: &[u64]) -> Self {
        Self(hash(&(references, editions)))
    }
}

impl Inputs {
    /// What tells them from others.
    pub(super) fn mark(&self) -> InputsMark {
        let Self {
            key,
            credentials,
            // It is one of those.
            credential: _,
            target,
            endpoint,
            is_forbidden,
        } = self;
        InputsMark {
            key: (*key != SignKeyState::Unread).then(|| hash(key)),
            rest: hash(&(credentials, target, endpoint, is_forbidden)),
        }
    }

    /// Whether an object has to be tried anew with them: they are not those that it was last decided on or, where nothing was
    /// decided yet, not those that its status tells of.
    pub(super) fn are_news(&self, decided: Option<InputsMark>, status: Option<&Status>) -> bool {
        match decided {
            Some(decided) => !decided.is_of(self.mark()),
            None => status.is_some_and(|status| self.differ_from(status)),
        }
    }

    /// Another process sent another key for what is settled, had another credential refused, created in another project or
    /// through another address, or was allowed to call where they lead.
    fn differ_from(&self, status: &Status) -> bool {
        let sent = status
            .sent
            .as_ref()
            .filter(|_| conditions::is_ready(status));
        let another_key = match (&self.key, sent) {
            (SignKeyState::Digest(digest), Some(sent)) => sent.key_digest.as_ref() != Some(digest),
            (SignKeyState::Invalid(_), Some(_)) => true,
            _ => false,
        };
        let refused = status.rejected_credential.as_ref();
        let refused = refused.is_some_and(|refused| self.credential.as_ref() != Some(refused));
        let forbidden = self.is_forbidden && conditions::is_ready(status);
        another_key || refused || forbidden || self.name_another_target(status)
    }

    fn name_another_target(&self, status: &Status) -> bool {
        let (region, project_id) = &self.target;
        let differs = |named: &Option<String>, recorded: &str| {
            named.as_ref().is_some_and(|named| named != recorded)
        };
        let target = status.target.as_ref();
        target.is_some_and(|target| {
            differs(region, &target.region)
                || differs(project_id, &target.project_id)
                || differs(&self.endpoint, &target.endpoint)
        })
    }
}

impl InputsMark {
    /// A key that was not needed then, and not read, is none that has changed.
    fn is_of(self, present: Self) -> bool {
        self.rest == present.rest && (self.key.is_none() || self.key == present.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(key: &str, credential: &str) -> Inputs {
        Inputs {
            key: SignKeyState::Digest(key.to_owned()),
            credentials: Some(Ok(credential.to_owned())),
            credential: Some(credential.to_owned()),
            target: (Some("cn-north-4".to_owned()), None),
            endpoint: None,
            is_forbidden: false,
        }
    }

    fn status(ready: &str, key: &str, refused: Option<&str>) -> Status {
        serde_json::from_value(serde_json::json!({
            "sent": { "signType": "MD5", "keyDigest": key },
            "rejectedCredential": refused,
            "target": {"region": "cn-north-4", "projectID": "project", "endpoint": ""},
            "conditions": [{
                "type": "Ready", "status": ready, "reason": "Available", "message": "",
                "lastTransitionTime": "2026-11-25T02:00:00Z",
            }],
        }))
        .unwrap()
    }

    #[test]
    fn what_was_decided_on_is_no_news_whatever_the_status_says() {
        let (one, other) = (inputs("one", "ak"), inputs("other", "ak"));
        let status = status("True", "one", Some("another"));
        assert!(!other.are_news(Some(other.mark()), Some(&status)));
        assert!(other.are_news(Some(one.mark()), Some(&status)));
        assert!(one.are_news(Some(inputs("one", "other").mark()), None));
    }

    #[test]
    fn after_a_restart_the_status_tells_what_was_used() {
        let one = inputs("one", "ak");
        assert!(!one.are_news(None, None));
        assert!(!one.are_news(None, Some(&status("True", "one", None))));
        assert!(one.are_news(None, Some(&status("True", "other", None))));
        let invalid = Inputs {
            key: SignKeyState::Invalid("too short".to_owned()),
            ..inputs("one", "ak")
        };
        assert!(invalid.are_news(None, Some(&status("True", "one", None))));
        assert!(!invalid.are_news(None, Some(&status("False", "one", None))));
        let elsewhere =
            serde_json::json!({ "target": { "region": "cn-east-3", "projectID": "p" } });
        assert!(one.are_news(None, serde_json::from_value(elsewhere).ok().as_ref()));
        let moved = Inputs {
            endpoint: Some("https://live.example.com".to_owned()),
            ..inputs("one", "ak")
        };
        assert!(moved.are_news(None, Some(&status("True", "one", None))));
        let forbidden = Inputs {
            is_forbidden: true,
            ..inputs("one", "ak")
        };
        assert!(forbidden.are_news(None, Some(&status("True", "one", None))));
        // What fails is tried when its backoff ends, with whatever key there is by then.
        assert!(!one.are_news(None, Some(&status("False", "other", None))));
        assert!(!one.are_news(None, Some(&status("False", "one", Some("ak")))));
        assert!(one.are_news(None, Some(&status("False", "one", Some("former")))));
    }
}
