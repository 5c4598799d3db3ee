//! What must be so, whoever lied.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use live_simulator::{LoggedCause, LoggedChange, StoredRow};
use serde_json::Value;

use super::cloud::Made;
use super::object::{NAMESPACE, verdict};
use super::removed;
use super::scenario::AdversaryScenario;
use super::server::StoreKey;
use super::suspended;
use super::trouble::CloudCall;
use super::world::{ControllerWorld, wall};

/// So many calls one object may cause in an hour.
const CALLS_AN_HOUR: usize = 120;
/// And so many for each edit or requested look, which must not be held up.
const FOR_AN_EDIT: usize = 10;
/// And for each process or object that begins anew.
const FOR_A_BEGINNING: usize = 42;
const HOUR: Duration = Duration::from_hours(1);

/// What is not as declared, if anything, once nobody lies any more.
pub(super) fn wrong(scenario: &AdversaryScenario) -> Option<String> {
    let of_object = scenario
        .names
        .iter()
        .find_map(|name| wrong_with(scenario, name));
    of_object.or_else(|| foreign_touched(scenario))
}

fn wrong_with(scenario: &AdversaryScenario, name: &str) -> Option<String> {
    let world = &scenario.world;
    let object = world.object(name)?;
    let spec = &object["spec"];
    let (status, reason) = verdict(&object);
    let description = format!("{name} is {status} {reason}");
    if spec["suspend"] == true {
        return (reason != "Suspended").then(|| format!("{description}, and it is suspended"));
    }
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Some(format!(
            "{description}, and still there though it is being deleted"
        ));
    }
    let place = spec["publishDomain"].as_str().unwrap_or_default();
    let perjured = scenario.adversary.has_perjured(place);
    let rows = own_rows(scenario, &object);
    let id = object["status"]["callbackID"].as_str();
    match (status.as_str(), reason.as_str()) {
        ("True", "Available" | "Normalized") => {
            let held = rows.iter().find(|row| Some(row.id.as_str()) == id);
            let differs = held.is_none_or(|row| difference(world, spec, row).is_some());
            if differs {
                let how = held.and_then(|row| difference(world, spec, row));
                return Some(format!(
                    "{description}, but the cloud does not hold it: {how:?}"
                ));
            }
            (rows.len() > 1)
                .then(|| format!("{description}, and there are {} rows for it", rows.len()))
        }
        ("False", "Duplicate") if sharing(scenario, place) > 1 => id
            .is_some()
            .then(|| format!("{description}, and holds an id")),
        // Only a person can tell whose it is.
        ("False", "Conflict") if perjured || object["spec"]["adoptionPolicy"] == "Never" => None,
        ("False", "Conflict") if !rows.iter().any(|row| Some(row.id.as_str()) == id) => None,
        // Or what another object left there, as its policy has it.
        ("False", "Conflict") if is_beside_retained(scenario, &object) => None,
        ("False", "Contended") => None,
        _ => Some(description),
    }
}

/// Whether an object that is no more may have left a row at the place.
fn is_beside_retained(scenario: &AdversaryScenario, object: &Value) -> bool {
    let history = scenario.world.server.history();
    history.iter().any(|(_, _, other)| {
        other["spec"]["publishDomain"] == object["spec"]["publishDomain"]
            && other["metadata"]["uid"] != object["metadata"]["uid"]
            && other["metadata"]["deletionTimestamp"].is_string()
            && stays_by_policy(other)
    })
}

/// How many objects want this domain.
fn sharing(scenario: &AdversaryScenario, place: &str) -> usize {
    let wanting = |name: &&&str| {
        let object = scenario.world.object(name);
        object.is_some_and(|object| object["spec"]["publishDomain"] == place)
    };
    scenario.names.iter().filter(wanting).count()
}

/// The rows at the object's place.
fn own_rows(scenario: &AdversaryScenario, object: &Value) -> Vec<StoredRow> {
    let spec = &object["spec"];
    let place = spec["publishDomain"].as_str().unwrap_or_default();
    let rows = scenario.world.rows(place).into_iter();
    rows.filter(|row| spec["app"] == row.app.as_str()).collect()
}

/// How a row differs from what a spec and the Secrets say now.
pub(super) fn difference(
    world: &ControllerWorld,
    spec: &Value,
    row: &StoredRow,
) -> Option<&'static str> {
    if spec["notifyCallbackURL"].as_str() != row.notify_callback_url.as_deref() {
        return Some("notifyCallbackURL");
    }
    let wanted: BTreeSet<&str> = match spec["notifyEventSubscription"].as_array() {
        Some(events) => events.iter().filter_map(Value::as_str).collect(),
        None => BTreeSet::from(["RECORD_FILE_COMPLETE"]),
    };
    let held: BTreeSet<&str> = row
        .notify_event_subscription
        .iter()
        .map(String::as_str)
        .collect();
    if wanted != held {
        return Some("notifyEventSubscription");
    }
    if spec["signType"].as_str().unwrap_or("HMACSHA256") != row.sign_type {
        return Some("signType");
    }
    let reference = &spec["signKeySecretRef"];
    if reference.is_object() {
        let name = reference["name"].as_str().unwrap_or_default().to_owned();
        let values = world.server.secret(&(NAMESPACE.to_owned(), name));
        let key = reference["key"].as_str().unwrap_or_default();
        let wanted = values.and_then(|values| values.get(key).cloned());
        if row.key.as_ref().map(|key| key.reveal().to_owned()) != wanted {
            return Some("the sign key");
        }
    }
    None
}

