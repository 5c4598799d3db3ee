//! Names and versions of the objects that a watch has brought. Pure.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use kube::Resource as _;
use kube::api::ObjectMeta;
use kube::runtime::watcher;

use super::StoredEvent;
use crate::hash::hash;

/// Stands for namespace and name: there are many, and they are only compared.
pub(super) type BroughtName = NonZeroU64;

/// What is known of each object that is not as it was brought; nothing of one that was not.
pub(super) type Differences = BTreeMap<BroughtName, Option<BroughtVersion>>;

/// Which object it is, and how it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BroughtVersion {
    /// Stands for the UID.
    uid: NonZeroU64,
    /// Stands for the resourceVersion.
    version: NonZeroU64,
    /// The resourceVersion, where it is a number.
    number: u64,
}

impl BroughtVersion {
    /// Whether it is the same object, and was read when it was newer.
    pub(super) fn is_ahead_of(self, other: Option<&Self>) -> bool {
        other.is_some_and(|other| other.uid == self.uid && self.number > other.number)
    }
}

/// What a watch has brought so far.
#[derive(Default)]
pub(super) struct BroughtObjects {
    /// Unset before the first list.
    known: Option<BTreeMap<BroughtName, BroughtVersion>>,
    /// The list that is under way.
    listing: BTreeMap<BroughtName, BroughtVersion>,
}

impl BroughtObjects {
    /// Takes an event in.
    pub(super) fn apply(&mut self, event: &StoredEvent) {
        match event {
            watcher::Event::Init => self.listing.clear(),
            watcher::Event::InitApply(object) => self.listing.extend([named(object.meta())]),
            watcher::Event::InitDone => self.known = Some(std::mem::take(&mut self.listing)),
            watcher::Event::Apply(object) => {
                self.known
                    .get_or_insert_default()
                    .extend([named(object.meta())]);
            }
            watcher::Event::Delete(object) => {
                let (name, _) = named(object.meta());
                self.known.get_or_insert_default().remove(&name);
            }
        }
    }

    /// Whether no object was brought.
    pub(super) fn is_empty(&self) -> bool {
        self.known.as_ref().is_none_or(BTreeMap::is_empty)
    }

    /// Where what was brought is not what there is. Before the first list nothing can be missed.
    pub(super) fn differences(
        &self,
        listed: &BTreeMap<BroughtName, BroughtVersion>,
    ) -> Differences {
        let Some(known) = &self.known else {
            return Differences::new();
        };
        let names = known.keys().chain(listed.keys());
        names
            .filter(|name| known.get(*name) != listed.get(*name))
            .map(|name| (*name, known.get(name).copied()))
            .collect()
    }
}

/// Name and version of an object.
pub(super) fn named(metadata: &ObjectMeta) -> (BroughtName, BroughtVersion) {
    let version = metadata.resource_version.as_deref();
    let number = version.and_then(|version| version.parse().ok());
    (
        hash(&(&metadata.namespace, &metadata.name)),
        BroughtVersion {
            uid: hash(&metadata.uid),
            version: hash(&version),
            number: number.unwrap_or_default(),
        },
    )
}
