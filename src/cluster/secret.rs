//! Secrets, read one by one with `get`: never listed, never watched. Of a Secret only what somebody uses is kept.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::Api;

use super::client::call;
use super::error::ClusterError;

/// The longest value that is kept. No credential and no key is longer, and whoever writes Secrets must not decide how much memory
/// this process needs.
pub const LONGEST: usize = 64 * 1024;

/// Keys of a Secret.
pub type Keys = BTreeSet<String>;

/// The values of a Secret that are used. Its `Debug` shows the names only.
#[derive(Clone, PartialEq, Eq)]
pub struct Values {
    values: BTreeMap<String, Vec<u8>>,
    too_long: Keys,
}

impl Values {
    /// What these keys have of all that a Secret holds.
    pub fn of(data: impl IntoIterator<Item = (String, Vec<u8>)>, keys: &Keys) -> Self {
        let used = data.into_iter().filter(|(key, _)| keys.contains(key));
        let (values, long): (BTreeMap<_, _>, BTreeMap<_, _>) =
            used.partition(|(_, value)| value.len() <= LONGEST);
        Self {
            values,
            too_long: long.into_keys().collect(),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// Whether the value of a key is not kept, since it is too long.
    pub fn is_too_long(&self, key: &str) -> bool {
        self.too_long.contains(key)
    }

    /// How many bytes are kept.
    pub fn size(&self) -> usize {
        self.values.values().map(Vec::len).sum()
    }

    /// The same without the longest values, if they have more bytes than there is room for.
    #[must_use]
    pub fn within(mut self, room: usize) -> Self {
        while self.size() > room {
            let longest = self.values.iter().max_by_key(|(_, value)| value.len());
            let Some((key, _)) = longest.map(|(key, value)| (key.clone(), value.len())) else {
                break;
            };
            self.values.remove(&key);
            self.too_long.insert(key);
        }
        self
    }

    /// The values by key.
    pub fn all(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.values
    }

    /// The same without what only other keys have.
    #[must_use]
    pub fn only(&self, keys: &Keys) -> Self {
        let mut only = self.clone();
        only.values.retain(|key, _| keys.contains(key));
        only.too_long.retain(|key| keys.contains(key));
        only
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// Reads Secrets.
#[derive(Clone)]
pub struct SecretClient {
    client: Client,
}

impl SecretClient {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The values that these keys have in a Secret, or `None` when there is none of that name.
    pub async fn read(
        &self,
        namespace: &str,
        name: &str,
        keys: &Keys,
    ) -> Result<Option<Values>, ClusterError> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = call("read the Secret", api.get_opt(name)).await?;
        Ok(secret.map(|secret| {
            let data = secret.data.unwrap_or_default().into_iter();
            Values::of(data.map(|(key, value)| (key, value.0)), keys)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_only_what_is_used_is_kept_and_nothing_long() {
        let keys: Keys = ["ak", "sk", "absent"].map(str::to_owned).into();
        let data = (0..10_000).map(|n| (format!("key-{n}"), vec![0; 10]));
        let data = data.chain([
            ("ak".to_owned(), vec![b'a'; LONGEST]),
            ("sk".to_owned(), vec![b'b'; LONGEST + 1]),
        ]);
        let values = Values::of(data, &keys);
        assert_eq!(values.all().keys().collect::<Vec<_>>(), ["ak"]);
        assert_eq!(values.get("ak").map(<[u8]>::len), Some(LONGEST));
        assert!(values.is_too_long("sk") && values.get("sk").is_none());
        assert!(!values.is_too_long("absent"));
        let none = values.clone().within(LONGEST - 1);
        assert!(none.all().is_empty() && none.is_too_long("ak"));
        assert_eq!(values.clone().within(LONGEST), values);
        let fewer = values.only(&["sk".to_owned()].into());
        assert!(fewer.all().is_empty() && fewer.is_too_long("sk"));
    }
}
