//! Clocks that differ: the local one from the cloud's, the cloud's own among themselves, and an answer that is dated wrongly.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use live_simulator::{
    Cloud, LoggedChange, LoggedOperation, ScriptedFault, ScriptedPayload, SimulatorSettings,
    settings::Contract,
};
use serde_json::json;

use crate::{
    errors::refusal,
    support::{
        operator::OperatorProcess,
        proxy::ApiProxy,
        trap::{Blow, Moment, Point, Side, Trap},
        world::{LIMIT, OperatorWorld},
    },
};

use LoggedOperation::{Create, List, Update};

/// The POST is committed, and its answer never arrives: the process dies, or the connection.
async fn one_row_in_the_end(settings: SimulatorSettings, dies: bool) {
    let case = format!("{settings:?}, dies: {dies}");
    let world = OperatorWorld::with(settings).await;
    let trap = Trap::before(&world.cloud);
    let proxy = ApiProxy::start(Arc::clone(&trap)).await;
    let mut operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
    if dies {
        let post = Point {
            side: Side::Cloud,
            number: 2,
            moment: Moment::After,
        };
        trap.set(post, Blow::Kill, operator.process(), &world.cloud);
    } else {
        world.cloud.fault(ScriptedFault::on(Create).lose_reply());
    }
    let never = json!({ "adoptionPolicy": "Never", "deletionPolicy": "Delete" });
    world.create("push", never).await;
    if dies {
        operator.ended().await;
        trap.count();
        operator = OperatorProcess::start_at(proxy.url(), &world.flags()).await;
    }
    let status = world.ready("push").await;
    assert_eq!(status.adopted, Some(false), "{case}");
    let edit = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/edited" } });
    world.patch("push", edit).await;
    world.ready("push").await;
    let id = status.callback_id.unwrap();
    assert_eq!(
        world.changes(&id),
        [LoggedChange::Created, LoggedChange::Updated]
    );
    assert_eq!(world.count(Create), 1, "{case}");
    world.delete("push").await;
    world.gone("push").await;
    assert!(world.cloud.rows().is_empty(), "{case}");
    drop(operator);
}

#[tokio::test]
async fn a_local_clock_that_is_two_minutes_off_makes_no_second_row_and_no_orphan() {
    for clock_offset_s in [120, -120] {
        for contract in [Contract::Modern, Contract::Original] {
            for dies in [true, false] {
                let settings = SimulatorSettings {
                    clock_offset_s,
                    contract,
                    ..SimulatorSettings::default()
                };
                one_row_in_the_end(settings, dies).await;
            }
        }
    }
}

#[tokio::test]
async fn rows_that_are_dated_by_another_clock_are_known_all_the_same() {
    for rows_clock_offset_s in [20, -20] {
        for dies in [true, false] {
            let settings = SimulatorSettings {
                rows_clock_offset_s,
                ..SimulatorSettings::default()
            };
            one_row_in_the_end(settings, dies).await;
        }
    }
}

#[tokio::test]
async fn an_object_that_goes_while_its_post_is_unknown_leaves_nothing_whatever_the_clocks() {
    for (clock_offset_s, rows_clock_offset_s) in [(120, 0), (-120, 0), (0, 20), (0, -20)] {
        let world = OperatorWorld::with(SimulatorSettings {
            clock_offset_s,
            rows_clock_offset_s,
            ..SimulatorSettings::default()
        })
        .await;
        let _operator = world.operator().await;
        world.cloud.fault(ScriptedFault::on(Create).lose_reply());
        world
            .create("push", json!({ "adoptionPolicy": "Never" }))
            .await;
        let made = |cloud: &Cloud| !cloud.rows().is_empty();
        world.cloud.wait_for("a create", LIMIT, made).await.unwrap();
        world.delete("push").await;
        world.gone("push").await;
        let left = world.cloud.rows();
        assert!(left.is_empty(), "{clock_offset_s}: {left:#?}");
        assert_eq!(world.count(Create), 1);
    }
}

/// What the head of an answer says of the time that is so far from now.
fn date(now: Timestamp, off: SignedDuration) -> String {
    let moment = now.checked_add(off).unwrap();
    let printed = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment);
    printed.unwrap()
}

#[tokio::test]
async fn one_answer_with_a_wrong_date_makes_no_wait_longer() {
    let day = SignedDuration::from_hours(24);
    for off in [day, -day] {
        let world = OperatorWorld::new().await;
        let wrong = |off| date(world.cloud.now(), off);
        let empty = ScriptedPayload::Json(json!({ "total": 0, "callback_config": [] }));
        let look = ScriptedFault::on(List).reply(200, empty);
        world.cloud.fault(look.header("Date", &wrong(off)));
        let post = ScriptedFault::on(Create).reply(400, refusal("LIVE.100011006"));
        world.cloud.fault(post.header("Date", &wrong(-off)));
        let _operator = world.operator().await;
        world.create("push", json!({})).await;
        world.ready("push").await;
        assert_eq!(world.count(Create), 2, "{:?}", world.calls());

        // The same of a change, and of the answer to it.
        let put = ScriptedFault::on(Update).reply(503, refusal("LIVE.100011010"));
        world.cloud.fault(put.header("Date", &wrong(off)));
        let edit = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/edited" } });
        world.patch("push", edit).await;
        world.ready("push").await;
        assert_eq!(world.count(Update), 2);
        world.delete("push").await;
        world.gone("push").await;
        assert!(world.cloud.rows().is_empty());
    }
}
