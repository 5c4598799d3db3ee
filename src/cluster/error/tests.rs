//! Errors in, sentences out.

use kube::core::Status;
use kube::core::response::{StatusCause, StatusDetails};

use super::*;

fn refused(code: u16, reason: &str, causes: Vec<StatusCause>) -> ClusterError {
    let details = StatusDetails {
        name: "push-live".into(),
        group: String::new(),
        kind: String::new(),
        uid: String::new(),
        causes,
        retry_after_seconds: 0,
    };
    let status = Status::failure("no such thing", reason)
        .with_code(code)
        .with_details(details);
    ClusterError::new("patch the status", kube::Error::Api(status.boxed()))
}

#[test]
fn only_the_api_server_says_that_an_object_is_not_there() {
    let said = |reason: &str, kind: &str, message: &str| {
        let details = StatusDetails {
            name: "push".into(),
            group: String::new(),
            kind: kind.into(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        };
        let status = Status::failure(message, reason).with_code(404);
        let status = status.with_details(details).boxed();
        ClusterError::new("read", kube::Error::Api(status)).is_not_found()
    };
    let not_found = "recordingcallbacks.live.huaweicloud.com \"push\" not found";
    assert!(said("NotFound", "recordingcallbacks", not_found));
    assert!(said("NotFound", "", not_found), "who leaves details out");
    for (reason, kind, message) in [
        (UNPARSED, "", "404 page not found"),
        ("", "", "no Route matched with those values"),
        (
            "NotFound",
            "",
            "the server could not find the requested resource",
        ),
        (
            "NotFound",
            "clusters",
            "clusters.example.com \"push\" not found",
        ),
        (
            "NotFound",
            "",
            "admission webhook \"a.b.c\" denied the request: no such team",
        ),
    ] {
        assert!(!said(reason, kind, message), "{message}");
    }
}

#[test]
fn a_failed_test_of_a_patch_is_not_a_schema_error() {
    let cause = StatusCause {
        reason: "FieldValueInvalid".into(),
        message: "must match".into(),
        field: "spec.app".into(),
    };
    let schema = refused(422, "Invalid", vec![cause]);
    let test = refused(422, "Invalid", Vec::new());
    assert!(schema.is_invalid() && schema.has_causes());
    assert!(test.is_invalid() && !test.has_causes());
}

#[test]
fn an_existing_name_is_not_a_conflict_of_versions() {
    let exists = refused(409, "AlreadyExists", Vec::new());
    let conflict = refused(409, "Conflict", Vec::new());
    assert!(exists.is_already_exists() && !exists.is_conflict());
    assert!(conflict.is_conflict() && !conflict.is_already_exists());
}

#[test]
fn the_sentence_says_what_and_why_on_one_line() {
    let text = refused(404, "NotFound", Vec::new()).to_string();
    assert_eq!(text, "patch the status: no such thing (HTTP 404)");

    let text = ClusterError::timeout("read the Lease", Duration::from_secs(10)).to_string();
    assert_eq!(text, "read the Lease: no answer from the API server in 10s");

    let page = Status::failure(&"<p>\n".repeat(400), "").with_code(502);
    let text = ClusterError::new("list", kube::Error::Api(page.boxed())).to_string();
    assert!(text.len() < 600 && !text.contains('\n'), "{text}");
}

#[test]
fn each_refusal_has_its_remedy() {
    let going = StatusCause {
        reason: "NamespaceTerminating".into(),
        message: String::new(),
        field: String::new(),
    };
    for (code, reason, causes, words) in [
        (401, "Unauthorized", vec![], Some("log in again")),
        (403, "Forbidden", vec![], Some("have this right granted")),
        (
            403,
            "Forbidden",
            vec![going],
            Some("wait until the namespace is gone"),
        ),
        (
            429,
            "TooManyRequests",
            vec![],
            Some("try again in a minute"),
        ),
        (500, "InternalError", vec![], Some("the API server's log")),
        (503, UNPARSED, vec![], Some("is an API server")),
        (404, "NotFound", vec![], None),
        (409, "Conflict", vec![], None),
    ] {
        let error = refused(code, reason, causes);
        let remedy = error.remedy().unwrap_or_default();
        assert!(
            remedy.contains(words.unwrap_or_default()),
            "{code}: {remedy}"
        );
        assert_eq!(remedy.is_empty(), words.is_none(), "{code}: {remedy}");
        assert!(!error.is_unserved(), "{code}");
    }
    let unserved = refused(404, UNPARSED, Vec::new());
    assert!(
        unserved.is_unserved()
            && unserved
                .with_remedy("https://a")
                .contains("is not served there")
    );
    let late = ClusterError::timeout("list", Duration::from_secs(30));
    assert!(
        late.with_remedy("https://a")
            .contains("kubectl cluster-info")
    );
}

#[test]
fn what_a_credential_plugin_printed_is_not_repeated() {
    let out = std::process::Output {
        status: std::process::ExitStatus::default(),
        stdout: b"hunter2".to_vec(),
        stderr: b"hunter2".to_vec(),
    };
    let run = || AuthError::AuthExecRun {
        cmd: "plugin --password hunter2".to_owned(),
        out: Box::new(out.clone()),
    };
    let parse = serde_saphyr::from_str::<u64>("hunter2").unwrap_err();
    let parse = AuthError::AuthExecParse(Box::new(parse));
    for error in [
        kube::Error::Auth(run()),
        kube::Error::Service(Box::new(run())),
        kube::Error::Auth(parse),
    ] {
        let error = ClusterError::new("list", error);
        let text = error.with_remedy("https://a");
        assert!(text.contains("credential plugin"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_refused_connection_is_told_down_to_its_cause() {
    let root = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let outer = std::io::Error::other(ClusterError::new("connect", kube::Error::ReadEvents(root)));
    let text = ClusterError::new("list", kube::Error::Service(Box::new(outer))).to_string();
    assert!(text.contains("refused"), "{text}");
}
