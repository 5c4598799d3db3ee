//! The signature `SDK-HMAC-SHA256` of a request, and the percent-encoding that it needs.
//!
//! Pure: no clock, no I/O. Whoever calls it decides which headers are signed.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str};
use ring::{digest, hmac};

/// The only algorithm that Live needs.
const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// A header with this name replaces the digest of a body in the canonical request.
const CONTENT_DIGEST: &str = "x-sdk-content-sha256";
/// All but `A-Z a-z 0-9 - . _ ~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request as far as the signature covers it.
#[derive(Clone, Copy)]
pub struct Unsigned<'a> {
    /// In upper case.
    pub method: &'a str,
    /// The path as it goes on the wire, percent-encoded.
    pub path: &'a str,
    /// Parameters before encoding.
    pub query: &'a [(String, String)],
    /// The headers to sign, `host` and `x-sdk-date` among them. Names with an underscore are left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The exact bytes of the body, empty for none.
    pub body: &'a [u8],
}

/// A request's canonical form and the names of the headers in it.
struct Canonical {
    request: String,
    signed_headers: String,
}

/// The value of `X-Sdk-Date`, such as `20261125T020000Z`: to the second, in UTC.
pub fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

/// The value of the `Authorization` header, by an access key's id `ak` and its secret `sk`. `date` is the value of the request's
/// `X-Sdk-Date`.
pub fn authorization(ak: &str, sk: &str, date: &str, request: Unsigned<'_>) -> String {
    let canonical = canonical(request);
    let key = hmac::Key::new(hmac::HMAC_SHA256, sk.as_bytes());
    let signature = hmac::sign(&key, string_to_sign(date, &canonical.request).as_bytes());
    format!(
        "{ALGORITHM} Access={ak}, SignedHeaders={}, Signature={}",
        canonical.signed_headers,
        hex(signature.as_ref())
    )
}

/// Percent-encodes everything but `A-Z a-z 0-9 - . _ ~`.
pub fn percent_encode(text: &str) -> String {
    encode_bytes(text.as_bytes())
}

/// Parameters as they go on the wire: sorted, both sides encoded.
pub fn query_string(parameters: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    let pairs: Vec<_> = sorted
        .into_iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    pairs.join("&")
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn canonical(request: Unsigned<'_>) -> Canonical {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .filter(|(name, _)| !name.contains('_'))
        .collect();
    headers.sort();
    let mut lines = String::new();
    for (name, value) in &headers {
        let _ = writeln!(lines, "{name}:{value}");
    }
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed_headers = names.join(";");
    let declared = headers.iter().find(|(name, _)| name == CONTENT_DIGEST);
    let digest = match declared {
        Some((_, value)) if !request.body.is_empty() => (*value).to_owned(),
        Some(_) | None => sha256(request.body),
    };
    let request = [
        request.method,
        &canonical_path(request.path),
        &query_string(request.query),
        &lines,
        &signed_headers,
        &digest,
    ]
    .join("\n");
    Canonical {
        request,
        signed_headers,
    }
}

fn string_to_sign(date: &str, canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{date}\n{}",
        sha256(canonical_request.as_bytes())
    )
}

/// Every segment decoded and encoded anew, with a slash at the end that the wire does not have.
fn canonical_path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let segments: Vec<_> = decoded
        .split(|byte| *byte == b'/')
        .map(encode_bytes)
        .collect();
    let mut path = segments.join("/");
    if !path.ends_with('/') {
        path.push('/');
    }
    path
}

fn encode_bytes(bytes: &[u8]) -> String {
    percent_encoding::percent_encode(bytes, ENCODED).to_string()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../../tests/data/signing-vectors.json")).unwrap();
        file["vectors"].as_array().unwrap().clone()
    }

    /// Query values of the vectors: scalars and lists, as the SDK takes them.
    fn parameters(query: &Value) -> Vec<(String, String)> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => panic!("unexpected {value}"),
        };
        let mut parameters = Vec::new();
        for pair in query.as_array().unwrap() {
            let name = pair[0].as_str().unwrap();
            if let Value::Array(values) = &pair[1] {
                parameters.extend(values.iter().map(|value| (name.to_owned(), text(value))));
            } else {
                parameters.push((name.to_owned(), text(&pair[1])));
            }
        }
        parameters
    }

    #[test]
    fn all_vectors_of_the_official_sdk_are_reproduced() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            let name = vector["name"].as_str().unwrap();
            let (input, expected) = (&vector["input"], &vector["expected"]);
            let query = parameters(&input["query"]);
            let headers: Vec<_> = expected["headers_sent"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let request = Unsigned {
                method: input["method"].as_str().unwrap(),
                path: input["resource_path"].as_str().unwrap(),
                query: &query,
                headers: &headers,
                body: input["body"].as_str().unwrap_or_default().as_bytes(),
            };
            let date = input["x_sdk_date"].as_str().unwrap();
            let canonical = canonical(request);
            assert_eq!(canonical.request, expected["canonical_request"], "{name}");
            assert_eq!(
                string_to_sign(date, &canonical.request),
                expected["string_to_sign"],
                "{name}"
            );
            let authorization = authorization(
                input["ak"].as_str().unwrap(),
                input["sk"].as_str().unwrap(),
                date,
                request,
            );
            assert_eq!(authorization, expected["authorization"], "{name}");
        }
    }

    #[test]
    fn dates_are_utc_without_separators() {
        let at: Timestamp = "2024-01-02T03:04:05.9+00:00".parse().unwrap();
        assert_eq!(date(at), "20240102T030405Z");
    }

    #[test]
    fn queries_on_the_wire_are_sorted_and_encoded() {
        let parameters = [
            ("b".to_owned(), "*".to_owned()),
            ("a".to_owned(), "x y".to_owned()),
        ];
        assert_eq!(query_string(&parameters), "a=x%20y&b=%2A");
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(canonical_path("a%2Fb%zz%4"), "a/b%25zz%254/");
    }
}
