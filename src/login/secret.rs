//! The Secrets that an object refers to, and what became of reading one. Reads none itself.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;

use crate::api::{RecordingCallback, SecretKeyRef};
use crate::cluster::secret::{Keys, Values};
use crate::live::sign_key::SignKey;
use crate::plan::facts::SignKeyState;
use crate::platform::credentials::{CredentialSet, KEYS};

/// What is said of a value that is not kept.
const TOO_LONG: &str = "longer than 64 KiB, or the Secrets in use in this namespace have more than 8 MiB together: correct it";

/// What is read, or the sentence that says that there is no such Secret.
pub fn values<T>(namespace: &str, name: &str, read: Option<T>) -> Result<T, String> {
    read.ok_or_else(|| {
        format!(
            "Secret {name} does not exist in namespace {namespace}: create it; it is looked for again by itself."
        )
    })
}

/// The sentence about a Secret that may not be read.
pub fn forbidden(namespace: &str, name: &str) -> String {
    format!(
        "The operator may not read Secret {name} in namespace {namespace}: grant its service account `get` on secrets there."
    )
}

/// The values of a Secret as credentials, unless one is too long to be any.
pub fn credentials(values: &Values) -> Result<CredentialSet, String> {
    match KEYS.iter().find(|key| values.is_too_long(key)) {
        Some(key) => Err(format!("the value of {key} is {TOO_LONG}")),
        None => CredentialSet::read(values.all()),
    }
}

/// The sign key that an object refers to, by the Secret's values, or why there is none.
pub fn sign_key(
    reference: &SecretKeyRef,
    uid: &str,
    values: &Values,
) -> (SignKeyState, Option<SignKey>) {
    let (name, key) = (&reference.name, &reference.key);
    if values.is_too_long(key) {
        let sentence = format!("Key {key:?} of Secret {name}: its value is {TOO_LONG}.");
        return (SignKeyState::Invalid(sentence), None);
    }
    let Some(value) = values.get(key).filter(|value| !value.is_empty()) else {
        let sentence = format!("Secret {name} has no key {key:?} for signing: add it.");
        return (SignKeyState::Missing(sentence), None);
    };
    match SignKey::parse(value) {
        Ok(key) => (SignKeyState::Digest(key.digest(uid)), Some(key)),
        Err(problem) => {
            let sentence = format!("Key {key:?} of Secret {name}: {problem}.");
            (SignKeyState::Invalid(sentence), None)
        }
    }
}

/// Namespace and name of each Secret that an object refers to.
pub fn names(object: &RecordingCallback) -> BTreeSet<(String, String)> {
    uses(object).into_keys().collect()
}

/// The keys that an object uses of each Secret that it refers to, by namespace and name.
pub fn uses(object: &RecordingCallback) -> BTreeMap<(String, String), Keys> {
    References::of(object).uses()
}

/// What of an object says which Secrets it uses, and as whom it calls. Many objects say the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct References {
    namespace: String,
    credentials: Option<String>,
    /// Secret and key.
    sign_key: Option<(String, String)>,
    region: Option<String>,
    project_id: Option<String>,
}

impl References {
    /// Those of an object.
    pub fn of(object: &RecordingCallback) -> Self {
        let spec = &object.spec;
        let credentials = spec.credentials_secret_ref.as_ref();
        let sign_key = spec.sign_key_secret_ref.as_ref();
        Self {
            namespace: object.namespace().unwrap_or_default(),
            credentials: credentials.map(|reference| reference.name.clone()),
            sign_key: sign_key.map(|reference| (reference.name.clone(), reference.key.clone())),
            region: spec.region.clone(),
            project_id: spec.project_id.clone(),
        }
    }

    /// The keys that are used of each Secret, by namespace and name.
    pub fn uses(&self) -> BTreeMap<(String, String), Keys> {
        let mut uses: BTreeMap<_, Keys> = BTreeMap::new();
        if let Some(name) = &self.credentials {
            let keys = uses.entry((self.namespace.clone(), name.clone()));
            keys.or_default().extend(KEYS.map(str::to_owned));
        }
        if let Some((name, key)) = &self.sign_key {
            let keys = uses.entry((self.namespace.clone(), name.clone()));
            keys.or_default().insert(key.clone());
        }
        uses
    }

    /// Where the Secrets are.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The Secret with the credentials; without one they are the operator's own.
    pub fn credentials(&self) -> Option<&str> {
        self.credentials.as_deref()
    }

    /// The region that the object names itself.
    pub fn region(&self) -> Option<String> {
        self.region.clone()
    }

    /// The project that the object names itself.
    pub fn project_id(&self) -> Option<String> {
        self.project_id.clone()
    }

    /// Objects of which this is the same have one login.
    pub fn login(&self) -> [Option<&str>; 4] {
        [
            Some(&self.namespace),
            self.credentials.as_deref(),
            self.region.as_deref(),
            self.project_id.as_deref(),
        ]
    }
}

/// Whether the Secret of this name is that of the object's credentials.
pub fn is_of_credentials(object: &RecordingCallback, (_, name): &(String, String)) -> bool {
    let reference = object.spec.credentials_secret_ref.as_ref();
    reference.is_some_and(|reference| reference.name == *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::secret::LONGEST;

    fn values(key: &str, length: usize) -> Values {
        Values::of(
            [(key.to_owned(), vec![b'0'; length])],
            &[key.to_owned()].into(),
        )
    }

    #[test]
    fn a_value_that_is_too_long_is_refused_by_name() {
        let sentence = credentials(&values("token", LONGEST + 1)).unwrap_err();
        assert!(
            sentence.contains("token") && sentence.contains("64 KiB"),
            "{sentence}"
        );
        assert!(credentials(&values("token", LONGEST)).is_ok());
        let reference = SecretKeyRef {
            name: "hooks".to_owned(),
            key: "sign".to_owned(),
        };
        let sign_key = |length| sign_key(&reference, "uid", &values("sign", length)).0;
        assert!(matches!(sign_key(LONGEST), SignKeyState::Digest(_)));
        let SignKeyState::Invalid(sentence) = sign_key(LONGEST + 1) else {
            panic!("it is taken");
        };
        let names = ["hooks", "\"sign\"", "64 KiB"];
        assert!(
            names.iter().all(|name| sentence.contains(name)),
            "{sentence}"
        );
    }
}
