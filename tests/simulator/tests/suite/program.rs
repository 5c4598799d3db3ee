//! The program: its one line of output, its control interface, notifications, TLS.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::client::ACCESS_KEY;
use crate::client::PROJECT;
use crate::client::SECRET_KEY;
use crate::client::SIGN_KEY;
use crate::client::SuiteClient;
use crate::client::body;
use crate::client::body_with;

/// A running program, killed when dropped.
struct Program {
    child: Child,
    started: Value,
    client: SuiteClient,
    control: SuiteClient,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_live-simulator"))
            .arg(format!("--credential={ACCESS_KEY}:{SECRET_KEY}:{PROJECT}"))
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let started: Value = serde_json::from_str(&line).unwrap();
        let client = |name: &str| SuiteClient::new(started[name].as_str().unwrap());
        let (client, control) = (client("endpoint"), client("control"));
        Self {
            child,
            started,
            client,
            control,
        }
    }

    async fn control(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self
            .control
            .send_raw(method, target, &[], body.into())
            .await
            .unwrap();
        (answer.status, answer.json())
    }

    async fn ask(&self, method: &str, target: &str, body: &Value) -> Value {
        let (status, answer) = self.control(method, target, body).await;
        assert_eq!(status, 200, "{method} {target}: {answer}");
        answer
    }
}

#[tokio::test]
async fn the_control_interface_offers_what_the_library_does() {
    let program = Program::start(&["--settings", r#"{"write_times": true}"#]);
    let created = program.client.create(&body("live")).await.json();
    assert!(created["create_time"].is_string());
    let id = created["id"].as_str().unwrap();

    let rows = program.ask("GET", "/rows", &Value::Null).await;
    assert_eq!(rows[0]["id"], id);
    assert!(!rows.to_string().contains(SIGN_KEY));
    let calls = program.ask("GET", "/calls", &Value::Null).await;
    assert_eq!(
        (&calls[0]["operation"], &calls[0]["status"]),
        (&json!("Create"), &json!(201))
    );
    let counters = program.ask("GET", "/counters", &Value::Null).await;
    assert_eq!(counters["by_operation"], json!({"Create": 1}));
    let mutations = program.ask("GET", "/mutations", &Value::Null).await;
    assert_eq!(
        (&mutations[0]["change"], &mutations[0]["cause"]["Call"]),
        (&json!("Created"), &json!(1))
    );

    let settings = program
        .ask("PUT", "/settings", &json!({"contract": "Original"}))
        .await;
    assert_eq!(
        (&settings["contract"], &settings["write_times"]),
        (&json!("Original"), &json!(true))
    );
    assert_eq!(
        program.ask("GET", "/settings", &Value::Null).await,
        settings
    );
    assert_eq!(program.client.create(&body("a")).await.bytes.len(), 0);
    let (status, error) = program
        .control("PUT", "/settings", &json!({"contrct": 1}))
        .await;
    assert_eq!(status, 400);
    assert!(error.to_string().contains("contrct"), "{error}");

    let fault = json!({"operation": "List", "commit": false, "answer": {"Reply": {"status": 503}}});
    program.ask("POST", "/faults", &fault).await;
    let statuses = [
        program.client.list("").await.status,
        program.client.list("").await.status,
    ];
    assert_eq!(statuses, [503, 200]);
    program.ask("POST", "/faults", &fault).await;
    assert_eq!(
        program.ask("DELETE", "/faults", &Value::Null).await,
        json!([])
    );
    assert_eq!(
        program
            .control("POST", "/faults", &json!({"operatio": 1}))
            .await
            .0,
        400
    );

    let new = json!({"project_id": PROJECT, "publish_domain": "b.example.com", "app": "*",
        "fields": {"notify_event_subscription": ["RECORD_START"]}});
    let row = program.ask("POST", "/rows", &new).await;
    let path = format!("/rows/{}", row["id"].as_str().unwrap());
    let edited = program
        .ask("PATCH", &path, &json!({"sign_type": "MD5"}))
        .await;
    assert_eq!(edited["sign_type"], "MD5");
    program.ask("DELETE", &path, &Value::Null).await;
    assert_eq!(program.control("DELETE", &path, &Value::Null).await.0, 404);
    assert_eq!(
        program.control("GET", "/nothing", &Value::Null).await.0,
        404
    );

    program.ask("POST", "/reset", &Value::Null).await;
    assert_eq!(program.ask("GET", "/rows", &Value::Null).await, json!([]));
    assert_eq!(program.ask("GET", "/calls", &Value::Null).await, json!([]));
}

/// A receiver of notifications: its URL, and what it receives.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/record", listener.local_addr().unwrap());
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|request: http::Request<Incoming>| async {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                sender.send(serde_json::from_slice(&body).unwrap()).unwrap();
                let body = Full::new(bytes::Bytes::from_static(br#"{"status":1}"#));
                Ok::<_, std::convert::Infallible>(http::Response::new(body))
            });
            http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await
                .unwrap();
        }
    });
    (url, received)
}

#[tokio::test]
async fn notifications_are_signed_with_the_key_of_the_row() {
    let program = Program::start(&[]);
    let (url, mut received) = receiver().await;
    let body = body_with("*", &json!({"notify_callback_url": url}));
    let id = program.client.create(&body).await.id();
    let target = format!("/notify/{id}");
    let notified = program
        .ask("POST", &target, &json!({"stream": "match"}))
        .await;
    assert_eq!(
        (&notified["status"], &notified["answer"]),
        (&json!(200), &json!(r#"{"status":1}"#))
    );
    let event = received.recv().await.unwrap();
    assert_eq!(notified["body"], event);
    assert_eq!(
        (&event["event_type"], &event["app"]),
        (&json!("RECORD_FILE_COMPLETE"), &json!("live"))
    );
    let message = format!(
        "{}RECORD_FILE_COMPLETEpush.example.comlivematch{}",
        event["auth_timestamp"],
        event["download_url"].as_str().unwrap(),
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGN_KEY.as_bytes());
    let digest = hmac::sign(&key, message.as_bytes());
    let signature: Vec<String> = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(event["auth_sign"], signature.concat());

    let overrides = json!({"event": "RECORD_OVER", "overrides": {"app": "other"}});
    program.ask("POST", &target, &overrides).await;
    assert_eq!(received.recv().await.unwrap()["app"], "other");

    program
        .ask(
            "PATCH",
            &format!("/rows/{id}"),
            &json!({"notify_callback_url": ""}),
        )
        .await;
    assert_eq!(program.control("POST", &target, &Value::Null).await.0, 502);
}

#[tokio::test]
async fn tls_is_vouched_for_by_the_printed_authority() {
    let program = Program::start(&["--tls", "--name", "live.cn-north-4.example.com"]);
    let endpoint = program.started["endpoint"].as_str().unwrap();
    let address = endpoint.strip_prefix("https://").unwrap();
    let pem = program.started["ca_pem"].as_str().unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    for name in ["localhost", "127.0.0.1", "live.cn-north-4.example.com"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = connector
            .connect(ServerName::try_from(name).unwrap(), stream)
            .await
            .unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && answer.contains("APIG.0101"),
            "{answer}"
        );
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let other = ServerName::try_from("other.example.com").unwrap();
    assert!(connector.connect(other, stream).await.is_err());

    let plain = SuiteClient::new(&format!("http://{address}"));
    let answer = plain.list("").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (400, "LIVE.100011004")
    );
}
