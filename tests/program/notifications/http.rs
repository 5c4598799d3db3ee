//! The receiver as an HTTP server: versions, TLS, bodies, many connections, and its end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Client, ClientBuilder, Version};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{KEY, Receiver};

const BODY: &str =
    r#"{"event_type":"RECORD_OVER","publish_domain":"push.example.com","app":"live"}"#;

fn client(authority: Option<CertificateDer<'static>>, alpn: &[&str]) -> ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    if let Some(certificate) = authority {
        roots.add(certificate).unwrap();
    }
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Client::builder().no_proxy().tls_backend_preconfigured(tls)
}

async fn post(client: &Client, url: &str) -> (Version, u16, String) {
    let body = BODY.replace("live", &format!("live{}", client_number()));
    let answer = client.post(url).body(body).send().await.unwrap();
    let (version, status) = (answer.version(), answer.status().as_u16());
    (version, status, answer.text().await.unwrap())
}

/// Another one each time, so that no notification is a repetition.
fn client_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

fn connect(receiver: &Receiver) -> TcpStream {
    let stream = TcpStream::connect(receiver.address()).unwrap();
    let limit = Some(Duration::from_secs(20));
    stream.set_read_timeout(limit).unwrap();
    stream
}

/// Sends a request as it is written here, and reads the answers to the end of the connection.
fn raw(receiver: &Receiver, request: &[u8]) -> String {
    let mut stream = connect(receiver);
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn one_connection_serves_many_requests_whole_or_in_chunks() {
    let receiver = Receiver::start("");
    let length = BODY.len();
    let whole =
        format!("POST /record HTTP/1.1\r\nHost: hooks\r\nContent-Length: {length}\r\n\r\n{BODY}");
    let (one, other) = BODY.split_at(10);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: hooks\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\na\r\n{one}\r\n{:x}\r\n{other}\r\n0\r\n\r\n",
        other.len()
    );
    let head = "HEAD / HTTP/1.1\r\nHost: hooks\r\n\r\n";
    let answers = raw(&receiver, format!("{whole}{head}{chunked}").as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(
        answers.matches(r#"{"result":"success"}"#).count(),
        2,
        "{answers}"
    );
    let waits = format!(
        "POST / HTTP/1.1\r\nHost: hooks\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        2 << 20
    );
    let refused = raw(&receiver, waits.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let old = raw(
        &receiver,
        format!("POST / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{BODY}").as_bytes(),
    );
    assert!(old.contains(" 200 OK"), "{old}");
    assert!(raw(&receiver, b"\x16\x03\x01 not HTTP\r\n\r\n").starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn http2_is_spoken_with_who_speaks_it() {
    let receiver = Receiver::start("");
    let http2 = client(None, &[]).http2_prior_knowledge().build().unwrap();
    let http1 = client(None, &[]).build().unwrap();
    for (client, version) in [(&http1, Version::HTTP_11), (&http2, Version::HTTP_2)] {
        let (spoken, status, body) = post(client, &receiver.url).await;
        assert_eq!(
            (spoken, status, body.trim()),
            (version, 200, r#"{"result":"success"}"#)
        );
        let large = client
            .post(&receiver.url)
            .body(vec![b' '; 2 << 20])
            .send()
            .await
            .unwrap();
        assert_eq!(large.status(), 413);
        if version == Version::HTTP_2 {
            // One that is answered unread: only there may an answer overtake what is still sent.
            let huge = client.post(&receiver.url).body(vec![b' '; 9 << 20]);
            assert_eq!(huge.send().await.unwrap().status(), 413);
        }
        let head = client.head(&receiver.url).send().await.unwrap();
        assert_eq!(
            (
                head.status().as_u16(),
                head.headers()["content-type"].as_bytes()
            ),
            (200, b"application/json".as_slice())
        );
        assert_eq!(
            client.put(&receiver.url).send().await.unwrap().status(),
            405
        );
    }
}

fn certificate(directory: &TempDir) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(directory.path().join("tls.key"), key.serialize_pem()).unwrap();
    fs::write(directory.path().join("tls.crt"), certificate.pem()).unwrap();
    certificate.der().clone()
}

#[tokio::test]
async fn tls_is_by_files_that_may_be_renewed() {
    let directory = TempDir::new().unwrap();
    let first = certificate(&directory);
    let path = directory.path().display();
    let receiver = Receiver::start(&format!(
        "--tls-cert-file {path}/tls.crt --tls-key-file {path}/tls.key"
    ));
    assert!(receiver.url.starts_with("https://"));
    let url = receiver.url.replace("127.0.0.1", "localhost");
    let trusting = |certificate: &CertificateDer<'static>| {
        client(Some(certificate.clone()), &["h2", "http/1.1"])
    };
    let (spoken, status, _) = post(&trusting(&first).build().unwrap(), &url).await;
    assert_eq!((spoken, status), (Version::HTTP_2, 200));
    let http1 = client(Some(first.clone()), &["http/1.1"]).build().unwrap();
    assert_eq!(post(&http1, &url).await.0, Version::HTTP_11);
    let second = certificate(&directory);
    let renewed = trusting(&second).build().unwrap();
    assert_eq!(post(&renewed, &url).await.1, 200);
    let stale = trusting(&first).build().unwrap();
    assert!(stale.post(&url).body(BODY).send().await.is_err());
    fs::write(directory.path().join("tls.crt"), "nonsense").unwrap();
    let renewed = trusting(&second).build().unwrap();
    assert_eq!(
        post(&renewed, &url).await.1,
        200,
        "what made sense last still counts"
    );
}

#[test]
fn two_hundred_connections_are_served_and_silent_ones_keep_nobody_out() {
    let mut receiver = Receiver::start("-o json");
    let silent: Vec<TcpStream> = (0..200).map(|_| connect(&receiver)).collect();
    let request = |number: usize| {
        let body = BODY.replace("live", &format!("live{number}"));
        format!(
            "POST / HTTP/1.1\r\nHost: hooks\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut sent: Vec<TcpStream> = (0..200).map(|_| connect(&receiver)).collect();
    for (number, stream) in sent.iter_mut().enumerate() {
        stream.write_all(request(number).as_bytes()).unwrap();
    }
    for mut stream in sent {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let printed: Value = serde_json::from_str(&receiver.lines.next().unwrap()).unwrap();
        assert_eq!(
            (&printed["verdict"], printed["receivedAt"].is_string()),
            (&json!("Unverified"), true)
        );
    }
    drop(silent);
}

#[test]
fn what_was_accepted_is_answered_before_the_receiver_ends() {
    let mut receiver = Receiver::start("");
    let (one, other) = BODY.split_at(10);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: hooks\r\nContent-Length: {}\r\n\r\n{one}",
        BODY.len()
    );
    let mut begun: Vec<TcpStream> = (0..20).map(|_| connect(&receiver)).collect();
    for stream in &mut begun {
        stream.write_all(head.as_bytes()).unwrap();
    }
    // An answer on a connection of its own says that the others were accepted before it.
    assert!(
        raw(&receiver, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200")
    );
    receiver.terminate();
    for stream in &mut begun {
        stream.write_all(other.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(receiver.process.wait().unwrap().success());
}

/// The reader of what is printed may end first.
#[test]
fn who_does_not_read_any_more_stops_nothing() {
    let mut receiver = Receiver::start("");
    receiver.lines = Box::new(std::iter::empty());
    for _ in 0..3 {
        let request = format!(
            "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let answer = raw(&receiver, request.as_bytes());
        assert!(answer.contains(" 200 OK"), "{answer}");
    }
}

/// Nor does one who stalls, and neither is the end waited for without an end.
#[test]
fn who_stalls_while_reading_what_is_printed_stops_nothing() {
    let mut receiver = Receiver::start("-o json");
    let stream = "x".repeat(900_000);
    for number in 0..30 {
        let body = format!(
            r#"{{"event_type":"RECORD_OVER","publish_domain":"push.example.com","app":"{number}","stream":"{stream}"}}"#
        );
        let head = format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
        let answer = raw(&receiver, format!("{head}{body}").as_bytes());
        assert!(answer.contains(" 200 OK"), "{answer}");
    }
    receiver
        .wait_for_line("stdout is not read fast enough: 1 notifications were not printed so far");
    // Once nobody is connected any more, only the printing is waited for; asked again, not even that.
    receiver.terminate();
    while TcpStream::connect(receiver.address()).is_ok() {}
    receiver.terminate();
    assert_eq!(receiver.process.wait().unwrap().code(), Some(1));
    receiver.wait_for_line("error: ended before all was answered, handed on and printed");
}

/// Nor does one who stalls while reading what is told beside it: here of keys that change.
#[test]
fn who_stalls_while_reading_what_is_told_stops_nothing() {
    let directory = TempDir::new().unwrap();
    let mut file = directory.path().to_owned();
    file.extend(vec!["x".repeat(250); 12]);
    fs::create_dir_all(&file).unwrap();
    file.push("key");
    fs::write(&file, KEY).unwrap();
    let name = file.to_str().unwrap();
    let mut receiver = Receiver::start(&format!("--key-file {name}"));
    let request = format!(
        "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    // Each is told with this name: together more than a pipe holds.
    let changes = 2 * 65_536 / name.len();
    for number in 0..changes {
        fs::write(&file, format!("{KEY}{number}")).unwrap();
        let answer = raw(&receiver, request.as_bytes());
        assert!(answer.contains(" 401 "), "{number}: {answer}");
    }
    receiver.terminate();
    assert!(receiver.process.wait().unwrap().success());
    assert!(receiver.wait_for_line("read again").contains(name));
}

/// Nor is anything held up that is handed to a command which prints much.
#[test]
fn who_stalls_while_reading_what_a_command_prints_holds_up_no_command() {
    let directory = TempDir::new().unwrap();
    let done = directory.path().join("done");
    let print = "head -c 100000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2";
    let command = format!("{print}; echo done >>{}", done.display());
    let mut receiver = Receiver::start_with(&["--exec", &command]);
    for number in 0..3 {
        let body = BODY.replace("live", &number.to_string());
        let request = format!(
            "POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        assert!(raw(&receiver, request.as_bytes()).contains(" 200 OK"));
    }
    // Ends when all are handed on.
    receiver.terminate();
    assert!(receiver.process.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&done).unwrap(), "done\n".repeat(3));
    assert!(receiver.wait_for_line("xxxx").len() < 10_000);
}
