//! Manifests that the CRD's rules let pass, with annotations and a status that anybody may have written.

use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use super::{json as any_json, moment, number, text};

/// The UID of the object.
pub(crate) const UID: &str = "5f0c1d0e-0000-4000-8000-000000000001";
/// Names that a record has.
const RECORD: &[&str] = &[
    "uid",
    "target",
    "attempts",
    "id",
    "at",
    "url",
    "events",
    "signType",
    "region",
    "projectID",
];
const EVENTS: [&str; 4] = [
    "RECORD_NEW_FILE_START",
    "RECORD_FILE_COMPLETE",
    "RECORD_OVER",
    "RECORD_FAILED",
];
/// Words that a status of the operator's own may have.
const WORDS: &[&str] = &[
    "Ready",
    "Reconciling",
    "Stalled",
    "True",
    "False",
    "Unknown",
    "Available",
    "Normalized",
    "Contended",
    "Conflict",
    "Creating",
    "Duplicate",
    "OutcomeUnknown",
    "RateLimited",
    "ObserveOnly",
    "Suspended",
    "Create",
    "Update",
    "Delete",
    "Get",
    "List",
    "Succeeded",
    "Rejected",
    "Failed",
];

fn one_of(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    any::<Index>().prop_map(move |index| (*index.get(words)).to_owned())
}

