//! Any Secret is credentials and a sign key, or a sentence that may be shown.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};

use crate::api::{RecordingCallback, RecordingCallbackSpec};
use crate::fuzz::{MIN_MATCH, assert_presentable, config, text};
use crate::live::sign_key::SignKey;
use crate::login::Login;
use crate::login::secret::References;
use crate::platform::credentials::{Credential, CredentialSet, KEYS};
use crate::platform::endpoint::{AllowList, Endpoint};

/// The longest sentence about a Secret: one that repeats an endpoint with every character escaped.
const SENTENCE: usize = 3_000;
/// Keys that are looked at, and two that are not.
fn keys() -> Vec<&'static str> {
    KEYS.into_iter().chain(["AK", ""]).collect()
}
/// Keys whose values are secret.
const SECRET: &[&str] = &["sk", "security_token", "token", "password"];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let endpoint = "(https?://)?[a-z0-9@.:*/?#\\[\\]-]{1,40}";
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..80),
        4 => "[!-~]{12,60}".prop_map(String::into_bytes),
        2 => "[ \t\r\n]{0,3}[!-~]{0,40}[ \t\r\n]{0,3}".prop_map(String::into_bytes),
        2 => endpoint.prop_map(String::into_bytes),
        1 => Just(b"cn-north-4".to_vec()),
        1 => Just(b"https://live.cn-north-4.myhuaweicloud.com".to_vec()),
        1 => text().prop_map(String::into_bytes),
        1 => (any::<u8>(), 0..200_000_usize).prop_map(|(byte, times)| vec![byte; times]),
    ]
}

/// A Secret in which one value may stand at several keys, as people write it into the wrong line.
fn data() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let key = any::<Index>().prop_map(|index| (*index.get(&keys())).to_owned());
    let pairs = prop::collection::vec((key, value()), 0..9);
    (pairs, prop::option::of((any::<Index>(), any::<Index>()))).prop_map(|(pairs, twice)| {
        let mut data: BTreeMap<_, _> = pairs.iter().cloned().collect();
        if let Some((from, to)) = twice
            && !pairs.is_empty()
        {
            data.insert((*to.get(&keys())).to_owned(), from.get(&pairs).1.clone());
        }
        data
    })
}

/// The values that nobody may tell. A short one may stand in a sentence by chance, and whoever takes a password for a name tells it.
fn secrets(data: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let values = SECRET.iter().filter_map(|key| data.get(*key));
    let named = ["username", "domain_name"].map(|key| data.get(key));
    values
        .filter(|value| !named.contains(&Some(value)))
        .map(|value| String::from_utf8_lossy(value).trim().to_owned())
        .filter(|value| {
            value.len() > MIN_MATCH && value.bytes().all(|byte| byte.is_ascii_graphic())
        })
        // What sentences recommend is no secret.
        .filter(|value| !value.contains("cn-north-4"))
        .collect()
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_secret_is_a_login_or_a_sentence_that_may_be_shown(
        data in data(), region in prop::option::of("[-a-z0-9]{2,32}"),
    ) {
        let secrets = secrets(&data);
        let mut object = RecordingCallback::new("push", RecordingCallbackSpec::default());
        object.spec.region = region;
        let login = CredentialSet::read(&data)
            .and_then(|set| Login::new(&References::of(&object), set, "Secret huaweicloud", &AllowList::default()).map_err(|(_, sentence)| sentence));
        match login {
            Err(sentence) => assert_presentable(&sentence, SENTENCE, &secrets),
            Ok(login) => {
                prop_assert!(AllowList::default().check(&Endpoint::parse(&login.live_endpoint).unwrap()).is_ok());
                if let Credential::AkSk(pair) = &*login.credential {
                    prop_assert!(pair.ak.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                }
                // What Debug prints may come into a log.
                let printed = format!("{:?}", login.credential);
                for secret in &secrets {
                    prop_assert!(!printed.contains(secret), "{printed}");
                }
            }
        }
    }

    #[test]
    fn any_value_is_a_sign_key_or_a_sentence_that_may_be_shown(value in value()) {
        match SignKey::parse(&value) {
            Ok(key) => {
                prop_assert_eq!(key.expose().as_bytes(), value.as_slice());
                prop_assert!(value.len() >= 32 && value.iter().all(u8::is_ascii_alphanumeric));
            }
            Err(sentence) => {
                let value = String::from_utf8_lossy(&value).trim().to_owned();
                let secrets = if value.len() > MIN_MATCH { vec![value] } else { Vec::new() };
                assert_presentable(&sentence, SENTENCE, &secrets);
            }
        }
    }
}