fn foreign_touched(scenario: &AdversaryScenario) -> Option<String> {
    let touched = scenario
        .foreign
        .iter()
        .find(|row| scenario.world.cloud().row(&row.id).as_ref() != Some(row));
    touched.map(|row| {
        format!(
            "the foreign row {} of {} was changed or deleted",
            row.id, row.publish_domain
        )
    })
}

/// What is judged over all of the time.
pub(super) fn whole_course(scenario: &AdversaryScenario) -> Result<(), String> {
    frugal(scenario)?;
    not_taken_over(scenario)?;
    truthful(scenario)?;
    if scenario.adversary.leaves_the_server_alone() {
        suspended::as_before(&scenario.world.server.history())?;
    }
    if scenario.adversary.is_honest() {
        removed::repairs_are_made(&scenario.world)?;
    }
    orphans(scenario)
}

/// No object causes more calls in an hour than it may: all count that name its place or its callback, tried twice or not. Nor do all of
/// them together, with the logins.
fn frugal(scenario: &AdversaryScenario) -> Result<(), String> {
    let calls = scenario.world.calls();
    let domains: BTreeSet<_> = calls
        .iter()
        .filter_map(|made| made.call.domain.clone())
        .collect();
    for domain in domains {
        let is_of = |call: &CloudCall| call.domain.as_ref() == Some(&domain);
        let (count, start) = busiest_hour(&calls, is_of);
        if count > most_calls(scenario, sharing(scenario, &domain).max(1)) {
            return Err(format!(
                "{count} calls for {domain} in the hour from {start:?}"
            ));
        }
    }
    let is_shared = |call: &CloudCall| !call.is_login && call.domain.is_none() && call.id.is_none();
    let (count, start) = busiest_hour(&calls, |call| !is_shared(call));
    if count > most_calls(scenario, scenario.names.len()) {
        return Err(format!(
            "{count} calls and logins in the hour from {start:?}"
        ));
    }
    Ok(())
}

/// What so many objects may cause in an hour.
fn most_calls(scenario: &AdversaryScenario, objects: usize) -> usize {
    let each = CALLS_AN_HOUR + FOR_A_BEGINNING * scenario.beginnings();
    each * objects + FOR_AN_EDIT * scenario.edits()
}

/// How many calls of a kind the busiest hour has, and when it begins.
fn busiest_hour(calls: &[Made], is_counted: impl Fn(&CloudCall) -> bool) -> (usize, Duration) {
    let counted = calls.iter().filter(|made| is_counted(&made.call));
    let times: Vec<Duration> = counted.map(|made| made.at).collect();
    let hours = times.iter().enumerate().map(|(first, start)| {
        let count = times[first..].partition_point(|at| *at < *start + HOUR);
        (count, *start)
    });
    hours.max().unwrap_or_default()
}

/// Whoever says that the cloud holds the spec has seen it there.
fn truthful(scenario: &AdversaryScenario) -> Result<(), String> {
    let mutations = scenario.world.cloud().mutations();
    for (at, key, object) in scenario.world.server.history() {
        let (status, reason) = verdict(&object);
        let place = object["spec"]["publishDomain"].as_str().unwrap_or_default();
        if (status.as_str(), reason.as_str()) != ("True", "Available")
            || scenario.adversary.has_perjured(place)
        {
            continue;
        }
        let id = object["status"]["callbackID"].as_str();
        // Who is told that a change was done of what somebody has removed can't know.
        let is_removed = mutations.iter().any(|mutation| {
            mutation.at <= at
                && mutation.change == LoggedChange::Deleted
                && mutation.cause == LoggedCause::OutOfBand
                && Some(mutation.row.id.as_str()) == id
        });
        if is_removed {
            continue;
        }
        let mut held = mutations.iter().filter(|mutation| {
            mutation.at <= at
                && mutation.change != LoggedChange::Deleted
                && Some(mutation.row.id.as_str()) == id
        });
        let holds = |row: &StoredRow| {
            let difference = difference(&scenario.world, &object["spec"], row);
            // Which key there was then is not known any more.
            matches!(difference, None | Some("the sign key"))
        };
        if !held.any(|mutation| holds(&mutation.row)) {
            return Err(format!(
                "{} said Ready at {at} of what the cloud never held",
                key.1
            ));
        }
    }
    Ok(())
}

