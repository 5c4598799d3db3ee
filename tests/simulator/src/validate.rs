//! What a request must look like: the documented fields, values and limits. Pure. Every error names
//! the field, as `error_detail` does.

use serde_json::Map;
use serde_json::Value;

use crate::sign::percent_decode;
use crate::store::StoredSignKey;

/// The events that the API accepts.
pub(crate) const EVENTS: [&str; 4] = [
    "RECORD_NEW_FILE_START",
    "RECORD_FILE_COMPLETE",
    "RECORD_OVER",
    "RECORD_FAILED",
];
/// The event subscribed to when none is named.
pub(crate) const DEFAULT_EVENT: &str = "RECORD_FILE_COMPLETE";
/// The sign types that the API accepts.
pub(crate) const SIGN_TYPES: [&str; 2] = ["MD5", "HMACSHA256"];
/// How a rule records.
const RECORD_TYPES: [&str; 2] = ["CONTINUOUS_RECORD", "COMMAND_RECORD"];
/// The sign type used when none is named.
pub(crate) const DEFAULT_SIGN_TYPE: &str = "HMACSHA256";

const DOMAIN_LIMIT: usize = 255;
const APP_LIMIT: usize = 128;
const KEY_MINIMUM: usize = 32;
const LIMIT_RANGE: std::ops::RangeInclusive<usize> = 1..=100;
const OFFSET_LIMIT: usize = 4096;
const DEFAULT_LIMIT: usize = 10;

/// A valid body of a create or an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteBody {
    pub(crate) publish_domain: String,
    pub(crate) app: String,
    pub(crate) url: Option<String>,
    pub(crate) events: Option<Vec<String>>,
    pub(crate) sign_type: Option<String>,
    pub(crate) key: Option<StoredSignKey>,
}

impl WriteBody {
    /// Parses a body; an optional member that is `null` counts as left out, and so does an empty URL.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|_| "body: not a JSON document".to_owned())?;
        let Value::Object(mut members) = value else {
            return Err("body: not a JSON object".to_owned());
        };
        let body = Self {
            publish_domain: required(&mut members, "publish_domain").and_then(domain)?,
            app: required(&mut members, "app").and_then(app)?,
            url: optional(&mut members, "notify_callback_url")?
                .filter(|url| !url.is_empty())
                .map(url)
                .transpose()?,
            events: events(members.remove("notify_event_subscription"))?,
            sign_type: optional(&mut members, "sign_type")?
                .map(sign_type)
                .transpose()?,
            key: optional(&mut members, "key")?.map(key).transpose()?,
        };
        match members.keys().next() {
            Some(unknown) => Err(format!("{unknown}: unknown field")),
            None => Ok(body),
        }
    }
}

fn optional(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name}: must be a string")),
    }
}

fn required(members: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    optional(members, name)?.ok_or_else(|| format!("{name}: required"))
}

fn length(name: &str, text: &str, limit: usize) -> Result<(), String> {
    match text.chars().count() {
        count if (1..=limit).contains(&count) => Ok(()),
        count => Err(format!("{name}: length must be 1 to {limit}, is {count}")),
    }
}

fn domain(domain: String) -> Result<String, String> {
    length("publish_domain", &domain, DOMAIN_LIMIT)?;
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if domain.split('.').all(label) {
        Ok(domain)
    } else {
        Err("publish_domain: not a domain name".to_owned())
    }
}

fn app(app: String) -> Result<String, String> {
    length("app", &app, APP_LIMIT)?;
    if app.chars().any(is_blank) {
        Err("app: contains white space".to_owned())
    } else {
        Ok(app)
    }
}

fn is_blank(character: char) -> bool {
    character.is_whitespace() || character.is_control()
}

fn url(url: String) -> Result<String, String> {
    let name = "notify_callback_url";
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .ok_or_else(|| format!("{name}: must begin with http:// or https://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') {
        Err(format!("{name}: has no host"))
    } else if rest.contains(['?', '#']) {
        Err(format!("{name}: must carry no query parameters"))
    } else if rest.chars().any(is_blank) {
        Err(format!("{name}: contains white space"))
    } else {
        Ok(url)
    }
}

fn events(value: Option<Value>) -> Result<Option<Vec<String>>, String> {
    let name = "notify_event_subscription";
    let items = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(format!("{name}: must be an array")),
    };
    if items.is_empty() {
        return Err(format!("{name}: must not be empty"));
    }
    let mut events = Vec::new();
    for item in items {
        let Value::String(event) = item else {
            return Err(format!("{name}: must hold strings"));
        };
        if !EVENTS.contains(&event.as_str()) {
            return Err(format!("{name}: unknown event {event}"));
        }
        if events.contains(&event) {
            return Err(format!("{name}: {event} is repeated"));
        }
        events.push(event);
    }
    Ok(Some(events))
}

fn sign_type(sign_type: String) -> Result<String, String> {
    if SIGN_TYPES.contains(&sign_type.as_str()) {
        Ok(sign_type)
    } else {
        let expected = SIGN_TYPES.join(" or ");
        Err(format!("sign_type: must be {expected}, is {sign_type}"))
    }
}

fn key(key: String) -> Result<StoredSignKey, String> {
    if key.len() < KEY_MINIMUM {
        Err(format!("key: must have at least {KEY_MINIMUM} characters"))
    } else if !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Err("key: must consist of letters and digits".to_owned())
    } else {
        Ok(StoredSignKey::new(key))
    }
}

/// The valid query of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListQuery {
    pub(crate) publish_domain: Option<String>,
    pub(crate) app: Option<String>,
    pub(crate) stream: Option<String>,
    pub(crate) record_type: Option<String>,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl ListQuery {
    /// That of a list of callbacks.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        Self::parse_with(query, &[])
    }

    /// That of a list of rules.
    pub(crate) fn parse_rules(query: &str) -> Result<Self, String> {
        Self::parse_with(query, &["stream", "record_type"])
    }

    fn parse_with(query: &str, more: &[&str]) -> Result<Self, String> {
        let mut parsed = Self {
            publish_domain: None,
            app: None,
            stream: None,
            record_type: None,
            offset: 0,
            limit: DEFAULT_LIMIT,
        };
        let mut seen = Vec::new();
        for (name, value) in parameters(query)? {
            match name.as_str() {
                "publish_domain" => parsed.publish_domain = Some(domain(value)?),
                "app" => parsed.app = Some(app(value)?),
                "stream" if more.contains(&"stream") => parsed.stream = Some(app(value)?),
                "record_type" if more.contains(&"record_type") => {
                    if !RECORD_TYPES.contains(&value.as_str()) {
                        return Err(format!("record_type: not one of {RECORD_TYPES:?}"));
                    }
                    parsed.record_type = Some(value);
                }
                "offset" => parsed.offset = number(&name, &value, 0..=OFFSET_LIMIT)?,
                "limit" => parsed.limit = number(&name, &value, LIMIT_RANGE)?,
                _ => return Err(format!("{name}: unknown parameter")),
            }
            if seen.contains(&name) {
                return Err(format!("{name}: repeated"));
            }
            seen.push(name);
        }
        Ok(parsed)
    }
}

/// The decoded parameters of a query.
pub(crate) fn parameters(query: &str) -> Result<Vec<(String, String)>, String> {
    let text = |encoded: &str| {
        String::from_utf8(percent_decode(encoded)).map_err(|_| "query: not UTF-8".to_owned())
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((text(name)?, text(value)?)))
        .collect()
}

fn number(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, String> {
    value
        .parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!(
                "{name}: must be a number from {} to {}",
                range.start(),
                range.end()
            )
        })
}
