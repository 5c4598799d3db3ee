//! Single stories, each with its count of calls.

use super::world::process::failure;
use super::world::{Death, EffectFate, FOREIGN, PlanWorld, SETTLE, SWEEP};
use crate::plan::facts::conditions;
use crate::plan::facts::{Adoption, SignKeyState};
use crate::plan::outcome;
use crate::terms::failure::Class;

#[test]
fn a_create_is_one_look_one_post_two_writes() {
    let mut world = PlanWorld::new();
    world.run(600);
    assert_eq!((world.looks, world.posts, world.writes), (1, 1, 2));
    assert!(conditions::is_ready(&world.status));
}

#[test]
fn a_rejection_for_ever_costs_at_most_24_calls_in_an_hour() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::Refused; 100];
    world.run(3600);
    assert!(
        world.looks + world.posts <= 24,
        "{} looks, {} posts",
        world.looks,
        world.posts
    );
    assert!(world.posts >= 10, "it is requeued, always: {}", world.posts);
}

#[test]
fn an_edit_is_one_put_and_no_look() {
    let mut world = PlanWorld::new();
    world.run(60);
    let (looks, writes) = (world.looks, world.writes);
    world.edit(1);
    world.run(60);
    assert_eq!(
        (world.puts, world.looks - looks, world.writes - writes),
        (1, 0, 1)
    );
}

#[test]
fn a_lost_reply_is_claimed_even_if_the_policy_never_adopts() {
    let mut world = PlanWorld::new();
    world.spec.adoption = Adoption::Never;
    world.fates = vec![EffectFate::ReplyLost];
    world.run(60);
    assert_eq!((world.posts, world.rows.len()), (1, 1));
    assert!(conditions::is_ready(&world.status));
    assert_eq!(world.status.adopted, Some(false));
}

#[test]
fn a_lost_create_is_made_anew_only_after_the_settle_time() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::Lost];
    world.run(SETTLE - 1);
    assert_eq!(world.posts, 1);
    world.run(10);
    assert_eq!((world.posts, world.rows.len()), (2, 1));
}

#[test]
fn a_late_commit_within_the_settle_time_is_claimed() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.fates = vec![EffectFate::Late(SETTLE - 5)];
    world.run(1);
    world.quiet();
    assert_eq!((world.posts, world.rows.len()), (1, 1));
    assert!(conditions::is_ready(&world.status));
}

#[test]
fn a_commit_later_than_the_settle_time_is_found_and_only_one_stays() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.fates = vec![EffectFate::Late(SETTLE + 15)];
    world.run(3 * SETTLE);
    assert_eq!(world.posts, 2);
    assert_eq!(world.rows.len(), 1, "{:#?}", world.rows);
    assert!(conditions::is_ready(&world.status));
}

#[test]
fn a_delete_after_a_crash_finds_what_the_edited_spec_no_longer_describes() {
    let mut world = PlanWorld::new();
    world.death = Some(Death {
        effects: 1,
        after: true,
    });
    world.run(0);
    world.edit(2);
    world.delete();
    world.quiet();
    assert!(world.gone && world.rows.is_empty(), "{:#?}", world.rows);
}

#[test]
fn a_delete_waits_for_a_second_attempt_that_may_still_come_though_the_first_was_claimed() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.fates = vec![EffectFate::Late(SETTLE - 10), EffectFate::Late(SETTLE + 2)];
    world.run(SETTLE + 8);
    assert_eq!((world.posts, world.rows.len()), (2, 1));
    assert!(conditions::is_ready(&world.status));
    world.delete();
    world.quiet();
    assert!(world.gone && world.rows.is_empty(), "{:#?}", world.rows);
}

#[test]
fn what_a_crash_left_in_the_place_of_an_adopted_callback_is_not_retained() {
    let mut world = PlanWorld::new();
    let sweep = world.now + SWEEP;
    world.spec.adoption = Adoption::Always;
    world.add_foreign(FOREIGN);
    world.run(60);
    assert_eq!(world.status.adopted, Some(true));
    world.rows.clear();
    world.death = Some(Death {
        effects: 1,
        after: true,
    });
    world.run(sweep - world.now);
    assert_eq!((world.posts, world.ours().len()), (1, 1));
    assert_eq!(world.status.adopted, Some(true), "not claimed yet");
    let facts = world.facts();
    let status = outcome::after_failure(&facts, &failure(Class::CloudDown), None, facts.now).0;
    assert_eq!(status.deletion_policy.as_deref(), Some("Delete"));
    world.delete();
    world.quiet();
    assert!(world.gone && world.rows.is_empty(), "{:#?}", world.rows);
}

#[test]
fn a_delete_with_an_unknown_outcome_waits_for_what_may_still_come() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::Late(SETTLE - 5)];
    world.run(0);
    world.delete();
    world.quiet();
    assert!(world.gone && world.rows.is_empty(), "{:#?}", world.rows);
}