/// Nothing is left at the cloud that was made here and that no object holds.
fn orphans(scenario: &AdversaryScenario) -> Result<(), String> {
    let world = &scenario.world;
    let held: BTreeSet<String> = scenario
        .names
        .iter()
        .filter_map(|name| {
            Some(
                world.object(name)?["status"]["callbackID"]
                    .as_str()?
                    .to_owned(),
            )
        })
        .collect();
    // What stays by policy, and what somebody let go by hand while it was being deleted.
    let stays = |domain: &str| {
        world.server.history().into_iter().any(|(_, _, object)| {
            let may_stay = stays_by_policy(&object) || was_let_go(&object);
            object["spec"]["publishDomain"] == domain && may_stay
        })
    };
    for row in world.cloud().rows() {
        let domain = &row.publish_domain;
        let is_foreign = scenario
            .foreign
            .iter()
            .chain(&scenario.adoptable)
            .any(|other| other.id == row.id);
        let excused = is_foreign || stays(domain) || scenario.adversary.has_perjured(domain);
        if !excused && !held.contains(&row.id) && sharing(scenario, domain) == 0 {
            return Err(format!("{} of {domain} is nobody's any more", row.id));
        }
    }
    Ok(())
}

fn stays_by_policy(object: &Value) -> bool {
    object["spec"]["deletionPolicy"] == "Retain" || object["status"]["adopted"] == true
}

/// Whether somebody took the finalizer off while it was being deleted.
fn was_let_go(object: &Value) -> bool {
    let metadata = &object["metadata"];
    metadata["deletionTimestamp"].is_string() && metadata["finalizers"].is_null()
}

/// What somebody else made is deleted only by who has taken it over.
fn not_taken_over(scenario: &AdversaryScenario) -> Result<(), String> {
    let Some(row) = &scenario.adoptable else {
        return Ok(());
    };
    let mutations = scenario.world.cloud().mutations();
    let deleted = mutations.iter().find(|mutation| {
        mutation.row.id == row.id
            && mutation.change == LoggedChange::Deleted
            && mutation.cause != LoggedCause::OutOfBand
    });
    let taken_over = |(_, _, object): &(Timestamp, StoreKey, Value)| {
        object["status"]["callbackID"] == row.id.as_str()
    };
    if deleted.is_some() && !scenario.world.server.history().iter().any(taken_over) {
        return Err(format!(
            "{} was deleted though nobody had taken it over",
            row.id
        ));
    }
    Ok(())
}

/// Who is served by an API server that is well tells within this time how a new generation stands.
const REPORTED_WITHIN: Duration = Duration::from_mins(4);

/// A generation of which nothing is said, although nothing keeps anybody from it.
pub(super) fn unreported(scenario: &AdversaryScenario, since: Timestamp) -> Option<String> {
    let now = wall();
    let is_old = |at: Timestamp| now.duration_since(at.max(since)).unsigned_abs() > REPORTED_WITHIN;
    scenario.names.iter().find_map(|name| {
        let object = scenario.world.object(name)?;
        let generation = &object["metadata"]["generation"];
        let history = scenario.world.server.history();
        let made = history.iter().find(|(_, key, one)| {
            key.1 == *name
                && one["metadata"]["generation"] == *generation
                && one["metadata"]["uid"] == object["metadata"]["uid"]
        });
        let (at, _, _) = made?;
        let description = verdict(&object).0 != "stale";
        (!description && is_old(*at))
            .then(|| format!("nothing is said of generation {generation} of {name} for 4 min"))
    })
}

/// What was written and called so far.
pub(super) struct Effects {
    versions: Vec<Option<Value>>,
    calls: usize,
    /// Whether nothing waits for anything.
    settled: bool,
}

pub(super) fn effects(scenario: &AdversaryScenario) -> Effects {
    let version = |name: &&str| {
        let object = scenario.world.object(name)?;
        Some(object["metadata"]["resourceVersion"].clone())
    };
    let settled = |name: &&str| {
        let object = scenario.world.object(name);
        object.is_none_or(|object| {
            let (status, reason) = verdict(&object);
            status == "True" || reason == "Suspended"
        })
    };
    // What it left is cleared away for an hour, ever more slowly.
    let cleared_since = wall() - HOUR;
    let history = scenario.world.server.history();
    let mut lately = history.iter().filter(|(at, ..)| *at > cleared_since);
    let clears_away = lately.any(|(_, _, object)| was_let_go(object));
    Effects {
        settled: !clears_away && scenario.names.iter().all(settled),
        versions: scenario.names.iter().map(version).collect(),
        calls: scenario.world.calls().len(),
    }
}

/// What is settled is not written any more, and costs sweeps only.
pub(super) fn silence(scenario: &AdversaryScenario, before: &Effects) -> Result<(), String> {
    if !before.settled {
        return Ok(());
    }
    if effects(scenario).versions != before.versions {
        return Err("something is written although all is settled".to_owned());
    }
    let calls = scenario.world.calls();
    let call = calls[before.calls..].iter().find(|made| {
        (made.call.method != Method::GET && !made.call.is_login)
            || made.call.domain.is_some()
            || made.call.id.is_some()
    });
    call.map_or(Ok(()), |made| {
        Err(format!("{:?} although all is settled", made.call))
    })
}
