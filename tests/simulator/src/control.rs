//! The control interface of the program: what the library's handle offers, over HTTP and JSON.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::auth::Rights;
use crate::cloud::Cloud;
use crate::faults::ScriptedFault;
use crate::store::RowPatch;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRow {
    project_id: String,
    publish_domain: String,
    app: String,
    #[serde(default)]
    fields: RowPatch,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    rights: Rights,
    lifetime_s: u64,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NotificationOrder {
    event: String,
    stream: String,
    overrides: Map<String, Value>,
}

impl Default for NotificationOrder {
    fn default() -> Self {
        Self {
            event: "RECORD_FILE_COMPLETE".to_owned(),
            stream: "teststream".to_owned(),
            overrides: Map::new(),
        }
    }
}

type ControlResult = Result<Value, (StatusCode, String)>;

/// Answers a request to the control interface.
pub(crate) async fn answer(cloud: &Cloud, request: &Request<Bytes>) -> Response<Bytes> {
    let (status, body) = match carry_out(cloud, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err((status, error)) => (status, json!({"error": error})),
    };
    let mut response = Response::new(Bytes::from(format!("{body}\n")));
    *response.status_mut() = status;
    response
}

async fn carry_out(cloud: &Cloud, request: &Request<Bytes>) -> ControlResult {
    let segments: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    match (request.method().as_str(), segments.as_slice()) {
        ("GET", ["rows"]) => show(&cloud.rows()),
        ("GET", ["calls"]) => show(&cloud.calls()),
        ("GET", ["mutations"]) => show(&cloud.mutations()),
        ("GET", ["counters"]) => show(&cloud.counters()),
        ("GET", ["faults"]) => show(&cloud.faults()),
        ("GET", ["settings"]) => show(&cloud.settings(|settings| settings.clone())),
        ("PUT", ["settings"]) => {
            let changes: Value = parse(request)?;
            cloud.settings(|settings| {
                *settings = settings.merged(&changes).map_err(bad_request)?;
                show(&*settings)
            })
        }
        ("POST", ["faults"]) => {
            let fault: ScriptedFault = parse(request)?;
            cloud.fault(fault);
            show(&cloud.faults())
        }
        ("DELETE", ["faults"]) => {
            cloud.clear_faults();
            show(&cloud.faults())
        }
        ("POST", ["rows"]) => {
            let NewRow {
                project_id,
                publish_domain,
                app,
                fields,
            } = parse(request)?;
            show(&cloud.insert_row(&project_id, &publish_domain, &app, &fields))
        }
        ("POST", ["rules"]) => {
            cloud.add_rule(parse(request)?);
            Ok(json!({}))
        }
        ("PATCH", ["rows", id]) => {
            let patch: RowPatch = parse(request)?;
            show(&cloud.edit_row(id, &patch).ok_or_else(|| not_found(id))?)
        }
        ("DELETE", ["rows", id]) => show(&cloud.delete_row(id).ok_or_else(|| not_found(id))?),
        ("DELETE", ["rows"]) => {
            cloud.wipe();
            show(&cloud.rows())
        }
        ("POST", ["credentials"]) => {
            cloud.add_credential(parse(request)?);
            Ok(json!({}))
        }
        ("POST", ["tokens"]) => {
            let NewToken {
                token,
                rights,
                lifetime_s,
            } = parse(request)?;
            cloud.add_token(&token, rights, Duration::from_secs(lifetime_s));
            Ok(json!({}))
        }
        ("POST", ["users"]) => {
            cloud.add_user(parse(request)?);
            Ok(json!({}))
        }
        ("PUT", ["workload"]) => {
            cloud.set_workload(parse(request)?);
            Ok(json!({}))
        }
        ("POST", ["notify", id]) => {
            let NotificationOrder {
                event,
                stream,
                overrides,
            } = parse(request)?;
            let notified = cloud.notify(id, &event, &stream, &overrides).await;
            show(&notified.map_err(|error| (StatusCode::BAD_GATEWAY, error))?)
        }
        ("POST", ["reset"]) => {
            cloud.reset();
            Ok(json!({}))
        }
        _ => Err((
            StatusCode::NOT_FOUND,
            format!("no {} {}", request.method(), request.uri()),
        )),
    }
}

fn show(value: &impl serde::Serialize) -> ControlResult {
    serde_json::to_value(value)
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn parse<T: DeserializeOwned>(request: &Request<Bytes>) -> Result<T, (StatusCode, String)> {
    let body = if request.body().is_empty() {
        b"{}"
    } else {
        request.body().as_ref()
    };
    serde_json::from_slice(body).map_err(|error| bad_request(error.to_string()))
}

fn bad_request(error: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error)
}

fn not_found(id: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("no row {id}"))
}
