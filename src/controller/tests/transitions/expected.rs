//! What may be said of an object, by the order in which the contract has reasons come: written down a second time, without a look
//! at the code.

use std::collections::BTreeMap;

use serde_json::Value;

use super::annotations::{attempted_endpoint, attempted_target};
use super::table::OTHER_PROJECT;
use crate::controller::tests::cloud::STRANGE;
use crate::controller::tests::object::{NAMESPACE, PROJECT};
use crate::controller::tests::world::ControllerWorld;

const REGION: &str = "cn-north-4";

/// What stands between an object and its being held, beside its own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent circumstances")]
pub(in crate::controller::tests) struct Circumstances {
    pub(super) read_only: bool,
    pub(super) is_duplicate: bool,
    /// A row that is not ours lies at the place.
    pub(super) foreign_row: bool,
    /// Only Secrets changed since the object was settled: what needs nothing may stay as it was.
    pub(super) settled: bool,
}

/// The reasons of which one must stand in Ready.
pub(super) fn reasons(
    world: &ControllerWorld,
    object: &Value,
    circumstances: Circumstances,
) -> Vec<&'static str> {
    let spec = &object["spec"];
    if spec["suspend"] == true {
        return vec!["Suspended"];
    }
    // An invalid spec blocks no delete.
    let is_going = object["metadata"]["deletionTimestamp"].is_string();
    if is_invalid(spec) && !is_going {
        return vec!["InvalidSpec"];
    }
    let observed = circumstances.read_only || spec["managementPolicy"] == "Observe";
    // Whose Secret changed, and who needs nothing, may stay as it was.
    let as_it_was = if circumstances.settled {
        vec!["Available", "ObserveOnly", "Conflict", "Duplicate"]
    } else {
        vec![]
    };
    let or_as_it_was = |reasons: &[&'static str]| [reasons, as_it_was.as_slice()].concat();
    match standing(world, spec) {
        // The last good credentials serve a delete; where, the spec may say.
        ExpectedReady::Missing if is_going && names_elsewhere(object) => {
            return vec!["CredentialsMissing", "TargetChanged"];
        }
        ExpectedReady::Missing => return or_as_it_was(&["CredentialsMissing"]),
        ExpectedReady::NotAllowed if is_going && names_elsewhere(object) => {
            return vec!["EndpointNotAllowed", "TargetChanged"];
        }
        ExpectedReady::NotAllowed => return vec!["EndpointNotAllowed"],
        // Whatever is there is not what lies at home, or may lie there.
        ExpectedReady::Strange => return astray(world, spec, observed, circumstances),
        ExpectedReady::Either => {
            return or_as_it_was(&[
                "CredentialsMissing",
                "EndpointNotAllowed",
                "InvalidSpec",
                "TargetChanged",
                "PermissionDenied",
                "CredentialsRejected",
                // Who has no key to send calls nobody, so nobody says what else is wrong.
                "SignKeyMissing",
                "SignKeyInvalid",
            ]);
        }
        // Nobody is called there, so nobody refuses the credentials.
        ExpectedReady::At(target, _) if is_elsewhere(object, &target) => {
            return vec!["TargetChanged"];
        }
        // A duplicate calls nobody either.
        ExpectedReady::At(_, ExpectedLogin::Refused) if circumstances.is_duplicate => {
            return vec!["CredentialsRejected", "Duplicate"];
        }
        // Nor does who has no key to send.
        ExpectedReady::At(_, ExpectedLogin::Refused) if sign_key(world, spec).is_err() => {
            return or_as_it_was(&[
                "CredentialsRejected",
                "PermissionDenied",
                "SignKeyMissing",
                "SignKeyInvalid",
            ]);
        }
        ExpectedReady::At(_, ExpectedLogin::Refused) => {
            return or_as_it_was(&["CredentialsRejected", "PermissionDenied"]);
        }
        ExpectedReady::At(target, ExpectedLogin::Good) if !target.is_usual() => {
            return at_another_place(&target, spec, observed, circumstances);
        }
        ExpectedReady::At(..) => {}
    }
    if circumstances.is_duplicate {
        return if observed {
            vec!["ObserveOnly", "Duplicate"]
        } else {
            vec!["Duplicate"]
        };
    }
    match sign_key(world, spec) {
        Err(_) if observed => return vec!["SignKeyMissing", "SignKeyInvalid", "ObserveOnly"],
        Err("missing") => return or_as_it_was(&["SignKeyMissing"]),
        // What is no key needs to be put right, whoever was settled before.
        Err(_) => return vec!["SignKeyInvalid"],
        Ok(_) => {}
    }
    if observed {
        return vec!["ObserveOnly"];
    }
    let mut reasons = if circumstances.foreign_row && object["status"]["callbackID"].is_null() {
        vec!["Conflict"]
    } else if is_refused(spec) {
        vec!["RequestRejected"]
    } else {
        vec!["Available", "Normalized"]
    };
    // What a create may have made through the former address is not found through this one, where somebody made that record up.
    if is_readdressed(world, object) {
        reasons.push("TargetChanged");
    }
    reasons
}

