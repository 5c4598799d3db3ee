//! What nobody may read anywhere: every secret that a test hands out. Whatever the operator wrote is searched for them when it, or
//! the namespace that it served, goes.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Values of a Secret that are none.
const OPEN: [&str; 7] = [
    "ak",
    "domain_name",
    "iam_endpoint",
    "live_endpoint",
    "project_id",
    "region",
    "username",
];

/// Anything shorter may stand in a text by chance.
const SHORTEST: usize = 12;

/// How every token begins that the simulated IAM issues.
const ISSUED: &str = "MIITEST";

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers a secret, and what it looks like in base64.
pub(crate) fn remember(value: &str) {
    let value = value.trim();
    if value.len() >= SHORTEST {
        let encoded = k8s_openapi::ByteString(value.as_bytes().to_vec());
        let encoded = serde_json::to_value(encoded).unwrap();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(value.to_owned());
        known.extend(encoded.as_str().map(str::to_owned));
    }
}

/// Remembers a value of a Secret, if its name is one of a secret.
pub(crate) fn remember_named(name: &str, value: &str) {
    if !OPEN.contains(&name) {
        remember(value);
    }
}

/// Remembers a value of the environment, if its name is one of a secret.
pub(crate) fn remember_variable(name: &str, value: &str) {
    if ["_SK", "_TOKEN", "_PASSWORD"]
        .iter()
        .any(|end| name.ends_with(end))
    {
        remember(value);
    }
}

/// Panics if a text tells a secret. A test that fails already has something else to say.
pub(crate) fn check(what: &str, text: &str) {
    if std::thread::panicking() {
        return;
    }
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let leaked = known.iter().find(|secret| text.contains(secret.as_str()));
    let line = |part: &str| {
        let mut lines = text.lines();
        lines.find(|line| line.contains(part)).map(str::to_owned)
    };
    assert!(
        leaked.is_none(),
        "{what} tells {leaked:?}: {:?}",
        leaked.and_then(|leaked| line(leaked))
    );
    assert!(
        !text.contains(ISSUED),
        "{what} tells an issued token: {:?}",
        line(ISSUED)
    );
}

#[test]
fn a_secret_is_found_as_it_is_and_in_base64() {
    let secret = "a-secret-of-this-test-alone";
    remember_named("sk", secret);
    remember_named("ak", "an-access-key-is-no-secret");
    check(
        "a text",
        "an-access-key-is-no-secret and a-secret-of-this-test",
    );
    for text in [
        secret,
        "YS1zZWNyZXQtb2YtdGhpcy10ZXN0LWFsb25l",
        "a MIITEST00 token",
    ] {
        let leaked = std::panic::catch_unwind(|| check("a text", &format!("before {text} after")));
        assert!(leaked.is_err(), "{text}");
    }
}
