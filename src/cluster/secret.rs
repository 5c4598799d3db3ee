//! Secrets, read one by one with `get`: never listed, never watched. Of a Secret only what somebody uses is decoded and kept: it may
//! have a megabyte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures::AsyncReadExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::GetParams;
use kube::core::Request;
use kube::{Client, Resource as _};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};

use super::client::call_opt;
use super::error::ClusterError;
use super::path::segment;

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

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        let data = call_opt("read the Secret", self.wanted(namespace, name, keys)).await?;
        Ok(data.map(|data| Values::of(data, keys)))
    }

    /// What a Secret has at these keys.
    async fn wanted(&self, namespace: &str, name: &str, keys: &Keys) -> kube::Result<Data> {
        let path = Secret::url_path(&(), Some(&*segment(namespace)));
        let request = Request::new(path)
            .get(&segment(name), &GetParams::default())
            .map_err(kube::Error::BuildRequest)?;
        let mut text = Vec::new();
        let mut body = Box::pin(self.client.request_stream(request).await?);
        body.read_to_end(&mut text)
            .await
            .map_err(kube::Error::ReadEvents)?;
        let mut json = serde_json::Deserializer::from_slice(&text);
        let data = Wanted {
            keys,
            within: "data",
        }
        .deserialize(&mut json);
        data.map_err(kube::Error::SerdeError)
    }
}

type Data = Vec<(String, Vec<u8>)>;

/// Reads these keys of the member `data` of a Secret; with `within` empty, of that member itself. All else is passed over.
struct Wanted<'a> {
    keys: &'a Keys,
    within: &'static str,
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Data;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Secret")
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
        let mut found = Data::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.within.is_empty() && self.keys.contains(&key) {
                // What the error says may quote the value.
                let value = map.next_value::<ByteString>();
                let value = value.map_err(|_| A::Error::custom("a value is not in Base64"))?;
                found.push((key, value.0));
            } else if key == self.within {
                let within = "";
                found = map.next_value_seed(Wanted { within, ..self })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kube::client::Body;
    use tower::BoxError;

    use super::*;
    use crate::lock::lock;

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

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_is_a_name_of_the_same_namespace() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        let service = tower::service_fn(move |request: http::Request<Body>| {
            lock(&kept).push(request.uri().to_string());
            let answer = http::Response::new(Body::from(b"{}".to_vec()));
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let secrets = SecretClient::new(Client::new(service, "default"));
        let name = "../../other/secrets/keys?a#";
        secrets.read("media", name, &Keys::new()).await.unwrap();
        let path = "/api/v1/namespaces/media/secrets/..%2F..%2Fother%2Fsecrets%2Fkeys%3Fa%23";
        assert_eq!(*lock(&asked), [path]);
    }
}
