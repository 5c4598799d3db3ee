//! Any object that the API server may hold is decided on: nothing foreign is touched, nobody gets stuck, and the status that
//! comes of it is sane.

use std::time::Duration;

use jiff::Timestamp;
use proptest::{prelude::*, sample::Index};
use serde_json::Value;

use crate::api::RecordingCallback;
use crate::api::status::Status;
use crate::declared::parse;
use crate::fuzz::manifest::{UID, stored};
use crate::fuzz::{config, moment};
use crate::plan::facts::content::{Content, EventSet, ReportedContent};
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Attempt;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{
    Adoption, CloudAccess, CrdPresence, Facts, GetResult, Observed, OtherOwner, PlanSettings,
    SignKeyState, operation_log,
};
use crate::plan::outcome;
use crate::plan::outcome::{Receipt, release};
use crate::plan::step::decide::decide;
use crate::plan::step::{Requeue, Step, drift};
use crate::terms::failure::{Class, Failure, Operation};
use crate::terms::target::Target;

const SETTINGS: PlanSettings = PlanSettings {
    settle_time: Duration::from_secs(30),
    stall_after: Duration::from_mins(10),
    read_only: false,
};
/// Nothing waits longer by itself.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
const CLASSES: &[Class] = &[
    Class::Gone,
    Class::Rejected,
    Class::Exists,
    Class::Maintenance,
    Class::CloudDown,
    Class::NotSent,
    Class::Throttled,
    Class::Overloaded,
    Class::Credential,
    Class::ClockSkew,
    Class::Permission,
    Class::Account,
    Class::Protocol,
];

/// What the rest of the world says when it is asked.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts, not a state"
)]
#[derive(Debug, Clone)]
struct Around {
    now: Timestamp,
    access: CloudAccess,
    key: SignKeyState,
    other_owner: bool,
    held_elsewhere: bool,
    going: bool,
    dependency_changed: bool,
    failure: Failure,
    /// Rows at the place: whether each has the spec's values, and its time.
    rows: Option<Vec<(String, bool, String)>>,
    get_result: Option<bool>,
}

fn around() -> impl Strategy<Value = Around> {
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: "p".to_owned(),
        endpoint: "https://live.example.com".to_owned(),
    };
    let access = prop_oneof![
        6 => Just(CloudAccess::Usable(target)),
        1 => Just(CloudAccess::Unusable(Reason::CredentialsMissing, "none".to_owned())),
        1 => Just(CloudAccess::Ambiguous("two".to_owned())),
    ];
    let key = prop_oneof![
        Just(SignKeyState::Unwanted),
        Just(SignKeyState::Digest("digest".to_owned())),
        Just(SignKeyState::Invalid("bad".to_owned())),
    ];
    let id = prop_oneof![
        Just("id-1".to_owned()),
        Just("id-2".to_owned()),
        "[a-z]{1,9}"
    ];
    let rows = prop::collection::vec((id, any::<bool>(), moment()), 0..4);
    let failure = any::<Index>().prop_map(|class| Failure {
        operation: Operation::List,
        class: *class.get(CLASSES),
        http_status: Some(400),
        code: Some("LIVE.100011001".to_owned()),
        message: "as the test has it".to_owned(),
        request_id: Some("request".to_owned()),
        retry_after: None,
        had_no_room: false,
        before_sending: false,
    });
    // A `Date` of the cloud may say anything.
    let now = prop_oneof![
        8 => 1_700_000_000_i64..1_900_000_000,
        1 => Just(Timestamp::MAX.as_second()),
        1 => Just(-62_167_219_200),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (
        now,
        access,
        key,
        flags,
        failure,
        prop::option::weighted(0.8, rows),
        prop::option::of(any::<bool>()),
    )
        .prop_map(
            |(
                now,
                access,
                key,
                (other_owner, held_elsewhere, going, dependency_changed),
                failure,
                rows,
                get_result,
            )| {
                Around {
                    now: Timestamp::from_second(now).unwrap(),
                    access,
                    key,
                    other_owner: other_owner && held_elsewhere,
                    held_elsewhere,
                    going,
                    dependency_changed,
                    failure,
                    rows,
                    get_result,
                }
            },
        )
}

fn facts(object: &RecordingCallback, around: &Around) -> Facts {
    Facts {
        dependency_changed: around.dependency_changed,
        credential: Some("digest".to_owned()),
        ..parse::facts(object, SETTINGS, around.now)
    }
}

