//! Why it may be said that the cloud holds a spec: a row that was seen, or what was sent last and answered. Pure; nothing else makes the
//! evidence without which Ready is not True.

use crate::plan::facts::content::{Content, ReportedContent};
use crate::plan::facts::row::Row;
use crate::plan::facts::sent_key::SentKey;
use crate::plan::facts::{Desired, Facts, SignKeyState, operation_log};

/// Evidence that the cloud holds the very spec that it was asked of. Ready can't be True without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecHeld(());

impl SpecHeld {
    /// A row that says what is wanted.
    pub fn by_row(desired: &Desired, row: &Row) -> Option<Self> {
        row.reports(&desired.content).then_some(Self(()))
    }

    /// What was sent last is what is wanted, and it was answered; or what was seen is, where nothing was sent.
    pub fn as_sent(facts: &Facts, desired: &Desired) -> Option<Self> {
        is_as_sent(facts, desired).then_some(Self(()))
    }
}

/// Whether the spec and the key, as far as it is known, are what was last sent (or seen, when nothing was sent). What a PUT may have brought
/// that was not answered is not known: a row may show it later.
pub(in crate::plan) fn is_as_sent(facts: &Facts, desired: &Desired) -> bool {
    let same = match (&facts.status.sent, &facts.status.remote) {
        (Some(sent), _) => Content::from(sent).is_same(&desired.content),
        (None, Some(remote)) => ReportedContent::from(remote).holds(&desired.content),
        (None, None) => false,
    };
    same && is_key_as_sent(facts, desired) && !operation_log::is_update_unknown(&facts.status)
}

/// The same of the key alone.
pub(in crate::plan) fn is_key_as_sent(facts: &Facts, desired: &Desired) -> bool {
    let Some(sent) = &facts.status.sent else {
        return !desired.wants_key;
    };
    let sent_key = SentKey::of(Some(sent));
    match &facts.key {
        // A PUT that may have happened may have brought another key, and none shows in a row.
        SignKeyState::Digest(digest) => {
            sent_key == SentKey::Known(digest)
                && !facts.key_in_doubt
                && !operation_log::is_update_unknown(&facts.status)
        }
        SignKeyState::Unwanted => true,
        SignKeyState::Unread | SignKeyState::Missing(_) => {
            !desired.wants_key || sent_key.is_known()
        }
        // No such key was ever sent.
        SignKeyState::Invalid(_) => !desired.wants_key,
    }
}
