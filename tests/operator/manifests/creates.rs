//! New objects.

use serde_json::{Map, Value, json};

use super::{ManifestAnswer, dry_run, judge, report};
use crate::support::Namespace;

const DOMAIN_HELP: &str = "write the domain in lower case without a dot at the end";
const APP_HELP: &str = "write the app without white space";
const URL_HELP: &str = "write http:// or https://, a host and a path";
const SECRET_HELP: &str = "write the name of a Secret";
const KEY_HELP: &str = "write a key of the Secret's data";
const REGION_HELP: &str = "write the region's id in lower-case letters";
const PROJECT_HELP: &str = "write the project's id, not its name";

/// A field of the spec, the value it gets in an else good manifest (null: none), and what the API server must say.
struct CreateCase {
    field: &'static str,
    value: Value,
    answer: ManifestAnswer,
}

fn accepted(field: &'static str, value: impl Into<Value>) -> CreateCase {
    CreateCase {
        field,
        value: value.into(),
        answer: ManifestAnswer::Accepted,
    }
}

fn refused(field: &'static str, value: impl Into<Value>, words: &'static str) -> CreateCase {
    CreateCase {
        field,
        value: value.into(),
        answer: ManifestAnswer::Refused {
            field: format!("spec.{field}"),
            words,
        },
    }
}

fn unreadable(field: &'static str, value: impl Into<Value>, words: &'static str) -> CreateCase {
    CreateCase {
        field,
        value: value.into(),
        answer: ManifestAnswer::Unreadable { words },
    }
}

/// A domain of this length, in parts of at most 59 letters.
fn domain(length: usize) -> String {
    let mut domain = "a".repeat(length);
    for dot in (59..length).step_by(60) {
        domain.replace_range(dot..=dot, ".");
    }
    domain
}

/// A URL of this length.
fn url(length: usize) -> String {
    let start = "https://hooks.example.com/";
    format!("{start}{}", "a".repeat(length - start.len()))
}

#[rustfmt::skip]
fn publish_domain() -> Vec<CreateCase> {
    let field = "publishDomain";
    vec![
        accepted(field, "push.example.com"),
        accepted(field, "a"),
        accepted(field, "push-1--test.2.example.com"),
        accepted(field, "xn--fiqs8s.example.com"),
        accepted(field, format!("{}.example.com", "a".repeat(63))),
        accepted(field, domain(255)),
        refused(field, Value::Null, "Required value"),
        refused(field, 1, "must be of type string"),
        refused(field, "", "at least 1 chars"),
        refused(field, format!("{}.example.com", "a".repeat(64)), DOMAIN_HELP),
        refused(field, domain(256), "may not be more than 255"),
        refused(field, domain(1000), "may not be more than 255"),
        refused(field, "Push.example.com", DOMAIN_HELP),
        refused(field, "push.example.com.", DOMAIN_HELP),
        refused(field, ".push.example.com", DOMAIN_HELP),
        refused(field, "push..example.com", DOMAIN_HELP),
        refused(field, "-push.example.com", DOMAIN_HELP),
        refused(field, "push-.example.com", DOMAIN_HELP),
        refused(field, "push_1.example.com", DOMAIN_HELP),
        refused(field, "*.example.com", DOMAIN_HELP),
        refused(field, "push example.com", DOMAIN_HELP),
        refused(field, " push.example.com", DOMAIN_HELP),
        refused(field, "push.example.com\n", DOMAIN_HELP),
        refused(field, "推流.example.com", DOMAIN_HELP),
        refused(field, "rtmp://push.example.com", DOMAIN_HELP),
        refused(field, "push.example.com:1935", DOMAIN_HELP),
    ]
}

#[rustfmt::skip]
fn app() -> Vec<CreateCase> {
    let field = "app";
    vec![
        accepted(field, "live"),
        accepted(field, "*"),
        accepted(field, "a"),
        accepted(field, "Live-1_2.3"),
        accepted(field, "直播"),
        accepted(field, "a".repeat(128)),
        refused(field, Value::Null, "Required value"),
        refused(field, 7, "must be of type string"),
        refused(field, "", "at least 1 chars"),
        refused(field, "a".repeat(129), "may not be more than 128"),
        refused(field, "a".repeat(1000), "may not be more than 128"),
        refused(field, "**", "write \"*\" for every app"),
        refused(field, "my app", APP_HELP),
        refused(field, "live ", APP_HELP),
        refused(field, "\tlive", APP_HELP),
        refused(field, "live\n", APP_HELP),
        refused(field, "live\u{a0}", APP_HELP),
        refused(field, "\u{3000}live", APP_HELP),
        refused(field, "li\u{0}ve", APP_HELP),
    ]
}

