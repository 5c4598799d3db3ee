//! The notifications that Live sends to a callback's URL, and whether one is genuine. Pure.
//!
//! What signatures cover is in Live's user guide (Configuring Recording Callbacks); no code of the cloud shows it.

pub mod bounds;

use std::fmt::Write as _;

use jiff::Timestamp;
use md5::{Digest as _, Md5};
use ring::hmac;
use serde_json::{Map, Value};

use super::sign_key::SignKey;

/// What `HMACSHA256` covers, in this order; a field that is absent counts as empty.
pub const COVERED: [&str; 7] = [
    "auth_timestamp",
    "event_type",
    "publish_domain",
    "app",
    "stream",
    "download_url",
    "play_url",
];

/// A notification as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification(Map<String, Value>);

/// How notifications are signed. They do not say it themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignType {
    /// Covers what the notification says, see [`COVERED`].
    HmacSha256,
    /// Covers nothing but the time.
    Md5,
}

/// What there is to say of a notification's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// It was made with one of the keys.
    Genuine,
    /// It was, but it counts no longer.
    Expired(Timestamp),
    /// It was not.
    Wrong,
    /// There is none.
    Unsigned,
}

impl Notification {
    /// Reads a body: a JSON object that names an event.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let Value::Object(fields) = value else {
            return Err("the body is not a JSON object".to_owned());
        };
        let notification = Self(fields);
        if notification.text("event_type").is_empty() {
            return Err("the body has no event_type".to_owned());
        }
        Ok(notification)
    }

    /// A field as text; empty when it is absent. A number is as it is written.
    pub fn text(&self, field: &str) -> String {
        match self.0.get(field) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(
                value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)),
            ) => value.to_string(),
        }
    }

    /// All that it says.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All that it says, each field once: what was judged, whatever other readers would have made of the body.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// Whether it is signed with one of these keys, and the signature still counts now. Without a time, its age does not matter.
    pub fn judge(
        &self,
        keys: &[SignKey],
        sign_type: SignType,
        now: Option<Timestamp>,
    ) -> SignatureVerdict {
        let signature = self.text("auth_sign");
        if signature.is_empty() {
            return SignatureVerdict::Unsigned;
        }
        // All keys are tried, so that how long it takes does not tell which one fits.
        let fitting = keys.iter().filter(|key| {
            let expected = self.signature(key, sign_type);
            is_same(&expected, &signature.to_ascii_lowercase())
        });
        if fitting.count() == 0 {
            return SignatureVerdict::Wrong;
        }
        let expires = self.text("auth_timestamp").parse();
        let expires = expires.ok().and_then(|at| Timestamp::from_second(at).ok());
        match (expires, now) {
            (None, _) => SignatureVerdict::Wrong,
            (Some(expires), Some(now)) if expires < now => SignatureVerdict::Expired(expires),
            (Some(_), _) => SignatureVerdict::Genuine,
        }
    }

    fn signature(&self, key: &SignKey, sign_type: SignType) -> String {
        match sign_type {
            SignType::HmacSha256 => {
                let message: String = COVERED.iter().map(|field| self.text(field)).collect();
                let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
                hex(hmac::sign(&key, message.as_bytes()).as_ref())
            }
            SignType::Md5 => {
                let message = format!("{}{}", key.expose(), self.text("auth_timestamp"));
                hex(&Md5::digest(message))
            }
        }
    }
}

