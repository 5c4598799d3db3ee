//! A plain client for the tests: signs with code of its own, sends over a fresh connection for each
//! request, and tells what came back, an answer or the lack of one.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::Request;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use jiff::Timestamp;
use live_simulator::KnownCredential;
use live_simulator::Simulator;
use live_simulator::SimulatorSettings;
use ring::digest;
use ring::hmac;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpStream;

/// The project of the test credential.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";
/// The access key of the test credential.
pub(crate) const ACCESS_KEY: &str = "AKTEST0123456789";
/// The secret key of the test credential.
pub(crate) const SECRET_KEY: &str = "SKTEST/0123456789+abcdefghijklmnopqrstuv";
/// A sign key that the API accepts.
pub(crate) const SIGN_KEY: &str = "TESTKEY0123456789abcdef0123456789";
/// The path of the collection.
pub(crate) const CALLBACKS: &str = "/v1/0123456789abcdef0123456789abcdef/record/callbacks";
/// Longer than anything in these tests takes.
pub(crate) const BOUND: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub(crate) struct ClientAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl ClientAnswer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.bytes))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error_code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A client with a credential.
#[derive(Clone)]
pub(crate) struct SuiteClient {
    pub(crate) address: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) ahead: SignedDuration,
}

/// A simulator with the test credential, and a client of it.
pub(crate) fn start(settings: SimulatorSettings) -> (Simulator, SuiteClient) {
    let simulator = Simulator::start(settings).unwrap();
    simulator.add_credential(KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT));
    let client = SuiteClient::new(&simulator.endpoint());
    (simulator, client)
}

/// A valid body of a create.
pub(crate) fn body(app: &str) -> Value {
    json!({
        "publish_domain": "push.example.com",
        "app": app,
        "notify_callback_url": "https://hooks.example.com/record",
        "notify_event_subscription": ["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
        "sign_type": "HMACSHA256",
        "key": SIGN_KEY,
    })
}

/// The body with some members replaced; `null` removes one.
pub(crate) fn body_with(app: &str, changes: &Value) -> Value {
    let mut body = body(app);
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

impl SuiteClient {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            address: endpoint.trim_start_matches("http://").to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            headers: Vec::new(),
            ahead: SignedDuration::ZERO,
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn with_secret_key(mut self, secret_key: &str) -> Self {
        secret_key.clone_into(&mut self.secret_key);
        self
    }

    pub(crate) async fn create(&self, body: &Value) -> ClientAnswer {
        self.send("POST", CALLBACKS, Some(body))
            .await
            .expect("an answer")
    }

    pub(crate) async fn list(&self, query: &str) -> ClientAnswer {
        self.send("GET", &format!("{CALLBACKS}?{query}"), None)
            .await
            .expect("an answer")
    }

    pub(crate) async fn get(&self, id: &str) -> ClientAnswer {
        self.send("GET", &format!("{CALLBACKS}/{id}"), None)
            .await
            .expect("an answer")
    }

    pub(crate) async fn update(&self, id: &str, body: &Value) -> ClientAnswer {
        self.send("PUT", &format!("{CALLBACKS}/{id}"), Some(body))
            .await
            .expect("an answer")
    }

    pub(crate) async fn delete(&self, id: &str) -> ClientAnswer {
        self.send("DELETE", &format!("{CALLBACKS}/{id}"), None)
            .await
            .expect("an answer")
    }

    /// Sends a signed request.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<ClientAnswer, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut headers = self.headers.clone();
        let has_type = headers.iter().any(|(name, _)| name == "content-type");
        if !body.is_empty() && !has_type {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let date = (now() + self.ahead).strftime("%Y%m%dT%H%M%SZ").to_string();
        headers.push(("x-sdk-date".to_owned(), date));
        headers.push(("host".to_owned(), self.address.clone()));
        let authorization = self.authorization(method, target, &headers, &body);
        headers.push(("authorization".to_owned(), authorization));
        self.send_raw(method, target, &headers, body.into()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send_raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<ClientAnswer, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|error| text(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| text(&error))?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let exchange = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(|error| text(&error))?;
            let (parts, body) = response.into_parts();
            let bytes = body
                .collect()
                .await
                .map_err(|error| text(&error))?
                .to_bytes();
            Ok(ClientAnswer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                bytes,
            })
        };
        let answer = tokio::time::timeout(BOUND, exchange).await;
        connection.abort();
        answer.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    pub(crate) fn authorization(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        let mut sorted: Vec<_> = headers.iter().collect();
        sorted.sort();
        let lines: Vec<String> = sorted
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let lines = lines.concat();
        let names: Vec<&str> = sorted.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        let canonical = format!(
            "{method}\n{path}/\n{}\n{lines}\n{names}\n{}",
            pairs.join("&"),
            hash(body)
        );
        let date = &headers
            .iter()
            .find(|(name, _)| name == "x-sdk-date")
            .unwrap()
            .1;
        let to_sign = format!("SDK-HMAC-SHA256\n{date}\n{}", hash(&canonical));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret_key.as_bytes());
        let signature = hex(hmac::sign(&key, to_sign.as_bytes()).as_ref());
        let access = &self.access_key;
        format!("SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}")
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The time by this machine's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "a client signs with the real time"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// The apps of a list, in its order.
pub(crate) fn apps(list: &ClientAnswer) -> Vec<String> {
    list.json()["callback_config"]
        .as_array()
        .expect("callback_config")
        .iter()
        .map(|row| row["app"].as_str().unwrap().to_owned())
        .collect()
}

/// Creates callbacks for these apps and returns their ids.
pub(crate) async fn create_all(client: &SuiteClient, apps: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for app in apps {
        ids.push(client.create(&body(app)).await.id());
    }
    ids
}
