//! The JSON of those who make keys. The only file that names a field of it.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::platform::keys::KeyPair;
use crate::platform::temporary::source::Sts;

/// How long a key of IAM is to live, in seconds.
const KEY_LIFE: u32 = 6 * 60 * 60;

/// The body that asks STS for the key of an agency.
pub(super) fn assume_request(sts: &Sts, token: &SecretString) -> String {
    let mut body = json!({
        "provider_urn": sts.provider_urn,
        "agency_urn": sts.agency_urn,
        "agency_session_name": sts.session_name,
        "id_token": token.expose_secret(),
        "duration_seconds": sts.duration_seconds,
    });
    if let Some(members) = body.as_object_mut() {
        if let Some(policy) = &sts.policy {
            members.insert("policy".to_owned(), policy.as_str().into());
        }
        if !sts.policy_ids.is_empty() {
            members.insert("policy_ids".to_owned(), sts.policy_ids.clone().into());
        }
    }
    body.to_string()
}

/// The body that asks IAM for a token.
pub(super) fn token_request(id_token: &SecretString) -> String {
    json!({"auth": {"id_token": {"id": id_token.expose_secret()}}}).to_string()
}

/// The body that asks IAM for a key.
pub(super) fn key_request(token: &SecretString) -> String {
    let token = json!({"id": token.expose_secret(), "duration_seconds": KEY_LIFE});
    json!({"auth": {"identity": {"methods": ["token"], "token": token}}}).to_string()
}

/// A temporary key and its end. Every service has a spelling of its own, and puts it into another envelope or none.
pub(super) fn key(body: &[u8]) -> Result<(KeyPair, Option<Timestamp>), &'static str> {
    // What is wrong is told without the text, which may hold secrets.
    let whole: Value = serde_json::from_slice(body).map_err(|_| "the answer is not JSON")?;
    let envelope = ["credential", "credentials"];
    let inner = envelope.iter().find_map(|name| whole.get(name));
    let key = inner.unwrap_or(&whole);
    let text = |names: &[&str]| names.iter().find_map(|name| key.get(name)?.as_str());
    let ak = text(&["access", "accessKeyId", "access_key_id"]);
    let sk = text(&["secret", "secretAccessKey", "secret_access_key"]);
    let token = text(&["securitytoken", "securityToken", "security_token"]);
    let (Some(ak), Some(sk), Some(token)) = (ak, sk, token) else {
        return Err("the answer lacks access key, secret or security token");
    };
    let pair = KeyPair::temporary(ak, sk, token).ok_or("the answer's key can't be sent")?;
    let end = text(&["expires_at", "expiration"]).and_then(|end| end.parse().ok());
    Ok((pair, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_every_spelling() {
        let end: Option<Timestamp> = Some("2026-11-25T12:00:00Z".parse().unwrap());
        for body in [
            r#"{"credential":{"access":"AKTEST","secret":"sk-test","securitytoken":"token-t","expires_at":"2026-11-25T12:00:00.000000Z"}}"#,
            r#"{"credentials":{"access_key_id":"AKTEST","secret_access_key":"sk-test","security_token":"token-t","expiration":"2026-11-25T12:00:00Z"}}"#,
            r#"{"accessKeyId":"AKTEST","secretAccessKey":"sk-test","securityToken":"token-t","expiration":"2026-11-25T12:00:00Z"}"#,
        ] {
            let (pair, expires_at) = key(body.as_bytes()).unwrap();
            assert_eq!((pair.ak.as_str(), expires_at), ("AKTEST", end), "{body}");
            assert_eq!(pair.sk.expose_secret(), "sk-test");
            assert_eq!(pair.security_token.unwrap().expose_secret(), "token-t");
        }
    }

    #[test]
    fn what_is_no_key_is_told_without_its_text() {
        for body in [
            "sk-test",
            r#"{"credential":{"access":"AKTEST","secret":"sk-test"}}"#,
            r#"{"credential":{"access":"AKTEST","secret":"sk-test","securitytoken":""}}"#,
            r#"{"credential":{"access":"AK\nTEST","secret":"sk-test","securitytoken":"token-t"}}"#,
        ] {
            let problem = key(body.as_bytes()).unwrap_err();
            assert!(!problem.contains("test"), "{body}: {problem}");
        }
    }
}
