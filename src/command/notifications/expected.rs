//! How notifications are to be signed, from the files that the flags name.

use std::fs;

use anyhow::{Context as _, anyhow};

use crate::config::notifications::{self, SignatureArgs};
use crate::live::notification::SignType;
use crate::live::sign_key::SignKey;

/// How notifications are to be signed.
pub(super) struct Expected {
    pub(super) keys: Vec<SignKey>,
    pub(super) sign_type: SignType,
}

impl Expected {
    pub(super) fn read(args: &SignatureArgs) -> anyhow::Result<Self> {
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
