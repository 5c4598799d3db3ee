//! What the receiver does with the notifications that it takes.

use std::fs;

use live_simulator::{Simulator, SimulatorSettings};
use serde_json::{Map, Value};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{KEY, Receiver, callback, key_file};

#[tokio::test]
async fn a_command_gets_each_one_that_is_taken_until_it_ends_well() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let directory = TempDir::new().unwrap();
    let path = directory.path().display();
    let script = directory.path().join("hook");
    // Fails the first time; then keeps what it gets.
    fs::write(
        &script,
        format!("[ -e {path}/tried ] || {{ : >{path}/tried; echo no >&2; exit 3; }}; cat >{path}/part; mv {path}/part {path}/got\n"),
    )
    .unwrap();
    let key = key_file(&directory, KEY);
    let mut receiver = Receiver::start_with(&[
        "--key-file",
        &key,
        "--exec",
        &format!("PATH=/usr/bin:/bin; . {}", script.display()),
    ]);
    let id = callback(&cloud, &receiver.url, "live", "HMACSHA256", Some(KEY));
    let forged = callback(
        &cloud,
        &receiver.url,
        "forged",
        "HMACSHA256",
        Some(&"x".repeat(32)),
    );
    let sent = cloud
        .notify(&forged, "RECORD_OVER", "stream", &Map::new())
        .await;
    assert_eq!(sent.unwrap().status, 401);
    let sent = cloud
        .notify(&id, "RECORD_OVER", "stream", &Map::new())
        .await;
    let sent = sent.unwrap();
    assert_eq!(sent.status, 200);
    receiver.wait_for_line("no");
    // Asked to end while the second try is due: what was taken is handed on.
    receiver.terminate();
    assert!(receiver.process.wait().unwrap().success());
    let got = fs::read(directory.path().join("got")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&got).unwrap(), sent.body);
}

#[tokio::test]
async fn what_the_end_keeps_from_being_handed_on_is_named() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let mut receiver = Receiver::start_with(&["--exec", "echo tried >&2; exit 3"]);
    let id = callback(&cloud, &receiver.url, "live", "HMACSHA256", None);
    let sent = cloud
        .notify(&id, "RECORD_OVER", "stream", &Map::new())
        .await;
    assert_eq!(sent.unwrap().status, 200);
    receiver.wait_for_line("tried");
    receiver.terminate();
    let printed = receiver.wait_for_line("not handed on");
    assert!(
        printed.contains("RECORD_OVER push.example.com live stream: the command ended with")
            && printed.ends_with("and the receiver ended"),
        "{printed}"
    );
    assert_eq!(receiver.process.wait().unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_url_gets_each_one_that_is_taken_until_it_has_it() {
    let cloud = Simulator::start(SimulatorSettings::default()).unwrap();
    let destination = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", destination.local_addr().unwrap());
    let mut receiver = Receiver::start(&format!("--forward {url}"));
    let id = callback(&cloud, &receiver.url, "live", "HMACSHA256", None);
    let sent = cloud
        .notify(&id, "RECORD_OVER", "stream", &Map::new())
        .await;
    let sent = sent.unwrap();
    assert_eq!(sent.status, 200);
    for answer in ["503 Service Unavailable", "200 OK"] {
        let (mut stream, _) = destination.accept().await.unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"}") {
            let count = stream.read(&mut part).await.unwrap();
            request.extend_from_slice(&part[..count]);
        }
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("POST /hook HTTP/1.1"), "{request}");
        let body = request.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), sent.body);
        let answer = format!("HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    // What nobody will ever take is given up at once, and told.
    let other = cloud.notify(&id, "RECORD_OVER", "other", &Map::new()).await;
    assert_eq!(other.unwrap().status, 200);
    let (mut stream, _) = destination.accept().await.unwrap();
    let mut part = [0; 4096];
    assert!(stream.read(&mut part).await.unwrap() > 0);
    stream
        .write_all(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    let printed = receiver.wait_for_line("not handed on");
    assert!(
        printed.contains("RECORD_OVER push.example.com live other: it was answered 404"),
        "{printed}"
    );
}
