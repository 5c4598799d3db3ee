//! Objects as they are read: of each only what decisions need, cut while it is read. What its editors write beside that must not decide
//! how much memory this process takes. No I/O.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::ObjectMeta;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::{
    FINALIZER, PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback, RecordingCallbackSpec,
};
use crate::plan::facts::record::{LONGEST_RECORD, Record};

/// So many finalizers are kept, ours among them; of a list as long as this others may be missing.
pub(super) const MOST_FINALIZERS: usize = 16;
/// The longest token that asks for a look, in bytes.
const LONGEST_TOKEN: usize = 512;
/// The longest text of a status, in bytes: no URL and no message of ours is longer.
const LONGEST_TEXT: usize = 8 * 1024;
/// The longest status that may be ours, by the bytes of its texts. One that is longer was made up.
const LONGEST_STATUS: usize = 32 * 1024;
/// And so much is kept of each text of such a one.
const MADE_UP_TEXT: usize = 256;
/// The longest list of a status.
const MOST_ITEMS: usize = 16;

/// An object as it is read; one that can't be is known by its metadata.
#[derive(Debug, Clone)]
pub struct StoredObject(pub Result<RecordingCallback, UnreadableObject>);

/// An object that is not of our schema.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct UnreadableObject {
    /// What is wrong with it.
    pub error: String,
    /// Its name and version.
    pub metadata: ObjectMeta,
}

/// An object on the wire. What is not named here is passed over without being kept for a moment.
#[derive(Deserialize)]
struct WireObject {
    #[serde(default)]
    metadata: WireMetadata,
    #[serde(default)]
    spec: Value,
    #[serde(default)]
    status: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    annotations: Option<Annotations>,
    finalizers: Option<Finalizers>,
}

/// Ours; where there are only others, the name of one: a patch has to know whether there is any.
struct Annotations(BTreeMap<String, String>);

/// The first ones, and ours.
struct Finalizers(Vec<String>);

impl<'de> Deserialize<'de> for StoredObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireObject::deserialize(deserializer)?;
        let metadata = wire.metadata.into_metadata();
        let spec = serde_json::from_value::<RecordingCallbackSpec>(wire.spec);
        let mut status = wire.status;
        if cut(&mut status, LONGEST_TEXT) > LONGEST_STATUS {
            cut(&mut status, MADE_UP_TEXT);
        }
        let read = spec.and_then(|spec| Ok((spec, serde_json::from_value(status)?)));
        Ok(Self(match read {
            Ok((spec, status)) => Ok(RecordingCallback {
                metadata,
                spec,
                status,
            }),
            Err(error) => Err(UnreadableObject {
                error: error.to_string(),
                metadata,
            }),
        }))
    }
}

impl WireMetadata {
    fn into_metadata(self) -> ObjectMeta {
        let uid = self.uid.as_deref().unwrap_or_default();
        let mut annotations = self.annotations.map(|annotations| annotations.0);
        if let Some(record) = annotations
            .as_mut()
            .and_then(|all| all.get_mut(PENDING_OPERATION))
            && (record.len() > LONGEST_RECORD || Record::parse(record, uid).is_none())
        {
            // It is there, and tells nothing.
            *record = String::new();
        }
        ObjectMeta {
            annotations,
            name: self.name,
            namespace: self.namespace,
            uid: self.uid,
            resource_version: self.resource_version,
            generation: self.generation,
            creation_timestamp: self.creation_timestamp,
            deletion_timestamp: self.deletion_timestamp,
            finalizers: self.finalizers.map(|finalizers| finalizers.0),
            ..ObjectMeta::default()
        }
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ours;

        impl<'de> Visitor<'de> for Ours {
            type Value = Annotations;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
                let (mut ours, mut others) = (BTreeMap::new(), None);
                while let Some(name) = map.next_key::<String>()? {
                    if name == PENDING_OPERATION || name == RECONCILE_REQUESTED_AT {
                        let mut value: String = map.next_value()?;
                        if name == RECONCILE_REQUESTED_AT {
                            shorten(&mut value, LONGEST_TOKEN);
                        }
                        ours.insert(name, value);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        others.get_or_insert(name);
                    }
                }
                if ours.is_empty() {
                    ours.extend(others.map(|name| (name, String::new())));
                }
                Ok(Annotations(ours))
            }
        }

        deserializer.deserialize_map(Ours)
    }
}

impl<'de> Deserialize<'de> for Finalizers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;

        impl<'de> Visitor<'de> for First {
            type Value = Finalizers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("finalizers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Finalizers, A::Error> {
                let mut kept = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    let has_room = kept.len() < MOST_FINALIZERS - 1;
                    if name == FINALIZER || has_room || kept.iter().any(|kept| kept == FINALIZER) {
                        kept.push(name);
                    }
                    kept.truncate(MOST_FINALIZERS);
                }
                Ok(Finalizers(kept))
            }
        }

        deserializer.deserialize_seq(First)
    }
}

/// Cuts the lists and texts of a value; gives what its texts have in bytes then.
fn cut(value: &mut Value, longest: usize) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => {
            shorten(text, longest);
            text.len()
        }
        Value::Array(items) => {
            items.truncate(MOST_ITEMS);
            items.iter_mut().map(|item| cut(item, longest)).sum()
        }
        Value::Object(members) => members.values_mut().map(|item| cut(item, longest)).sum(),
    }
}

fn shorten(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.shrink_to_fit();
    }
}

impl Resource for StoredObject {
    type DynamicType = <RecordingCallback as Resource>::DynamicType;
    type Scope = <RecordingCallback as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        RecordingCallback::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        RecordingCallback::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        RecordingCallback::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        RecordingCallback::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(unreadable) => &unreadable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(unreadable) => &mut unreadable.metadata,
        }
    }
}

#[cfg(test)]
mod tests;
