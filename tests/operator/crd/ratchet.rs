//! An object that was stored before a rule was there can still be let go: its finalizer, its status and its other fields can
//! be changed. Played with a CRD of another group, first without rules and then with them.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use recording_callback_operator::api::crd;
use serde_json::json;

use crate::support::{Namespace, eventually, install};

const GROUP: &str = "ratchet.example.com";

fn crd() -> CustomResourceDefinition {
    let mut crd = crd::crd();
    crd.metadata.name = Some(format!("recordingcallbacks.{GROUP}"));
    GROUP.clone_into(&mut crd.spec.group);
    crd.spec.names.short_names = None;
    crd.spec.names.categories = None;
    crd
}

/// A CRD as it would be if it had no rules yet.
pub(crate) fn without_rules(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version
            .schema
            .as_mut()
            .unwrap()
            .open_api_v3_schema
            .as_mut()
            .unwrap();
        loosen(schema.properties.as_mut().unwrap().get_mut("spec").unwrap());
    }
    crd
}

fn loosen(schema: &mut JSONSchemaProps) {
    schema.x_kubernetes_validations = None;
    schema.enum_ = None;
    (schema.min_length, schema.max_length) = (None, None);
    (schema.min_items, schema.max_items) = (None, None);
    schema
        .properties
        .iter_mut()
        .flat_map(|properties| properties.values_mut())
        .for_each(loosen);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        loosen(items);
    }
}

#[tokio::test]
async fn an_object_older_than_the_rules_can_be_let_go() {
    let namespace = Namespace::new().await;
    install(namespace.client(), without_rules(crd())).await;

    let kind = GroupVersionKind::gvk(GROUP, "v1alpha1", "RecordingCallback");
    let kind = ApiResource::from_gvk(&kind);
    let objects: Api<DynamicObject> =
        Api::namespaced_with(namespace.client(), namespace.name(), &kind);
    let invalid = |name: &str| {
        let spec = json!({ "spec": {
            "publishDomain": "Push.example.com.",
            "app": "**",
            "notifyCallbackURL": "https://hooks.example.com/?a=b",
            "notifyEventSubscription": ["RECORD_START", "RECORD_START"],
            "signType": "ROT13",
            "signKeySecretRef": { "name": "Hooks", "key": "" },
            "credentialsSecretRef": { "name": "" },
            "region": "CN",
            "projectID": "my project",
            "adoptionPolicy": "Sometimes",
        } });
        let mut object = DynamicObject::new(name, &kind).data(spec);
        object.metadata.finalizers =
            Some(vec!["live.huaweicloud.com/recording-callback".to_owned()]);
        object
    };
    objects
        .create(&PostParams::default(), &invalid("old"))
        .await
        .unwrap();

    install(namespace.client(), crd()).await;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    eventually(
        "the rules are in force",
        Duration::from_secs(30),
        async || {
            let refused = objects.create(&dry_run, &invalid("new")).await.err()?;
            matches!(refused, kube::Error::Api(status) if status.is_invalid()).then_some(())
        },
    )
    .await;

    let merge = PatchParams::default();
    let status = json!({ "status": { "callbackID": "e2fe84def7e476651034ec4b9e92bc30" } });
    objects
        .patch_status("old", &merge, &Patch::Merge(status))
        .await
        .unwrap();
    let annotation = json!({ "metadata": { "annotations": { "live.huaweicloud.com/pending-operation": "{}" } } });
    objects
        .patch("old", &merge, &Patch::Merge(annotation))
        .await
        .unwrap();
    objects
        .delete("old", &DeleteParams::default())
        .await
        .unwrap();
    let retain = json!({ "spec": { "deletionPolicy": "Retain" } });
    objects
        .patch("old", &merge, &Patch::Merge(retain))
        .await
        .unwrap();
    let changed = json!({ "spec": { "app": "***" } });
    objects
        .patch("old", &merge, &Patch::Merge(changed))
        .await
        .unwrap_err();
    let released = json!({ "metadata": { "finalizers": null } });
    objects
        .patch("old", &merge, &Patch::Merge(released))
        .await
        .unwrap();
    assert!(objects.get_opt("old").await.unwrap().is_none());
    let crds: Api<CustomResourceDefinition> = Api::all(namespace.client());
    let name = crd().name_any();
    crds.delete(&name, &DeleteParams::default()).await.unwrap();
}
