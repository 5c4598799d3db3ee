//! How a row differs from what it should say, field by field.

use super::{
    place::{Events, Values, same_url},
    row::Row,
};
use crate::api::status::{ChangeStatus, RemoteStatus};

/// The fields in which a row differs from the values, from the row's to the wanted.
pub fn of(row: &Row, values: &Values) -> Vec<ChangeStatus> {
    let mut changes = Vec::new();
    if let Some(url) = &row.url
        && !same_url(Some(url), values.url.as_deref())
    {
        changes.push(change(
            "notifyCallbackURL",
            Some(url.clone()),
            values.url.clone(),
        ));
    }
    if let Some(events) = &row.events
        && *events != values.events
    {
        changes.push(change(
            "notifyEventSubscription",
            Some(joined(events)),
            Some(joined(&values.events)),
        ));
    }
    if let Some(sign_type) = &row.sign_type
        && *sign_type != values.sign_type
    {
        changes.push(change(
            "signType",
            Some(sign_type.clone()),
            Some(values.sign_type.clone()),
        ));
    }
    changes
}

/// All fields of a callback that is not there yet.
pub fn from_nothing(values: &Values) -> Vec<ChangeStatus> {
    let fields = [
        ("notifyCallbackURL", values.url.clone()),
        ("notifyEventSubscription", Some(joined(&values.events))),
        ("signType", Some(values.sign_type.clone())),
    ];
    let given = fields.into_iter().filter(|(_, to)| to.is_some());
    given.map(|(field, to)| change(field, None, to)).collect()
}

/// The changes in words.
pub fn sentence(changes: &[ChangeStatus]) -> String {
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            let word = |value: &Option<String>| {
                value
                    .clone()
                    .filter(|v| !v.is_empty())
                    .unwrap_or_else(|| "nothing".to_owned())
            };
            format!(
                "{}: {} at the cloud, {} here",
                c.field,
                word(&c.from),
                word(&c.to)
            )
        })
        .collect();
    told.join("; ")
}

/// Whether two sets of values are the same.
pub fn same_values(a: &Values, b: &Values) -> bool {
    same_url(a.url.as_deref(), b.url.as_deref())
        && a.events == b.events
        && a.sign_type == b.sign_type
}

/// Whether the row in a status says these values; what it lacks counts as equal.
pub fn remote_holds(remote: &RemoteStatus, values: &Values) -> bool {
    let events: Events = remote.notify_event_subscription.iter().cloned().collect();
    remote
        .notify_callback_url
        .as_ref()
        .is_none_or(|url| same_url(Some(url), values.url.as_deref()))
        && (events.is_empty() || events == values.events)
        && remote
            .sign_type
            .as_ref()
            .is_none_or(|sign_type| *sign_type == values.sign_type)
}

/// Whether a row says what the row in a status says.
pub fn same_as_remote(row: &Row, remote: &RemoteStatus) -> bool {
    let events: Events = remote.notify_event_subscription.iter().cloned().collect();
    same_url(row.url.as_deref(), remote.notify_callback_url.as_deref())
        && row.events.clone().unwrap_or_default() == events
        && row.sign_type == remote.sign_type
}

fn change(field: &str, from: Option<String>, to: Option<String>) -> ChangeStatus {
    ChangeStatus {
        field: field.to_owned(),
        from,
        to,
    }
}

fn joined(events: &Events) -> String {
    events.iter().cloned().collect::<Vec<_>>().join(", ")
}
