//! What many objects have of one Secret is in memory once, however many accounts they make of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::object::{ACCOUNT, HOOKS, spec};
use super::script::Script;
use super::world::ControllerWorld;
use crate::api::RecordingCallback;
use crate::cluster::secret::LONGEST;
use crate::platform::credentials::Credential;

const OBJECTS: usize = 40;

/// An object with these references, and with a project of its own.
fn object(world: &ControllerWorld, number: usize) -> RecordingCallback {
    let name = format!("push-{number}");
    let mut spec = spec(&name);
    spec["projectID"] = json!(format!("p-{number}"));
    spec["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    world.apply(&name, &spec);
    let object: Value = world.object(&name).unwrap();
    serde_json::from_value(object).unwrap()
}

/// Where the longest value of a credential is.
fn place(credential: &Credential) -> *const u8 {
    let secret = match credential {
        Credential::Token(token) => token,
        Credential::AkSk(pair) => pair.security_token.as_ref().unwrap(),
        Credential::Password(_) | Credential::Ambient(_) => panic!("{credential:?}"),
    };
    secret.expose_secret().as_ptr()
}

/// How many copies there are of the longest value of the credentials, and of the sign key, while many objects use them.
async fn copies(credentials: &[(&str, &str)]) -> (usize, usize) {
    let (_script, world) = Script::with_world();
    world.secret(ACCOUNT, credentials);
    world.secret(HOOKS, &[("sign", &"k".repeat(LONGEST))]);
    let context = world.idle();
    let mut held = Vec::new();
    for number in 0..OBJECTS {
        if number == OBJECTS / 2 {
            // What it says beside the credential, and what was made of it, is another from now on.
            let beside = [credentials, &[("project_id", "p")]].concat();
            world.secret(ACCOUNT, &beside);
        }
        let object = object(&world, number);
        let read = context.accounts.read(&object, true).await.unwrap();
        let known = context.accounts.identify(&object, read.login).await;
        held.push((known.account.unwrap(), read.sign_key.unwrap()));
        // The Secret is read again now and then.
        world.pass(Duration::from_secs(10)).await;
    }
    let accounts: BTreeSet<_> = held
        .iter()
        .map(|(account, _)| Arc::as_ptr(account))
        .collect();
    assert_eq!(accounts.len(), OBJECTS, "each has a project of its own");
    let tokens = held
        .iter()
        .map(|(account, _)| place(&account.identity_account().credential));
    let keys = held.iter().map(|(_, key)| key.expose().as_ptr());
    let copies = |all: BTreeSet<*const u8>| all.len();
    (copies(tokens.collect()), copies(keys.collect()))
}

#[tokio::test(start_paused = true)]
async fn a_token_and_a_sign_key_are_there_once_for_all_objects() {
    let token = "t".repeat(LONGEST);
    let given = [("token", token.as_str()), ("region", "cn-north-4")];
    assert_eq!(copies(&given).await, (1, 1));
    let temporary = [
        ("ak", "AKFIRST"),
        ("sk", "AKFIRST-secret"),
        ("security_token", token.as_str()),
        ("region", "cn-north-4"),
    ];
    assert_eq!(copies(&temporary).await, (1, 1));
}
