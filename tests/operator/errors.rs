//! What the cloud says when it says no: each class with its reason, its word in the status, its pause and its fate of the record.

use std::{ops::RangeInclusive, time::Duration};

use jiff::Timestamp;
use live_simulator::{LoggedOperation, ScriptedFault, ScriptedPayload};
use recording_callback_operator::api::status::{OperationStatus, Status};
use serde_json::json;

use crate::support::{
    eventually,
    world::{LIMIT, OperatorWorld, condition},
};

use LoggedOperation::{Create, List};

/// How a create is refused, and what must come of it.
struct ErrorCase {
    name: &'static str,
    fault: ScriptedFault,
    reason: &'static str,
    outcome: &'static str,
    /// Seconds until the next attempt, with jitter and whole seconds.
    pause: RangeInclusive<i64>,
    closes: bool,
    stalls: bool,
}

pub(crate) fn refusal(code: &str) -> ScriptedPayload {
    ScriptedPayload::Json(json!({ "error_code": code, "error_msg": "as the test has it" }))
}

fn case(name: &'static str, status: u16, body: ScriptedPayload) -> ErrorCase {
    let domain = format!("{name}.example.com");
    ErrorCase {
        name,
        fault: ScriptedFault::on(Create)
            .publish_domain(&domain)
            .reply(status, body),
        reason: "RequestRejected",
        outcome: "Rejected",
        pause: 5..=7,
        closes: true,
        stalls: false,
    }
}

impl ErrorCase {
    fn stalled(self, reason: &'static str) -> Self {
        Self {
            reason,
            pause: 600..=721,
            stalls: true,
            ..self
        }
    }

    /// It may have happened: the settle time rules, which is 6 s.
    fn unknown(self) -> Self {
        Self {
            reason: "OutcomeUnknown",
            outcome: "Unknown",
            pause: 3..=7,
            closes: false,
            ..self
        }
    }
}

fn cases() -> Vec<ErrorCase> {
    let text = |text: &str| ScriptedPayload::Text(text.to_owned());
    let html = "<html><body>Bad Gateway</body></html>";
    vec![
        case("unknown", 400, refusal("LIVE.199999999")),
        case("configuration", 400, refusal("LIVE.103011016")),
        case("address", 404, refusal("APIG.0101")),
        case("method", 405, text("")),
        case("moved", 302, text("")),
        ErrorCase {
            reason: "CloudUnavailable",
            pause: 2..=4,
            ..case("maintenance", 400, refusal("LIVE.100011006"))
        },
        case("permission", 401, refusal("LIVE.100011003")).stalled("PermissionDenied"),
        case("account", 403, refusal("LIVE.100011013")).stalled("AccountProblem"),
        case("database", 400, refusal("LIVE.103011021")).unknown(),
        case("down", 503, refusal("LIVE.100011010")).unknown(),
        case("slow", 408, text("")).unknown(),
        case("page", 200, text(html)).unknown(),
        case("proxy", 403, text(html)).unknown(),
        case("large", 400, ScriptedPayload::Fill(2 << 20)).unknown(),
        case("bytes", 400, ScriptedPayload::Hex("fffefd".to_owned())).unknown(),
    ]
}

pub(crate) fn has(status: &Status, type_: &str) -> bool {
    condition(status, type_).is_some()
}

/// What happened, in short.
pub(crate) fn short(operation: &OperationStatus) -> (&str, &str, Option<i64>) {
    (&operation.type_, &operation.outcome, operation.http_status)
}

