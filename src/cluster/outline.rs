//! Objects of Kubernetes' own kinds, of which only what is asked for is read: all else is passed over while it is decoded. No I/O.

use std::borrow::Cow;
use std::marker::PhantomData;

use kube::Resource;
use kube::api::ObjectMeta;
use serde::Deserialize;

/// An object of the kind `K`: its metadata, and of its spec and status what `S` and `T` name.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, T: Deserialize<'de>")]
pub(super) struct Outline<K, S, T> {
    metadata: ObjectMeta,
    #[serde(default)]
    pub(super) spec: S,
    pub(super) status: Option<T>,
    #[serde(skip)]
    kind: PhantomData<K>,
}

/// What is not read.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Unread {}

impl<K: Resource<DynamicType = ()>, S, T> Resource for Outline<K, S, T> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
