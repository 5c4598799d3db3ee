//! How a callback differs from what it should say, field by field, as it is told. Pure.

use std::borrow::Cow;

use crate::api::status::ChangeStatus;
use crate::plan::facts::content::{Content, FieldPair, ReportedContent};

/// The fields in which what is told differs from what is wanted, from the one to the other.
pub fn between(reported: &ReportedContent, wanted: &Content) -> Vec<ChangeStatus> {
    let wanted = wanted.into();
    let fields = reported.compare_fields(&wanted).into_iter();
    fields
        .filter(|field| field.from.is_some() && !field.same)
        .map(change)
        .collect()
}

/// All fields of a callback that is not there yet.
pub fn from_nothing(wanted: &Content) -> Vec<ChangeStatus> {
    let (nothing, wanted) = (ReportedContent::default(), wanted.into());
    let fields = nothing.compare_fields(&wanted).into_iter();
    fields
        .filter(|field| field.to.is_some())
        .map(change)
        .collect()
}

/// The changes in words.
pub fn describe(changes: &[ChangeStatus]) -> String {
    let words: Vec<String> = changes
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
    words.join("; ")
}

fn change(field: FieldPair<'_>) -> ChangeStatus {
    ChangeStatus {
        field: field.name.to_owned(),
        from: field.from.map(Cow::into_owned),
        to: field.to.map(Cow::into_owned),
    }
}