/// An object with the members that are there.
fn object(members: Vec<(&'static str, Option<Value>)>) -> Value {
    let present = members.into_iter();
    let present = present.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

fn maybe<T: Into<Value> + std::fmt::Debug + Clone + 'static>(
    of: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<Value>> {
    prop::option::of(of.prop_map(Into::into)).boxed()
}

/// A spec that holds all rules of the CRD.
pub(crate) fn spec() -> BoxedStrategy<Value> {
    let label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
    let domain = prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."));
    let app = prop_oneof![
        2 => Just("live".to_owned()),
        1 => Just("*".to_owned()),
        2 => "[^\\p{Z}\\p{Cc}]{1,128}".prop_filter("refused", |app| app != "**"),
    ];
    let url = prop_oneof![
        2 => Just("https://hooks.example.com/record".to_owned()),
        1 => "https?://[a-z0-9.-]{1,40}(:[0-9]{1,5})?(/[!-\"$->@-~]{0,60})?",
        1 => "https?://([^/?#@:\\[\\]\\p{Z}\\p{Cc}]{1,20}|\\[[0-9a-f:.]{1,20}\\])(/[^?#\\p{Z}\\p{Cc}]{0,400})?",
    ];
    let events = prop::sample::subsequence(EVENTS.to_vec(), 1..=4).prop_shuffle();
    let secret = "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?";
    let key =
        (secret, "[-._a-zA-Z0-9]{1,40}").prop_map(|(name, key)| json!({"name": name, "key": key}));
    (
        (domain, app, maybe(url), maybe(events)),
        maybe(one_of(&["HMACSHA256", "MD5"])),
        maybe(key),
        maybe(secret.prop_map(|name| json!({"name": name}))),
        maybe("[-a-z0-9]{2,32}"),
        maybe("[-_A-Za-z0-9]{1,64}"),
        maybe(one_of(&["Never", "IfIdentical", "Always"])),
        maybe(one_of(&["Delete", "Retain"])),
        (
            maybe(one_of(&["Manage", "Observe"])),
            maybe(prop::bool::weighted(0.2)),
        ),
    )
        .prop_map(
            |(
                (domain, app, url, events),
                sign,
                key,
                secret,
                region,
                project,
                adopt,
                delete,
                (manage, suspend),
            )| {
                object(vec![
                    ("publishDomain", Some(domain.into())),
                    ("app", Some(app.into())),
                    ("notifyCallbackURL", url),
                    ("notifyEventSubscription", events),
                    ("signType", sign),
                    ("signKeySecretRef", key),
                    ("credentialsSecretRef", secret),
                    ("region", region),
                    ("projectID", project),
                    ("adoptionPolicy", adopt),
                    ("deletionPolicy", delete),
                    ("managementPolicy", manage),
                    ("suspend", suspend),
                ])
            },
        )
        .boxed()
}

/// A pending-operation annotation: of this object or of another, whole or garbage.
pub(crate) fn record(spec: &Value) -> BoxedStrategy<String> {
    let url = spec.get("notifyCallbackURL").cloned();
    let attempt = (0..20_u8, moment(), prop::option::of(text()), any::<bool>()).prop_map(
        move |(id, at, other, same)| {
            let url = if same {
                url.clone()
            } else {
                other.map(Value::from)
            };
            json!({"id": format!("attempt-{id}"), "at": at, "url": url,
                "events": ["RECORD_FILE_COMPLETE"], "signType": "HMACSHA256"})
        },
    );
    let uid = prop_oneof![3 => Just(UID.to_owned()), 1 => text()];
    let few = prop::collection::vec(attempt.clone(), 0..4);
    let many = (attempt, 0..1_000_usize).prop_map(|(attempt, times)| vec![attempt; times]);
    let whole = (uid, prop_oneof![4 => few, 1 => many]).prop_map(|(uid, attempts)| {
        json!({"uid": uid, "attempts": attempts,
            "target": {"region": "cn-north-4", "projectID": "p", "endpoint": "https://live.example.com"}})
    });
    prop_oneof![
        6 => whole.prop_map(|record| record.to_string()),
        1 => any_json(RECORD).prop_map(|garbage| garbage.to_string()),
        1 => text(),
    ]
    .boxed()
}

fn word() -> BoxedStrategy<String> {
    prop_oneof![6 => one_of(WORDS), 1 => text()].boxed()
}

fn operation() -> BoxedStrategy<Value> {
    (
        word(),
        word(),
        maybe(number()),
        maybe(text()),
        maybe(text()),
        maybe(moment()),
        maybe(number()),
        maybe(number()),
        maybe(moment()),
    )
        .prop_map(
            |(type_, outcome, http, code, message, time, attempt, count, first)| {
                object(vec![
                    ("type", Some(type_.into())),
                    ("outcome", Some(outcome.into())),
                    ("httpStatus", http),
                    ("errorCode", code.clone()),
                    ("errorMessage", message),
                    ("requestID", code),
                    ("time", time),
                    ("attempt", attempt),
                    ("count", count),
                    ("firstTime", first),
                ])
            },
        )
        .boxed()
}

fn conditions() -> BoxedStrategy<Value> {
    let rest = (word(), word(), text(), maybe(moment()), maybe(number())).prop_map(
        |(status, reason, message, since, generation)| {
            object(vec![
                ("status", Some(status.into())),
                ("reason", Some(reason.into())),
                ("message", Some(message.into())),
                ("lastTransitionTime", since),
                ("observedGeneration", generation),
            ])
        },
    );
    let types = prop::sample::subsequence(vec!["Ready", "Reconciling", "Stalled", "Other"], 0..=4);
    (types, prop::collection::vec(rest, 4))
        .prop_map(|(types, rest)| {
            let all = types.into_iter().zip(rest).map(|(type_, mut condition)| {
                condition["type"] = type_.into();
                condition
            });
            all.collect()
        })
        .boxed()
}

/// What was sent, or what the cloud holds: of this spec or of another.
fn values(spec: &Value) -> BoxedStrategy<Value> {
    let url = spec.get("notifyCallbackURL").cloned();
    let events = prop_oneof![
        Just(vec!["RECORD_FILE_COMPLETE".to_owned()]),
        prop::collection::vec(text(), 0..5),
    ];
    (
        any::<bool>(),
        maybe(text()),
        events,
        maybe(word()),
        maybe(text()),
        maybe(moment()),
    )
        .prop_map(move |(same, other, events, sign, id, time)| {
            let url = if same { url.clone() } else { other };
            let sign = if same {
                Some("HMACSHA256".into())
            } else {
                sign
            };
            object(vec![
                ("id", id),
                ("notifyCallbackURL", url),
                ("notifyEventSubscription", Some(events.into())),
                ("signType", sign),
                ("createTime", time.clone()),
                ("updateTime", time),
            ])
        })
        .boxed()
}

/// A status that has the right types, and nothing else that is right for sure.
pub(crate) fn status(spec: &Value) -> BoxedStrategy<Value> {
    let id = prop_oneof![3 => Just("id-1".to_owned()), 1 => text()];
    let operations = prop_oneof![
        4 => prop::collection::vec(operation(), 0..4),
        1 => (operation(), 0..500_usize).prop_map(|(one, times)| vec![one; times]),
    ];
    let target =
        text().prop_map(|text| json!({"region": "cn-north-4", "projectID": "p", "endpoint": text}));
    let closed = prop_oneof![2 => (0..20_u8).prop_map(|id| format!("attempt-{id}")), 1 => text()];
    (
        (
            maybe(number()),
            maybe(id),
            maybe(text()),
            maybe(target),
            maybe(any::<bool>()),
        ),
        (
            maybe(word()),
            maybe(operation()),
            operations,
            maybe(number()),
            maybe(moment()),
        ),
        (
            maybe(closed),
            maybe(values(spec)),
            maybe(values(spec)),
            maybe(text()),
        ),
        conditions(),
    )
        .prop_map(
            |(
                (generation, id, request, target, adopted),
                (deletion, last, operations, failures, next),
                (closed, sent, remote, token),
                conditions,
            )| {
                object(vec![
                    ("observedGeneration", generation),
                    ("callbackID", id),
                    ("requestID", request.clone()),
                    ("target", target),
                    ("adopted", adopted),
                    ("deletionPolicy", deletion),
                    ("lastOperation", last),
                    ("operations", Some(operations.into())),
                    ("failures", failures),
                    ("nextAttemptTime", next),
                    ("closedOperation", closed),
                    ("sent", sent),
                    ("remote", remote),
                    ("rejectedCredential", request),
                    ("lastHandledReconcileAt", token),
                    ("conditions", Some(conditions)),
                ])
            },
        )
        .boxed()
}

/// A whole object as the API server may store it.
pub(crate) fn stored() -> BoxedStrategy<Value> {
    spec()
        .prop_flat_map(|spec| {
            let parts = (
                prop::option::weighted(0.7, record(&spec)),
                prop::option::of(text()),
                prop::option::weighted(0.8, status(&spec)),
                any::<bool>(),
                prop::bool::weighted(0.3),
            );
            (Just(spec), parts)
        })
        .prop_map(|(spec, (record, requested, status, finalizer, deleting))| {
            let finalizers: &[&str] = if finalizer {
                &["live.huaweicloud.com/recording-callback"]
            } else {
                &[]
            };
            let annotations = object(vec![
                (
                    "live.huaweicloud.com/pending-operation",
                    record.map(Value::from),
                ),
                (
                    "live.huaweicloud.com/reconcile-requested-at",
                    requested.map(Value::from),
                ),
            ]);
            let deleted = deleting.then(|| "2026-11-25T12:00:00Z".into());
            let metadata = object(vec![
                ("name", Some("push".into())),
                ("namespace", Some("media".into())),
                ("uid", Some(UID.into())),
                ("generation", Some(3.into())),
                ("annotations", Some(annotations)),
                ("finalizers", Some(finalizers.into())),
                ("deletionTimestamp", deleted),
            ]);
            object(vec![
                ("apiVersion", Some("live.huaweicloud.com/v1alpha1".into())),
                ("kind", Some("RecordingCallback".into())),
                ("metadata", Some(metadata)),
                ("spec", Some(spec)),
                ("status", status),
            ])
        })
        .boxed()
}
