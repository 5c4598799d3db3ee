//! Names of Kubernetes objects and lists of them, as far as flags hold any. Pure.

use std::ops::Deref;

use crate::platform::endpoint::is_label;

/// A DNS label: the form of a namespace's name.
pub fn label(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not the name of a namespace: a-z, 0-9 and - inside, at most 63"
        ))
    }
}

/// DNS labels with dots between: the form of most names.
pub fn subdomain(text: &str) -> Result<String, String> {
    if text.len() <= 253 && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a name: a-z, 0-9, and - and . inside, at most 253"
        ))
    }
}

/// How kubectl names our objects before a slash, in any case; of the group `GROUP`, which may follow.
const OURS: [&str; 3] = ["recordingcallbacks", "recordingcallback", "rcb"];
const GROUP: &str = "live.huaweicloud.com";
/// The same of Secrets, which have no group.
const SECRETS: [&str; 2] = ["secrets", "secret"];

/// The name of one of our objects, with its kind before it or without, as kubectl takes it.
pub(super) fn object(text: &str) -> Result<String, String> {
    of_kind(text, |kind| {
        let (resource, group) = kind.split_once('.').unwrap_or((kind, GROUP));
        let has_version = |group: &str| group.split_once('.').is_some_and(|(_, of)| of == GROUP);
        OURS.contains(&resource) && (group == GROUP || has_version(group))
    })
}

/// The name of a Secret, likewise.
pub(super) fn secret(text: &str) -> Result<String, String> {
    of_kind(text, |kind| SECRETS.contains(&kind))
}

fn of_kind(text: &str, is_kind: impl Fn(&str) -> bool) -> Result<String, String> {
    let Some((before, name)) = text.split_once('/') else {
        return subdomain(text);
    };
    let name = subdomain(name)?;
    if is_kind(&before.to_ascii_lowercase()) {
        return Ok(name);
    }
    label(before)?;
    // As what this program prints has it.
    Err(format!(
        "there is no kind {before:?} here; of the namespace {before} it is: {name} -n {before}"
    ))
}

/// A service account: `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Namespace and name, with a slash between.
pub(super) fn account(text: &str) -> Result<ServiceAccount, String> {
    let (namespace, name) = text
        .split_once('/')
        .ok_or_else(|| format!("{text:?} is not a service account: write NAMESPACE/NAME"))?;
    Ok(ServiceAccount {
        namespace: label(namespace)?,
        name: subdomain(name)?,
    })
}

/// Namespaces, separated by commas; none when the text is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces(pub Vec<String>);

impl Deref for Namespaces {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl Namespaces {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Err("to serve every namespace leave the list empty".to_owned());
        }
        Ok(Self(labels(text)?))
    }
}

/// Namespaces that may use what the operator itself may: none, some or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Every namespace: `*`.
    All,
    /// These and no other.
    Only(Vec<String>),
}

impl Grant {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "*" {
            return Ok(Self::All);
        }
        Ok(Self::Only(labels(text)?))
    }

    /// Whether `namespace` is one of them.
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(namespaces) => namespaces.iter().any(|name| name == namespace),
        }
    }
}

fn labels(text: &str) -> Result<Vec<String>, String> {
    items(text)?.into_iter().map(label).collect()
}

/// The items of a list separated by commas, each once.
pub(super) fn items(text: &str) -> Result<Vec<&str>, String> {
    let mut items = Vec::new();
    if text.trim().is_empty() {
        return Ok(items);
    }
    for item in text.split(',').map(str::trim) {
        if item.is_empty() {
            return Err(format!("{text:?} has an empty item between its commas"));
        }
        if !items.contains(&item) {
            items.push(item);
        }
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;
    use crate::api::RecordingCallback;

    #[test]
    fn lists_of_namespaces() {
        let names = |text: &str| Namespaces::parse(text).map(|namespaces| namespaces.0);
        assert_eq!(names(""), Ok(vec![]));
        assert_eq!(
            names("media, live,media"),
            Ok(vec!["media".to_owned(), "live".to_owned()])
        );
        for wrong in [
            "*",
            "a,,b",
            "a,",
            "Media",
            "-a",
            "a-",
            "a.b",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(names(wrong).is_err(), "{wrong} was accepted");
        }
        assert!(names(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn a_grant_covers_what_it_names() {
        assert!(!Grant::parse("").unwrap().covers("media"));
        assert!(Grant::parse("*").unwrap().covers("media"));
        let some = Grant::parse("media,live").unwrap();
        assert!(some.covers("live") && !some.covers("liv") && !some.covers("*"));
        assert!(Grant::parse("media,*").is_err());
    }

    #[test]
    fn a_kind_may_stand_before_a_name_and_of_a_namespace_it_is_told_where_it_belongs() {
        let crd = RecordingCallback::crd();
        let names = &crd.spec.names;
        let known = [&names.plural, &names.kind];
        let known = known.into_iter().chain(names.short_names.iter().flatten());
        let known = known.chain(&names.singular).cloned();
        let group = |kind: String| {
            let version = crd.spec.versions[0].name.clone();
            let grouped = format!("{kind}.{GROUP}");
            [grouped, format!("{kind}.{version}.{GROUP}"), kind]
        };
        for kind in known.flat_map(group) {
            assert_eq!(object(&format!("{kind}/push")), Ok("push".to_owned()));
        }
        assert_eq!(object("push"), Ok("push".to_owned()));
        assert_eq!(secret("secret/push"), Ok("push".to_owned()));
        let elsewhere = object("media/push").unwrap_err();
        assert!(elsewhere.contains("push -n media"), "{elsewhere}");
        for wrong in [
            "rcb.example.com/push",
            "rcb/",
            "/push",
            "rcb/a/b",
            "rcb/Push",
        ] {
            assert!(object(wrong).is_err(), "{wrong} was accepted");
        }
        assert!(object("secret/push").is_err() && secret("rcb/push").is_err());
    }

    #[test]
    fn names_with_dots() {
        assert!(subdomain("recording-callback-operator.v2").is_ok());
        for wrong in ["", ".", "a..b", "a_b", "A", &["a"; 128].join(".")] {
            assert!(subdomain(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
