//! The patch by which kubectl applies a manifest to an object that is there: what the manifest says is set, what it said when it was
//! last applied and says no longer is removed, and all else, which others own, stays. Pure.

use serde_json::{Map, Value};

/// Where kubectl keeps the manifest that it applied last.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The merge patch from `current` to what applying `wanted` makes of it, after `before` was applied.
pub fn patch(before: Option<&Value>, wanted: &Value, current: &Value) -> Value {
    let mut patch = before.map_or_else(Map::new, |before| removed(before, wanted));
    merge(&mut patch, changed(wanted, current));
    Value::Object(patch)
}

/// A null for each field that was said and is said no longer.
fn removed(before: &Value, wanted: &Value) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, before) in fields(before) {
        match wanted.get(key).filter(|value| !value.is_null()) {
            None => {
                patch.insert(key.clone(), Value::Null);
            }
            Some(wanted) => {
                let inner = removed(before, wanted);
                if before.is_object() && wanted.is_object() && !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
        }
    }
    patch
}

/// Each field that is to be another one than it is. A list is one value, as in all custom resources.
fn changed(wanted: &Value, current: &Value) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, wanted) in fields(wanted) {
        match current.get(key) {
            Some(current) if current.is_object() && wanted.is_object() => {
                let inner = changed(wanted, current);
                if !inner.is_empty() {
                    patch.insert(key.clone(), Value::Object(inner));
                }
            }
            Some(current) if current == wanted => {}
            _ => {
                patch.insert(key.clone(), wanted.clone());
            }
        }
    }
    patch
}

/// The fields that say something.
fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter(|(_, value)| !value.is_null())
}

fn merge(patch: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (patch.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(value)) => merge(into, value),
            (_, value) => {
                patch.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_own_stays_and_what_the_manifest_dropped_goes() {
        let current = json!({
            "metadata": { "annotations": { "other": "stays", "mine": "goes" }, "finalizers": ["ours"] },
            "spec": { "app": "live", "suspend": true, "signType": "MD5", "events": ["a", "b"] },
        });
        let before = json!({
            "metadata": { "annotations": { "mine": "goes" } },
            "spec": { "app": "live", "signType": "MD5", "region": "gone already" },
        });
        let wanted = json!({
            "metadata": { "annotations": {} },
            "spec": { "app": "live", "events": ["b"], "signKey": { "name": "new" }, "suspend": null },
        });
        let with = patch(Some(&before), &wanted, &current);
        assert_eq!(
            with,
            json!({
                "metadata": { "annotations": { "mine": null } },
                "spec": { "signType": null, "region": null, "events": ["b"], "signKey": { "name": "new" } },
            })
        );
        // What was never applied is only added to.
        let without = patch(None, &wanted, &current);
        assert_eq!(
            without,
            json!({ "spec": { "events": ["b"], "signKey": { "name": "new" } } })
        );
    }

    #[test]
    fn what_is_so_already_is_no_patch() {
        let current = json!({ "spec": { "app": "live", "suspend": true }, "status": {} });
        let wanted = json!({ "spec": { "app": "live" } });
        assert_eq!(patch(Some(&wanted), &wanted, &current), json!({}));
        let null = json!({ "spec": { "app": "live", "suspend": null } });
        assert_eq!(patch(Some(&null), &null, &current), json!({}));
        let set = json!({ "spec": { "app": "live", "suspend": true } });
        let unset = patch(Some(&set), &null, &current);
        assert_eq!(unset, json!({ "spec": { "suspend": null } }));
    }
}