/// Whether creates that may have made something were sent through another address than the present one.
fn is_readdressed(world: &ControllerWorld, object: &Value) -> bool {
    let name = object["spec"]["credentialsSecretRef"]["name"].as_str();
    let values = name
        .and_then(|name| secret(world, name))
        .unwrap_or_default();
    let endpoint = values.get("live_endpoint");
    let attempted = attempted_endpoint(object).filter(|_| object["status"]["callbackID"].is_null());
    attempted.is_some_and(|attempted| endpoint.is_some_and(|endpoint| *endpoint != attempted))
}

/// The same at another place than the usual one: there may be anything.
fn at_another_place(
    target: &ExpectedTarget,
    spec: &Value,
    observed: bool,
    circumstances: Circumstances,
) -> Vec<&'static str> {
    // A region is a word: the project is known by its id.
    let is_duplicate = circumstances.is_duplicate && target.project == PROJECT;
    let reasons = [
        ("Available", true),
        ("Conflict", true),
        ("PermissionDenied", true),
        ("CredentialsRejected", true),
        ("SignKeyMissing", true),
        ("SignKeyInvalid", true),
        ("ObserveOnly", observed),
        ("Duplicate", is_duplicate),
        ("RequestRejected", is_refused(spec)),
    ];
    let may = reasons.into_iter().filter(|(_, may)| *may);
    may.map(|(reason, _)| reason).collect()
}

/// The same where the credentials lead to another cloud, of what lies at home or may lie there.
fn astray(
    world: &ControllerWorld,
    spec: &Value,
    observed: bool,
    circumstances: Circumstances,
) -> Vec<&'static str> {
    let lacks_key = sign_key(world, spec).is_err();
    let reasons = [
        ("TargetChanged", !observed),
        ("ObserveOnly", observed),
        ("Duplicate", circumstances.is_duplicate),
        ("SignKeyMissing", lacks_key),
        ("SignKeyInvalid", lacks_key),
    ];
    let may = reasons.into_iter().filter(|(_, may)| *may);
    may.map(|(reason, _)| reason).collect()
}

/// What the API server refuses, and an old object may have all the same.
fn is_invalid(spec: &Value) -> bool {
    let word = |name: &str, known: &[&str]| {
        spec[name]
            .as_str()
            .is_some_and(|word| !known.contains(&word))
    };
    let url = spec["notifyCallbackURL"].as_str();
    url.is_some_and(|url| !url.starts_with("http"))
        || word("adoptionPolicy", &["Never", "IfIdentical", "Always"])
        || word("managementPolicy", &["Manage", "Observe"])
}

/// What only the cloud refuses.
pub(super) fn is_refused(spec: &Value) -> bool {
    let events = spec["notifyEventSubscription"].as_array();
    events.is_some_and(|all| all.iter().any(|event| event == "RECORD_START"))
        || spec["signType"] == "SHA512"
}

enum ExpectedReady {
    Missing,
    NotAllowed,
    /// At another cloud.
    Strange,
    /// Not sane enough for one word.
    Either,
    At(ExpectedTarget, ExpectedLogin),
}

/// Where an object is to be held.
#[derive(PartialEq, Eq)]
pub(super) struct ExpectedTarget {
    pub(super) region: String,
    pub(super) project: String,
}

impl ExpectedTarget {
    fn is_usual(&self) -> bool {
        self.region == REGION && self.project == PROJECT
    }
}

#[derive(PartialEq, Eq)]
enum ExpectedLogin {
    Good,
    Refused,
}

