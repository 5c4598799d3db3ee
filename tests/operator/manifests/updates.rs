//! Changes of objects that exist.

use kube::api::PostParams;
use recording_callback_operator::api::{RecordingCallback, RecordingCallbackSpec};
use serde_json::{Value, json};

use super::{ManifestAnswer, dry_run, judge, report};
use crate::support::Namespace;

/// Which object is changed.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Without region and project.
    Plain,
    /// With both.
    Placed,
}

impl Before {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Placed => "placed",
        }
    }

    fn spec(self) -> RecordingCallbackSpec {
        let plain = RecordingCallbackSpec {
            publish_domain: "push.example.com".to_owned(),
            app: "live".to_owned(),
            notify_callback_url: Some("https://hooks.example.com/record".to_owned()),
            ..RecordingCallbackSpec::default()
        };
        match self {
            Self::Plain => plain,
            Self::Placed => RecordingCallbackSpec {
                region: Some("cn-north-4".to_owned()),
                project_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
                ..plain
            },
        }
    }
}

/// An object, a merge patch of its spec, and what the API server must say.
type UpdateCase = (Before, Value, ManifestAnswer);

fn refused(before: Before, patch: Value, field: &'static str, words: &'static str) -> UpdateCase {
    (
        before,
        patch,
        ManifestAnswer::Refused {
            field: field.to_owned(),
            words,
        },
    )
}

fn accepted(before: Before, patch: Value) -> UpdateCase {
    (before, patch, ManifestAnswer::Accepted)
}

#[rustfmt::skip]
fn cases() -> Vec<UpdateCase> {
    use Before::{Placed, Plain};
    vec![
        refused(Plain, json!({"publishDomain": "push2.example.com"}), "spec.publishDomain", "publishDomain is immutable: create a new object for another domain"),
        refused(Plain, json!({"publishDomain": "PUSH.example.com"}), "spec.publishDomain", "publishDomain is immutable"),
        refused(Plain, json!({"publishDomain": null}), "spec.publishDomain", "Required value"),
        refused(Plain, json!({"app": "vod"}), "spec.app", "app is immutable: create a new object for another app"),
        refused(Plain, json!({"app": "*"}), "spec.app", "app is immutable"),
        refused(Plain, json!({"app": "Live"}), "spec.app", "app is immutable"),
        accepted(Plain, json!({"publishDomain": "push.example.com", "app": "live"})),
        accepted(Plain, json!({"region": "cn-north-4"})),
        accepted(Plain, json!({"projectID": "0123456789abcdef0123456789abcdef"})),
        accepted(Plain, json!({"region": "cn-north-1", "projectID": "a"})),
        refused(Plain, json!({"region": "CN"}), "spec.region", "write the region's id"),
        refused(Placed, json!({"region": "cn-north-1"}), "spec.region", "region is immutable once it is set: create a new object for another region"),
        refused(Placed, json!({"region": null}), "spec", "region can't be removed once it is set"),
        refused(Placed, json!({"projectID": "fedcba9876543210fedcba9876543210"}), "spec.projectID", "projectID is immutable once it is set: create a new object for another project"),
        refused(Placed, json!({"projectID": null}), "spec", "projectID can't be removed once it is set"),
        accepted(Placed, json!({"region": "cn-north-4"})),
        accepted(Placed, json!({"notifyCallbackURL": "https://hooks.example.com/other"})),
        accepted(Placed, json!({"notifyCallbackURL": null})),
        refused(Placed, json!({"notifyCallbackURL": "https://hooks.example.com/?a=b"}), "spec.notifyCallbackURL", "write http:// or https://"),
        accepted(Plain, json!({"notifyEventSubscription": ["RECORD_OVER"]})),
        refused(Plain, json!({"notifyEventSubscription": []}), "spec.notifyEventSubscription", "at least 1 items"),
        accepted(Plain, json!({"signType": "MD5", "signKeySecretRef": {"name": "hooks", "key": "sign"}})),
        accepted(Plain, json!({"credentialsSecretRef": {"name": "huaweicloud"}})),
        accepted(Plain, json!({"adoptionPolicy": "Always", "deletionPolicy": "Retain", "managementPolicy": "Observe"})),
        accepted(Plain, json!({"suspend": true})),
        (Plain, json!({"regions": "cn-north-4"}), ManifestAnswer::Unreadable { words: "unknown field \"spec.regions\"" }),
    ]
}

#[tokio::test]
async fn changes_are_answered_as_the_table_says() {
    let namespace = Namespace::new().await;
    for before in [Before::Plain, Before::Placed] {
        let object = RecordingCallback::new(before.name(), before.spec());
        namespace
            .callbacks()
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }
    let cases = cases();
    let mut wrong = Vec::new();
    for (before, patch, answer) in &cases {
        let mut expected = serde_json::to_value(before.spec()).unwrap();
        json_patch::merge(&mut expected, patch);
        let name = format!("/{}", before.name());
        let body = json!({ "spec": patch });
        let said = dry_run(
            &namespace,
            "PATCH",
            &name,
            "application/merge-patch+json",
            &body,
        )
        .await;
        if let Err(error) = judge(answer, &expected, &said) {
            wrong.push(format!("{before:?}: {patch}: {error}"));
        }
    }
    report(cases.len(), &wrong);
}
