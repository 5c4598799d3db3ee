//! Thousands of generated histories: edits, deletes, crashes between any two effects, lost and late calls, foreign rows, lagging
//! lists. Once quiet, the world must be right.

use proptest::prelude::*;

use super::world::{ALIAS, Death, EffectFate, FOREIGN, HOME, PlanWorld, SETTLE, STRANGE};
use crate::plan::facts::Adoption;
use crate::plan::facts::conditions;

#[derive(Debug, Clone)]
enum HistoryEvent {
    Wait(i64),
    Edit(usize),
    Delete,
    Fate(EffectFate),
    Die(Death),
    Foreign(usize),
    RemoveRows,
    Wipe,
    Lag(i64),
    Request,
    Address(&'static str),
}

/// `foreign` are the URLs of rows that somebody else makes.
fn event(foreign: std::ops::Range<usize>) -> impl Strategy<Value = HistoryEvent> {
    prop_oneof![
        4 => (0..90_i64).prop_map(HistoryEvent::Wait),
        2 => (0..3_usize).prop_map(HistoryEvent::Edit),
        1 => Just(HistoryEvent::Delete),
        4 => prop_oneof![
            Just(EffectFate::Lost),
            Just(EffectFate::ReplyLost),
            Just(EffectFate::Empty),
            Just(EffectFate::Refused),
            Just(EffectFate::Throttled),
            (0..SETTLE / 2 - 2).prop_map(EffectFate::Late),
        ].prop_map(HistoryEvent::Fate),
        4 => (0..5_usize, any::<bool>()).prop_map(|(effects, after)| HistoryEvent::Die(Death { effects, after })),
        1 => foreign.prop_map(HistoryEvent::Foreign),
        1 => Just(HistoryEvent::RemoveRows),
        1 => Just(HistoryEvent::Wipe),
        1 => (0..SETTLE / 2 - 2).prop_map(HistoryEvent::Lag),
        1 => Just(HistoryEvent::Request),
        2 => prop_oneof![Just(HOME), Just(ALIAS), Just(STRANGE)].prop_map(HistoryEvent::Address),
    ]
}

fn play(world: &mut PlanWorld, events: &[HistoryEvent]) {
    for (number, event) in events.iter().enumerate() {
        match event {
            HistoryEvent::Wait(seconds) => world.run(*seconds),
            HistoryEvent::Edit(url) => world.edit(*url),
            HistoryEvent::Delete => world.delete(),
            HistoryEvent::Fate(fate) => world.fates.push(*fate),
            HistoryEvent::Die(death) => world.death = Some(*death),
            HistoryEvent::Foreign(url) => world.add_foreign(*url),
            HistoryEvent::RemoveRows => world.rows.clear(),
            HistoryEvent::Wipe => world.wipe(),
            HistoryEvent::Lag(seconds) => world.list_lag = *seconds,
            HistoryEvent::Request => world.requested = Some(number.to_string()),
            HistoryEvent::Address(endpoint) => world.go_by(endpoint),
        }
    }
    world.quiet();
}

/// What must hold once nothing more happens.
fn check(world: &PlanWorld) {
    assert!(
        world.wronged.is_empty(),
        "a foreign callback was deleted: {:#?}",
        world.wronged
    );
    let ours = world.ours();
    assert!(ours.len() <= 1, "more than one callback of ours: {ours:#?}");
    if world.gone {
        assert!(ours.is_empty(), "a callback is left behind: {ours:#?}");
        return;
    }
    let reason = conditions::ready(&world.status)
        .map(|ready| ready.reason.clone())
        .unwrap_or_default();
    assert!(
        ["Available", "Conflict"].contains(&reason.as_str()),
        "it does not settle: {reason}, {:#?}",
        world.status
    );
    if reason == "Available" {
        let held = world.status.callback_id.as_deref();
        let row = world
            .rows
            .iter()
            .find(|remote| Some(remote.row.id.as_str()) == held);
        let row = row.map(|remote| &remote.row);
        assert!(
            row.is_some_and(|row| row.holds(&world.spec.content)),
            "Ready, but the cloud does not hold it: {row:#?}"
        );
        assert!(
            ours.iter().all(|row| Some(row.id.as_str()) == held),
            "an unknown callback of ours: {ours:#?}"
        );
    }
}

/// What a process that died has not told of is found by the next one before somebody wipes it: found by the test below.
#[test]
fn a_record_is_wiped_after_a_death() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.spec.adoption = Adoption::Never;
    let death = Death {
        effects: 2,
        after: false,
    };
    let events = [
        HistoryEvent::Die(death),
        HistoryEvent::Wait(0),
        HistoryEvent::Wipe,
        HistoryEvent::Delete,
    ];
    play(&mut world, &events);
    check(&world);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_right_where_places_are_unique(events in prop::collection::vec(event(0..FOREIGN + 1), 1..14)) {
        let mut world = PlanWorld::new();
        play(&mut world, &events);
        check(&world);
    }

    // Where places are not unique, an identical row may come beside ours at any time; so here theirs differ.
    #[test]
    fn every_history_ends_right_where_they_are_not(
        events in prop::collection::vec(event(FOREIGN..FOREIGN + 1), 1..14),
        adoption in prop_oneof![Just(Adoption::Never), Just(Adoption::IfIdentical), Just(Adoption::Always)],
    ) {
        let mut world = PlanWorld::new();
        world.unique = false;
        world.spec.adoption = adoption;
        play(&mut world, &events);
        check(&world);
    }
}
