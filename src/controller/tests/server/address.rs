//! What a request to the API server asks for, by its method and its path.

use http::Method;

use super::store::StoreKey;
use crate::controller::tests::trouble::Verb;

/// What a path names.
pub(super) struct Address<'a> {
    pub(super) verb: Verb,
    pub(super) key: StoreKey,
    pub(super) query: &'a str,
}

pub(super) fn key_of(namespace: &str, name: &str) -> StoreKey {
    (namespace.to_owned(), name.to_owned())
}

/// A word of a query, as it stands there.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// What a request asks for.
pub(super) fn address<'a>(method: &Method, path: &str, query: Option<&'a str>) -> Address<'a> {
    let query = query.unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let is_watch = query.contains("watch=true");
    let (verb, key) = match (method, segments.as_slice()) {
        (&Method::GET, ["apis", _, _, "recordingcallbacks"]) => (Verb::List, ("", "")),
        (&Method::GET, ["apis", _, _, "namespaces", namespace, "recordingcallbacks"]) => {
            (Verb::List, (*namespace, ""))
        }
        (&Method::GET, ["apis", .., namespace, "recordingcallbacks", name]) => {
            (Verb::Get, (*namespace, *name))
        }
        (&Method::PATCH, ["apis", .., namespace, "recordingcallbacks", name]) => {
            (Verb::Patch, (*namespace, *name))
        }
        (&Method::PATCH, ["apis", .., namespace, "recordingcallbacks", name, "status"]) => {
            (Verb::PatchStatus, (*namespace, *name))
        }
        (&Method::GET, ["api", "v1", "namespaces", namespace, "secrets", name]) => {
            (Verb::ReadSecret, (*namespace, *name))
        }
        (&Method::GET, ["apis", _, _, "customresourcedefinitions", _]) => (Verb::ReadCrd, ("", "")),
        (_, ["apis", "events.k8s.io", ..]) => (Verb::Publish, ("", "")),
        _ => (Verb::Other, ("", path)),
    };
    Address {
        verb: if verb == Verb::List && is_watch {
            Verb::Watch
        } else {
            verb
        },
        key: key_of(key.0, key.1),
        query,
    }
}
