//! A right, as the API server's roles grant it and as a call needs it. No I/O.

use std::fmt;

use http::Method;
use serde_json::{Value, json};

/// What one verb of one rule allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantedRight {
    pub(crate) group: String,
    /// With its subresource, if any: `recordingcallbacks/status`.
    pub(crate) resource: String,
    pub(crate) verb: String,
}

impl GrantedRight {
    pub(crate) fn new(group: &str, resource: &str, verb: &str) -> Self {
        let (group, resource, verb) = (group.to_owned(), resource.to_owned(), verb.to_owned());
        Self {
            group,
            resource,
            verb,
        }
    }

    /// What a call to the API server needs.
    pub(crate) fn needed_by(method: &Method, path: &str, query: &str) -> Self {
        let mut words = path.split('/').skip(1);
        let group = match words.next() {
            Some("apis") => words.next().unwrap_or_default(),
            _ => "",
        };
        let words: Vec<&str> = words.skip(1).collect(); // without the version
        let words = match words.as_slice() {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            all => all,
        };
        let (resource, named) = match words {
            [resource, _, subresource] => (format!("{resource}/{subresource}"), true),
            [resource, _] => ((*resource).to_owned(), true),
            _ => (words.join("/"), false),
        };
        let verb = match method.as_str() {
            "GET" if query.contains("watch=true") => "watch",
            "GET" if named => "get",
            "GET" => "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if !named => "deletecollection",
            _ => "delete",
        };
        Self::new(group, &resource, verb)
    }

    /// The rights that a rule grants, each as a rule of its own, with the names that it is limited to.
    pub(crate) fn of_rule(rule: &Value) -> impl Iterator<Item = (Self, Value)> {
        let mut rights = Vec::new();
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    let right = Self::new(group, resource, verb);
                    let mut alone = right.rule();
                    if let Some(names) = rule.get("resourceNames") {
                        alone["resourceNames"] = names.clone();
                    }
                    rights.push((right, alone));
                }
            }
        }
        rights.into_iter()
    }

    /// As a question to the API server: on an object of this name, if any, in a namespace.
    pub(crate) fn asked_for(&self, namespace: &str, name: Option<&str>) -> Value {
        let (resource, subresource) = self
            .resource
            .split_once('/')
            .unwrap_or((&self.resource, ""));
        json!({
            "namespace": namespace, "group": self.group, "resource": resource, "subresource": subresource,
            "name": name.unwrap_or_default(), "verb": self.verb,
        })
    }

    /// The rule that grants this alone.
    pub(crate) fn rule(&self) -> Value {
        json!({ "apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb] })
    }
}

impl fmt::Display for GrantedRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if self.group.is_empty() {
            return Ok(());
        }
        write!(f, " of {}", self.group)
    }
}

fn words<'a>(rule: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let words = rule[name].as_array().into_iter().flatten();
    words.filter_map(Value::as_str)
}

#[test]
fn a_call_needs_the_right_of_its_verb_and_resource() {
    let objects = "/apis/live.huaweicloud.com/v1alpha1/namespaces/media/recordingcallbacks";
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let live = "live.huaweicloud.com";
    for (method, path, query, right) in [
        (
            Method::GET,
            objects.to_owned(),
            "limit=500",
            GrantedRight::new(live, "recordingcallbacks", "list"),
        ),
        (
            Method::GET,
            objects.to_owned(),
            "watch=true",
            GrantedRight::new(live, "recordingcallbacks", "watch"),
        ),
        (
            Method::GET,
            objects.replace("/namespaces/media", ""),
            "",
            GrantedRight::new(live, "recordingcallbacks", "list"),
        ),
        (
            Method::GET,
            format!("{objects}/push"),
            "",
            GrantedRight::new(live, "recordingcallbacks", "get"),
        ),
        (
            Method::PATCH,
            format!("{objects}/push/status"),
            "",
            GrantedRight::new(live, "recordingcallbacks/status", "patch"),
        ),
        (
            Method::DELETE,
            objects.to_owned(),
            "",
            GrantedRight::new(live, "recordingcallbacks", "deletecollection"),
        ),
        (
            Method::GET,
            format!("{crds}/one"),
            "",
            GrantedRight::new("apiextensions.k8s.io", "customresourcedefinitions", "get"),
        ),
        (
            Method::GET,
            "/api/v1/namespaces/media/secrets/one".to_owned(),
            "",
            GrantedRight::new("", "secrets", "get"),
        ),
        (
            Method::GET,
            "/api/v1/namespaces/media".to_owned(),
            "",
            GrantedRight::new("", "namespaces", "get"),
        ),
    ] {
        assert_eq!(
            GrantedRight::needed_by(&method, &path, query),
            right,
            "{method} {path}"
        );
    }
}
