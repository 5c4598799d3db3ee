//! Every field that the controller goes by, and the values that it may change to. Which fields there are is taken from the schema:
//! one that has no rule here fails a test.

use std::collections::BTreeSet;

use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::annotations;
use crate::api::{PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback};
use crate::controller::tests::cloud::STRANGE;
use crate::controller::tests::object::{ACCOUNT, HOOKS, PROJECT, domain};
use crate::controller::tests::world::{ControllerWorld, OTHER_SIGN_KEY, SIGN_KEY};
use crate::platform::credentials::KEYS;

/// A credential of the same project that works.
pub(in crate::controller::tests) const SECOND: &str = "second";
/// A credential of another project.
pub(in crate::controller::tests) const ELSEWHERE: &str = "elsewhere";
/// A credential that the cloud refuses.
pub(in crate::controller::tests) const WRONG: &str = "wrong";
/// Other sign keys.
pub(in crate::controller::tests) const OTHER_HOOKS: &str = "other-hooks";
pub(in crate::controller::tests) const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";

/// Where a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller::tests) enum Spot {
    /// A field of spec, by its names from the top.
    Spec(&'static [&'static str]),
    /// A key of a Secret.
    Secret(&'static str, &'static str),
    Annotation(&'static str),
    Finalizers,
}

/// One change of one field.
#[derive(Debug, Clone)]
pub(in crate::controller::tests) struct TransitionStep {
    pub(in crate::controller::tests) spot: Spot,
    pub(in crate::controller::tests) to: Value,
}

/// The spec that has every field, and leaves nothing to its Secret but the key.
pub(in crate::controller::tests) fn full() -> Value {
    json!({
        "publishDomain": domain("push"),
        "app": "live",
        "notifyCallbackURL": "https://hooks.example.com/record",
        "notifyEventSubscription": ["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
        "signType": "HMACSHA256",
        "signKeySecretRef": {"name": HOOKS, "key": "sign"},
        "credentialsSecretRef": {"name": ACCOUNT},
        "adoptionPolicy": "IfIdentical",
        "deletionPolicy": "Delete",
        "managementPolicy": "Manage",
        "suspend": false,
    })
}

/// The Secrets beside the usual ones.
pub(in crate::controller::tests) fn more_secrets(world: &ControllerWorld) {
    use live_simulator::KnownCredential;
    let cloud = world.cloud();
    cloud.add_credential(KnownCredential::new(
        "AKELSEWHERE",
        "AKELSEWHERE-secret",
        OTHER_PROJECT,
    ));
    let all = |ak: &'static str, sk: &'static str, project: &'static str| {
        [
            ("ak", ak),
            ("sk", sk),
            ("project_id", project),
            ("region", "cn-north-4"),
        ]
    };
    world.secret(SECOND, &all("AKSECOND", "AKSECOND-secret", PROJECT));
    world.secret(
        ELSEWHERE,
        &all("AKELSEWHERE", "AKELSEWHERE-secret", OTHER_PROJECT),
    );
    world.secret(WRONG, &all("AKSECOND", "not-the-secret", PROJECT));
    world.secret(
        HOOKS,
        &[
            ("sign", SIGN_KEY),
            ("other", OTHER_SIGN_KEY),
            ("short", "short"),
        ],
    );
    world.secret(OTHER_HOOKS, &[("sign", OTHER_SIGN_KEY)]);
}

/// The values that a field of the spec may change to; none for what the API server keeps as it is.
fn of_spec(path: &[&str]) -> Option<Vec<Value>> {
    let absent = Value::Null;
    Some(match path {
        ["publishDomain" | "app"] => vec![],
        ["notifyCallbackURL"] => vec![
            absent,
            json!("https://other.example.com/"),
            json!("ftp://hooks.example.com"),
        ],
        ["notifyEventSubscription"] => {
            vec![absent, json!(["RECORD_OVER"]), json!(["RECORD_START"])]
        }
        ["signType"] => vec![absent, json!("MD5"), json!("SHA512")],
        ["signKeySecretRef" | "credentialsSecretRef"] => vec![absent],
        ["signKeySecretRef", "name"] => vec![json!(OTHER_HOOKS), json!("nowhere")],
        ["signKeySecretRef", "key"] => vec![json!("other"), json!("nothing"), json!("short")],
        ["credentialsSecretRef", "name"] => {
            vec![
                json!(SECOND),
                json!(ELSEWHERE),
                json!(WRONG),
                json!("nowhere"),
            ]
        }
        ["region"] => vec![
            json!("cn-north-4"),
            json!("cn-east-3"),
            json!("Not a region"),
        ],
        ["projectID"] => vec![json!(PROJECT), json!(OTHER_PROJECT), json!("not/a/project")],
        ["adoptionPolicy"] => vec![absent, json!("Always"), json!("Never"), json!("Sometimes")],
        ["deletionPolicy"] => vec![absent, json!("Retain"), json!("Archive")],
        ["managementPolicy"] => vec![absent, json!("Observe"), json!("Ignore")],
        ["suspend"] => vec![absent, json!(true)],
        _ => return None,
    })
}

