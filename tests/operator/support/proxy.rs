//! A proxy between one operator and the API server, which tells a trap of every write. Plain HTTP in front; reads and watches pass.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode, header};
use kube::client::Body as KubeBody;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{control_plane, trap::Trap};

const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A running proxy. It ends when this value goes.
pub(crate) struct Proxy {
    url: String,
    serving: JoinHandle<()>,
}

#[derive(Clone)]
struct Way {
    api_server: kube::Client,
    trap: Arc<Trap>,
}

impl Proxy {
    /// Starts one on a free port of the loopback interface.
    pub(crate) async fn start(trap: Arc<Trap>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let way = Way {
            api_server: control_plane::without_credentials().await,
            trap,
        };
        let app = Router::new().fallback(pass).with_state(way);
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { url, serving }
    }

    /// Where the operator finds it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::HOST);
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // The Lease is written again and again, and decides nothing about the cloud.
    let writes = parts.method != Method::GET && !parts.uri.path().contains("/leases");
    let (number, lost) = if writes {
        way.trap.write_begins(what(&parts))
    } else {
        (0, false)
    };
    if lost {
        return std::future::pending().await;
    }
    let request = http::Request::from_parts(parts, KubeBody::from(body));
    let answer = way.api_server.send(request).await;
    let told = answer
        .as_ref()
        .map_or_else(ToString::to_string, |answer| answer.status().to_string());
    if writes && way.trap.write_ends(number, &format!(" -> {told}")) {
        return std::future::pending().await;
    }
    match answer {
        Ok(answer) => {
            let (mut parts, body) = answer.into_parts();
            parts.headers.remove(header::TRANSFER_ENCODING);
            Response::from_parts(parts, Body::new(body))
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// What a write is, for people: the method, and the last words of the path.
fn what(parts: &http::request::Parts) -> String {
    let words: Vec<&str> = parts.uri.path().rsplit('/').take(2).collect();
    let words: Vec<&str> = words.into_iter().rev().collect();
    format!("{} {}", parts.method, words.join("/"))
}
