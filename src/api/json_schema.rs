//! The JSON schema of a manifest, for editors and for kubeconform: what the CRD says of the spec, without what only an API server can
//! judge. Stricter in one thing, since an API server drops a field that it does not know and a person wants to be told of it.

use kube::Resource as _;
use serde_json::{Map, Value, json};

use super::{RecordingCallback, crd};

/// The schema as text.
pub fn text() -> String {
    format!("{:#}\n", schema())
}

/// The schema of a manifest of the version that is stored.
fn schema() -> Value {
    let crd = json!(crd::crd());
    let version = crd.pointer("/spec/versions/0/schema/openAPIV3Schema");
    let root = version.cloned().unwrap_or_default();
    let description = root.get("description").cloned().unwrap_or_default();
    let property = |name: &str| root.pointer(&format!("/properties/{name}")).cloned();
    let spec = property("spec").map(|spec| plain(spec, true));
    let status = property("status").map(|status| plain(status, false));
    let strings = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": RecordingCallback::kind(&()),
        "description": description,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "enum": [RecordingCallback::api_version(&())] },
            "kind": { "enum": [RecordingCallback::kind(&())] },
            "metadata": {
                "type": "object",
                "properties": {
                    "name": { "type": "string", "maxLength": 253 },
                    "namespace": { "type": "string", "maxLength": 63 },
                    "labels": strings,
                    "annotations": strings,
                },
            },
            "spec": spec,
            "status": status,
        },
    })
}

/// A part of the CRD's schema in the words of JSON Schema.
fn plain(schema: Value, is_strict: bool) -> Value {
    let Value::Object(fields) = schema else {
        return schema;
    };
    let mut plain_fields = Map::new();
    for (word, value) in fields {
        match word.as_str() {
            "properties" => {
                let parts = value.as_object().cloned().unwrap_or_default().into_iter();
                let parts = parts.map(|(name, part)| (name, plain(part, is_strict)));
                plain_fields.insert(word, parts.collect::<Map<_, _>>().into());
                if is_strict {
                    plain_fields.insert("additionalProperties".to_owned(), false.into());
                }
            }
            "items" => {
                plain_fields.insert(word, plain(value, is_strict));
            }
            "x-kubernetes-validations" => plain_fields.extend(said_by_rules(&value)),
            _ if word.starts_with("x-kubernetes-") || word == "default" => {}
            _ => {
                plain_fields.insert(word, value);
            }
        }
    }
    plain_fields.into()
}

/// What of a field's rules JSON Schema can say, too: a form of the whole text, in letters that every reader of patterns knows, and that
/// items are not repeated.
fn said_by_rules(rules: &Value) -> Vec<(String, Value)> {
    let rules = rules.as_array().into_iter().flatten();
    let rules = rules.filter_map(|rule| rule.get("rule").and_then(Value::as_str));
    let said = rules.filter_map(|rule| {
        if rule == super::EACH_ONCE {
            return Some(("uniqueItems".to_owned(), true.into()));
        }
        let pattern = rule.strip_prefix("self.matches('")?.strip_suffix("')")?;
        let pattern = pattern.replace(r"\\", r"\");
        let is_common = !pattern.contains(r"\p");
        is_common.then(|| ("pattern".to_owned(), pattern.into()))
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::generated::assert_current;

    #[test]
    fn the_schema_file_is_current() {
        assert_current("deploy/schema/recordingcallback_v1alpha1.json", &text());
    }

    #[test]
    fn it_has_every_field_of_the_spec_with_its_text_and_no_word_of_kubernetes() {
        let schema = schema();
        let crd = json!(crd::crd());
        let fields = |value: &Value, path: &str| -> Vec<(String, Value)> {
            let fields = value.pointer(path).unwrap().as_object().unwrap();
            let texts = fields
                .iter()
                .map(|(name, field)| (name.clone(), field["description"].clone()));
            texts.collect()
        };
        let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        assert_eq!(
            fields(&schema, "/properties/spec/properties"),
            fields(&crd, path)
        );
        assert!(!text().contains("x-kubernetes"));
        let spec = &schema["properties"]["spec"];
        assert_eq!(spec["additionalProperties"], false);
        assert_eq!(
            spec["properties"]["notifyEventSubscription"]["uniqueItems"],
            true
        );
        let pattern = spec["properties"]["publishDomain"]["pattern"]
            .as_str()
            .unwrap();
        assert!(pattern.contains(r"(\.["), "{pattern}");
        assert_eq!(
            schema["properties"]["status"].get("additionalProperties"),
            None
        );
    }
}
