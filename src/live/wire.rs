//! The JSON of the five operations, and the rows that come of it. The only file that names a field of the API.
//!
//! Unknown fields are ignored and unknown events kept. What can't be understood is an error: a row is never left out. What is
//! understood may be shown: no secret of the call, no control character and no endless text is in a row.

use bytes::Bytes;
use jiff::Timestamp;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    answer::Page,
    redact::{MAX_NAME, Redactor},
    sign_key::SignKey,
};
use crate::plan::{
    content::{Content, EventSet, ReportedContent},
    place::Place,
    row::Row,
};

/// The longest value of a row that is taken over, longer than any that a spec may have.
const MAX_VALUE: usize = 4096;
/// How many events of a row are taken over, more than a spec may have.
const MAX_EVENTS: usize = 64;

/// A callback as the cloud writes it. Which fields a deployment leaves out is not documented.
#[derive(Default, Deserialize)]
struct Callback {
    id: Option<String>,
    publish_domain: Option<String>,
    app: Option<String>,
    notify_callback_url: Option<String>,
    notify_event_subscription: Option<Vec<String>>,
    sign_type: Option<String>,
    create_time: Option<Value>,
    update_time: Option<Value>,
}

/// The id alone, whatever stands beside it.
#[derive(Deserialize)]
struct Identified {
    id: Option<String>,
}

#[derive(Deserialize)]
struct List {
    total: u64,
    callback_config: Option<Vec<Callback>>,
}

/// The body of a create or an update: every field that is ours, so that no default of the cloud applies.
pub fn request(place: &Place, content: &Content, key: Option<&SignKey>) -> Bytes {
    let Content {
        url,
        events,
        sign_type,
    } = content;
    let fields = [
        ("publish_domain", Some(json!(place.domain()))),
        ("app", Some(json!(place.app()))),
        ("notify_callback_url", url.as_ref().map(|url| json!(url))),
        ("notify_event_subscription", Some(json!(events))),
        ("sign_type", Some(json!(sign_type))),
        ("key", key.map(|key| json!(key.expose()))),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect()).to_string().into()
}

/// The row in the answer of a create of this place; `None` when the body is empty or has no id, as the first deployments answer.
/// Whoever is answered an id has that callback, so nothing else that the answer says, or says unreadably, takes it away again.
pub fn created(body: &[u8], place: &Place, secrets: &Redactor) -> Result<Option<Row>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Identified { id } = parse(body)?;
    if id.as_deref().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    let told = parse::<Callback>(body).unwrap_or_default();
    row(Callback { id, ..told }, Some(place), secrets).map(Some)
}

/// The row in the answer of an update of this id, which lies at this place; `None` when the body is empty or has no id.
pub fn updated(
    body: &[u8],
    id: &str,
    place: &Place,
    secrets: &Redactor,
) -> Result<Option<Row>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let callback: Callback = parse(body)?;
    if callback.id.as_deref().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    same_id(row(callback, Some(place), secrets)?, id).map(Some)
}

/// Whether this is the answer of a delete: nothing, or an object. A page of somebody else says nothing of a callback.
pub fn deleted(body: &[u8]) -> Result<(), String> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    parse::<Map<String, Value>>(body).map(drop)
}

/// The row in the answer of a GET of this id.
pub fn shown(body: &[u8], id: &str, secrets: &Redactor) -> Result<Row, String> {
    same_id(row(parse(body)?, None, secrets)?, id)
}

/// The page in the answer of a list.
pub fn listed(body: &[u8], secrets: &Redactor) -> Result<Page, String> {
    let list: List = parse(body)?;
    let rows = match list.callback_config {
        Some(rows) => rows,
        // An empty project may be told without a list.
        None if list.total == 0 => Vec::new(),
        None => return Err("the answer can't be read: it has a total and no list".to_owned()),
    };
    let rows = rows
        .into_iter()
        .map(|callback| row(callback, None, secrets));
    Ok(Page {
        total: list.total,
        rows: rows.collect::<Result<_, _>>()?,
    })
}

/// The row, if it is the one that was asked for.
fn same_id(row: Row, id: &str) -> Result<Row, String> {
    if row.id == id {
        Ok(row)
    } else {
        Err("the answer tells of a callback with another id".to_owned())
    }
}

/// Whether the cloud may have made this id: it can be part of an address, and be shown.
pub fn is_id(id: &str) -> bool {
    (1..=MAX_NAME).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic())
        && !id.contains('/')
        && id != "."
        && id != ".."
}

fn parse<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer can't be read: {error}"))
}

