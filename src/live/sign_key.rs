//! The key with which Live signs its notifications. Write-only at the cloud, so a digest stands for what was sent.

use secrecy::{ExposeSecret, SecretString};

use crate::platform::keys::keyed_digest;

/// The shortest key that Live takes.
const MIN_LENGTH: usize = 32;

/// A key that Live will take.
#[derive(Debug, Clone)]
pub struct SignKey(SecretString);

impl SignKey {
    /// Takes letters and digits, at least 32. Nothing is cut: the receiver checks signatures with the same value.
    pub fn parse(value: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(value).ok().filter(|text| {
            text.len() >= MIN_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        text.map(|text| Self(text.into()))
            .ok_or_else(|| problem(value))
    }

    /// The value, as requests need it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Stands for the key in a status: 16 bytes, in hex, of its HMAC-SHA256 with the object's UID for a key.
    pub fn digest(&self, object_uid: &str) -> String {
        keyed_digest(object_uid, self.expose().as_bytes())
    }
}

fn problem(value: &[u8]) -> String {
    let rule = "a sign key is letters and digits, at least 32";
    if value.trim_ascii().len() != value.len() {
        return format!(
            "{rule}: this one has white space at an end, perhaps a line break; write it without"
        );
    }
    if !value.iter().all(u8::is_ascii_alphanumeric) {
        return format!("{rule}: this one has another character");
    }
    format!("{rule}: this one has {}", value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789ABCDEF";

    #[test]
    fn letters_and_digits_of_some_length_are_a_key() {
        assert_eq!(SignKey::parse(KEY.as_bytes()).unwrap().expose(), KEY);
        assert!(SignKey::parse(KEY.repeat(4).as_bytes()).is_ok());
        for (value, expected) in [
            ("", "has 0"),
            (&KEY[1..], "has 31"),
            (&format!("{KEY}\n"), "line break"),
            (&format!("{KEY}-"), "another character"),
            (&format!("{KEY}ü"), "another character"),
        ] {
            let problem = SignKey::parse(value.as_bytes()).unwrap_err();
            assert!(problem.contains(expected), "{value:?}: {problem}");
        }
        assert!(SignKey::parse(&[0xff; 40]).is_err());
    }

    #[test]
    fn neither_the_key_nor_a_problem_shows_it() {
        assert!(!format!("{:?}", SignKey::parse(KEY.as_bytes())).contains("0123"));
        assert!(
            !SignKey::parse(&KEY.as_bytes()[1..])
                .unwrap_err()
                .contains("1234")
        );
    }

    #[test]
    fn the_digest_is_keyed_with_the_object() {
        let key = SignKey::parse(KEY.as_bytes()).unwrap();
        assert_ne!(key.digest("one"), key.digest("two"));
        assert_eq!(key.digest("one"), keyed_digest("one", KEY.as_bytes()));
    }
}
