//! `serve-notifications`: a small receiver that verifies what comes, and prints it. It has no TLS and keeps nothing.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use tokio::time::timeout;

use super::expected::Expected;
use super::now;
use super::verdict::VerifiedNotification;
use crate::admin;
use crate::command::output::printable;
use crate::command::{CommandOutput, ExitStatus};
use crate::config::notifications::ServeArgs;
use crate::live::notification::{Notification, SignatureVerdict};
use crate::stop::Stop;

/// A notification has about a kilobyte.
const LARGEST: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Receives until it is asked to stop.
pub async fn run(args: ServeArgs) -> anyhow::Result<CommandOutput> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let expected = Expected::read(&args.signature)?;
    if expected.keys.is_empty() {
        eprintln!("no --key-file is given: nothing is verified");
    }
    let listener = admin::bind(args.listen).await?;
    eprintln!("receiving at http://{}", listener.local_addr()?);
    let router = Router::new()
        .fallback(post(receive))
        .with_state(Arc::new(expected));
    let served = axum::serve(listener, router);
    served
        .with_graceful_shutdown(async move { stop.requested().await })
        .await?;
    Ok(CommandOutput {
        text: String::new(),
        exit: ExitStatus::Well,
    })
}

async fn receive(State(expected): State<Arc<Expected>>, body: Body) -> Response {
    let body = match timeout(PATIENCE, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return answer(StatusCode::PAYLOAD_TOO_LARGE, "too large"),
        Err(_) => return answer(StatusCode::REQUEST_TIMEOUT, "too slow"),
    };
    let notification = match Notification::parse(&body) {
        Ok(notification) => notification,
        Err(problem) => {
            print(&format!("Malformed: {}", printable(&problem)));
            return answer(StatusCode::BAD_REQUEST, "no notification");
        }
    };
    if expected.keys.is_empty() {
        print(&VerifiedNotification::unverified(&notification).line(&notification));
        return answer(StatusCode::OK, "success");
    }
    let verdict = notification.judge(&expected.keys, expected.sign_type, Some(now()));
    print(&VerifiedNotification::new(&notification, verdict).line(&notification));
    match verdict {
        SignatureVerdict::Genuine => answer(StatusCode::OK, "success"),
        SignatureVerdict::Expired(_) | SignatureVerdict::Wrong | SignatureVerdict::Unsigned => {
            answer(StatusCode::UNAUTHORIZED, "the signature does not count")
        }
    }
}

/// Live wants JSON, of whatever content.
fn answer(status: StatusCode, result: &str) -> Response {
    let body = json!({ "result": result }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A line at once, also into a pipe. Who does not read any more gets no more.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
