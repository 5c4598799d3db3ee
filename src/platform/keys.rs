//! What credentials are made of. No I/O. Nothing here prints a secret: an access key id is shown by its first 4 characters, everything else
//! not at all.

use std::fmt;

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::platform::redact::{Redactor, shortened};
use crate::platform::sign::hex;

/// An access key, permanent or temporary.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// Names the key.
    pub ak: AccessKey,
    /// Signs.
    pub sk: SecretString,
    /// Goes with a temporary key.
    pub security_token: Option<SecretString>,
}

impl KeyPair {
    /// A temporary key, unless a value can't be part of a header.
    pub(crate) fn temporary(ak: &str, sk: &str, security_token: &str) -> Option<Self> {
        let fits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        (fits(ak) && fits(security_token) && !sk.is_empty()).then(|| Self {
            ak: AccessKey::new(ak.to_owned()),
            sk: sk.into(),
            security_token: Some(security_token.into()),
        })
    }

    /// Marks what must not be shown.
    pub(crate) fn conceal(&self, secrets: &mut Redactor) {
        secrets.shorten(self.ak.as_str());
        secrets.hide(self.sk.expose_secret());
        if let Some(token) = &self.security_token {
            secrets.hide(token.expose_secret());
        }
    }
}

/// A user of IAM.
#[derive(Debug, Clone)]
pub struct User {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: SecretString,
    /// The account that the user belongs to.
    pub domain_name: String,
}

/// The id of an access key. Not a secret, but shown by its first 4 characters only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AccessKey(String);

impl AccessKey {
    pub(crate) fn new(id: String) -> Self {
        Self(id)
    }

    /// All of it, as requests need it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shortened(&self.0))
    }
}

/// The first 16 bytes, in hex, of HMAC-SHA256 with this key.
pub(crate) fn keyed_digest(key: &str, message: &[u8]) -> String {
    #[cfg(test)]
    DIGESTS.set(DIGESTS.get() + 1);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag = hmac::sign(&key, message);
    let (start, _) = tag.as_ref().split_at(16);
    hex(start)
}

/// Stands for a token, of which nothing is shown.
pub(crate) fn token_digest(token: &SecretString) -> String {
    keyed_digest("token", token.expose_secret().as_bytes())
}

/// Length-prefixed, so that no two lists of parts are alike.
pub(crate) fn length_prefixed(parts: &[&str]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| format!("{}:{part}", part.len()).into_bytes())
        .collect()
}

#[cfg(test)]
thread_local! {
    /// How many keyed digests were computed.
    pub(crate) static DIGESTS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
