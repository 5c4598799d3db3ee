//! What the receiver takes and what it refuses, beyond the signature: keys that change, pins, repetitions.

use std::fs;

use live_simulator::{Simulator, SimulatorSettings};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{KEY, OTHER, Receiver, callback, key_file};
use crate::{output, program, refused};

fn overrides(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Sends a body again as it was.
async fn again(receiver: &Receiver, body: &Value) -> u16 {
    let client = reqwest::Client::builder().no_proxy();
    let provider = rustls::crypto::ring::default_provider();
    let _ = provider.install_default();
    let client = client.build().unwrap();
    let sent = client.post(&receiver.url).body(body.to_string()).send();
    sent.await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_key_is_replaced_without_a_restart() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let keys = TempDir::new().unwrap();
    let write = |name: &str, key: &str| fs::write(keys.path().join(name), key).unwrap();
    write("sign", KEY);
    let mut receiver = Receiver::start(&format!("--key-file {}", keys.path().display()));
    let old = callback(&cloud, &receiver.url, "old", "HMACSHA256", Some(KEY));
    let new = callback(&cloud, &receiver.url, "new", "HMACSHA256", Some(OTHER));
    let send = async |id: &str| {
        let sent = cloud.notify(id, "RECORD_OVER", "stream", &Map::new()).await;
        sent.unwrap().status
    };
    assert_eq!((send(&old).await, send(&new).await), (200, 401));
    write("previous", KEY);
    write("sign", OTHER);
    assert_eq!((send(&old).await, send(&new).await), (200, 200));
    receiver.wait_for_line("read again");
    write("sign", "too short");
    assert_eq!((send(&old).await, send(&new).await), (200, 200));
    let printed = receiver.wait_for_line("still counts");
    assert!(
        printed.contains("sign key is letters and digits") && !printed.contains("too short"),
        "{printed}"
    );
    write("sign", OTHER);
    fs::remove_file(keys.path().join("previous")).unwrap();
    assert_eq!((send(&old).await, send(&new).await), (401, 200));
}

#[tokio::test]
async fn what_a_valid_signature_may_be_about_is_pinned_and_moved_borders_are_told() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let directory = TempDir::new().unwrap();
    let key = key_file(&directory, KEY);
    let mut receiver = Receiver::start(&format!(
        "--key-file {key} --domain push.example.com --app live,vod"
    ));
    let live = callback(&cloud, &receiver.url, "live", "HMACSHA256", Some(KEY));
    let other = callback(&cloud, &receiver.url, "test", "HMACSHA256", Some(KEY));
    let send = async |id: &str, changed: Value| {
        let changed = overrides(&changed);
        let sent = cloud.notify(id, "RECORD_FILE_COMPLETE", "stream", &changed);
        sent.await.unwrap()
    };
    let genuine = send(&live, json!({})).await;
    assert_eq!(genuine.status, 200);
    for (changed, word) in [
        (
            json!({ "publish_domain": "push.example.co", "app": "mlive" }),
            "Elsewhere: it is about the domain push.example.co,",
        ),
        (
            json!({ "app": "live2" }),
            "Elsewhere: it is about the app live2",
        ),
        (
            json!({ "download_url": "ttps://bucket/a" }),
            "Shifted: download_url is nothing",
        ),
    ] {
        receiver.lines.next();
        assert_eq!(send(&live, changed).await.status, 403);
        let printed = receiver.lines.next().unwrap();
        assert!(printed.starts_with(word), "{printed}");
        assert_eq!(send(&live, json!({})).await.status, 200);
    }
    assert_eq!(send(&other, json!({})).await.status, 403);
}

#[tokio::test]
async fn a_repetition_is_told_and_so_is_a_signature_that_was_used_before() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let directory = TempDir::new().unwrap();
    let mut receiver =
        Receiver::start(&format!("-o json --key-file {}", key_file(&directory, KEY)));
    let id = callback(&cloud, &receiver.url, "live", "HMACSHA256", Some(KEY));
    let nothing = Map::new();
    let sent = cloud.notify(&id, "RECORD_FILE_COMPLETE", "stream", &nothing);
    let mut body = sent.await.unwrap().body;
    let printed = |receiver: &mut Receiver| {
        let printed: Value = serde_json::from_str(&receiver.lines.next().unwrap()).unwrap();
        (
            printed["verdict"].clone(),
            printed["note"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(printed(&mut receiver), (json!("Genuine"), String::new()));
    assert_eq!(again(&receiver, &body).await, 200);
    assert_eq!(printed(&mut receiver), (json!("Repeated"), String::new()));
    body["file_size"] = json!(1);
    assert_eq!(again(&receiver, &body).await, 200);
    let (verdict, note) = printed(&mut receiver);
    assert!(
        verdict == "Genuine" && note.contains("with this signature"),
        "{note}"
    );
}

#[test]
fn flags_that_make_no_sense_are_refused_and_so_are_keys_that_are_none() {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().display();
    for (flags, words) in [
        ("--forward ftp://a/b", ["--forward", "http://"]),
        ("--forward http://me:secret@a/b", ["--forward", "user info"]),
        ("--forward http://a/b --exec true", ["--forward", "--exec"]),
        ("--tls-cert-file a", ["--tls-key-file", "required"]),
        ("-n media -A", ["--namespace", "--all-namespaces"]),
    ] {
        refused(
            &mut program(&format!("serve-notifications {flags}")),
            2,
            &words,
        );
    }
    refused(
        &mut program(&format!("serve-notifications --key-file {empty}")),
        1,
        &["has no file"],
    );
    let (code, _, printed) = output(&mut program(
        "serve-notifications --tls-cert-file /nonexistent/a --tls-key-file b",
    ));
    assert!(
        code == Some(1) && printed.contains("/nonexistent/a can't be read"),
        "{printed}"
    );
}
