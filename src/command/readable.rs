//! Objects as they were listed: those that can be read, and of the others what of them can. What one of those holds and wants is no less
//! its own than if all of it could be read. Pure.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use kube::core::DynamicObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::RecordingCallback;

/// Objects by whether they can be read.
#[derive(Debug, Default)]
pub(super) struct ReadObjects {
    pub(super) whole: Vec<RecordingCallback>,
    /// The others, with the fields that can be read of them and the defaults of all else.
    pub(super) partial: Vec<RecordingCallback>,
    /// A sentence for each of those.
    pub(super) problems: Vec<String>,
}

impl ReadObjects {
    pub(super) fn of(listed: Vec<DynamicObject>) -> Self {
        let mut read = Self::default();
        for object in listed {
            let partial = partial(&object);
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            match object.try_parse() {
                Ok(object) => read.whole.push(object),
                Err(error) => {
                    read.problems.push(unreadable(&namespace, &name, &error));
                    read.partial.push(partial);
                }
            }
        }
        read
    }

    /// The ids of the callbacks that they hold.
    pub(super) fn held(&self) -> BTreeSet<String> {
        let ids = self
            .all()
            .filter_map(|object| object.status.as_ref()?.callback_id.clone());
        ids.collect()
    }

    /// All objects, of some only a part.
    pub(super) fn all(&self) -> impl Iterator<Item = &RecordingCallback> {
        self.whole.iter().chain(&self.partial)
    }
}

/// That an object can't be read, and what to do.
fn unreadable(namespace: &str, name: &str, error: &impl std::fmt::Display) -> String {
    format!(
        "{namespace}/{name} can't be read: {error}; another version of the program may have written it, or an older CRD let it pass: \
         kubectl edit rcb {name} -n {namespace}"
    )
}

fn partial(object: &DynamicObject) -> RecordingCallback {
    RecordingCallback {
        metadata: object.metadata.clone(),
        spec: fields(object.data.get("spec")),
        status: Some(fields(object.data.get("status"))),
    }
}

/// Each field that can be read by itself.
fn fields<T: Default + Serialize + DeserializeOwned>(stored: Option<&Value>) -> T {
    let mut kept = json!(T::default());
    for (field, value) in stored.and_then(Value::as_object).into_iter().flatten() {
        let mut with = kept.clone();
        if let Some(fields) = with.as_object_mut() {
            fields.insert(field.clone(), value.clone());
        }
        if T::deserialize(&with).is_ok() {
            kept = with;
        }
    }
    T::deserialize(kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_object_that_can_not_be_read_each_field_is_that_can() {
        let object = |spec: Value, status: Value| {
            let object = json!({
                "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
                "metadata": { "name": "push", "namespace": "media" }, "spec": spec, "status": status,
            });
            serde_json::from_value::<DynamicObject>(object).unwrap()
        };
        let good = json!({ "publishDomain": "push.example.com", "app": "live" });
        let read = ReadObjects::of(vec![
            object(good.clone(), json!({ "callbackID": "whole" })),
            object(
                good,
                json!({ "callbackID": "held", "failures": "many", "conditions": 5 }),
            ),
            object(
                json!({ "publishDomain": "push.example.com", "app": 5 }),
                json!("none"),
            ),
            object(json!([]), json!({ "callbackID": ["held"] })),
        ]);
        assert_eq!((read.whole.len(), read.problems.len()), (1, 3));
        let partial: Vec<_> = read
            .partial
            .iter()
            .map(|object| {
                let id = object.status.as_ref().unwrap().callback_id.as_deref();
                (
                    object.spec.publish_domain.as_str(),
                    object.spec.app.as_str(),
                    id,
                )
            })
            .collect();
        let domain = "push.example.com";
        assert_eq!(
            partial,
            [
                (domain, "live", Some("held")),
                (domain, "", None),
                ("", "", None)
            ]
        );
        assert!(read.all().all(|object| object.name_any() == "push"));
    }
}
