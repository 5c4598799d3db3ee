//! Verification of `SDK-HMAC-SHA256` request signatures, and the digests used elsewhere. Pure: no
//! clock, no state; written from the description of the algorithm and shared with no client.

use http::HeaderMap;
use ring::digest;
use ring::hmac;

/// The name of the algorithm as it stands in the `Authorization` header.
pub(crate) const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// The header that carries the date of a signature.
pub(crate) const DATE_HEADER: &str = "x-sdk-date";
const PAYLOAD_HASH_HEADER: &str = "x-sdk-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parsed value of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    /// The access key that signed.
    pub(crate) access_key: String,
    /// The lower-case names of the signed headers, in order.
    pub(crate) signed_headers: Vec<String>,
    /// The signature, in hexadecimal.
    pub(crate) signature: String,
}

impl Authorization {
    /// Parses a header value; the error says what is wrong with it.
    pub(crate) fn parse(value: &str) -> Result<Self, &'static str> {
        let fields = value
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or("unknown signing algorithm")?;
        let mut access_key = None;
        let mut signed_headers = None;
        let mut signature = None;
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').ok_or("malformed field")?;
            let slot = match name {
                "Access" => &mut access_key,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err("unknown field"),
            };
            if slot.replace(value.to_owned()).is_some() {
                return Err("repeated field");
            }
        }
        let signed_headers: Vec<String> = signed_headers
            .ok_or("SignedHeaders is missing")?
            .split(';')
            .map(str::to_owned)
            .collect();
        if !signed_headers.is_sorted() || signed_headers.iter().any(|name| !is_header_name(name)) {
            return Err("SignedHeaders is not a sorted list of lower-case names");
        }
        if !signed_headers.iter().any(|name| name == DATE_HEADER) {
            return Err("x-sdk-date is not signed");
        }
        Ok(Self {
            access_key: access_key.ok_or("Access is missing")?,
            signed_headers,
            signature: signature.ok_or("Signature is missing")?,
        })
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    /// The method, in upper case.
    pub(crate) method: &'a str,
    /// The path as it stands on the request line.
    pub(crate) path: &'a str,
    /// The query as it stands on the request line, without the question mark.
    pub(crate) query: &'a str,
    /// All headers, `Host` included.
    pub(crate) headers: &'a HeaderMap,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Signed<'_> {
    /// The canonical request over these signed headers, or the name of one that is not there.
    pub(crate) fn canonical_request(&self, signed_headers: &[String]) -> Result<String, String> {
        let mut headers = String::new();
        for name in signed_headers {
            let value = self
                .headers
                .get(name)
                .ok_or_else(|| format!("signed header {name} is not in the request"))?;
            headers.push_str(name);
            headers.push(':');
            headers.push_str(String::from_utf8_lossy(value.as_bytes()).trim());
            headers.push('\n');
        }
        Ok([
            self.method,
            &canonical_path(self.path),
            &canonical_query(self.query),
            &headers,
            &signed_headers.join(";"),
            &self.payload_hash()?,
        ]
        .join("\n"))
    }

    fn payload_hash(&self) -> Result<String, String> {
        let actual = sha256_hex(self.body);
        match self.headers.get(PAYLOAD_HASH_HEADER) {
            None => Ok(actual),
            Some(_) if self.body.is_empty() => Ok(actual),
            Some(declared) if declared == UNSIGNED_PAYLOAD || declared == actual.as_str() => {
                Ok(String::from_utf8_lossy(declared.as_bytes()).into_owned())
            }
            Some(_) => Err("x-sdk-content-sha256 is not the digest of the body".to_owned()),
        }
    }
}

/// The text that is signed.
pub(crate) fn string_to_sign(date: &str, canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{date}\n{}",
        sha256_hex(canonical_request.as_bytes())
    )
}

/// Whether `signature` is the signature of this text under this secret key, in constant time.
pub(crate) fn matches(secret_key: &str, string_to_sign: &str, signature: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret_key.as_bytes());
    let lower_case = !signature.bytes().any(|byte| byte.is_ascii_uppercase());
    from_hex(signature).is_some_and(|signature| {
        lower_case && hmac::verify(&key, string_to_sign.as_bytes(), &signature).is_ok()
    })
}

