//! Credentials as a Secret holds them.
//!
//! No I/O. Nothing here prints a secret: an access key id is shown by its first 4 characters, everything else not at all.

use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

pub use crate::platform::keys::{AccessKey, KeyPair, User};
use crate::platform::keys::{keyed_digest, length_prefixed, token_digest};
use crate::platform::redact::Redactor;
use crate::platform::temporary::TemporaryKeys;

/// How calls are authorised.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An access key: requests are signed with it.
    AkSk(KeyPair),
    /// A token that somebody else made.
    Token(SecretString),
    /// A user of IAM, for whom tokens are made.
    Password(User),
    /// This process itself, for whom temporary access keys are made.
    Ambient(Arc<TemporaryKeys>),
}

/// What a Secret says. Keys of other names are ignored, white space at a value's ends is cut, an empty value is an absent one.
#[derive(Debug, Clone)]
pub struct CredentialSet<C = Credential> {
    /// The first full set of: access key, token, user. Itself, or as others share it.
    pub credential: C,
    /// `project_id`; to be looked up when absent.
    pub project_id: Option<String>,
    /// `region`.
    pub region: Option<String>,
    /// `live_endpoint`, when it is not the region's.
    pub live_endpoint: Option<String>,
    /// `iam_endpoint`, when it is not the region's.
    pub iam_endpoint: Option<String>,
}

/// The sets of keys of which one must be full, in the order in which they count.
const SETS: [&[&str]; 3] = [
    &["ak", "sk"],
    &["token"],
    &["username", "password", "domain_name"],
];
/// Values that nobody may see.
const SECRET: [&str; 4] = ["sk", "security_token", "token", "password"];
/// Values that messages and statuses show.
const VISIBLE_KEYS: [&str; 4] = ["project_id", "region", "live_endpoint", "iam_endpoint"];
/// A shorter secret may be part of another value by chance.
const MIN_MATCH: usize = 8;
/// The longest endpoint: a scheme, a host name and a port.
const MAX_ENDPOINT: usize = 270;
/// Values that may be long: tokens have grown to some ten thousand bytes.
const LONG: [&str; 2] = ["security_token", "token"];
/// The longest of all others, in bytes. They name identities, of which each part here that deals with them keeps a copy.
const LONGEST: usize = 1024;
/// Values that become part of a header.
const IN_HEADERS: [&str; 3] = ["ak", "security_token", "token"];
/// Every key that is looked at.
pub const KEYS: [&str; 11] = [
    "ak",
    "sk",
    "security_token",
    "token",
    "username",
    "password",
    "domain_name",
    "project_id",
    "region",
    "live_endpoint",
    "iam_endpoint",
];

impl CredentialSet {
    /// Reads the data of a Secret, values by key; the problem is a sentence that names the keys, no value that is secret, and what to do.
    pub fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        Self::around(Credential::read(data)?, data)
    }

    /// A credential that is known, with what the data say beside it.
    pub(crate) fn around(
        credential: Credential,
        data: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, String> {
        let values = values(data)?;
        if let Some(problem) = misplaced(&values) {
            return Err(problem);
        }
        let text = |key: &str| values.get(key).map(|value| (*value).to_owned());
        let is_project = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let checked = |key: &str, longest: usize, fits: &dyn Fn(u8) -> bool, form: &str| {
            let Some(value) = text(key) else {
                return Ok(None);
            };
            if value.len() <= longest && value.bytes().all(fits) {
                return Ok(Some(value));
            }
            Err(format!("the value of {key} is none: it must be {form}"))
        };
        Ok(Self {
            credential,
            project_id: checked("project_id", 64, &is_project, "1 to 64 of A-Z a-z 0-9 _ -")?,
            region: checked("region", 32, &is_region, "written like cn-north-4")?,
            live_endpoint: checked(
                "live_endpoint",
                MAX_ENDPOINT,
                &|_| true,
                "host or host:port",
            )?,
            iam_endpoint: checked("iam_endpoint", MAX_ENDPOINT, &|_| true, "host or host:port")?,
        })
    }

    /// The same with the credential as others share it.
    pub(crate) fn shared(
        self,
        share: impl FnOnce(Credential) -> Arc<Credential>,
    ) -> CredentialSet<Arc<Credential>> {
        CredentialSet {
            credential: share(self.credential),
            project_id: self.project_id,
            region: self.region,
            live_endpoint: self.live_endpoint,
            iam_endpoint: self.iam_endpoint,
        }
    }
}

impl<C: Borrow<Credential>> CredentialSet<C> {
    /// Stands for all that the data say: equal for data that say the same.
    pub fn digest(&self) -> String {
        let optional = [
            &self.project_id,
            &self.region,
            &self.live_endpoint,
            &self.iam_endpoint,
        ];
        let optional = optional.map(|value| value.as_deref().unwrap_or_default());
        let credential: &Credential = self.credential.borrow();
        let whole = [credential.unambiguous(), length_prefixed(&optional)].concat();
        keyed_digest("set", &whole)
    }
}