#[rustfmt::skip]
fn notify_callback_url() -> Vec<CreateCase> {
    let field = "notifyCallbackURL";
    vec![
        accepted(field, Value::Null),
        accepted(field, "https://hooks.example.com/record"),
        accepted(field, "https://hooks.example.com"),
        accepted(field, "https://hooks.example.com/"),
        accepted(field, "https://Hooks.Example.com/Record/"),
        accepted(field, "http://100.95.129.234:8456/record"),
        accepted(field, "https://[2001:db8::1]:8443/record"),
        accepted(field, "https://hooks.example.com/%E5%BD%95/user@example.com;a=b:c"),
        accepted(field, url(1000)),
        accepted(field, url(2048)),
        refused(field, url(2049), "may not be more than 2048"),
        refused(field, 1, "must be of type string"),
        refused(field, "", "leave the field out to notify nobody"),
        refused(field, "hooks.example.com/record", URL_HELP),
        refused(field, "ftp://hooks.example.com/record", URL_HELP),
        refused(field, "rtmp+https://hooks.example.com/record", URL_HELP),
        refused(field, "https:/hooks.example.com/record", URL_HELP),
        refused(field, "https://", URL_HELP),
        refused(field, "https:///record", URL_HELP),
        refused(field, "https://:8443/record", URL_HELP),
        refused(field, "https://hooks.example.com:port/record", URL_HELP),
        refused(field, "https://hooks.example.com:123456/record", URL_HELP),
        refused(field, "https://user@hooks.example.com/record", URL_HELP),
        refused(field, "https://user:password@hooks.example.com/record", URL_HELP),
        refused(field, "https://hooks.example.com/record?a=b", URL_HELP),
        refused(field, "https://hooks.example.com?a=b", URL_HELP),
        refused(field, "https://hooks.example.com/record?", URL_HELP),
        refused(field, "https://hooks.example.com/record#part", URL_HELP),
        refused(field, "https://hooks.example.com#part", URL_HELP),
        refused(field, "https://hooks.example.com/my record", URL_HELP),
        refused(field, "https://hooks example.com/record", URL_HELP),
        refused(field, " https://hooks.example.com/record", URL_HELP),
        refused(field, "https://hooks.example.com/record\n", URL_HELP),
        refused(field, "https://hooks.example.com/\u{3000}", URL_HELP),
    ]
}

#[rustfmt::skip]
fn notify_event_subscription() -> Vec<CreateCase> {
    let field = "notifyEventSubscription";
    vec![
        accepted(field, Value::Null),
        accepted(field, json!(["RECORD_NEW_FILE_START"])),
        accepted(field, json!(["RECORD_FILE_COMPLETE"])),
        accepted(field, json!(["RECORD_OVER"])),
        accepted(field, json!(["RECORD_FAILED"])),
        accepted(field, json!(["RECORD_FAILED", "RECORD_OVER", "RECORD_FILE_COMPLETE", "RECORD_NEW_FILE_START"])),
        refused(field, json!([]), "at least 1 items"),
        refused(field, json!(["RECORD_OVER", "RECORD_OVER"]), "write each event once"),
        refused(field, json!(["RECORD_OVER", "RECORD_FAILED", "RECORD_OVER"]), "write each event once"),
        refused(field, json!(["RECORD_OVER", "RECORD_FAILED", "RECORD_FILE_COMPLETE", "RECORD_NEW_FILE_START", "RECORD_OVER"]), "must have at most 4 items"),
        refused(field, json!(["RECORD_START"]), "supported values: \"RECORD_NEW_FILE_START\", \"RECORD_FILE_COMPLETE\", \"RECORD_OVER\", \"RECORD_FAILED\""),
        refused(field, json!(["record_over"]), "supported values"),
        refused(field, json!([""]), "supported values"),
        refused(field, json!(["A".repeat(1000)]), "supported values"),
        refused(field, json!([null]), "must be of type string"),
        refused(field, "RECORD_OVER", "must be of type array"),
    ]
}

