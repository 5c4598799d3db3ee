//! The Secrets that an object refers to, and what became of reading one.

use std::collections::BTreeSet;

use kube::ResourceExt as _;

use crate::api::RecordingCallback;
use crate::cluster::error::Error;
use crate::cluster::secret::Values;

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