#[tokio::test]
async fn every_class_has_its_reason_its_word_its_pause_and_its_record() {
    let world = OperatorWorld::new().await;
    let _operator = world.operator().await;
    for case in cases() {
        world.cloud.fault(case.fault.clone());
        world.create(case.name, json!({})).await;
        let status = world.reason(case.name, case.reason).await;
        let (name, operation) = (case.name, status.last_operation.clone().unwrap());
        assert_eq!(
            (operation.type_.as_str(), operation.outcome.as_str()),
            ("Create", case.outcome),
            "{name}"
        );
        let pause = status
            .next_attempt_time
            .unwrap()
            .duration_since(operation.time.unwrap());
        // An open record waits for the settle time from its attempt, whatever of that the call itself took.
        let waited = if case.closes {
            pause.as_secs()
        } else {
            pause.as_secs().max(*case.pause.start())
        };
        assert!(case.pause.contains(&waited), "{name}: {pause}");
        assert_eq!(status.closed_operation.is_some(), case.closes, "{name}");
        assert_eq!(has(&status, "Stalled"), case.stalls, "{name}");
        assert_eq!(has(&status, "Reconciling"), !case.stalls, "{name}");
        let call = world.cloud.calls().into_iter().rfind(|call| {
            call.operation == Create
                && call.status == operation.http_status.and_then(|s| s.try_into().ok())
        });
        assert_eq!(
            operation.request_id,
            call.map(|call| call.request_id),
            "{name}"
        );
        let message = &condition(&status, "Ready").unwrap().message;
        let code = operation.error_code.unwrap_or_default();
        assert!(
            message.contains(&code) && message.contains(&operation.request_id.unwrap()),
            "{message}"
        );
    }
    for case in cases().iter().filter(|case| !case.stalls) {
        world.ready(case.name).await;
    }
    let healed = cases().iter().filter(|case| !case.stalls).count();
    assert_eq!(world.cloud.rows().len(), healed);
}

/// The status after a create that was throttled once, and the operator's limit then.
async fn throttled(
    status: u16,
    code: &str,
    retry_after: impl FnOnce(Timestamp) -> String,
) -> (OperatorWorld, Status) {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    let fault = ScriptedFault::on(Create).reply(status, refusal(code));
    world
        .cloud
        .fault(fault.header("Retry-After", &retry_after(world.cloud.now())));
    world.create("push", json!({})).await;
    let status = world.reason("push", "RateLimited").await;
    eventually("the whole account slows down", LIMIT, async || {
        let (_, text) = operator.get("/metrics").await?;
        let mut lines = text.lines();
        let limit = lines.find(|line| line.starts_with("recording_callback_quota_limit{"))?;
        let limit: u32 = limit.rsplit(' ').next()?.parse().ok()?;
        (limit < 200).then_some(())
    })
    .await;
    world.ready("push").await;
    assert_eq!(world.cloud.rows().len(), 1);
    (world, status)
}

/// Seconds between the failure and the next attempt that a status tells.
fn pause(status: &Status) -> i64 {
    let failed = status
        .last_operation
        .as_ref()
        .and_then(|operation| operation.time);
    let pause = status
        .next_attempt_time
        .unwrap()
        .duration_since(failed.unwrap());
    pause.as_secs()
}

#[tokio::test]
async fn a_throttled_create_waits_as_long_as_it_is_told_within_reason() {
    let date = |now: Timestamp| {
        let later = now + Duration::from_secs(20);
        later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    };
    let (seconds, date, absurd) = tokio::join!(
        throttled(429, "APIG.0308", |_| "7".to_owned()),
        throttled(429, "APIG.0308", date),
        throttled(429, "APIG.0308", |_| "86400".to_owned()),
    );
    for ((world, status), expected) in [(seconds, 7..=10), (date, 12..=25), (absurd, 2..=4)] {
        assert!(
            expected.contains(&pause(&status)),
            "{} of {expected:?}",
            pause(&status)
        );
        assert_eq!(
            short(&status.last_operation.clone().unwrap()),
            ("Create", "Rejected", Some(429))
        );
        assert!(status.closed_operation.is_some());
        assert_eq!(world.count(Create), 2);
    }
}

#[tokio::test]
async fn a_backend_that_throttles_may_have_created_all_the_same() {
    let (world, status) = throttled(500, "LIVE.100011007", |_| "1".to_owned()).await;
    assert_eq!(
        short(&status.last_operation.clone().unwrap()),
        ("Create", "Unknown", Some(500))
    );
    assert_eq!(status.closed_operation, None);
    let calls = world.cloud.calls();
    let creates: Vec<_> = calls
        .iter()
        .filter(|call| call.operation == Create)
        .collect();
    let waited = creates[1].at.duration_since(creates[0].at);
    assert!(waited.as_secs() >= 5, "the settle time is 6 s: {waited}");
}

