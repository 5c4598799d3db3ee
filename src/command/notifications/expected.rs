//! How notifications are to be signed and what they may be about, from the flags and the files that they name.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use jiff::Timestamp;

use super::verdict::Verdict;
use super::watched::{FileContent, Say, WatchedFiles};
use crate::config::notifications::{SignTypeArg, SignatureArgs};
use crate::live::notification::bounds::{Pins, shifted_field};
use crate::live::notification::{Notification, SignType, SignatureVerdict};
use crate::live::sign_key::SignKey;

/// What is expected of notifications.
pub(super) struct Expected {
    /// None where nothing is verified.
    keys: Option<WatchedFiles<Vec<SignKey>>>,
    sign_type: SignType,
    pins: Pins,
}

impl Expected {
    /// Reads the keys, where some are named; says when they change.
    pub(super) fn read(args: &SignatureArgs, say: Say) -> anyhow::Result<Self> {
        let files: &[PathBuf] = &args.key_file;
        let keys = (!files.is_empty()).then(|| WatchedFiles::read(files, keys, say));
        Ok(Self {
            keys: keys.transpose()?,
            sign_type: match args.sign_type {
                SignTypeArg::HmacSha256 => SignType::HmacSha256,
                SignTypeArg::Md5 => SignType::Md5,
            },
            pins: Pins {
                domains: args.domain.clone(),
                apps: args.app.clone(),
            },
        })
    }

    /// Whether there is a key to verify with.
    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// What there is to say of a notification. Without a time, its age does not matter.
    pub(super) fn judge(&self, notification: &Notification, now: Option<Timestamp>) -> Verdict {
        let signed = self
            .keys
            .as_ref()
            .map(|keys| notification.judge(&keys.current(), self.sign_type, now));
        let genuine = match signed {
            None => Verdict::Unverified,
            Some(SignatureVerdict::Genuine) => Verdict::Genuine,
            Some(SignatureVerdict::Expired(at)) => return Verdict::Expired(at),
            Some(SignatureVerdict::Wrong) => return Verdict::Wrong,
            Some(SignatureVerdict::Unsigned) => return Verdict::Unsigned,
        };
        if let Some(field) = shifted_field(notification) {
            return Verdict::Shifted(field);
        }
        match self.pins.objection(notification) {
            Some(objection) => Verdict::Elsewhere(objection),
            None => genuine,
        }
    }
}

fn keys(files: &[FileContent]) -> anyhow::Result<Vec<SignKey>> {
    if files.is_empty() {
        bail!("the directory of --key-file has no file: no key is known");
    }
    let key = |file: &FileContent| {
        // Who writes a file by an editor or echo ends its line.
        let value = file.bytes.strip_suffix(b"\n").unwrap_or(&file.bytes);
        SignKey::parse(value).map_err(|problem| anyhow!("{}: {problem}", file.path.display()))
    };
    files.iter().map(key).collect()
}