#[rustfmt::skip]
fn signing() -> Vec<CreateCase> {
    let (sign_type, key_ref) = ("signType", "signKeySecretRef");
    vec![
        accepted(sign_type, Value::Null),
        accepted(sign_type, "HMACSHA256"),
        accepted(sign_type, "MD5"),
        refused(sign_type, "SHA256", "supported values: \"HMACSHA256\", \"MD5\""),
        refused(sign_type, "md5", "supported values"),
        refused(sign_type, "", "supported values"),
        refused(sign_type, "A".repeat(1000), "supported values"),
        accepted(key_ref, Value::Null),
        accepted(key_ref, json!({"name": "hooks", "key": "sign"})),
        accepted(key_ref, json!({"name": "h.1-a", "key": "Sign_Key-1.txt"})),
        accepted(key_ref, json!({"name": "a".repeat(253), "key": "a".repeat(253)})),
        refused(key_ref, json!({"key": "sign"}), "spec.signKeySecretRef.name: Required value"),
        refused(key_ref, json!({"name": "hooks"}), "spec.signKeySecretRef.key: Required value"),
        refused(key_ref, "hooks", "must be of type object"),
        refused(key_ref, json!({"name": "", "key": "sign"}), "at least 1 chars"),
        refused(key_ref, json!({"name": "Hooks", "key": "sign"}), SECRET_HELP),
        refused(key_ref, json!({"name": "a".repeat(254), "key": "sign"}), "may not be more than 253"),
        refused(key_ref, json!({"name": "hooks", "key": ""}), "at least 1 chars"),
        refused(key_ref, json!({"name": "hooks", "key": "sign/key"}), KEY_HELP),
        refused(key_ref, json!({"name": "hooks", "key": "sign key"}), KEY_HELP),
        refused(key_ref, json!({"name": "hooks", "key": "a".repeat(254)}), "may not be more than 253"),
        refused(key_ref, json!({"name": "hooks", "key": "a".repeat(1000)}), "may not be more than 253"),
        unreadable(key_ref, json!({"name": "hooks", "key": "sign", "namespace": "other"}), "unknown field \"spec.signKeySecretRef.namespace\""),
    ]
}

#[rustfmt::skip]
fn place() -> Vec<CreateCase> {
    let (credentials, region, project) = ("credentialsSecretRef", "region", "projectID");
    vec![
        accepted(credentials, Value::Null),
        accepted(credentials, json!({"name": "huaweicloud"})),
        accepted(credentials, json!({"name": "a".repeat(253)})),
        refused(credentials, json!({}), "spec.credentialsSecretRef.name: Required value"),
        refused(credentials, json!({"name": ""}), "at least 1 chars"),
        refused(credentials, json!({"name": "a".repeat(254)}), "may not be more than 253"),
        refused(credentials, json!({"name": "a".repeat(1000)}), "may not be more than 253"),
        refused(credentials, json!({"name": "other/huaweicloud"}), SECRET_HELP),
        refused(credentials, json!({"name": "huaweicloud-"}), SECRET_HELP),
        refused(credentials, json!({"name": "huawei..cloud"}), SECRET_HELP),
        unreadable(credentials, json!({"name": "huaweicloud", "namespace": "other"}), "unknown field \"spec.credentialsSecretRef.namespace\""),
        accepted(region, Value::Null),
        accepted(region, "cn-north-4"),
        accepted(region, "eu-west-101"),
        accepted(region, "ab"),
        accepted(region, "a".repeat(32)),
        refused(region, "", "at least 2 chars"),
        refused(region, "a", "at least 2 chars"),
        refused(region, "a".repeat(33), "may not be more than 32"),
        refused(region, "a".repeat(1000), "may not be more than 32"),
        refused(region, "CN-NORTH-4", REGION_HELP),
        refused(region, "cn_north_4", REGION_HELP),
        refused(region, "cn-north-4 ", REGION_HELP),
        refused(region, "evil.example.com/", REGION_HELP),
        accepted(project, Value::Null),
        accepted(project, "0123456789abcdef0123456789abcdef"),
        accepted(project, "a"),
        accepted(project, "A_b-1"),
        accepted(project, "a".repeat(64)),
        refused(project, "", "at least 1 chars"),
        refused(project, "a".repeat(65), "may not be more than 64"),
        refused(project, "a".repeat(1000), "may not be more than 64"),
        refused(project, "cn-north-4 media", PROJECT_HELP),
        refused(project, "../0123456789abcdef", PROJECT_HELP),
        refused(project, "项目", PROJECT_HELP),
    ]
}

