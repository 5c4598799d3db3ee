//! Notifications as Live sends them to the URL of a callback: signed, and sent once.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::Uri;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use md5::Digest;
use md5::Md5;
use ring::hmac;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpStream;

use crate::cloud::Cloud;
use crate::random;
use crate::sign;
use crate::store::StoredRow;

/// How long a signature is valid.
const VALIDITY_S: i64 = 60 * 60;
/// What `HMACSHA256` covers, in this order; a field that is absent counts as empty.
const HMAC_FIELDS: [&str; 7] = [
    "auth_timestamp",
    "event_type",
    "publish_domain",
    "app",
    "stream",
    "download_url",
    "play_url",
];
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of a notification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notified {
    /// The body that was sent.
    pub body: Value,
    /// The status that the receiver answered with.
    pub status: u16,
    /// The receiver's body.
    pub answer: String,
}

impl Cloud {
    /// Sends a notification of an event of a stream to the URL of a callback, and reports the answer.
    /// Members of `overrides` replace or add to those of the body before it is signed.
    pub async fn notify(
        &self,
        id: &str,
        event: &str,
        stream: &str,
        overrides: &Map<String, Value>,
    ) -> Result<Notified, String> {
        let row = self.row(id).ok_or_else(|| format!("no row {id}"))?;
        let url = row
            .notify_callback_url
            .clone()
            .ok_or("the row has no notify_callback_url")?;
        let mut body = body(&row, event, stream, self.now());
        body.extend(overrides.clone());
        if let Some(key) = &row.key {
            sign_body(&mut body, &row.sign_type, key.reveal());
        }
        let body = Value::Object(body);
        let sending = send(&url, body.to_string());
        let (status, answer) = tokio::time::timeout(PATIENCE, sending)
            .await
            .map_err(|_| format!("{url} did not answer in {PATIENCE:?}"))??;
        Ok(Notified {
            body,
            status,
            answer,
        })
    }
}

fn body(row: &StoredRow, event: &str, stream: &str, now: Timestamp) -> Map<String, Value> {
    let mut body = json!({
        "project_id": row.project_id,
        "task_id": random::hex(16),
        "event_type": event,
        "publish_domain": row.publish_domain,
        "app": if row.app == "*" { "live" } else { row.app.as_str() },
        "stream": stream,
        "auth_timestamp": now.as_second() + VALIDITY_S,
    });
    let object = format!("live/record-{stream}-{}.m3u8", now.as_second());
    let bucket = "https://testbucket.obs.cn-north-4.myhuaweicloud.com";
    let details = match event {
        "RECORD_NEW_FILE_START" => json!({"job_id": random::hex(16), "record_format": "HLS"}),
        "RECORD_FILE_COMPLETE" => json!({
            "job_id": random::hex(16),
            "record_format": "HLS",
            "download_url": format!("{bucket}/{object}"),
            "asset_id": random::hex(16),
            "file_size": 3_957_964,
            "record_duration": 120,
            "start_time": seconds_before(now, 120),
            "end_time": seconds_before(now, 0),
            "width": 1280,
            "height": 720,
            "obs_location": "cn-north-4",
            "obs_bucket": "testbucket",
            "obs_object": object,
        }),
        "RECORD_FAILED" => json!({"error_message": "the stream could not be pulled"}),
        _ => json!({}),
    };
    let mut whole = Map::new();
    for part in [&mut body, &mut details.clone()] {
        if let Some(part) = part.as_object_mut() {
            whole.append(part);
        }
    }
    if row.key.is_none() {
        whole.remove("auth_timestamp");
    }
    whole
}

fn seconds_before(now: Timestamp, seconds: i64) -> String {
    Timestamp::from_second(now.as_second() - seconds)
        .map(|it| it.to_string())
        .unwrap_or_default()
}

fn sign_body(body: &mut Map<String, Value>, sign_type: &str, key: &str) {
    let signature = if sign_type == "MD5" {
        let message = format!("{key}{}", text(body, "auth_timestamp"));
        sign::to_hex(&Md5::digest(message))
    } else {
        let message: String = HMAC_FIELDS.iter().map(|field| text(body, field)).collect();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        sign::to_hex(hmac::sign(&key, message.as_bytes()).as_ref())
    };
    body.insert("auth_sign".to_owned(), Value::from(signature));
}

fn text(body: &Map<String, Value>, field: &str) -> String {
    match body.get(field) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

async fn send(url: &str, body: String) -> Result<(u16, String), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let uri: Uri = url.parse().map_err(|error| failed(&error))?;
    if uri.scheme_str() != Some("http") {
        return Err(failed(&"notifications are sent over plain HTTP only"));
    }
    let authority = uri.authority().ok_or_else(|| failed(&"has no host"))?;
    let host = authority.host().trim_matches(['[', ']']);
    let address = (host, authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| failed(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let request = Request::post(uri.path())
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| failed(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let answered = tokio::select! {
        answered = exchange => answered,
        ended = connection => match ended {
            Ok(()) => return Err(failed(&"closed the connection")),
            Err(error) => Err(error),
        },
    };
    answered.map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_user_guide_describes() {
        let data = include_str!("../../data/signing-vectors.json");
        let data: Value = serde_json::from_str(data).unwrap();
        let vectors = &data["notification_signature_vectors_inferred"]["vectors"];
        assert_eq!(vectors.as_array().unwrap().len(), 4);
        for vector in vectors.as_array().unwrap() {
            let mut event = vector["event"].as_object().unwrap().clone();
            let sign_type = vector["sign_type"].as_str().unwrap();
            sign_body(&mut event, sign_type, vector["key"].as_str().unwrap());
            assert_eq!(
                event["auth_sign"], vector["auth_sign"],
                "{}",
                vector["name"]
            );
        }
    }
}