/// `asked` is the place that was written to; what the answer does not say of a place is that one's.
fn row(callback: Callback, asked: Option<&Place>, secrets: &Redactor) -> Result<Row, String> {
    let Callback {
        id,
        publish_domain,
        app,
        notify_callback_url,
        notify_event_subscription,
        sign_type,
        create_time,
        update_time,
    } = callback;
    let lacks = |field: &str| format!("the answer can't be read: a callback has no {field}");
    let id = filled(id).ok_or_else(|| lacks("id"))?;
    if !is_id(&id) || secrets.presentable(&id, MAX_NAME) != id {
        return Err("the answer can't be read: a callback has an id that is none".to_owned());
    }
    let domain = filled(publish_domain).or_else(|| Some(asked?.domain().to_owned()));
    let app = filled(app).or_else(|| Some(asked?.app().to_owned()));
    let domain = domain.ok_or_else(|| lacks("publish_domain"))?;
    let app = app.ok_or_else(|| lacks("app"))?;
    let told = |text: &str, longest| secrets.presentable(text, longest);
    let mut place = Place::new(&domain, &app);
    if asked.is_some_and(|asked| place != *asked) {
        place = Place::new(&told(&domain, MAX_VALUE), &told(&app, MAX_NAME));
    }
    let events = |all: Vec<String>| {
        let told = all.iter().map(|event| told(event, MAX_NAME));
        let told: EventSet = told.collect();
        told.into_iter().take(MAX_EVENTS).collect()
    };
    Ok(Row {
        id,
        place,
        content: ReportedContent {
            url: filled(notify_callback_url).map(|url| told(&url, MAX_VALUE)),
            events: notify_event_subscription.map(events),
            sign_type: filled(sign_type).map(|name| told(&name, MAX_NAME)),
        },
        create_time: time(create_time),
        update_time: time(update_time),
    })
}

/// Empty equals absent.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Times only help to tell rows apart, so one that can't be read counts as absent.
fn time(value: Option<Value>) -> Option<Timestamp> {
    value?.as_str()?.trim().parse().ok()
}

