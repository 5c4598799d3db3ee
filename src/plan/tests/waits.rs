//! Waits of single objects: before a change that was refused is made again, and for the quota.

use std::time::Duration;

use super::world::PlanWorld;
use crate::api::status::Status;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{CloudAccess, Facts, GetResult, Observed, SignKeyState, conditions};
use crate::plan::outcome::{self, waiting};
use crate::plan::step::Step;
use crate::plan::step::decide::decide;
use crate::terms::failure::{Class, Failure, Operation};

#[test]
fn a_create_that_a_hidden_callback_keeps_off_is_not_made_again_at_once() {
    let mut world = PlanWorld::new();
    world.run(0);
    let mut facts = world.facts();
    facts.access = CloudAccess::Usable(world.target());
    facts.key = SignKeyState::Unwanted;
    facts.record = None;
    facts.status = Status::default();
    let failure = Failure::new(Operation::Create, Class::Exists, "already exists");
    let (status, again) = outcome::after_failure(&facts, &failure, None, facts.now);
    assert_eq!(again, facts.now, "a look is made at once");
    facts.status = status;
    facts.status.observed_generation = Some(facts.object.generation);
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    let Step::Requeue(rest) = decide(&facts) else {
        panic!("{:?}", decide(&facts));
    };
    let again = rest.again.unwrap();
    let wait = again.duration_since(facts.now);
    assert!((5..=8).contains(&wait.as_secs()), "{wait}");
    facts.dependency_changed = true;
    assert_eq!(decide(&facts), Step::Create, "somebody changed something");
    facts.dependency_changed = false;
    facts.now = again;
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    assert_eq!(decide(&facts), Step::Create);
}

#[test]
fn what_is_seen_to_be_gone_or_different_says_that_it_waits() {
    let mut world = PlanWorld::new();
    world.run(3600);
    let (row, mut facts) = (world.rows.first().unwrap().row.clone(), world.facts());
    let until = later(facts.now, Duration::from_mins(10));
    let reason_of = |facts: &Facts| {
        let status = waiting::while_queued(facts, until);
        conditions::ready(&status).unwrap().reason.clone()
    };
    let seen = |row: &Row| Observed::Present {
        begun: facts.now,
        row: row.clone(),
    };
    let (same, different) = (seen(&row), {
        let mut other = row.clone();
        other.content.url = Some("https://hooks.example.com/theirs".to_owned().into());
        seen(&other)
    });
    assert_eq!(reason_of(&facts), "Available");
    facts.observed = same;
    assert_eq!(reason_of(&facts), "Available");
    facts.observed = different;
    assert_eq!(reason_of(&facts), "RateLimited");
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    assert_eq!(reason_of(&facts), "RateLimited");
    facts.observed = Observed::Unasked;
    facts.get_result = GetResult::Gone;
    assert_eq!(reason_of(&facts), "RateLimited");
}
