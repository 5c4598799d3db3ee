//! The operator on a cluster that is not ready for it: without the CRD, with an older one, and with one that goes and comes back.

use std::{fs, time::Duration};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use recording_callback_operator::api::crd::crd;
use serde_json::json;

use crate::support::{ControlPlane, connect_to, eventually, install, operator::OperatorProcess};

const LIMIT: Duration = Duration::from_mins(1);
const NAME: &str = "recordingcallbacks.live.huaweicloud.com";

/// Waits until readiness says this.
async fn says(operator: &OperatorProcess, status: u16, text: &str) {
    eventually(&format!("/readyz says {text:?}"), LIMIT, async || {
        let (code, body) = operator.get("/readyz").await?;
        (code == status && body.contains(text)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_missing_or_older_crd_is_told_and_waited_for() {
    let control_plane = ControlPlane::start().unwrap();
    let account = fs::read_to_string(control_plane.kubeconfig()).unwrap();
    let client = connect_to(control_plane.kubeconfig()).await;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());

    let mut operator = OperatorProcess::spawn_as(&account, &["--leader-elect=false"], &[]);
    operator.address().await;
    says(
        &operator,
        503,
        "recording-callback-operator crd | kubectl apply --server-side -f -",
    )
    .await;
    assert_eq!(
        operator.get("/livez").await.unwrap().0,
        200,
        "waiting is not dying"
    );

    let mut older = crd();
    older.metadata.annotations.as_mut().unwrap().clear();
    install(client.clone(), older).await;
    says(&operator, 503, "schema version").await;

    let version =
        json!({ "metadata": { "annotations": { "live.huaweicloud.com/schema-version": "1" } } });
    crds.patch(NAME, &PatchParams::default(), &Patch::Merge(&version))
        .await
        .unwrap();
    says(&operator, 200, "").await;

    crds.delete(NAME, &DeleteParams::default()).await.unwrap();
    eventually("the CRD is gone", LIMIT, async || {
        crds.get_opt(NAME).await.unwrap().is_none().then_some(())
    })
    .await;
    install(client, crd()).await;
    says(&operator, 200, "").await;
    assert!(operator.terminate().await.success());
}
