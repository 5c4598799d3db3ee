//! Objects at rest. Most are not looked at for minutes, and there are many: of each is kept its JSON, compressed by what such objects
//! have in common, which takes a sixth of the memory of its fields. No I/O.

use crate::api::RecordingCallback;

/// What most objects say, in the order of their fields: whatever is here costs nothing in each of them.
const DICTIONARY: &str = concat!(
    r#"[{"annotations":{"live.huaweicloud.com/reconcile-requested-at":"2026-11-29T00:00:00Z","#,
    r#""live.huaweicloud.com/pending-operation":"{\"uid\":\"\",\"target\":{\"region\":\"cn-north-4\",\"projectID\":\"\",\"#,
    r#"\"endpoint\":\"https://live.cn-north-4.myhuaweicloud.com\"},\"attempts\":[{\"id\":\"\",\"at\":\"2026-11-29T00:00:00Z\",\"#,
    r#"\"url\":\"https://\",\"events\":[\"RECORD_FILE_COMPLETE\"],\"signType\":\"HMACSHA256\",\"keyDigest\":\"\"}]}"},"#,
    r#""creationTimestamp":"2026-11-29T00:00:00Z","deletionTimestamp":"2026-11-29T00:00:00Z","#,
    r#""finalizers":["live.huaweicloud.com/recording-callback"],"generation":1,"name":"","namespace":"","resourceVersion":"","uid":""},"#,
    r#"{"publishDomain":".example.com","app":"live","notifyCallbackURL":"https://","#,
    r#""notifyEventSubscription":["RECORD_NEW_FILE_START","RECORD_FILE_COMPLETE","RECORD_OVER","RECORD_FAILED"],"#,
    r#""signType":"HMACSHA256","signKeySecretRef":{"name":"","key":""},"credentialsSecretRef":{"name":""},"#,
    r#""region":"cn-north-4","projectID":"","adoptionPolicy":"IfIdentical","deletionPolicy":"Delete","#,
    r#""managementPolicy":"Observe","suspend":false},"#,
    r#"{"observedGeneration":1,"callbackID":"","requestID":"","#,
    r#""target":{"region":"cn-north-4","projectID":"","endpoint":"https://live.cn-north-4.myhuaweicloud.com"},"#,
    r#""adopted":false,"deletionPolicy":"Delete","lastOperation":{"type":"Create","outcome":"Succeeded","httpStatus":201,"#,
    r#""errorCode":"LIVE.100011001","errorMessage":"","requestID":"","time":"2026-11-29T00:00:00Z","attempt":1},"#,
    r#""operations":[{"type":"Update","outcome":"Succeeded","httpStatus":200,"requestID":"","time":"2026-11-29T00:00:00Z","attempt":1}],"#,
    r#""failures":1,"nextAttemptTime":"2026-11-29T00:00:00Z","closedOperation":"","#,
    r#""sent":{"notifyCallbackURL":"https://","notifyEventSubscription":["RECORD_FILE_COMPLETE"],"signType":"HMACSHA256","keyDigest":""},"#,
    r#""remote":{"id":"","notifyCallbackURL":"https://","notifyEventSubscription":["RECORD_FILE_COMPLETE"],"signType":"HMACSHA256","#,
    r#""createTime":"2026-11-29T00:00:00Z","updateTime":"2026-11-29T00:00:00Z"},"#,
    r#""conditions":[{"type":"Ready","status":"True","reason":"Available","message":"","#,
    r#""lastTransitionTime":"2026-11-29T00:00:00Z","observedGeneration":1}]}]"#,
);

/// An object at rest.
#[derive(Debug)]
pub struct PackedObject(PackedForm);

#[derive(Debug)]
enum PackedForm {
    Compressed(Box<[u8]>),
    /// One that would come back as another.
    Whole(Box<RecordingCallback>),
}

impl PackedObject {
    /// Packs an object.
    pub fn new(object: &RecordingCallback) -> Self {
        let parts = (&object.metadata, &object.spec, &object.status);
        let packed = serde_json::to_vec(&parts).ok().map(|json| {
            lz4_flex::block::compress_prepend_size_with_dict(&json, DICTIONARY.as_bytes())
                .into_boxed_slice()
        });
        let packed = packed.filter(|packed| unpacked(packed).as_ref() == Some(object));
        Self(packed.map_or_else(
            || PackedForm::Whole(Box::new(object.clone())),
            PackedForm::Compressed,
        ))
    }

    /// The object that was packed.
    #[allow(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "it was unpacked when it was packed"
    )]
    pub fn unpack(&self) -> RecordingCallback {
        match &self.0 {
            PackedForm::Compressed(packed) => {
                unpacked(packed).expect("what was packed is unpacked")
            }
            PackedForm::Whole(object) => (**object).clone(),
        }
    }
}

