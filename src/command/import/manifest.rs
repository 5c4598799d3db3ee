//! A callback of the cloud as a manifest, and a name for it. Pure.

use std::collections::BTreeSet;

use kube::ResourceExt;
use serde_json::{Value, json};

use crate::api::RecordingCallback;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;

/// The longest name; it may become the value of a label.
const LONGEST: usize = 63;

/// The names of a namespace's objects, and those that were given.
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Those that the objects of a namespace have.
    pub(super) fn taken<'a>(
        objects: impl Iterator<Item = &'a RecordingCallback>,
        namespace: &str,
    ) -> Self {
        let here = objects.filter(|object| object.namespace().as_deref() == Some(namespace));
        Self(here.map(ResourceExt::name_any).collect())
    }

    /// A name that no other has, by domain and app.
    pub(super) fn next(&mut self, place: &Place) -> String {
        let app = if place.app() == "*" {
            "all"
        } else {
            place.app()
        };
        let words = slug(&format!("{}-{app}", place.domain()));
        let mut name = cut(&words, LONGEST).to_owned();
        let mut number = 1;
        while self.0.contains(&name) {
            number += 1;
            let end = format!("-{number}");
            name = format!("{}{end}", cut(&words, LONGEST - end.len()));
        }
        self.0.insert(name.clone());
        name
    }
}

/// Lower case letters, digits and single dashes inside.
fn slug(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if slug.is_empty() {
        "callback".to_owned()
    } else {
        slug
    }
}

/// The start of a slug, which is ASCII.
fn cut(slug: &str, length: usize) -> &str {
    let start = slug.get(..length).unwrap_or(slug);
    start.trim_end_matches('-')
}

/// What takes the callback over as it is. Policies are left to their defaults: identical ones are adopted, and retained when the
/// object goes.
pub(super) fn manifest(row: &Row, source: &RecordingCallback, name: &str) -> Value {
    let mut spec = json!({
        "publishDomain": row.place.domain(),
        "app": row.place.app(),
        "credentialsSecretRef": source.spec.credentials_secret_ref,
    });
    let ReportedContent {
        url,
        events,
        sign_type,
    } = &row.content;
    let fields = [
        ("region", source.spec.region.clone().map(Value::from)),
        ("projectID", source.spec.project_id.clone().map(Value::from)),
        (
            "notifyCallbackURL",
            url.as_ref().map(|url| json!(url.shown())),
        ),
        (
            "notifyEventSubscription",
            events.as_ref().map(|events| json!(events)),
        ),
        ("signType", sign_type.clone().map(Value::from)),
    ];
    for (field, value) in fields {
        if let (Some(value), Some(spec)) = (value, spec.as_object_mut()) {
            spec.insert(field.to_owned(), value);
        }
    }
    json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": { "name": name, "namespace": source.namespace() },
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gets_a_name_of_its_own() {
        let mut names = Names(BTreeSet::from(["push-example-com-live".to_owned()]));
        for (domain, app, expected) in [
            ("push.example.com", "live", "push-example-com-live-2"),
            ("push.example.com", "*", "push-example-com-all"),
            ("push.example.com", "all", "push-example-com-all-2"),
            ("push.example.com", "Live_1", "push-example-com-live-1"),
            ("中", "中", "callback"),
            ("中", "国", "callback-2"),
        ] {
            assert_eq!(names.next(&Place::new(domain, app)), expected);
        }
        let long = Place::new(&format!("{}.example.com", "a".repeat(60)), "live");
        let (first, second) = (names.next(&long), names.next(&long));
        assert!(first.len() <= LONGEST && second.len() <= LONGEST && second.ends_with("-2"));
        assert!(!first.ends_with('-'), "{first}");
    }
}
