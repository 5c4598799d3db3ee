//! What was found of an object's Secrets, taken apart: values, sign key, and one value to compare. Reads nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::single::SingleCopies;
use crate::api::RecordingCallback;
use crate::controller::inputs::Inputs;
use crate::controller::secrets::{ReadCredentials, ReadValues, SecretFound, SecretName};
use crate::declared::parse;
use crate::live::sign_key::SignKey;
use crate::login::{Login, LoginError, secret};
use crate::plan::facts::SignKeyState;
use crate::plan::facts::reason::Reason;

/// Who calls, and what stands for the credential.
pub(in crate::controller) struct KnownLogin {
    pub(in crate::controller) login: Login,
    pub(in crate::controller) digest: String,
}

/// What was found of the Secrets of an object.
pub(super) type FoundSecrets = BTreeMap<SecretName, SecretFound>;

/// The values of a Secret, or the sentence that says why there are none.
pub(super) fn values(
    found: &FoundSecrets,
    namespace: String,
    name: &str,
) -> Result<Arc<ReadValues>, String> {
    let key = (namespace, name.to_owned());
    let read = match found.get(&key) {
        Some(SecretFound::Forbidden) => return Err(secret::forbidden(&key.0, name)),
        Some(SecretFound::Values(values)) => Some(Arc::clone(values)),
        Some(SecretFound::Absent) | None => None,
    };
    secret::values(&key.0, name, read)
}

/// What the values say as credentials.
pub(super) fn credentials<'a>(
    values: &'a ReadValues,
    single: &SingleCopies,
) -> Result<&'a ReadCredentials, String> {
    let read = values.credentials(|read| single.credential(read));
    read.as_ref().map_err(String::clone)
}

/// The sign key, and what is known of it.
pub(super) fn sign_key(
    object: &RecordingCallback,
    found: &FoundSecrets,
) -> (SignKeyState, Option<SignKey>) {
    let Some(reference) = &object.spec.sign_key_secret_ref else {
        return (SignKeyState::Unwanted, None);
    };
    let meta = parse::object(object);
    let name = (meta.namespace.clone(), reference.name.clone());
    if !found.contains_key(&name) {
        return (SignKeyState::Unread, None);
    }
    match values(found, meta.namespace, &reference.name) {
        Ok(values) => secret::sign_key(reference, &meta.uid, &values),
        Err(sentence) => (SignKeyState::Missing(sentence), None),
    }
}

/// All that they say, as one value that can be compared.
pub(super) fn inputs(
    object: &RecordingCallback,
    found: &FoundSecrets,
    key: SignKeyState,
    login: &Result<KnownLogin, LoginError>,
    single: &SingleCopies,
) -> Inputs {
    let meta = parse::object(object);
    let reference = object.spec.credentials_secret_ref.as_ref();
    let is_forbidden = matches!(login, Err((reason, _)) if *reason == Reason::EndpointNotAllowed);
    let known = login.as_ref().ok();
    let credentials = match reference {
        Some(reference) => Some(
            values(found, meta.namespace, &reference.name)
                .and_then(|values| credentials(&values, single).map(|read| read.whole.clone())),
        ),
        None => known.map(|known| Ok(known.digest.clone())),
    };
    let status = object.status.as_ref();
    let is_refused = status.is_some_and(|status| status.rejected_credential.is_some());
    let login = known.map(|known| &known.login);
    Inputs {
        key,
        is_forbidden,
        credentials,
        // One for each object, of all that may be a long token: where nothing was refused nobody asks.
        credential: login
            .filter(|_| is_refused)
            .map(|login| login.credential.digest(&meta.uid)),
        target: (
            login.map(|login| login.region.clone()),
            login.and_then(|login| login.project_id.clone()),
        ),
        endpoint: login.map(|login| login.live_endpoint.clone()),
    }
}
