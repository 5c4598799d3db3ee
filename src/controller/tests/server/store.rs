//! What the API server holds, and what its writes do: versions, generations, finalizers, JSON patches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use json_patch::{PatchOperation, TestOperation};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::controller::tests::world::wall;

/// Namespace and name.
pub(crate) type StoreKey = (String, String);

/// Changes what is to be stored, beside which it is given what was stored before.
pub(crate) type AdmissionWebhook = Box<dyn Fn(&Value, &mut Value) + Send>;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreRefusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

pub(super) const NOT_FOUND: StoreRefusal = StoreRefusal {
    code: 404,
    reason: "NotFound",
};
/// What stands before the API server, or itself while it does not know the resource, answers so: with a text.
pub(crate) const PAGE: StoreRefusal = StoreRefusal {
    code: 404,
    reason: "Page",
};
/// A failed `test` of a JSON patch. Unlike a schema error it has no causes.
pub(super) const INVALID: StoreRefusal = StoreRefusal {
    code: 422,
    reason: "Invalid",
};

/// What a list or watch goes on from is not remembered any more.
pub(super) const EXPIRED: StoreRefusal = StoreRefusal {
    code: 410,
    reason: "Expired",
};

/// What is being deleted gets no new finalizer.
const NO_NEW_FINALIZER: StoreRefusal = StoreRefusal {
    code: 422,
    reason: "Schema",
};

/// One change, as watches tell it.
#[derive(Debug, Clone)]
pub(super) struct StoredChange {
    pub(super) version: u64,
    pub(super) kind: &'static str,
    pub(super) key: StoreKey,
    pub(super) object: Value,
    pub(super) at: Timestamp,
    /// When watches tell it; never when unset.
    pub(super) delivered_at: Option<Instant>,
}

/// How watches tell changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchDelivery {
    /// So much later.
    pub(crate) delay: Duration,
    /// Of several changes of one object that were not told yet only the newest.
    pub(crate) coalesces: bool,
    /// Nothing of these objects.
    pub(crate) silent_on: BTreeSet<StoreKey>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredCrd {
    Served,
    Terminating,
    Gone,
}

/// The part of an object that a patch may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectPart {
    Main,
    Status,
}

pub(super) struct MemoryStore {
    version: u64,
    uids: u64,
    objects: BTreeMap<StoreKey, Value>,
    pub(super) changes: VecDeque<StoredChange>,
    /// So many changes are remembered; the older ones are compacted away.
    pub(super) remembered: usize,
    /// The newest change that was.
    compacted: u64,
    pub(super) delivery: WatchDelivery,
    /// A page of a list has at most so many objects.
    pub(super) page: usize,
    /// How often all lists and watches under way were too old at once.
    pub(super) expiries: u64,
    pub(super) secrets: BTreeMap<StoreKey, BTreeMap<String, String>>,
    pub(super) crd: StoredCrd,
    /// What an admission webhook makes of each write.
    pub(super) webhook: Option<AdmissionWebhook>,
}