fn row(facts: &Facts, id: &str, as_spec: bool, time: &str) -> Row {
    let wanted = facts.desired.as_ref().ok().filter(|_| as_spec);
    let other = Content {
        url: Some("https://foreign.example.com/".to_owned()),
        events: EventSet::from(vec!["RECORD_FILE_COMPLETE".to_owned()]),
        sign_type: "HMACSHA256".to_owned(),
    };
    let content = wanted.map_or(other, |desired| desired.content.clone());
    Row {
        id: id.to_owned(),
        place: Place::new("push.example.com", "live"),
        content: ReportedContent::from(&content),
        create_time: time.parse().ok(),
        update_time: time.parse().ok(),
    }
}

/// Asks until there is a step that is no question.
fn ask(facts: &mut Facts, around: &Around) -> Step {
    for _ in 0..10 {
        match decide(facts) {
            Step::ReadSecrets => {
                facts.access = around.access.clone();
                facts.key = around.key.clone();
                facts.other_owner = around.other_owner.then(|| OtherOwner {
                    name: "media/other".to_owned(),
                    id: around.held_elsewhere.then(|| "id-2".to_owned()),
                    deleting: false,
                    unproven: false,
                    creating: false,
                    afar: false,
                });
            }
            Step::Look(look) => {
                assert!(look.not_before <= facts.now, "a look in the future");
                facts.observed = match &around.rows {
                    None => Observed::Unknown(around.failure.clone()),
                    Some(rows) => {
                        let seen = rows
                            .iter()
                            .map(|(id, same, time)| row(facts, id, *same, time));
                        Observed::seen(facts.now, seen.collect(), true)
                    }
                };
                if around.held_elsewhere {
                    facts.claimed_elsewhere.insert("id-2".to_owned());
                }
            }
            Step::GetById => {
                let id = facts.id().unwrap().to_owned();
                facts.get_result = match around.get_result {
                    None => GetResult::Gone,
                    Some(true) => GetResult::Row(row(facts, &id, true, "")),
                    Some(false) => GetResult::Unknown(around.failure.clone()),
                };
            }
            Step::ReadCrd if around.going => facts.crd = CrdPresence::Going,
            Step::ReadCrd => facts.crd = CrdPresence::Stays,
            step @ (Step::AddFinalizer
            | Step::RemoveFinalizer
            | Step::Create
            | Step::Update { .. }
            | Step::Delete { .. }
            | Step::Claim(_)
            | Step::Adopt(_)
            | Step::Disown { .. }
            | Step::Release { .. }
            | Step::ReportFailure(_)
            | Step::ReportSweepFailure(_)
            | Step::Requeue(_)) => return step,
        }
    }
    panic!("it asks and asks: {:?}", decide(facts));
}

/// Whether an object may touch an id: its status holds it, or its own record says that it made the row.
fn may_touch(object: &RecordingCallback, facts: &Facts, id: &str) -> bool {
    let status = object.status.as_ref();
    let held = status.and_then(|status| status.callback_id.as_deref()) == Some(id);
    let record = parse::record(object).filter(|record| record.uid == UID);
    let made = facts.observed.rows().iter().any(|row| {
        let wrote = |attempt: &Attempt| row.holds(&attempt.content);
        row.id == id
            && record
                .as_ref()
                .is_some_and(|r| r.attempts.iter().any(wrote))
    });
    held || (made && !facts.claimed_elsewhere.contains(id))
}

fn check_step(object: &RecordingCallback, facts: &Facts, step: &Step) {
    let only_looks = facts.policies.observe || facts.policies.suspend;
    let changes = matches!(
        step,
        Step::Create | Step::Update { .. } | Step::Claim(_) | Step::Adopt(_)
    );
    let deleting = facts.object.deleting;
    assert!(!(changes && (deleting || only_looks)), "{step:?}");
    match step {
        Step::Update { id, .. } | Step::Delete { id } => {
            assert!(may_touch(object, facts, id), "{step:?} of a foreign row");
        }
        Step::Claim(row) => assert!(may_touch(object, facts, &row.id), "{step:?}"),
        Step::Adopt(row) => {
            let desired = facts.desired.as_ref().unwrap();
            assert!(!facts.claimed_elsewhere.contains(&row.id), "{step:?}");
            assert!(match desired.adoption {
                Adoption::Never => false,
                Adoption::IfIdentical => row.holds(&desired.content),
                Adoption::Always => true,
            });
        }
        Step::Requeue(Requeue { again, .. }) => {
            let latest = later(facts.now, LONGEST_WAIT);
            assert!(again.is_none_or(|again| again <= latest), "stuck: {step:?}");
        }
        Step::ReadSecrets
        | Step::Look(_)
        | Step::GetById
        | Step::ReadCrd
        | Step::AddFinalizer
        | Step::RemoveFinalizer
        | Step::Create
        | Step::Disown { .. }
        | Step::Release { .. }
        | Step::ReportFailure(_)
        | Step::ReportSweepFailure(_) => {}
    }
}