#[cfg(test)]
mod believed;
#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"id":"e2fe84def7e476651034ec4b9e92bc30","publish_domain":"Push.example.com","app":"live",
        "notify_callback_url":"https://hooks.example.com/record","on_demand_callback_url":"ignored",
        "notify_event_subscription":["RECORD_START","RECORD_FILE_COMPLETE"],"sign_type":"MD5",
        "create_time":"2020-03-02T08:59:45Z","update_time":"2020-03-09T08:59:45Z"}"#;

    fn place() -> Place {
        Place::new("push.example.com", "*")
    }

    #[test]
    fn a_request_names_every_field_that_is_ours_and_no_other() {
        let mut content = Content {
            url: Some("https://hooks.example.com/record".to_owned()),
            events: EventSet::from(["RECORD_OVER".to_owned(), "RECORD_FAILED".to_owned()]),
            sign_type: "HMACSHA256".to_owned(),
        };
        let sent = |content: &Content, key| -> Value {
            serde_json::from_slice(&request(&place(), content, key)).unwrap()
        };
        let key = SignKey::parse(b"0123456789abcdef0123456789abcdef").unwrap();
        let mut expected = json!({
            "publish_domain": "push.example.com",
            "app": "*",
            "notify_callback_url": "https://hooks.example.com/record",
            "notify_event_subscription": ["RECORD_FAILED", "RECORD_OVER"],
            "sign_type": "HMACSHA256",
            "key": "0123456789abcdef0123456789abcdef",
        });
        assert_eq!(sent(&content, Some(&key)), expected);
        content.url = None;
        expected
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name != "key" && name != "notify_callback_url");
        assert_eq!(sent(&content, None), expected);
    }

    #[test]
    fn a_full_row_is_read_and_unknown_fields_and_events_do_no_harm() {
        let row = shown(
            FULL.as_bytes(),
            "e2fe84def7e476651034ec4b9e92bc30",
            &Redactor::new(),
        )
        .unwrap();
        assert_eq!(row.id, "e2fe84def7e476651034ec4b9e92bc30");
        assert_eq!(row.place, Place::new("push.example.com", "live"));
        assert_eq!(
            row.content.url.as_deref(),
            Some("https://hooks.example.com/record")
        );
        assert!(row.content.events.unwrap().contains("RECORD_START"));
        assert_eq!(row.content.sign_type.as_deref(), Some("MD5"));
        assert_eq!(row.create_time.unwrap().to_string(), "2020-03-02T08:59:45Z");
        assert_eq!(row.update_time.unwrap().to_string(), "2020-03-09T08:59:45Z");
    }

    #[test]
    fn nothing_but_the_place_and_the_id_is_needed() {
        let body = r#"{"id":"1","publish_domain":"push.example.com","app":"*","notify_callback_url":"",
            "notify_event_subscription":null,"create_time":"yesterday","update_time":1583676745}"#;
        let row = shown(body.as_bytes(), "1", &Redactor::new()).unwrap();
        let rest = (
            row.content.url,
            row.content.events,
            row.content.sign_type,
            row.create_time,
            row.update_time,
        );
        assert_eq!(rest, (None, None, None, None, None));
        for body in [
            r#"{"publish_domain":"a.b","app":"*"}"#,
            r#"{"id":"1","app":"*"}"#,
            r#"{"id":"1","publish_domain":"a.b"}"#,
            "",
            "[]",
        ] {
            assert!(
                shown(body.as_bytes(), "1", &Redactor::new()).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_write_may_be_answered_with_little() {
        for body in [
            "",
            " \r\n",
            "{}",
            r#"{"id":""}"#,
            r#"{"id":null,"app":"*"}"#,
        ] {
            let body = body.as_bytes();
            assert_eq!(created(body, &place(), &Redactor::new()), Ok(None));
            assert_eq!(updated(body, "1", &place(), &Redactor::new()), Ok(None));
        }
        let body = br#"{"id":"1"}"#;
        for told in [
            created(body, &place(), &Redactor::new()),
            updated(body, "1", &place(), &Redactor::new()),
        ] {
            let row = told.unwrap().unwrap();
            assert_eq!((row.id.as_str(), row.place), ("1", place()));
        }
        for body in ["<html>", r#"{"id":"#, "[]", r#"{"id":1}"#] {
            let body = body.as_bytes();
            assert!(created(body, &place(), &Redactor::new()).is_err());
            assert!(updated(body, "1", &place(), &Redactor::new()).is_err());
        }
    }

    #[test]
    fn a_list_needs_its_total_and_its_rows() {
        let page = listed(
            format!(r#"{{"total":41,"callback_config":[{FULL}]}}"#).as_bytes(),
            &Redactor::new(),
        )
        .unwrap();
        assert_eq!((page.total, page.rows.len()), (41, 1));
        for empty in [
            r#"{"total":0,"callback_config":[]}"#,
            r#"{"total":0,"callback_config":null}"#,
            r#"{"total":0}"#,
        ] {
            let page = listed(empty.as_bytes(), &Redactor::new()).unwrap();
            assert_eq!((page.total, page.rows.len()), (0, 0), "{empty}");
        }
        for body in [
            r#"{"callback_config":[]}"#,
            r#"{"total":1}"#,
            r#"{"total":7,"callback_config":null}"#,
            r#"{"total":0,"callback_config":{}}"#,
            r#"{"total":-1,"callback_config":[]}"#,
            r#"{"total":1,"callback_config":[{"app":"*"}]}"#,
            "{}",
            "",
        ] {
            assert!(listed(body.as_bytes(), &Redactor::new()).is_err(), "{body}");
        }
    }

    #[test]
    fn an_answer_that_tells_of_another_callback_is_none() {
        let other = br#"{"id":"2","publish_domain":"other.example.com","app":"*"}"#;
        assert!(updated(other, "1", &place(), &Redactor::new()).is_err());
        assert!(shown(other, "1", &Redactor::new()).is_err());
        assert!(shown(other, "2", &Redactor::new()).is_ok());
    }

    #[test]
    fn what_a_row_says_may_be_shown() {
        let mut secrets = Redactor::new();
        secrets.hide("test-token-0123456789");
        let body = |id: &str| {
            let events: Vec<_> = (0..1_000).map(|number| format!("EVENT_{number}")).collect();
            json!({"id": id, "publish_domain": "a.b", "app": "*", "sign_type": "x\u{1b}[31m",
                "notify_callback_url": format!("https://test-token-0123456789/{}", "x".repeat(9_000)),
                "notify_event_subscription": events})
            .to_string()
        };
        let row = shown(body("1").as_bytes(), "1", &secrets).unwrap();
        assert_eq!(row.content.sign_type.as_deref(), Some("x\\u{1b}[31m"));
        assert_eq!(row.content.events.unwrap().len(), MAX_EVENTS);
        let url = row.content.url.unwrap();
        assert!(url.starts_with("https://[redacted]/x") && url.len() == MAX_VALUE);
        for id in [
            "test-token-0123456789",
            "a b",
            "a/b",
            "..",
            "\u{1b}",
            &"1".repeat(129),
        ] {
            assert!(shown(body(id).as_bytes(), id, &secrets).is_err(), "{id}");
        }
    }
}
