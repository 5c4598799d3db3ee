//! What suspending leaves of Ready, and when it comes back.

use super::given::{FactsChange, held, keyed, record, requeue_of, set_ready, with};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::plan::facts::conditions::{self, ConditionStatus};
use crate::plan::facts::reason::Reason;
use crate::plan::facts::{Facts, SignKeyState};
use crate::plan::outcome::{self};
use crate::plan::step::decide::decide;
use crate::plan::step::settled as rules;
use crate::plan::step::situation::Stage;
use crate::terms::failure::Class;

#[test]
fn suspending_leaves_ready_as_it_was_while_the_spec_is_what_was_sent() {
    let stage =
        |facts: &Facts, change: FactsChange<'_>| rules::stage_while_suspended(&with(facts, change));
    let facts = settled().0;
    assert_eq!(stage(&facts, &|_| {}), Stage::Kept);
    assert_eq!(
        stage(&facts, &|it| it.desired.as_mut().unwrap().content =
            content(1)),
        Stage::Unknown
    );
    assert_eq!(
        stage(&facts, &|it| it.desired = Err("no URL".to_owned())),
        Stage::Unknown
    );

    // Of another spec it is said only of a key that was read.
    let facts = keyed();
    assert_eq!(stage(&facts, &|_| {}), Stage::Kept);
    assert_eq!(
        stage(&facts, &|it| it.object.generation += 1),
        Stage::Unknown
    );
    let read = |it: &mut Facts| {
        it.object.generation += 1;
        it.key = SignKeyState::Digest("digest".to_owned());
    };
    assert_eq!(stage(&facts, &read), Stage::Kept);

    // Ready comes back where all that is stored tells that it was so.
    let back = with(&keyed(), &|it| {
        set_ready(it, "Unknown", Reason::Suspended);
        it.key = SignKeyState::Digest("digest".to_owned());
    });
    assert_eq!(stage(&back, &|_| {}), Stage::Ready(held()));
    assert_eq!(
        stage(&back, &|it| it.status.last_operation = None),
        Stage::Ready(held())
    );
    assert_eq!(
        stage(&back, &|it| it.status.failures = None),
        Stage::Ready(held())
    );
    let troubles: [FactsChange<'_>; 11] = [
        &|it| set_ready(it, "False", Reason::Suspended),
        &|it| set_ready(it, "Unknown", Reason::Available),
        &|it| it.status.callback_id = None,
        &|it| it.status.remote = None,
        &|it| it.status.remote.as_mut().unwrap().sign_type = Some("MD5".to_owned()),
        &|it| record(it, 1, false),
        &|it| it.key = SignKeyState::Unread,
        &|it| it.status.failures = Some(1),
        &|it| it.status.rejected_credential = Some("digest".to_owned()),
        &|it| "Unknown".clone_into(&mut it.status.last_operation.as_mut().unwrap().outcome),
        &|it| "Rejected".clone_into(&mut it.status.last_operation.as_mut().unwrap().outcome),
    ];
    for (number, trouble) in troubles.into_iter().enumerate() {
        assert_eq!(stage(&back, trouble), Stage::Kept, "trouble {number}");
    }
}

/// What made Ready unknown is not always in the log: sweeps that fail are told by Ready alone, and suspending takes their word from it.
#[test]
fn what_nobody_saw_any_more_before_it_was_suspended_does_not_come_back() {
    let told = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.policies.suspend = true;
        let requeue = requeue_of(decide(&facts));
        outcome::after_requeue(&facts, &requeue)
    };
    // Twice, as by who starts anew.
    let suspended = |facts: &Facts| {
        let mut facts = facts.clone();
        facts.status = told(&facts);
        assert_eq!(told(&facts), facts.status);
        facts
    };
    let ready = |facts: &Facts| conditions::ready_status(&facts.status);
    let edited = |facts: &Facts| {
        with(facts, &|it| {
            it.desired.as_mut().unwrap().content = content(1);
        })
    };
    let back = |facts: &Facts| with(facts, &|it| it.desired = settled().0.desired);
    for class in [
        Class::Credential,
        Class::Permission,
        Class::Account,
        Class::Rejected,
    ] {
        let unseen = with(&settled().0, &|it| {
            it.status = outcome::after_sweep_failure(it, &failure(class), None);
        });
        for facts in [suspended(&unseen), suspended(&edited(&unseen))] {
            let facts = suspended(&back(&facts));
            assert_eq!(ready(&facts), Some(ConditionStatus::Unknown), "{class:?}");
        }
    }
    // What Ready denied before is not seen either.
    for reason in [Reason::Contended, Reason::TargetChanged, Reason::Conflict] {
        let denied = with(&settled().0, &|it| set_ready(it, "False", reason));
        let facts = suspended(&back(&suspended(&edited(&denied))));
        assert_ne!(ready(&facts), Some(ConditionStatus::True), "{reason}");
        let facts = suspended(&back(&suspended(&edited(&suspended(&denied)))));
        assert_ne!(ready(&facts), Some(ConditionStatus::True), "{reason}");
    }
    let facts = suspended(&back(&suspended(&edited(&settled().0))));
    assert_eq!(ready(&facts), Some(ConditionStatus::True));
}