impl MemoryStore {
    pub(super) fn new() -> Self {
        Self {
            version: 1,
            uids: 0,
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            remembered: usize::MAX,
            compacted: 0,
            delivery: WatchDelivery::default(),
            page: usize::MAX,
            expiries: 0,
            secrets: BTreeMap::new(),
            crd: StoredCrd::Served,
            webhook: None,
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn get(&self, key: &StoreKey) -> Option<&Value> {
        self.objects.get(key)
    }

    pub(super) fn all(&self) -> &BTreeMap<StoreKey, Value> {
        &self.objects
    }

    /// All objects as they were at a version, as long as every change is remembered; else as they are now.
    pub(super) fn at(&self, version: u64) -> BTreeMap<StoreKey, Value> {
        if self.compacted > 0 {
            return self.objects.clone();
        }
        let mut objects = BTreeMap::new();
        let changes = self.changes.iter();
        for change in changes.take_while(|change| change.version <= version) {
            if change.kind == "DELETED" {
                objects.remove(&change.key);
            } else {
                objects.insert(change.key.clone(), change.object.clone());
            }
        }
        objects
    }

    /// All is as it was at a version. No watch tells that.
    pub(super) fn go_back(&mut self, version: u64) {
        self.objects = self.at(version);
        self.changes.retain(|change| change.version <= version);
        self.version = version;
    }

    /// Whether what came after this version is not remembered any more.
    pub(super) fn has_compacted(&self, version: u64) -> bool {
        version < self.compacted
    }

    /// Creates an object with this spec.
    pub(super) fn create(&mut self, key: &StoreKey, spec: &Value, now: Timestamp) {
        assert!(!self.objects.contains_key(key), "{key:?} is there");
        self.uids += 1;
        self.version += 1;
        let object = json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": {
                "namespace": key.0,
                "name": key.1,
                "uid": format!("00000000-0000-4000-8000-{:012}", self.uids),
                "creationTimestamp": seconds(now),
                "generation": 1,
                "resourceVersion": self.version.to_string(),
            },
            "spec": spec,
            "status": {"observedGeneration": -1},
        });
        self.objects.insert(key.clone(), object.clone());
        self.deliver("ADDED", key, object);
    }

    /// Applies a JSON patch to a part of an object.
    pub(super) fn patch(
        &mut self,
        key: &StoreKey,
        part: ObjectPart,
        operations: &[PatchOperation],
    ) -> Result<Value, StoreRefusal> {
        let old = self.objects.get(key).ok_or(NOT_FOUND)?;
        let mut patched = old.clone();
        for operation in operations {
            if let PatchOperation::Test(test) = operation
                && is_absent_and_may_be(&patched, test)
            {
                continue;
            }
            json_patch::patch(&mut patched, std::slice::from_ref(operation))
                .map_err(|_| INVALID)?;
        }
        let mut new = old.clone();
        match part {
            ObjectPart::Status => new["status"] = patched["status"].take(),
            ObjectPart::Main => {
                new["metadata"] = patched["metadata"].take();
                new["spec"] = patched["spec"].take();
            }
        }
        let is_new = |finalizer: &Value| {
            let held = old["metadata"]["finalizers"].as_array();
            !held.is_some_and(|held| held.contains(finalizer))
        };
        let finalizers = new["metadata"]["finalizers"].as_array();
        if old["metadata"].get("deletionTimestamp").is_some()
            && finalizers.is_some_and(|all| all.iter().any(is_new))
        {
            return Err(NO_NEW_FINALIZER);
        }
        if let Some(webhook) = &self.webhook {
            webhook(old, &mut new);
        }
        Ok(self.commit(key, new))
    }

    /// Changes an object as a person does.
    pub(super) fn edit(&mut self, key: &StoreKey, change: impl FnOnce(&mut Value)) -> bool {
        let Some(mut new) = self.objects.get(key).cloned() else {
            return false;
        };
        change(&mut new);
        self.commit(key, new);
        true
    }

    /// Deletes an object: at once, or when its last finalizer goes.
    pub(super) fn delete(&mut self, key: &StoreKey, now: Timestamp) -> bool {
        self.edit(key, |object| {
            let metadata = &mut object["metadata"];
            if metadata.get("deletionTimestamp").is_none() {
                metadata["deletionTimestamp"] = json!(seconds(now));
                metadata["deletionGracePeriodSeconds"] = json!(0);
                bump(metadata);
            }
        })
    }

    /// Stores a new version, or lets go what is being deleted and held by nobody.
    fn commit(&mut self, key: &StoreKey, mut new: Value) -> Value {
        let old = &self.objects[key];
        if *old == new {
            return new;
        }
        if old["spec"] != new["spec"] {
            bump(&mut new["metadata"]);
        }
        self.version += 1;
        new["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let held = new.pointer("/metadata/finalizers");
        let is_held = held
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty());
        let going = new.pointer("/metadata/deletionTimestamp").is_some();
        if going && !is_held {
            self.objects.remove(key);
            self.deliver("DELETED", key, new.clone());
        } else {
            self.objects.insert(key.clone(), new.clone());
            self.deliver("MODIFIED", key, new.clone());
        }
        new
    }

    fn deliver(&mut self, kind: &'static str, key: &StoreKey, object: Value) {
        let now = Instant::now();
        if self.delivery.coalesces {
            let is_undelivered =
                |change: &StoredChange| change.delivered_at.is_some_and(|at| at > now);
            let earlier = self
                .changes
                .iter_mut()
                .rev()
                .take_while(|change| is_undelivered(change));
            for change in earlier.filter(|change| change.key == *key) {
                change.delivered_at = None;
            }
        }
        let is_delivered = !self.delivery.silent_on.contains(key);
        self.changes.push_back(StoredChange {
            version: self.version,
            kind,
            key: key.clone(),
            object,
            at: wall(),
            delivered_at: is_delivered.then(|| now + self.delivery.delay),
        });
        if self.changes.len() > self.remembered
            && let Some(oldest) = self.changes.pop_front()
        {
            self.compacted = oldest.version;
        }
    }

    /// The next change after a version that watches tell.
    pub(super) fn after(&self, version: u64) -> Option<&StoredChange> {
        let first = self
            .changes
            .partition_point(|change| change.version <= version);
        self.changes
            .range(first..)
            .find(|change| change.delivered_at.is_some())
    }
}

/// A `test` for null passes where the member is absent and its parent is there.
fn is_absent_and_may_be(document: &Value, test: &TestOperation) -> bool {
    test.value.is_null()
        && document.pointer(test.path.as_str()).is_none()
        && test
            .path
            .parent()
            .is_some_and(|parent| document.pointer(parent.as_str()).is_some())
}

fn bump(metadata: &mut Value) {
    let generation = metadata["generation"].as_i64().unwrap_or_default();
    metadata["generation"] = json!(generation + 1);
}

fn seconds(now: Timestamp) -> String {
    Timestamp::from_second(now.as_second()).unwrap().to_string()
}