/// The status that the step leads to, where it leads to one.
fn outcome(facts: &mut Facts, step: &Step, around: &Around) -> Option<Status> {
    let now = facts.now;
    let receipt = Receipt {
        http_status: Some(200),
        request_id: Some("request".to_owned()),
        at: now,
    };
    let desired = facts.desired.clone();
    let mut failure = around.failure.clone();
    Some(match step {
        Step::Requeue(rest) => outcome::after_requeue(facts, rest),
        Step::ReportFailure(failure) => outcome::after_failure(facts, failure, None, now).0,
        Step::ReportSweepFailure(failure) => outcome::after_sweep_failure(facts, failure, None),
        Step::Create => {
            let attempt = Attempt::new("new".to_owned(), now, &desired.ok()?.content, None);
            facts.record = facts
                .open_record()
                .map(|open| open.clone().appended(attempt));
            failure.operation = Operation::Create;
            outcome::after_failure(facts, &failure, None, now).0
        }
        Step::Update { .. } => outcome::after_update(facts, &desired.ok()?, None, receipt),
        Step::Delete { .. } => outcome::after_delete(facts, receipt),
        Step::Claim(row) => {
            let record = facts.record.clone()?;
            outcome::after_claim(facts, &desired.ok()?, &record, row)
        }
        Step::Adopt(row) => outcome::after_adoption(facts, &desired.ok()?, row),
        Step::Disown { .. } => release::after_disown(facts),
        Step::ReadSecrets
        | Step::Look(_)
        | Step::GetById
        | Step::ReadCrd
        | Step::AddFinalizer
        | Step::RemoveFinalizer
        | Step::Release { .. } => return None,
    })
}

fn check_status(facts: &Facts, before: &Status, status: &Status) {
    let written = serde_json::to_value(status).unwrap();
    let read: Status = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(&read, status, "it is not read as it was written");
    let size = |value: &Value| value.to_string().len();
    let stored = size(&serde_json::to_value(before).unwrap());
    assert!(size(&written) <= stored + 32_768, "it grows without bound");
    assert!(status.operations.len() <= 10);
    assert!(status.failures.unwrap_or_default() >= 0);
    let ready = status.conditions.iter().filter(|c| c.type_ == "Ready");
    for condition in ready {
        assert!(["True", "False", "Unknown"].contains(&condition.status.as_str()));
    }
    let latest = later(facts.now, LONGEST_WAIT);
    let next = status.next_attempt_time;
    assert!(
        next.is_none_or(|next| next <= latest),
        "stuck until {next:?}"
    );
}

proptest! {
    #![proptest_config(config(800))]

    #[test]
    fn any_object_is_decided_on(stored in stored(), around in around()) {
        let object: RecordingCallback = serde_json::from_value(stored).unwrap();
        let before = object.status.clone().unwrap_or_default();
        let mut facts = facts(&object, &around);
        let rows = [row(&facts, "id-1", true, "2026-11-25T12:00:00Z")];
        // What a sweep asks, which takes no time to read.
        drift::needs_decision(&before, None, &rows);
        drift::looks_count_from(operation_log::last_write(&before), None, SETTINGS.settle_time);
        prop_assert!(facts.desired.is_ok(), "{:?}", facts.desired);
        let step = ask(&mut facts, &around);
        check_step(&object, &facts, &step);
        if let Some(status) = outcome(&mut facts, &step, &around) {
            check_status(&facts, &before, &status);
        }
        let waits = outcome::waiting::while_queued(&facts, later(facts.now, Duration::from_secs(9)));
        check_status(&facts, &before, &waits);
    }
}
