//! Which sign key a callback was sent, as its status tells: no row shows one. Pure.

use crate::api::status::SentStatus;

/// Stands in place of a digest once an update without a key came after one with a key.
const UNKNOWN: &str = "unknown";

/// The sign key of what was sent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentKey<'a> {
    /// None was ever sent.
    Never,
    /// The one of this digest.
    Known(&'a str),
    /// None with the newest update, and one before: whether the cloud has kept that nobody can see.
    Unknown,
}

impl<'a> SentKey<'a> {
    /// That of what was sent, if anything was.
    pub fn of(sent: Option<&'a SentStatus>) -> Self {
        match sent.and_then(|sent| sent.key_digest.as_deref()) {
            None => Self::Never,
            Some(UNKNOWN) => Self::Unknown,
            Some(digest) => Self::Known(digest),
        }
    }

    /// Whether it is known which one there is.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// What a status tells once an update was sent with the key of this digest, or with none.
    pub fn after_update(self, digest: Option<&str>) -> Option<String> {
        match (digest, self) {
            (Some(digest), _) => Some(digest.to_owned()),
            (None, Self::Never) => None,
            (None, Self::Known(_) | Self::Unknown) => Some(UNKNOWN.to_owned()),
        }
    }
}
