//! The JSON of the five operations, and the rows that come of it. The only file that names a field of these operations; sends nothing.
//!
//! Unknown fields are ignored and unknown events kept. What can't be understood is an error: a row is never left out. What is
//! understood may be shown: no secret of the call, no control character and no endless text is in a row, but for what its URL is compared by.

mod lenient;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use self::lenient::{Several, ToldText};
use crate::api::{EVENTS, SIGN_TYPES};
use crate::live::answer::Page;
use crate::live::sign_key::SignKey;
use crate::plan::facts::content::{Content, EventSet, ReportedContent};
use crate::plan::facts::place::Place;
use crate::plan::facts::reported_url::ReportedUrl;
use crate::plan::facts::row::Row;
use crate::platform::json::{Object, read_object};
use crate::platform::redact::{MAX_NAME, Redactor};

/// The longest value of a row that is taken over, longer than any that a spec may have.
const MAX_VALUE: usize = 2_100;
/// The most bytes of a domain or an app that are taken over, more than the 128 characters that an app may have: what is cut is at no place.
const MAX_PLACE: usize = 600;
/// No callback is older than the clocks of machines, whatever the time zone.
const FIRST_DAY: Timestamp = Timestamp::constant(24 * 60 * 60, 0);
/// How many events of a row are taken over, more than a spec may have.
const MAX_EVENTS: usize = 16;

/// A callback as the cloud writes it. Which fields a deployment leaves out is not documented.
#[derive(Default, Deserialize)]
struct Callback {
    id: Option<String>,
    publish_domain: Option<String>,
    app: Option<String>,
    notify_callback_url: Option<String>,
    notify_event_subscription: Option<Vec<String>>,
    sign_type: Option<String>,
    create_time: Option<ToldText>,
    update_time: Option<ToldText>,
}

/// The id alone, whatever stands beside it.
#[derive(Deserialize)]
struct Identified {
    id: Option<String>,
}

#[derive(Deserialize)]
struct List {
    total: u64,
    callback_config: Option<Several<Object<Callback>>>,
}

/// The body of a create or an update: every field that is ours, so that no default of the cloud applies.
pub fn encode_write(place: &Place, content: &Content, key: Option<&SignKey>) -> Bytes {
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
pub fn parse_created(
    body: &[u8],
    place: &Place,
    secrets: &Redactor,
) -> Result<Option<Row>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let Identified { id } = read_object(body)?;
    if id.as_deref().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    let callback = read_object::<Callback>(body).unwrap_or_default();
    row(Callback { id, ..callback }, Some(place), secrets).map(Some)
}

/// The row in the answer of an update of this id, which lies at this place; `None` when the body is empty or has no id.
pub fn parse_updated(
    body: &[u8],
    id: &str,
    place: &Place,
    secrets: &Redactor,
) -> Result<Option<Row>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let callback: Callback = read_object(body)?;
    if callback.id.as_deref().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    same_id(row(callback, Some(place), secrets)?, id).map(Some)
}

/// Whether this is the answer of a delete: nothing, or an object. A page of somebody else says nothing of a callback.
pub fn check_deleted(body: &[u8]) -> Result<(), String> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    read_object::<IgnoredAny>(body).map(drop)
}

/// The row in the answer of a GET of this id.
pub fn parse_row(body: &[u8], id: &str, secrets: &Redactor) -> Result<Row, String> {
    same_id(row(read_object(body)?, None, secrets)?, id)
}

/// The page in the answer of a list.
pub fn parse_page(body: &[u8], secrets: &Redactor) -> Result<Page, String> {
    let list: List = read_object(body)?;
    let rows = match list.callback_config {
        Some(Several(rows)) => rows,
        // An empty project may be told without a list.
        None if list.total == 0 => Vec::new(),
        None => return Err("the answer can't be read: it has a total and no list".to_owned()),
    };
    let rows = rows
        .into_iter()
        .map(|Object(callback)| row(callback, None, secrets));
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
    let redacted = |text: &str, longest| secrets.presentable(text, longest);
    // What everybody may say is no secret, whatever it looks like.
    let named = |text: &str, known: &[&str]| {
        if known.contains(&text) {
            text.to_owned()
        } else {
            redacted(text, MAX_NAME)
        }
    };
    let url = |told: String| {
        let shown = redacted(&told, MAX_VALUE);
        ReportedUrl::new(told.chars().take(MAX_VALUE).collect(), shown)
    };
    let mut place = Place::new(cut(&domain), cut(&app));
    if asked.is_some_and(|asked| place != *asked) {
        place = Place::new(&redacted(&domain, MAX_VALUE), &redacted(&app, MAX_NAME));
    }
    let events = |all: Vec<String>| {
        let all = EventSet::from(all).into_iter().take(MAX_EVENTS);
        all.map(|event| named(&event, &EVENTS)).collect()
    };
    Ok(Row {
        id,
        place,
        content: ReportedContent {
            url: filled(notify_callback_url).map(url),
            events: notify_event_subscription.map(events),
            sign_type: filled(sign_type).map(|name| named(&name, &SIGN_TYPES)),
        },
        create_time: time(create_time),
        update_time: time(update_time),
    })
}

/// The first part of a name, in whole characters.
fn cut(name: &str) -> &str {
    let end = (0..=MAX_PLACE.min(name.len())).rev();
    let end = end.into_iter().find(|at| name.is_char_boundary(*at));
    name.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Empty equals absent.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Times only help to tell rows apart, so one that can't be read counts as absent; and so does what a program writes for a time that it
/// does not have, be it the beginning of the calendar or of its clock.
fn time(told: Option<ToldText>) -> Option<Timestamp> {
    let time = told?.0?.trim().parse().ok();
    time.filter(|time| *time > FIRST_DAY)
}

#[cfg(test)]
mod tests;