/// The known, filled values as text.
fn values(data: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<&'static str, &str>, String> {
    let mut values = BTreeMap::new();
    for key in KEYS {
        let Some(bytes) = data.get(key) else { continue };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| format!("the value of {key} is not UTF-8 text: write it anew"))?
            .trim();
        if text.len() > LONGEST && !LONG.contains(&key) {
            return Err(format!(
                "the value of {key} is longer than 1 KiB, which no such value is: correct it"
            ));
        }
        if IN_HEADERS.contains(&key) && !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the value of {key} has a character that can't be sent, such as a blank or a line break: write it anew"
            ));
        }
        if !text.is_empty() {
            values.insert(key, text);
        }
    }
    Ok(values)
}

/// A secret that stands where its value would be shown.
fn misplaced(values: &BTreeMap<&str, &str>) -> Option<String> {
    let lower = |key: &str| values.get(key).map(|value| value.to_lowercase());
    let pairs = SECRET
        .iter()
        .flat_map(|secret| VISIBLE_KEYS.map(|visible| (*secret, visible)));
    let repeats = |(secret, visible): &(&str, &str)| {
        let (secret, visible) = (lower(secret), lower(visible));
        let secret = secret.filter(|secret| secret.chars().count() >= MIN_MATCH);
        secret.is_some_and(|secret| visible.is_some_and(|visible| visible.contains(&secret)))
    };
    let (secret, visible) = pairs.into_iter().find(repeats)?;
    Some(format!(
        "the value of {visible} repeats that of {secret}: write each value at its own key"
    ))
}

/// Names what completes the sets that were begun.
fn missing(values: &BTreeMap<&str, &str>) -> String {
    let begun: Vec<_> = SETS
        .iter()
        .map(|set| {
            set.iter()
                .partition::<Vec<&str>, _>(|key| values.contains_key(*key))
        })
        .filter(|(present, _)| !present.is_empty())
        .map(|(present, absent)| {
            format!(
                "it has {} but lacks {}",
                present.join(" and "),
                absent.join(" and ")
            )
        })
        .collect();
    let begun = if begun.is_empty() {
        "it has none of them".to_owned()
    } else {
        begun.join(", ")
    };
    format!("it needs ak and sk, or token, or username, password and domain_name: {begun}")
}

impl Credential {
    /// The first full set of the data of a Secret.
    pub(crate) fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let values = values(data)?;
        let text = |key: &str| values.get(key).map(|value| (*value).to_owned());
        let secret = |key: &str| values.get(key).map(|value| SecretString::from(*value));
        if let (Some(ak), Some(sk)) = (text("ak"), secret("sk")) {
            return Ok(Self::AkSk(KeyPair {
                ak: AccessKey::new(ak),
                sk,
                security_token: secret("security_token"),
            }));
        }
        if let Some(token) = secret("token") {
            return Ok(Self::Token(token));
        }
        if let (Some(username), Some(password), Some(domain_name)) =
            (text("username"), secret("password"), text("domain_name"))
        {
            return Ok(Self::Password(User {
                username,
                password,
                domain_name,
            }));
        }
        Err(missing(&values))
    }

    /// Tells the redactor what must not be shown.
    pub fn conceal(&self, secrets: &mut Redactor) {
        match self {
            Self::AkSk(pair) => pair.conceal(secrets),
            Self::Token(token) => secrets.hide(token.expose_secret()),
            Self::Password(user) => secrets.hide(user.password.expose_secret()),
            // Its keys are concealed where they are made and used.
            Self::Ambient(_) => {}
        }
    }

    /// Tells whether a credential is the one that was meant, without being one: 16 bytes, in hex, of its HMAC-SHA256 with `salt` for a key.
    pub fn digest(&self, salt: &str) -> String {
        keyed_digest(salt, &self.unambiguous())
    }

    /// Whom the cloud counts calls for, and locks: all credentials of one access key or user have the same. Not to be shown.
    pub(crate) fn principal(&self) -> String {
        let whole = match self {
            Self::AkSk(pair) => length_prefixed(&["ak", pair.ak.as_str()]),
            Self::Password(user) => length_prefixed(&["user", &user.domain_name, &user.username]),
            Self::Token(token) => length_prefixed(&["token", &token_digest(token)]),
            Self::Ambient(temporary) => length_prefixed(&["ambient", temporary.identity()]),
        };
        String::from_utf8_lossy(&whole).into_owned()
    }

    /// The same of what lasts; none of a token or a temporary key, of which whoever has a key that lasts may make as many as they like.
    pub(crate) fn lasting_principal(&self) -> Option<String> {
        let is_made_at_will = match self {
            Self::AkSk(pair) => pair.security_token.is_some(),
            Self::Token(_) => true,
            Self::Password(_) | Self::Ambient(_) => false,
        };
        (!is_made_at_will).then(|| self.principal())
    }

    /// The whole credential as bytes that no other one has. That of this process is the same for all keys that are made for it.
    pub(crate) fn unambiguous(&self) -> Vec<u8> {
        let parts = match self {
            Self::AkSk(KeyPair {
                ak,
                sk,
                security_token,
            }) => [
                "ak",
                ak.as_str(),
                sk.expose_secret(),
                security_token
                    .as_ref()
                    .map_or("", ExposeSecret::expose_secret),
            ],
            Self::Token(token) => ["token", token.expose_secret(), "", ""],
            Self::Password(User {
                username,
                password,
                domain_name,
            }) => ["password", username, password.expose_secret(), domain_name],
            Self::Ambient(temporary) => ["ambient", temporary.identity(), "", ""],
        };
        length_prefixed(&parts)
    }
}

#[cfg(test)]
mod tests;