#[tokio::test]
async fn answers_that_end_early_or_never_come_are_looked_into() {
    for fault in [
        ScriptedFault::on(Create).cut(10),
        ScriptedFault::on(Create).hang().after_commit(),
    ] {
        let world = OperatorWorld::new().await;
        world.cloud.fault(fault);
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.reason("push", "OutcomeUnknown").await;
        let status = world.ready("push").await;
        assert_eq!(world.count(Create), 1, "{:?}", world.calls());
        let row = world.cloud.rows().pop().unwrap();
        assert_eq!(status.callback_id, Some(row.id));
    }
}

#[tokio::test]
async fn a_rejection_for_ever_comes_less_and_less_often_and_needs_one_look() {
    let world = OperatorWorld::new().await;
    let always = ScriptedFault::on(Create).always();
    world
        .cloud
        .fault(always.reply(400, refusal("LIVE.100011001")));
    let _operator = world.operator().await;
    let object = world.create("push", json!({})).await;
    let thrice = |status: &Status| status.failures == Some(3);
    let status = world.status("push", "three rejections", thrice).await;

    let calls = world.cloud.calls();
    let creates: Vec<_> = calls
        .iter()
        .filter(|call| call.operation == Create)
        .collect();
    let first = creates[1].at.duration_since(creates[0].at);
    let second = creates[2].at.duration_since(creates[1].at);
    assert!(
        first.as_secs() >= 5 && second.as_secs() >= 10,
        "{first} {second}"
    );
    assert_eq!((world.count(List), creates.len()), (1, 3));
    assert_eq!(world.writes_since(&object).await, 6, "record and outcome");
    let folded = &status.operations;
    assert_eq!((folded.len(), folded[0].count), (1, Some(3)));
    assert!(folded[0].first_time < folded[0].time);
    assert_eq!(status.last_operation.unwrap().attempt, Some(3));
}

#[tokio::test]
async fn the_same_rejection_five_times_stalls_and_maintenance_never_does() {
    for (code, stalls) in [("LIVE.100011001", true), ("LIVE.100011006", false)] {
        let world = OperatorWorld::new().await;
        let always = ScriptedFault::on(Create).always();
        world.cloud.fault(always.reply(400, refusal(code)));
        let _operator = world.operator_with(&["--stall-after=1s"]).await;
        world.create("push", json!({})).await;
        let failed = |status: &Status| status.failures == Some(1);
        let mut status = world.status("push", "one failure", failed).await;
        let first = status
            .last_operation
            .and_then(|operation| operation.time)
            .unwrap();
        eventually("it has failed for long enough", LIMIT, async || {
            (world.cloud.now().duration_since(first).as_secs() >= 2).then_some(())
        })
        .await;
        status = Status::default();
        for attempt in 2..=5 {
            assert!(!has(&status, "Stalled"), "{attempt}");
            status = world.asked("push", &attempt.to_string()).await;
        }
        assert_eq!(has(&status, "Stalled"), stalls, "{status:?}");
        assert_eq!(has(&status, "Reconciling"), !stalls);
        assert!(status.next_attempt_time.is_some(), "still requeued");
    }
}

#[tokio::test]
async fn the_ledger_keeps_the_newest_ten() {
    let world = OperatorWorld::new().await;
    for number in 0..12 {
        let code = format!("LIVE.19999990{}", number % 2);
        world
            .cloud
            .fault(ScriptedFault::on(Create).reply(400, refusal(&code)));
    }
    let _operator = world.operator().await;
    world.create("push", json!({})).await;
    world.reason("push", "RequestRejected").await;
    for number in 1..12 {
        world.asked("push", &number.to_string()).await;
    }
    let status = world.asked("push", "last").await;
    assert_eq!(status.operations.len(), 10);
    assert_eq!(
        short(&status.operations[0]),
        ("Create", "Succeeded", Some(201))
    );
    let codes: Vec<_> = status
        .operations
        .iter()
        .skip(1)
        .map(|operation| operation.error_code.clone().unwrap())
        .collect();
    assert!(codes.windows(2).all(|pair| pair[0] != pair[1]), "{codes:?}");
    assert!(
        status
            .operations
            .windows(2)
            .all(|pair| pair[0].time >= pair[1].time)
    );
}
