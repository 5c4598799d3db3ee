//! The CRD as an API server tells it.

use serde_json::{Value, json};

use super::StoredCrd;
use crate::api::{SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION};
use crate::cluster::crd_check::CRD_NAME;
use crate::controller::tests::world::wall;

/// Only what the controller reads of it, if it is there.
pub(super) fn answer(state: StoredCrd) -> Option<Value> {
    let mut crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": CRD_NAME,
            "annotations": {SCHEMA_VERSION_ANNOTATION: SCHEMA_VERSION.to_string()},
        },
        "spec": {"group": "", "names": {"kind": "", "plural": ""}, "scope": "", "versions": []},
        "status": {"conditions": [{"type": "Established", "status": "True"}]},
    });
    match state {
        StoredCrd::Served => {}
        StoredCrd::Terminating => {
            crd["metadata"]["deletionTimestamp"] = json!(wall().to_string());
        }
        StoredCrd::Gone => return None,
    }
    Some(crd)
}