fn canonical_path(path: &str) -> String {
    let decoded = percent_decode(path);
    let mut canonical = decoded
        .split(|byte| *byte == b'/')
        .map(percent_encode)
        .collect::<Vec<_>>();
    if canonical.last().is_some_and(|segment| !segment.is_empty()) {
        canonical.push(String::new());
    }
    canonical.join("/")
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decode(name), percent_decode(value)))
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// The bytes that a percent-encoded text stands for; a stray `%` stands for itself.
pub(crate) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => hex_byte(*high, *low).map(|byte| (byte, tail)),
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((first, tail));
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

fn percent_encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            _ => {
                encoded.push('%');
                encoded.extend(hex_digits(*byte).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    encoded
}

/// The SHA-256 digest in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().copied().flat_map(hex_digits).collect()
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0xf].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'))
}

/// The bytes of a hexadecimal text, if it is one.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => hex_byte(*high, *low),
            _ => None,
        })
        .collect()
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::HeaderValue;
    use serde_json::Value;

    use super::*;

    fn text<'a>(value: &'a Value, path: &str) -> &'a str {
        value
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    #[test]
    fn agrees_with_every_vector_of_the_official_sdk() {
        let data = include_str!("../../data/signing-vectors.json");
        let data: Value = serde_json::from_str(data).unwrap();
        let vectors = data["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 20);
        for vector in vectors {
            let name = text(vector, "/name");
            let mut headers = HeaderMap::new();
            for (header, value) in vector["expected"]["headers_sent"].as_object().unwrap() {
                headers.insert(
                    HeaderName::try_from(header).unwrap(),
                    HeaderValue::try_from(value.as_str().unwrap()).unwrap(),
                );
            }
            let target = text(vector, "/expected/request_target");
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let signed = Signed {
                method: text(vector, "/input/method"),
                path,
                query,
                headers: &headers,
                body: text(vector, "/input/body").as_bytes(),
            };
            let authorization = Authorization::parse(text(vector, "/expected/authorization"))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let canonical = signed
                .canonical_request(&authorization.signed_headers)
                .unwrap();
            assert_eq!(
                canonical,
                text(vector, "/expected/canonical_request"),
                "{name}"
            );
            let to_sign = string_to_sign(text(vector, "/input/x_sdk_date"), &canonical);
            assert_eq!(to_sign, text(vector, "/expected/string_to_sign"), "{name}");
            let secret = text(vector, "/input/sk");
            assert!(
                matches(secret, &to_sign, &authorization.signature),
                "{name}"
            );
            assert!(
                !matches("another", &to_sign, &authorization.signature),
                "{name}"
            );
            assert!(
                !matches(secret, &to_sign, &authorization.signature.to_uppercase()),
                "{name}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_the_documented_header() {
        for (value, error) in [
            ("Bearer x", "unknown signing algorithm"),
            ("SDK-HMAC-SHA256,Access=a", "unknown signing algorithm"),
            ("SDK-HMAC-SHA256 Access", "malformed field"),
            ("SDK-HMAC-SHA256 Access=a, Access=b", "repeated field"),
            ("SDK-HMAC-SHA256 Credential=a", "unknown field"),
            (
                "SDK-HMAC-SHA256 SignedHeaders=x-sdk-date, Signature=0",
                "Access is missing",
            ),
            (
                "SDK-HMAC-SHA256 Access=a, SignedHeaders=host, Signature=0",
                "x-sdk-date is not signed",
            ),
            (
                "SDK-HMAC-SHA256 Access=a, SignedHeaders=x-sdk-date;host, Signature=0",
                "SignedHeaders is not a sorted list of lower-case names",
            ),
            (
                "SDK-HMAC-SHA256 Access=a, SignedHeaders=Host;x-sdk-date, Signature=0",
                "SignedHeaders is not a sorted list of lower-case names",
            ),
        ] {
            assert_eq!(Authorization::parse(value), Err(error), "{value}");
        }
    }

    #[test]
    fn a_declared_payload_digest_must_be_true() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE_HEADER, HeaderValue::from_static("20240102T030405Z"));
        headers.insert(PAYLOAD_HASH_HEADER, HeaderValue::from_static("0000"));
        let signed = Signed {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: b"x",
        };
        let names = [DATE_HEADER.to_owned()];
        assert!(signed.canonical_request(&names).is_err());
        assert!(
            Signed {
                body: b"",
                ..signed
            }
            .canonical_request(&names)
            .is_ok()
        );
    }
}
