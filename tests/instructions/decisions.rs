//! Decides, or signs, as often as it is told: `decisions settled 100000` prints how many nanoseconds one takes. `tests/instructions/run.py`
//! counts its instructions.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program of the tests"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use recording_callback_operator::api::RecordingCallback;
use recording_callback_operator::declared::parse;
use recording_callback_operator::plan::facts::content::ReportedContent;
use recording_callback_operator::plan::facts::place::Place;
use recording_callback_operator::plan::facts::row::Row;
use recording_callback_operator::plan::facts::{
    CloudAccess, Facts, Observed, PlanSettings, SignKeyState,
};
use recording_callback_operator::plan::step::decide::decide;
use recording_callback_operator::platform::sign::{Unsigned, authorization};
use recording_callback_operator::terms::target::Target;
use serde_json::{Value, json};
use tikv_jemallocator::Jemalloc;

/// That of the operator.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

const URL: &str = "https://hooks.example.com/record";
const EVENT: &str = "RECORD_FILE_COMPLETE";
const SIGN_TYPE: &str = "HMACSHA256";
const ID: &str = "5a1f0c9e8d7b6a5948372615f4e3d2c1";
const NOW: &str = "2026-11-25T02:00:00Z";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, what, count] = arguments.as_slice() else {
        return usage();
    };
    let count: u32 = count.parse().unwrap();
    let decided = |facts: Facts| timed(count, || drop(black_box(decide(black_box(&facts)))));
    let took = match what.as_str() {
        "settled" => decided(settled()),
        "create" => decided(to_create()),
        "sign" => timed(count, sign),
        _ => return usage(),
    };
    println!("{}", took.as_nanos() / u128::from(count.max(1)));
}

fn usage() {
    println!("usage: decisions settled|create|sign COUNT");
    std::process::exit(2);
}

fn timed(count: u32, work: impl Fn()) -> Duration {
    let begun = Instant::now();
    (0..count).for_each(|_| work());
    begun.elapsed()
}

fn target() -> Target {
    Target {
        region: "cn-north-4".to_owned(),
        project_id: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
        endpoint: "https://live.cn-north-4.myhuaweicloud.com".to_owned(),
    }
}

/// An object with this status whose credentials were read and whose place was looked at now.
fn looked_at(status: &Value, rows: Vec<Row>) -> Facts {
    let object: RecordingCallback = serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {
            "name": "push", "namespace": "team-a", "uid": "0b5c1c52-7c1b-4c0e-9d8e-6c8f6a0f3c11", "resourceVersion": "1",
            "generation": 1, "finalizers": ["live.huaweicloud.com/recording-callback"],
        },
        "spec": {
            "publishDomain": "push.example.com", "app": "live", "notifyCallbackURL": URL, "notifyEventSubscription": [EVENT],
            "credentialsSecretRef": {"name": "account"},
        },
        "status": status,
    }))
    .unwrap();
    let settings = PlanSettings {
        settle_time: Duration::from_secs(30),
        stall_after: Duration::from_mins(10),
        read_only: false,
    };
    let now: Timestamp = NOW.parse().unwrap();
    Facts {
        access: CloudAccess::Usable(target()),
        key: SignKeyState::Unwanted,
        account_has_seen: true,
        observed: Observed::seen(now, rows, true),
        ..parse::facts(&object, settings, now)
    }
}

fn settled() -> Facts {
    let at = "2026-11-25T01:00:00Z";
    let content = json!({"notifyCallbackURL": URL, "notifyEventSubscription": [EVENT], "signType": SIGN_TYPE});
    let mut remote = content.clone();
    remote["id"] = json!(ID);
    let created = json!({"type": "Create", "outcome": "Succeeded", "httpStatus": 201, "time": at, "attempt": 1});
    let status = json!({
        "observedGeneration": 1, "callbackID": ID, "adopted": false, "deletionPolicy": "Delete", "failures": 0,
        "target": {"region": target().region, "projectID": target().project_id, "endpoint": target().endpoint},
        "lastOperation": created, "operations": [created], "sent": content, "remote": remote,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Available", "message": "The cloud holds this spec.",
            "lastTransitionTime": at, "observedGeneration": 1,
        }],
    });
    let row = Row {
        id: ID.to_owned(),
        place: Place::new("push.example.com", "live"),
        content: ReportedContent {
            url: Some(URL.to_owned().into()),
            events: Some(vec![EVENT.to_owned()].into()),
            sign_type: Some(SIGN_TYPE.to_owned()),
        },
        create_time: at.parse().ok(),
        update_time: at.parse().ok(),
    };
    looked_at(&status, vec![row])
}

fn to_create() -> Facts {
    looked_at(&Value::Null, Vec::new())
}

fn sign() {
    let date = "20261125T020000Z";
    let query = [("publish_domain".to_owned(), "push.example.com".to_owned())];
    let headers = [
        ("host", "live.cn-north-4.myhuaweicloud.com"),
        ("x-sdk-date", date),
        ("content-type", "application/json"),
    ];
    let unsigned = Unsigned {
        method: "GET",
        path: "/v1/0f1e2d3c4b5a69788796a5b4c3d2e1f0/record/callbacks",
        query: &query,
        headers: &headers,
        body: b"",
    };
    let key = black_box("TEST-SECRET-KEY");
    drop(black_box(authorization(
        "TESTACCESSKEY",
        key,
        date,
        unsigned,
    )));
}
