//! The Secrets that an object refers to, and what became of reading one.

use std::collections::BTreeSet;

use kube::ResourceExt as _;

use crate::api::{RecordingCallback, SecretKeyRef};
use crate::cluster::error::Error;
use crate::cluster::secret::Values;
use crate::live::sign_key::SignKey;
use crate::plan::facts::Key;

/// The values, or the sentence that says why there are none. An error of another kind says nothing about the Secret.
pub fn values(
    namespace: &str,
    name: &str,
    read: Result<Option<Values>, Error>,
) -> Result<Result<Values, String>, Error> {
    match read {
        Ok(Some(values)) => Ok(Ok(values)),
        Ok(None) => Ok(Err(format!(
            "Secret {name} does not exist in namespace {namespace}: create it; it is looked for again by itself."
        ))),
        Err(error) if error.is_forbidden() => Ok(Err(format!(
            "The operator may not read Secret {name} in namespace {namespace}: grant its service account `get` on secrets there."
        ))),
        Err(error) => Err(error),
    }
}

/// The sign key that an object refers to, by the Secret's values, or why there is none.
pub fn sign_key(reference: &SecretKeyRef, uid: &str, values: &Values) -> (Key, Option<SignKey>) {
    let (name, key) = (&reference.name, &reference.key);
    let Some(value) = values.0.get(key).filter(|value| !value.is_empty()) else {
        let sentence = format!("Secret {name} has no key {key:?} for signing: add it.");
        return (Key::Missing(sentence), None);
    };
    match SignKey::parse(value) {
        Ok(key) => (Key::Digest(key.digest(uid)), Some(key)),
        Err(problem) => {
            let told = format!("Key {key:?} of Secret {name}: {problem}.");
            (Key::Invalid(told), None)
        }
    }
}

/// Namespace and name of each Secret that an object refers to.
pub fn names(object: &RecordingCallback) -> BTreeSet<(String, String)> {
    let namespace = object.namespace().unwrap_or_default();
    let credentials = object.spec.credentials_secret_ref.as_ref();
    let key = object.spec.sign_key_secret_ref.as_ref();
    let names = [
        credentials.map(|secret| &secret.name),
        key.map(|secret| &secret.name),
    ];
    names
        .into_iter()
        .flatten()
        .map(|name| (namespace.clone(), name.clone()))
        .collect()
}