#[rustfmt::skip]
fn policies() -> Vec<CreateCase> {
    let (adoption, deletion, management) = ("adoptionPolicy", "deletionPolicy", "managementPolicy");
    vec![
        accepted(adoption, Value::Null),
        accepted(adoption, "Never"),
        accepted(adoption, "IfIdentical"),
        accepted(adoption, "Always"),
        refused(adoption, "never", "supported values: \"Never\", \"IfIdentical\", \"Always\""),
        refused(adoption, "", "supported values"),
        accepted(deletion, Value::Null),
        accepted(deletion, "Delete"),
        accepted(deletion, "Retain"),
        refused(deletion, "Orphan", "supported values: \"Delete\", \"Retain\""),
        refused(deletion, "A".repeat(1000), "supported values"),
        accepted(management, Value::Null),
        accepted(management, "Manage"),
        accepted(management, "Observe"),
        refused(management, "observe", "supported values: \"Manage\", \"Observe\""),
        refused(management, true, "supported values"),
        accepted("suspend", Value::Null),
        accepted("suspend", true),
        accepted("suspend", false),
        refused("suspend", "yes", "must be of type boolean"),
        unreadable("notifyCallbackUrl", "https://hooks.example.com/record", "unknown field \"spec.notifyCallbackUrl\""),
        unreadable("key", "EXAMPLEsignKey", "unknown field \"spec.key\""),
    ]
}

#[tokio::test]
async fn new_objects_are_answered_as_the_table_says() {
    let cases: Vec<_> = [
        publish_domain(),
        app(),
        notify_callback_url(),
        notify_event_subscription(),
        signing(),
        place(),
        policies(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let namespace = Namespace::new().await;
    let mut wrong = Vec::new();
    for case in &cases {
        let mut spec = Map::new();
        spec.insert("publishDomain".to_owned(), "push.example.com".into());
        spec.insert("app".to_owned(), "live".into());
        spec.insert(case.field.to_owned(), case.value.clone());
        let sent = manifest(&Value::Object(spec.clone()));
        let answer = dry_run(&namespace, "POST", "", "application/json", &sent).await;
        spec.retain(|_, value| !value.is_null());
        if let Err(error) = judge(&case.answer, &Value::Object(spec), &answer) {
            wrong.push(format!("{}: {}: {error}", case.field, case.value));
        }
    }
    report(cases.len(), &wrong);
}

#[tokio::test]
async fn an_object_needs_a_spec_and_has_nothing_else() {
    let namespace = Namespace::new().await;
    let good = json!({ "publishDomain": "push.example.com", "app": "live" });
    let mut without_spec = manifest(&good);
    without_spec.as_object_mut().unwrap().remove("spec");
    let mut with_more = manifest(&good);
    with_more["speck"] = json!({});
    for (sent, answer) in [
        (
            without_spec,
            ManifestAnswer::Refused {
                field: "spec".to_owned(),
                words: "spec: Required value",
            },
        ),
        (
            manifest(&json!({})),
            ManifestAnswer::Refused {
                field: "spec".to_owned(),
                words: "spec.app: Required value",
            },
        ),
        (
            manifest(&json!([])),
            ManifestAnswer::Refused {
                field: "spec".to_owned(),
                words: "must be of type object",
            },
        ),
        (
            with_more,
            ManifestAnswer::Unreadable {
                words: "unknown field \"speck\"",
            },
        ),
    ] {
        let said = dry_run(&namespace, "POST", "", "application/json", &sent).await;
        judge(&answer, &good, &said).unwrap_or_else(|error| panic!("{sent}: {error}"));
    }
}

fn manifest(spec: &Value) -> Value {
    json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": { "name": "test" },
        "spec": spec,
    })
}