/// Whether the object is held, or may be, at another place than this.
fn is_elsewhere(object: &Value, target: &ExpectedTarget) -> bool {
    let held = &object["status"]["target"];
    let is_moved = held["region"].is_string()
        && (held["region"] != target.region.as_str()
            || held["projectID"] != target.project.as_str());
    is_moved || attempted_target(object).is_some_and(|attempted| attempted != *target)
}

fn standing(world: &ControllerWorld, spec: &Value) -> ExpectedReady {
    let name = spec["credentialsSecretRef"]["name"].as_str();
    let values = name.and_then(|name| secret(world, name));
    let Some(values) = values else {
        return ExpectedReady::Missing;
    };
    let value = |name: &str| values.get(name).map(String::as_str);
    let or_secret = |field: &str, key: &str| spec[field].as_str().or(value(key)).map(str::to_owned);
    let is_sane = |text: &str| {
        text.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
    };
    let has_pair = value("ak").is_some() && value("sk").is_some();
    if value("ak").is_some_and(|ak| !is_sane(ak)) {
        return ExpectedReady::Missing;
    }
    let Some(region) = or_secret("region", "region") else {
        return ExpectedReady::Missing;
    };
    let named = or_secret("projectID", "project_id");
    let in_secret = [value("region"), value("project_id")];
    let is_sane_there = in_secret.into_iter().flatten().all(is_sane);
    if !is_sane_there || !is_sane(&region) || !named.as_deref().is_none_or(is_sane) {
        return ExpectedReady::Either;
    }
    // IAM is called where no project is given.
    match value("iam_endpoint") {
        Some(endpoint) if named.is_none() && endpoint.contains("evil") => {
            return ExpectedReady::NotAllowed;
        }
        _ => {}
    }
    if named.is_none() && region != REGION {
        // IAM knows no project of that name.
        return ExpectedReady::Missing;
    }
    let has_user = ["username", "password", "domain_name"]
        .iter()
        .all(|key| value(key).is_some());
    if !has_pair && !has_user && value("token").is_none() {
        return ExpectedReady::Missing;
    }
    match value("live_endpoint") {
        Some(endpoint) if endpoint.contains(' ') => return ExpectedReady::Either,
        Some(endpoint) if endpoint.contains("evil") => return ExpectedReady::NotAllowed,
        _ => {}
    }
    let project = named.unwrap_or_else(|| PROJECT.to_owned());
    let works = match (value("ak"), value("sk")) {
        (Some("AKFIRST"), Some("AKFIRST-secret")) | (Some("AKSECOND"), Some("AKSECOND-secret")) => {
            true
        }
        (Some("AKELSEWHERE"), Some("AKELSEWHERE-secret")) => {
            project == OTHER_PROJECT || spec["projectID"].is_null()
        }
        _ => false,
    };
    let target = ExpectedTarget { region, project };
    // Elsewhere there may be anything.
    let is_refused = !works || value("security_token").is_some();
    let is_strange = value("live_endpoint") == Some(STRANGE);
    if is_strange && !is_refused && has_pair && target.is_usual() {
        return ExpectedReady::Strange;
    }
    let login = if !has_pair || is_refused && target.is_usual() {
        ExpectedLogin::Refused
    } else {
        ExpectedLogin::Good
    };
    ExpectedReady::At(target, login)
}

/// Whether the spec alone names another place than the one where the object is held.
fn names_elsewhere(object: &Value) -> bool {
    let (spec, held) = (&object["spec"], &object["status"]["target"]);
    let mut fields = ["region", "projectID"].into_iter();
    fields.any(|field| spec[field].is_string() && spec[field] != held[field])
}

/// The sign key that the cloud must hold, if one.
pub(super) fn sign_key(
    world: &ControllerWorld,
    spec: &Value,
) -> Result<Option<String>, &'static str> {
    let reference = &spec["signKeySecretRef"];
    if reference.is_null() {
        return Ok(None);
    }
    let values = secret(world, reference["name"].as_str().unwrap_or_default()).unwrap_or_default();
    let value = values.get(reference["key"].as_str().unwrap_or_default());
    match value {
        None => Err("missing"),
        Some(value) if value.len() < 32 => Err("invalid"),
        Some(value) => Ok(Some(value.clone())),
    }
}

fn secret(world: &ControllerWorld, name: &str) -> Option<BTreeMap<String, String>> {
    world
        .server
        .secret(&(NAMESPACE.to_owned(), name.to_owned()))
}