/// The values that a key of the credentials may change to.
fn of_credentials(key: &str) -> Option<Vec<Value>> {
    let absent = Value::Null;
    Some(match key {
        "ak" => vec![absent, json!("AKNOBODY"), json!("a\u{1}b")],
        "sk" => vec![absent, json!("not-the-secret")],
        "security_token" | "token" => vec![json!("not-a-token")],
        "username" | "password" | "domain_name" => vec![json!("somebody")],
        "project_id" => vec![absent, json!(OTHER_PROJECT), json!("not/a/project")],
        "region" => vec![absent, json!("cn-east-3"), json!("Not a region")],
        "live_endpoint" => vec![
            json!("https://live.other.myhuaweicloud.com"),
            json!(STRANGE),
            json!("https://evil.example.com"),
            json!("no endpoint"),
        ],
        "iam_endpoint" => vec![
            json!("https://iam.other.myhuaweicloud.com"),
            json!("https://evil.example.com"),
        ],
        _ => return None,
    })
}

/// All changes of all fields.
pub(in crate::controller::tests) fn steps() -> Vec<TransitionStep> {
    let mut steps = Vec::new();
    let mut add = |spot: Spot, values: Vec<Value>| {
        steps.extend(values.into_iter().map(|to| TransitionStep { spot, to }));
    };
    for path in fields() {
        let values = of_spec(path).unwrap_or_else(|| panic!("spec.{} has no rule", path.join(".")));
        add(Spot::Spec(path), values);
    }
    for key in KEYS {
        let values =
            of_credentials(key).unwrap_or_else(|| panic!("the Secret's {key} has no rule"));
        add(Spot::Secret(ACCOUNT, key), values);
    }
    add(
        Spot::Secret(HOOKS, "sign"),
        vec![Value::Null, json!(OTHER_SIGN_KEY), json!("short")],
    );
    add(
        Spot::Annotation(RECONCILE_REQUESTED_AT),
        annotations::tokens(),
    );
    add(Spot::Annotation(PENDING_OPERATION), annotations::records());
    add(Spot::Finalizers, vec![Value::Null]);
    steps
}

/// The fields of the spec as the CRD has them, and those within them.
fn fields() -> BTreeSet<&'static [&'static str]> {
    let crd = serde_json::to_value(RecordingCallback::crd()).unwrap();
    let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    collect(schema, &mut Vec::new(), &mut fields);
    assert!(fields.len() > 10, "{fields:?}");
    fields
}

fn collect(
    schema: &Value,
    path: &mut Vec<&'static str>,
    fields: &mut BTreeSet<&'static [&'static str]>,
) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        path.push(String::leak(name.clone()));
        fields.insert(Vec::leak(path.clone()));
        collect(schema, path, fields);
        path.pop();
    }
}

impl TransitionStep {
    /// Makes the change, in the world of the object `push`.
    pub(in crate::controller::tests) fn apply(&self, world: &ControllerWorld) {
        let object = world.object("push").unwrap_or_default();
        if self.leads_astray() && !is_somewhere(&object) {
            return;
        }
        match self.spot {
            // A field within one that is absent is absent: the API server takes no half of it.
            Spot::Spec([within, _]) if object["spec"][*within].is_null() => {}
            Spot::Spec(path) => {
                let mut change = self.to.clone();
                for name in path.iter().rev() {
                    change = json!({ *name: change });
                }
                world.merge("push", &json!({"spec": change}));
            }
            Spot::Secret(name, key) => {
                let at = (
                    crate::controller::tests::object::NAMESPACE.to_owned(),
                    name.to_owned(),
                );
                let mut values = world.server.secret(&at).unwrap_or_default();
                match self.to.as_str() {
                    Some(value) => drop(values.insert(key.to_owned(), value.to_owned())),
                    None => drop(values.remove(key)),
                }
                world.story.log(format!(
                    "somebody writes {key} of the Secret {name}: {}",
                    self.to
                ));
                world.server.set_secret(&at, Some(values));
            }
            Spot::Annotation(name) => {
                let value = annotations::filled(&self.to, world);
                world.merge("push", &json!({"metadata": {"annotations": {name: value}}}));
            }
            Spot::Finalizers => world.merge("push", &json!({"metadata": {"finalizers": self.to}})),
        }
    }

