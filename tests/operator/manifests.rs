//! The table of manifests: each differs from a good one in one place, and the API server must answer as the table says.
//!
//! Both sides of every bound are in it. Nothing is stored, every request is a dry run with strict validation, as kubectl's are.

mod creates;
mod updates;

use http::{Request, StatusCode};
use kube::core::Status;
use serde_json::Value;

use crate::support::Namespace;

/// What the API server must say.
enum ManifestAnswer {
    /// It takes the manifest, and the spec that it stores is the one that was sent.
    Accepted,
    /// It refuses the manifest for one field, with these words.
    Refused { field: String, words: &'static str },
    /// It refuses to read the manifest, with these words.
    Unreadable { words: &'static str },
}

/// Checks an answer of the API server; says what is wrong with it.
fn judge(
    expected: &ManifestAnswer,
    sent: &Value,
    answer: &Result<Value, Status>,
) -> Result<(), String> {
    match (expected, answer) {
        (ManifestAnswer::Accepted, Ok(stored)) if stored["spec"] == *sent => Ok(()),
        (ManifestAnswer::Accepted, Ok(stored)) => Err(format!("stored as {}", stored["spec"])),
        (ManifestAnswer::Accepted, Err(status)) => Err(format!("refused: {}", status.message)),
        (_, Ok(_)) => Err("accepted".to_owned()),
        (ManifestAnswer::Unreadable { words }, Err(status)) => {
            let right = status
                .message
                .contains(&format!("strict decoding error: {words}"));
            right.then_some(()).ok_or_else(|| status.message.clone())
        }
        (ManifestAnswer::Refused { field, words }, Err(status)) => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            // What the API server adds when it did not come to the rules.
            let causes = causes.filter(|cause| !cause.message.contains("rules were not checked"));
            let elsewhere = causes.filter(|cause| !cause.field.starts_with(field.as_str()));
            let right = status.code == StatusCode::UNPROCESSABLE_ENTITY
                && elsewhere.count() == 0
                && status.message.contains(words);
            right.then_some(()).ok_or_else(|| status.message.clone())
        }
    }
}

/// Sends a dry run with strict validation.
async fn dry_run(
    namespace: &Namespace,
    method: &str,
    name: &str,
    content_type: &str,
    body: &Value,
) -> Result<Value, Status> {
    let path = format!(
        "/apis/live.huaweicloud.com/v1alpha1/namespaces/{}/recordingcallbacks{name}?dryRun=All&fieldValidation=Strict",
        namespace.name()
    );
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(serde_json::to_vec(body).unwrap())
        .unwrap();
    match namespace.client().request(request).await {
        Err(kube::Error::Api(status)) => Err(*status),
        other => Ok(other.unwrap()),
    }
}

/// Panics with everything that went wrong.
fn report(count: usize, wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} of {count} went wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