/// Whether two texts are the same, in a time that does not tell where they differ: their codes under a third key are compared.
fn is_same(one: &str, other: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, one.as_bytes());
    let code = hmac::sign(&key, one.as_bytes());
    hmac::verify(&key, other.as_bytes(), code.as_ref()).is_ok()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "0123456789abcdef0123456789ABCDEF";

    fn sign_key(text: &str) -> SignKey {
        SignKey::parse(text.as_bytes()).unwrap()
    }

    fn notification(value: &Value) -> Notification {
        Notification::parse(value.to_string().as_bytes()).unwrap()
    }

    /// The vectors' notifications, each with its signature, its key and its way of signing.
    fn vectors() -> Vec<(Value, SignKey, SignType)> {
        let data = include_str!("../../tests/data/signing-vectors.json");
        let data: Value = serde_json::from_str(data).unwrap();
        let vectors = data["notification_signature_vectors_inferred"]["vectors"].clone();
        let vectors = vectors.as_array().unwrap().iter().map(|vector| {
            let mut event = vector["event"].clone();
            event["auth_sign"] = vector["auth_sign"].clone();
            let sign_type = match vector["sign_type"].as_str().unwrap() {
                "MD5" => SignType::Md5,
                _ => SignType::HmacSha256,
            };
            (event, sign_key(vector["key"].as_str().unwrap()), sign_type)
        });
        vectors.collect()
    }

    #[test]
    fn what_is_signed_as_the_user_guide_says_is_genuine_until_it_expires() {
        assert_eq!(vectors().len(), 4);
        for (event, key, sign_type) in vectors() {
            let expires = event["auth_timestamp"].as_i64().unwrap();
            let at = |second| Timestamp::from_second(second).ok();
            let judge =
                |now| notification(&event).judge(std::slice::from_ref(&key), sign_type, now);
            assert_eq!(judge(at(expires)), SignatureVerdict::Genuine, "{event}");
            assert_eq!(judge(None), SignatureVerdict::Genuine);
            let late = SignatureVerdict::Expired(at(expires).unwrap());
            assert_eq!(judge(at(expires + 1)), late);
        }
    }

    #[test]
    fn a_time_may_be_text_a_signature_in_capitals_and_the_key_the_second_of_two() {
        for (mut event, key, sign_type) in vectors() {
            event["auth_timestamp"] = json!(event["auth_timestamp"].to_string());
            event["auth_sign"] = json!(event["auth_sign"].as_str().unwrap().to_uppercase());
            let keys = [sign_key(&"x".repeat(32)), key];
            assert_eq!(
                notification(&event).judge(&keys, sign_type, None),
                SignatureVerdict::Genuine
            );
        }
    }

    /// What is not covered can be forged: the docs tell which fields that are.
    #[test]
    fn a_field_that_is_covered_can_not_be_changed_and_no_other_is_covered() {
        for (event, key, sign_type) in vectors() {
            let fields: Vec<String> = event.as_object().unwrap().keys().cloned().collect();
            for field in fields.iter().filter(|field| *field != "auth_sign") {
                let mut forged = event.clone();
                forged[field] = match field.as_str() {
                    "auth_timestamp" => json!(4_000_000_000_i64),
                    _ => json!("forged"),
                };
                let verdict =
                    notification(&forged).judge(std::slice::from_ref(&key), sign_type, None);
                let is_covered = match sign_type {
                    SignType::HmacSha256 => COVERED.contains(&field.as_str()),
                    SignType::Md5 => field == "auth_timestamp",
                };
                let expected = if is_covered {
                    SignatureVerdict::Wrong
                } else {
                    SignatureVerdict::Genuine
                };
                assert_eq!(verdict, expected, "{field} of {event}");
            }
        }
    }

    #[test]
    fn no_signature_and_another_key_or_way_of_signing_are_told() {
        for (mut event, key, sign_type) in vectors() {
            let other = match sign_type {
                SignType::Md5 => SignType::HmacSha256,
                SignType::HmacSha256 => SignType::Md5,
            };
            let keys = [key];
            let judge = |event: &Value, keys: &[SignKey], sign_type| {
                notification(event).judge(keys, sign_type, None)
            };
            assert_eq!(judge(&event, &keys, other), SignatureVerdict::Wrong);
            assert_eq!(
                judge(&event, &[sign_key(&KEY.repeat(2))], sign_type),
                SignatureVerdict::Wrong
            );
            assert_eq!(judge(&event, &[], sign_type), SignatureVerdict::Wrong);
            event.as_object_mut().unwrap().remove("auth_sign");
            assert_eq!(judge(&event, &keys, sign_type), SignatureVerdict::Unsigned);
        }
    }

    proptest! {
        #[test]
        fn any_body_is_judged(body in prop::collection::vec(any::<u8>(), 0..200), sign in ".{0,70}", time in any::<i64>()) {
            let _ = Notification::parse(&body);
            let event = json!({ "event_type": "RECORD_OVER", "auth_sign": sign, "auth_timestamp": time });
            let verdict = notification(&event).judge(&[sign_key(KEY)], SignType::Md5, None);
            prop_assert!(matches!(verdict, SignatureVerdict::Wrong | SignatureVerdict::Unsigned));
        }
    }
}