    /// What brings the field back to what it was.
    pub(in crate::controller::tests) fn back(&self, world: &ControllerWorld) -> Self {
        let object = world.object("push").unwrap_or_default();
        let was = match self.spot {
            Spot::Spec(path) => path
                .iter()
                .fold(&object["spec"], |value, name| &value[*name])
                .clone(),
            Spot::Secret(name, key) => {
                let at = (
                    crate::controller::tests::object::NAMESPACE.to_owned(),
                    name.to_owned(),
                );
                let values = world.server.secret(&at).unwrap_or_default();
                values.get(key).map_or(Value::Null, |value| json!(value))
            }
            Spot::Annotation(name) => object["metadata"]["annotations"][name].clone(),
            Spot::Finalizers => object["metadata"]["finalizers"].clone(),
        };
        Self {
            spot: self.spot,
            to: was,
        }
    }

    /// How many calls and writes it may cost a settled object, where that is documented.
    #[allow(clippy::match_same_arms, reason = "in the order of the fields")]
    pub(in crate::controller::tests) fn figures(&self) -> Option<(usize, usize)> {
        Some(match (self.spot, self.to.as_str()) {
            (Spot::Spec(["notifyCallbackURL"]), Some("ftp://hooks.example.com")) => (0, 1),
            (Spot::Spec(["notifyCallbackURL"]), _) => (1, 1),
            (Spot::Spec(["notifyEventSubscription"]), _) if self.to != json!(["RECORD_START"]) => {
                (1, 1)
            }
            (Spot::Spec(["signType"]), Some("MD5")) => (1, 1),
            // Its default is what it was.
            (Spot::Spec(["signType"]), None) => (0, 1),
            (Spot::Spec(["signKeySecretRef", "name"]), Some(OTHER_HOOKS)) => (1, 1),
            (Spot::Spec(["signKeySecretRef", "key"]), Some("other")) => (1, 1),
            // Another account is asked once.
            (Spot::Spec(["credentialsSecretRef", "name"]), Some(SECOND)) => (1, 1),
            (Spot::Spec(["credentialsSecretRef", "name"]), Some(ELSEWHERE)) => (0, 1),
            (Spot::Spec(["region"]), _) => (0, 1),
            (Spot::Spec(["projectID"]), Some(PROJECT | OTHER_PROJECT)) => (0, 1),
            (Spot::Spec(["managementPolicy"]), Some("Observe" | "Ignore")) => return None,
            (
                Spot::Spec(["adoptionPolicy" | "deletionPolicy" | "managementPolicy" | "suspend"]),
                _,
            ) => (0, 1),
            (Spot::Secret(HOOKS, _), Some(OTHER_SIGN_KEY)) => (1, 1),
            (Spot::Annotation(RECONCILE_REQUESTED_AT), _) => (1, 1),
            (Spot::Annotation(_), _) if self.opens_record() => return None,
            (Spot::Annotation(_) | Spot::Finalizers, _) => (0, 1),
            _ => return None,
        })
    }

    /// Whether it says that this very object was posted.
    pub(in crate::controller::tests) fn opens_record(&self) -> bool {
        let record = self.to.as_str();
        self.spot == Spot::Annotation(PENDING_OPERATION)
            && record.is_some_and(|record| record.contains("OWN-UID"))
    }

    /// Whether it says that this very object was posted to another project.
    pub(in crate::controller::tests) fn opens_record_elsewhere(&self) -> bool {
        let record = self.to.as_str();
        self.opens_record() && record.is_some_and(|record| record.contains(OTHER_PROJECT))
    }

    /// Whether it leads to another cloud. What lies nowhere yet would be made there, as it should be.
    pub(in crate::controller::tests) fn leads_astray(&self) -> bool {
        self.to == STRANGE
    }

    /// Whether it makes a new generation.
    pub(in crate::controller::tests) fn is_edit(&self) -> bool {
        matches!(self.spot, Spot::Spec(_))
    }
}

/// Whether the object has a callback, or a create of unknown outcome.
fn is_somewhere(object: &Value) -> bool {
    let (status, annotations) = (&object["status"], &object["metadata"]["annotations"]);
    let is_posting =
        annotations[PENDING_OPERATION].is_string() && status["closedOperation"].is_null();
    status["callbackID"].is_string() || is_posting
}

#[test]
fn every_field_has_a_rule() {
    assert!(steps().len() > 60);
}