fn unpacked(packed: &[u8]) -> Option<RecordingCallback> {
    let dictionary = DICTIONARY.as_bytes();
    let json = lz4_flex::block::decompress_size_prepended_with_dict(packed, dictionary).ok()?;
    let (metadata, spec, status) = serde_json::from_slice(&json).ok()?;
    Some(RecordingCallback {
        metadata,
        spec,
        status,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn settled() -> RecordingCallback {
        let uid = "0b5c1c52-7c1b-4c0e-9d8e-6c8f6a0f3c11";
        let record = json!({
            "uid": uid,
            "target": {"region": "cn-north-4", "projectID": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "endpoint": "https://live.cn-north-4.myhuaweicloud.com"},
            "attempts": [{"id": "01998c1f-5c5e-7a3a-8f43-5d0c0d2a1b77", "at": "2026-11-25T02:00:00Z", "url": "https://hooks.example.com/record", "events": ["RECORD_FILE_COMPLETE"], "signType": "HMACSHA256"}],
        });
        let call = json!({"type": "Create", "outcome": "Succeeded", "httpStatus": 201, "requestID": "f3a9c7e15b2d4860917e3c5a8b6d2f40", "time": "2026-11-25T02:00:01Z", "attempt": 1});
        let content = json!({"notifyCallbackURL": "https://hooks.example.com/record", "notifyEventSubscription": ["RECORD_FILE_COMPLETE"], "signType": "HMACSHA256"});
        let mut remote = content.clone();
        remote["id"] = json!("5a1f0c9e8d7b6a5948372615f4e3d2c1");
        remote["createTime"] = json!("2026-11-25T02:00:01Z");
        remote["updateTime"] = json!("2026-11-25T02:00:01Z");
        serde_json::from_value(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": {
                "name": "push-17", "namespace": "team-a", "uid": uid, "resourceVersion": "123456", "generation": 1,
                "creationTimestamp": "2026-11-25T01:59:58Z", "finalizers": [crate::api::FINALIZER],
                "annotations": {crate::api::PENDING_OPERATION: record.to_string()},
            },
            "spec": {"publishDomain": "push-17.example.com", "app": "live", "notifyCallbackURL": "https://hooks.example.com/record", "credentialsSecretRef": {"name": "account-1"}},
            "status": {
                "observedGeneration": 1, "callbackID": "5a1f0c9e8d7b6a5948372615f4e3d2c1", "requestID": "f3a9c7e15b2d4860917e3c5a8b6d2f40",
                "target": {"region": "cn-north-4", "projectID": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "endpoint": "https://live.cn-north-4.myhuaweicloud.com"},
                "adopted": false, "deletionPolicy": "Delete", "lastOperation": call, "operations": [call],
                "closedOperation": "01998c1f-5c5e-7a3a-8f43-5d0c0d2a1b77", "sent": content, "remote": remote,
                "conditions": [{"type": "Ready", "status": "True", "reason": "Available", "message": "The cloud holds this callback.", "lastTransitionTime": "2026-11-25T02:00:01Z", "observedGeneration": 1}],
            },
        }))
        .unwrap()
    }

    fn bytes(packed: &PackedObject) -> usize {
        match &packed.0 {
            PackedForm::Compressed(packed) => packed.len(),
            PackedForm::Whole(_) => usize::MAX,
        }
    }

    #[test]
    fn a_settled_object_takes_half_a_kilobyte() {
        let object = settled();
        let packed = PackedObject::new(&object);
        assert_eq!(packed.unpack(), object);
        assert!(bytes(&packed) <= 640, "{} bytes", bytes(&packed));
    }

    #[test]
    fn what_would_come_back_as_another_is_kept_as_it_is() {
        let mut object = settled();
        let time: jiff::Timestamp = "2026-11-25T02:00:01.5Z".parse().unwrap();
        object.metadata.creation_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time));
        assert_eq!(PackedObject::new(&object).unpack(), object);
    }

    proptest! {
        #[test]
        fn whatever_an_object_says_comes_back(name in ".*", domain in ".*", url in proptest::option::of(".*"), message in ".*", word in ".*") {
            let mut object = settled();
            object.metadata.name = Some(name);
            object.spec.publish_domain = domain;
            object.spec.notify_callback_url = url;
            object.spec.adoption_policy = serde_json::from_value(json!(word)).ok();
            let status = object.status.as_mut().unwrap();
            status.conditions[0].message = message;
            status.sent = None;
            prop_assert_eq!(PackedObject::new(&object).unpack(), object);
        }
    }
}
