//! `serve-notifications` and `verify-notification`, with notifications that the simulated cloud signs by its own implementation.

mod handed_on;
mod http;
mod judged;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use live_simulator::{RowPatch, Simulator, SimulatorSettings, StoredSignKey};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{output, program};

const KEY: &str = "TESTKEY0123456789abcdef0123456789";
const OTHER: &str = "TESTKEYOTHER56789abcdef0123456789";
const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// A running receiver and what it prints.
struct Receiver {
    process: Child,
    lines: Box<dyn Iterator<Item = String>>,
    stderr: Box<dyn Iterator<Item = String>>,
    url: String,
}

impl Receiver {
    fn start(args: &str) -> Self {
        Self::start_with(&args.split_whitespace().collect::<Vec<_>>())
    }

    fn start_with(args: &[&str]) -> Self {
        let mut process = program("serve-notifications --listen 127.0.0.1:0")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = stderr.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("receiving at ").map(str::to_owned)
        });
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            process,
            lines: Box::new(lines.map(Result::unwrap)),
            stderr: Box::new(stderr.map(Result::unwrap)),
            url: url.unwrap(),
        }
    }

    /// Asks it to end.
    fn terminate(&self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
    }

    /// The next line on stderr that has this.
    fn wait_for_line(&mut self, words: &str) -> String {
        self.stderr.find(|line| line.contains(words)).unwrap()
    }

    /// Host and port.
    fn address(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn key_file(directory: &TempDir, key: &str) -> String {
    let path = directory.path().join(key);
    fs::write(&path, format!("{key}\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A callback with this key that notifies the receiver; gives its id.
fn callback(cloud: &Simulator, url: &str, app: &str, sign_type: &str, key: Option<&str>) -> String {
    let fields = RowPatch {
        notify_callback_url: Some(url.to_owned()),
        sign_type: Some(sign_type.to_owned()),
        key: key.map(StoredSignKey::new),
        ..RowPatch::default()
    };
    cloud
        .insert_row(PROJECT, "push.example.com", app, &fields)
        .id
}

#[tokio::test]
async fn what_the_cloud_signs_is_taken_and_all_else_is_refused() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let directory = TempDir::new().unwrap();
    let keys = format!(
        "{},{}",
        key_file(&directory, OTHER),
        key_file(&directory, KEY)
    );
    let mut receiver = Receiver::start(&format!("--key-file {keys}"));
    let genuine = callback(&cloud, &receiver.url, "live", "HMACSHA256", Some(KEY));
    let rotated = callback(&cloud, &receiver.url, "old", "HMACSHA256", Some(OTHER));
    let wrong = callback(
        &cloud,
        &receiver.url,
        "wrong",
        "HMACSHA256",
        Some(&"x".repeat(32)),
    );
    let unsigned = callback(&cloud, &receiver.url, "unsigned", "HMACSHA256", None);
    let mut expired = Map::new();
    expired.insert("auth_timestamp".to_owned(), json!(1_583_676_745));
    let hostile = json!({ "stream": "a\u{1b}[2J" });
    let hostile = hostile.as_object().unwrap().clone();
    for (id, overrides, status, line) in [
        (
            &genuine,
            Map::new(),
            200,
            "Genuine RECORD_FILE_COMPLETE push.example.com live stream https://",
        ),
        (
            &rotated,
            Map::new(),
            200,
            "Genuine RECORD_FILE_COMPLETE push.example.com old",
        ),
        (
            &genuine,
            hostile,
            200,
            "Genuine RECORD_FILE_COMPLETE push.example.com live a [2J",
        ),
        (
            &genuine,
            expired,
            401,
            "Expired: the signature counted until 2020-03-08T14:12:25Z",
        ),
        (
            &wrong,
            Map::new(),
            401,
            "Wrong: the signature is not one of this key",
        ),
        (
            &unsigned,
            Map::new(),
            401,
            "Unsigned: there is no signature",
        ),
    ] {
        let sent = cloud
            .notify(id, "RECORD_FILE_COMPLETE", "stream", &overrides)
            .await;
        let sent = sent.unwrap();
        assert_eq!(sent.status, status, "{sent:?}");
        let printed = receiver.lines.next().unwrap();
        assert!(printed.starts_with(line), "{printed}");
        assert!(
            !printed.contains(KEY) && !printed.contains(OTHER),
            "{printed}"
        );
        let answer: Value = serde_json::from_str(&sent.answer).unwrap();
        assert!(answer["result"].is_string(), "{answer}");
    }
    receiver.terminate();
    assert!(receiver.process.wait().unwrap().success());
}

#[tokio::test]
async fn a_body_that_was_kept_is_judged_later() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let directory = TempDir::new().unwrap();
    let receiver = Receiver::start("");
    let id = callback(&cloud, &receiver.url, "live", "MD5", Some(KEY));
    let sent = cloud
        .notify(&id, "RECORD_OVER", "stream", &Map::new())
        .await
        .unwrap();
    assert_eq!(sent.status, 200, "without a key all is taken");
    let file = directory.path().join("body");
    fs::write(&file, sent.body.to_string()).unwrap();
    let verify = |args: &str| {
        output(&mut program(&format!(
            "verify-notification {} {args}",
            file.display()
        )))
    };
    let (key, other) = (key_file(&directory, KEY), key_file(&directory, OTHER));
    let (code, said, _) = verify(&format!("--key-file {key} --sign-type MD5"));
    assert_eq!(
        (code, said.as_str()),
        (
            Some(0),
            "Genuine RECORD_OVER push.example.com live stream\n"
        )
    );
    let (code, said, _) = verify(&format!("--key-file {key} -o json"));
    let printed: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (code, &printed["items"][0]["verdict"]),
        (Some(1), &json!("Wrong"))
    );
    assert_eq!(printed["items"][0]["notification"]["stream"], "stream");
    assert_eq!(
        verify(&format!("--key-file {other} --sign-type MD5")).0,
        Some(1)
    );
    for (args, words) in [
        ("", "--key-file"),
        ("--key-file /nonexistent", "/nonexistent"),
    ] {
        let (code, _, stderr) = verify(args);
        assert!(code == Some(1) && stderr.contains(words), "{stderr}");
    }
    fs::write(&file, "no JSON").unwrap();
    let (code, _, stderr) = verify(&format!("--key-file {key}"));
    assert!(code == Some(1) && stderr.contains("not JSON"), "{stderr}");
}
