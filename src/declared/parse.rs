//! From an object on the wire to the values of `plan`: metadata, status, record, spec. Decisions see nothing else of a spec or an
//! annotation. Who calls, and where, is read of the spec by `login` and by those who ask it, and commands print what a spec says. No
//! I/O.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::status::Status;
use crate::api::{
    AdoptionPolicy, DeletionPolicy, FINALIZER, ManagementPolicy, PENDING_OPERATION,
    RECONCILE_REQUESTED_AT, RecordingCallback, RecordingCallbackSpec,
};
use crate::plan::facts::content::Content;
use crate::plan::facts::operation_log;
use crate::plan::facts::place::Place;
use crate::plan::facts::record::Record;
use crate::plan::facts::sanitize::sanitize;
use crate::plan::facts::{
    Adoption, CloudAccess, CrdPresence, Deletion, Desired, Facts, GetResult, LostUpdate,
    ObjectFacts, Observed, PlanSettings, Policies, Rewrites, SignKeyState,
};

/// What the cloud subscribes to when nothing is said.
const DEFAULT_EVENT: &str = "RECORD_FILE_COMPLETE";
/// How the cloud signs when nothing is said.
const DEFAULT_SIGN_TYPE: &str = "HMACSHA256";

/// What the object itself says at this moment of cloud time; of all else, that it was not asked yet.
pub fn facts(object: &RecordingCallback, settings: PlanSettings, now: Timestamp) -> Facts {
    let status = status(object, now);
    Facts {
        now,
        settings,
        object: self::object(object),
        policies: policies(&object.spec),
        place: place(&object.spec),
        desired: desired(&object.spec),
        last_write: operation_log::last_write(&status),
        wrote: None,
        lost_update: LostUpdate::default(),
        next_attempt: status.next_attempt_time,
        status,
        record: record(object),
        record_first_seen: now,
        posted_here: false,
        released: false,
        rechecked: false,
        look_due: false,
        dependency_changed: false,
        access: CloudAccess::Unread,
        credential: None,
        key: SignKeyState::Unread,
        key_in_doubt: false,
        account_has_seen: false,
        other_owner: None,
        knows_all: true,
        is_hearsay: false,
        claimed_elsewhere: BTreeSet::new(),
        deleted: BTreeSet::new(),
        crd: CrdPresence::Unread,
        observed: Observed::Unasked,
        get_result: GetResult::Unasked,
        not_found: None,
        baseline: None,
        rewrites: Rewrites::default(),
        sweep_failure: None,
        queued: false,
    }
}

/// The metadata that decisions depend on.
pub fn object(object: &RecordingCallback) -> ObjectFacts {
    ObjectFacts {
        uid: uid(object),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        generation: object.metadata.generation.unwrap_or_default(),
        finalizer: object
            .finalizers()
            .iter()
            .any(|finalizer| finalizer == FINALIZER),
        has_record: annotation(object, PENDING_OPERATION).is_some(),
        deleting: object.metadata.deletion_timestamp.is_some(),
        held_by: object
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .cloned()
            .collect(),
        requested: annotation(object, RECONCILE_REQUESTED_AT).map(str::to_owned),
    }
}

/// The status as last written, as far as it can be believed at this moment of cloud time.
pub fn status(object: &RecordingCallback, now: Timestamp) -> Status {
    sanitize(object.status.clone().unwrap_or_default(), now)
}

/// The UID.
pub fn uid(object: &RecordingCallback) -> String {
    object.metadata.uid.clone().unwrap_or_default()
}

/// The resourceVersion, by which the API server orders the versions of an object; 0 where it is no number.
pub fn version(object: &RecordingCallback) -> u64 {
    let version = object.metadata.resource_version.as_deref();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

/// The write-ahead record of this very object.
pub fn record(object: &RecordingCallback) -> Option<Record> {
    Record::parse(annotation(object, PENDING_OPERATION)?, &uid(object))
}

/// The place that the spec names, valid or not.
pub fn place(spec: &RecordingCallbackSpec) -> Place {
    Place::new(&spec.publish_domain, &spec.app)
}

/// The policies that hold whatever else is wrong. An unknown word counts as the safe one.
pub fn policies(spec: &RecordingCallbackSpec) -> Policies {
    Policies {
        observe: spec
            .management_policy
            .as_ref()
            .is_some_and(|policy| *policy != ManagementPolicy::Manage),
        suspend: spec.suspend == Some(true),
        deletion: spec.deletion_policy.as_ref().map(|policy| match policy {
            DeletionPolicy::Delete => Deletion::Delete,
            DeletionPolicy::Retain | DeletionPolicy::Unknown(_) => Deletion::Retain,
        }),
    }
}

/// What the spec wants, or what is wrong with it. The API server holds new specs to all rules; an old object may break one.
pub fn desired(spec: &RecordingCallbackSpec) -> Result<Desired, String> {
    if spec.publish_domain.is_empty() || spec.app.is_empty() || spec.app == "**" {
        return Err(
            "publishDomain and app are needed; write \"*\" as app for every app.".to_owned(),
        );
    }
    let adoption = match &spec.adoption_policy {
        None | Some(AdoptionPolicy::IfIdentical) => Adoption::IfIdentical,
        Some(AdoptionPolicy::Never) => Adoption::Never,
        Some(AdoptionPolicy::Always) => Adoption::Always,
        Some(AdoptionPolicy::Unknown(word)) => {
            return Err(format!(
                "adoptionPolicy {word:?} is not known: write Never, IfIdentical or Always."
            ));
        }
    };
    if let Some(ManagementPolicy::Unknown(word)) = &spec.management_policy {
        return Err(format!(
            "managementPolicy {word:?} is not known: write Manage or Observe."
        ));
    }
    Ok(Desired {
        place: place(spec),
        content: content(spec)?,
        wants_key: spec.sign_key_secret_ref.is_some(),
        adoption,
    })
}

/// What the callback is to say. Every field of the spec is named, so that none is forgotten.
fn content(spec: &RecordingCallbackSpec) -> Result<Content, String> {
    let RecordingCallbackSpec {
        notify_callback_url,
        notify_event_subscription,
        sign_type,
        publish_domain: _,
        app: _,
        sign_key_secret_ref: _,
        credentials_secret_ref: _,
        region: _,
        project_id: _,
        adoption_policy: _,
        deletion_policy: _,
        management_policy: _,
        suspend: _,
    } = spec.clone();
    Ok(Content {
        url: notify_callback_url.map(url).transpose()?,
        events: notify_event_subscription.map_or_else(
            || std::iter::once(DEFAULT_EVENT.to_owned()).collect(),
            |events| events.into_iter().collect(),
        ),
        sign_type: sign_type.unwrap_or_else(|| DEFAULT_SIGN_TYPE.to_owned()),
    })
}

/// A callback URL, held to what the cloud takes.
fn url(url: String) -> Result<String, String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let authority = rest.and_then(|rest| rest.split('/').next());
    let good = authority.is_some_and(|authority| !authority.contains('@'))
        && !url.contains(['?', '#'])
        && !url.contains(char::is_whitespace);
    if good {
        return Ok(url);
    }
    Err("notifyCallbackURL must be an http:// or https:// URL without user info, query, fragment and white space.".to_owned())
}

fn annotation<'a>(object: &'a RecordingCallback, name: &str) -> Option<&'a str> {
    object
        .metadata
        .annotations
        .as_ref()
        .and_then(|all: &BTreeMap<String, String>| all.get(name))
        .map(String::as_str)
}
