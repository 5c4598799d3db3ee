//! What the pods of an operator say of themselves, by way of the API server. Only reads.

use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use serde::Deserialize;

use super::client::call;
use super::error::ClusterError;
use super::outline::{Outline, Unread};
use super::path::segment;

type PodOutline = Outline<Pod, Unread, PodStatus>;

#[derive(Debug, Clone, Deserialize)]
struct PodStatus {
    phase: Option<String>,
}

/// The metrics of each running pod with these labels, which it serves on this port.
pub async fn metrics(
    client: &Client,
    namespace: &str,
    selector: &str,
    port: u16,
) -> Result<Vec<String>, ClusterError> {
    let api: Api<PodOutline> = Api::namespaced(client.clone(), namespace);
    let params = ListParams::default().labels(selector);
    let pods = call("list the operator's pods", api.list(&params)).await?;
    let mut pages = Vec::new();
    for pod in pods {
        let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
        if phase != Some("Running") {
            continue;
        }
        let name = pod.name_any();
        let pod = format!("{}/pods/{}:{port}", segment(namespace), segment(&name));
        let path = format!("/api/v1/namespaces/{pod}/proxy/metrics");
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(kube::Error::HttpError);
        let asked = async { client.request_text(request?).await };
        pages.push(call(format!("read the metrics of the pod {name}"), asked).await?);
    }
    Ok(pages)
}