#[test]
fn a_foreign_row_beside_what_a_crash_left_is_told_at_once_and_never_touched() {
    for edited in [false, true] {
        let mut world = PlanWorld::new();
        world.unique = false;
        world.fates = vec![EffectFate::ReplyLost];
        world.run(0);
        world.add_foreign(FOREIGN);
        if edited {
            world.edit(1);
        }
        world.run(60);
        assert_eq!(conditions::ready(&world.status).unwrap().reason, "Conflict");
        assert_eq!((world.puts, world.deletes, world.rows.len()), (0, 0, 2));
        assert_eq!(
            world.status.callback_id.as_deref(),
            Some(world.ours()[0].id.as_str())
        );
    }
}

#[test]
fn a_foreign_row_is_a_conflict_that_is_never_touched() {
    let mut world = PlanWorld::new();
    world.spec.adoption = Adoption::Never;
    world.add_foreign(0);
    world.run(3600);
    assert_eq!((world.posts, world.puts, world.rows.len()), (0, 0, 1));
    assert_eq!(conditions::ready(&world.status).unwrap().reason, "Conflict");
    world.delete();
    world.quiet();
    assert_eq!(world.rows.len(), 1);
    assert!(world.gone);
}

#[test]
fn an_edit_while_suspended_and_going_is_not_what_the_cloud_holds() {
    let mut world = PlanWorld::new();
    world.run(60);
    world.policies.suspend = true;
    world.generation += 1;
    world.delete();
    world.run(60);
    assert!(conditions::is_ready(&world.status));
    world.edit(1);
    world.run(60);
    let ready = conditions::ready(&world.status).unwrap();
    let condition = (ready.status.as_str(), ready.reason.as_str());
    assert_eq!(condition, ("Unknown", "Suspended"));
    assert_eq!((world.deletes, world.puts), (0, 0));
}

#[test]
fn a_wiped_object_gets_its_finalizer_back() {
    let mut world = PlanWorld::new();
    world.run(60);
    world.wipe();
    world.run(60);
    assert!(world.finalizer);
    world.delete();
    world.quiet();
    assert!(world.gone && world.rows.is_empty());
}

#[test]
fn a_retained_callback_stays_and_costs_no_call() {
    let mut world = PlanWorld::new();
    world.run(60);
    world.retain();
    world.run(60);
    world.delete();
    world.quiet();
    assert_eq!((world.rows.len(), world.deletes, world.looks), (1, 0, 1));
}

#[test]
fn a_rotated_key_is_noticed_although_the_object_is_settled() {
    let mut world = PlanWorld::new();
    world.spec.wants_key = true;
    world.key = SignKeyState::Digest("first".to_owned());
    world.run(60);
    assert!(conditions::is_ready(&world.status));
    world.key = SignKeyState::Digest("second".to_owned());
    world.dependency_changed = true;
    let looks = world.looks;
    world.run(60);
    assert_eq!((world.puts, world.looks - looks), (1, 0));
    assert_eq!(
        world.status.sent.as_ref().unwrap().key_digest.as_deref(),
        Some("second")
    );
}

#[test]
fn a_key_that_a_lost_update_may_have_brought_is_overwritten_though_the_former_one_is_back() {
    let mut world = PlanWorld::new();
    world.spec.wants_key = true;
    let keys = ["first", "second"].map(|key| SignKeyState::Digest(key.to_owned()));
    world.key = keys[0].clone();
    world.run(600);
    world.fates = vec![EffectFate::ReplyLost];
    (world.key, world.dependency_changed) = (keys[1].clone(), true);
    world.run(0);
    assert_eq!(world.puts, 1);
    (world.key, world.dependency_changed) = (keys[0].clone(), true);
    world.run(60);
    assert_eq!(world.puts, 2, "no row tells which key is there");
    assert!(conditions::is_ready(&world.status));
}

#[test]
fn the_key_of_a_callback_that_either_of_two_attempts_made_is_sent_again() {
    let mut world = PlanWorld::new();
    world.spec.wants_key = true;
    world.key = SignKeyState::Digest("first".to_owned());
    world.fates = vec![EffectFate::ReplyLost];
    world.list_lag = SETTLE + 5;
    world.run(10);
    world.key = SignKeyState::Digest("second".to_owned());
    world.run(3 * SETTLE);
    assert_eq!((world.posts, world.rows.len()), (2, 1));
    assert_eq!(world.puts, 1, "it was the first that came to something");
    let sent = world.status.sent.as_ref().unwrap();
    assert_eq!(sent.key_digest.as_deref(), Some("second"));
    assert!(conditions::is_ready(&world.status));
}

#[test]
fn when_the_recorded_callback_is_removed_what_an_earlier_attempt_made_is_claimed() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.spec.adoption = Adoption::Never;
    world.fates = vec![EffectFate::Late(SETTLE + 2)];
    world.run(SETTLE + 4);
    assert_eq!((world.posts, world.rows.len()), (2, 2));
    let held = world.status.callback_id.clone();
    world
        .rows
        .retain(|remote| Some(&remote.row.id) != held.as_ref());
    world.quiet();
    assert_eq!((world.posts, world.rows.len()), (2, 1));
    assert!(conditions::is_ready(&world.status), "{:#?}", world.status);
    assert_eq!(world.status.callback_id, Some(world.rows[0].row.id.clone()));
}
