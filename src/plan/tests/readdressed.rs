//! Credentials that name another address of the project: it is believed once something of ours is found there, and nothing is given up
//! before.

use super::given::{at, held, requeue_of, usable, with};
use super::levels::settled;
use super::world::{ALIAS, EffectFate, PlanWorld, SETTLE, STRANGE, SWEEP, content};
use crate::api::status::Status;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::{CloudAccess, CrdPresence, Facts, Observed, conditions};
use crate::plan::outcome;
use crate::plan::step::Step;
use crate::plan::step::decide::decide;
use crate::plan::step::situation::Stage;
use crate::terms::target::Target;

#[test]
fn another_address_of_the_project_is_believed_once_the_callback_is_found_there() {
    let mut world = PlanWorld::new();
    world.run(60);
    world.go_by(STRANGE);
    world.run(60);
    assert_eq!(
        conditions::ready(&world.status).unwrap().reason,
        "TargetChanged"
    );
    world.delete();
    world.run(600);
    assert!(
        !world.gone,
        "nothing is known to be gone through a strange address"
    );
    world.endpoint = ALIAS.to_owned();
    world.run(SWEEP + 120);
    assert!(world.gone && world.rows.is_empty(), "nobody has to say it");
}

#[test]
fn another_address_whose_list_lags_is_believed_when_a_look_counts() {
    for is_deleted in [false, true] {
        let mut world = PlanWorld::new();
        world.list_lag = 10;
        world.run(2);
        world.go_by(ALIAS);
        if is_deleted {
            world.delete();
        }
        world.run(SETTLE + 5);
        assert_eq!(world.gone, is_deleted);
        assert_eq!(world.rows.is_empty(), is_deleted);
        assert_eq!(world.posts, 1);
        assert!(is_deleted || conditions::is_ready(&world.status));
    }
}

#[test]
fn what_a_create_may_have_made_is_not_given_up_through_another_address() {
    for is_deleted in [false, true] {
        let mut world = PlanWorld::new();
        world.fates = vec![EffectFate::ReplyLost];
        world.list_lag = 20;
        world.run(2);
        world.go_by(STRANGE);
        if is_deleted {
            world.delete();
        }
        world.run(600);
        assert!(!world.gone && world.rows.len() == 1);
        assert_eq!(
            conditions::ready(&world.status).unwrap().reason,
            "TargetChanged"
        );
        world.quiet();
        assert_eq!(world.gone, is_deleted);
        assert_eq!(world.rows.is_empty(), is_deleted);
        assert_eq!(world.posts, 1);
    }
}

#[test]
fn what_a_create_made_shows_that_another_address_leads_to_it() {
    for is_deleted in [false, true] {
        let mut world = PlanWorld::new();
        world.fates = vec![EffectFate::ReplyLost];
        world.list_lag = 5;
        world.run(2);
        world.go_by(ALIAS);
        if is_deleted {
            world.delete();
        }
        world.run(SETTLE);
        assert_eq!(world.gone, is_deleted);
        assert_eq!(world.rows.is_empty(), is_deleted);
        assert_eq!(world.posts, 1);
        let target = world.status.target.as_ref().unwrap();
        assert_eq!(target.endpoint, ALIAS);
    }
}

#[test]
fn what_creates_may_have_made_through_another_address_is_not_found_to_be_gone() {
    let (facts, row) = (usable(), settled().1);
    let address = Target {
        endpoint: "https://other.example.com".to_owned(),
        ..settled().2
    };
    let attempt = |id: &str| Attempt::new(id.to_owned(), at(&facts, -100), &content(0), None);
    let one = Record::new("uid", &settled().2, attempt("first"));
    let two = one.clone().appended(attempt("newest"));
    let case = |record: &Record, closed: Option<&str>, rows: Vec<Row>| {
        with(&facts, &|it| {
            it.status = Status {
                closed_operation: closed.map(str::to_owned),
                ..Status::default()
            };
            it.record = Some(record.clone());
            it.access = CloudAccess::Usable(address.clone());
            it.dependency_changed = true;
            it.crd = CrdPresence::Stays;
            it.observed = Observed::seen(it.now, rows.clone(), true);
        })
    };
    let going = |facts: &Facts| with(facts, &|it| it.object.deleting = true);
    let mut foreign = row.clone();
    foreign.content.url = content(3).url.map(Into::into);
    let own = Row {
        create_time: Some(at(&facts, -100)),
        ..row
    };
    for (record, closed) in [(&one, None), (&two, None), (&two, Some("newest"))] {
        for rows in [vec![], vec![foreign.clone()], vec![foreign.clone(); 2]] {
            let stays = case(record, closed, rows);
            for facts in [&stays, &going(&stays)] {
                let rest = requeue_of(decide(facts));
                let situation = rest.situation;
                assert_eq!(situation.reason, Reason::TargetChanged);
                assert!(rest.again.is_some());
                let hint = situation.message.contains("deletionPolicy");
                assert_eq!(hint, facts.object.deleting, "{}", situation.message);
            }
        }
        let found = case(record, closed, vec![own.clone()]);
        for facts in [&found, &going(&found)] {
            assert_eq!(decide(facts), Step::Claim(own.clone()));
        }
    }
    let rejected = case(&one, Some("first"), vec![]);
    assert_eq!(decide(&rejected), Step::Create, "it made nothing");
    assert_eq!(
        decide(&going(&rejected)),
        Step::Release { retained: None },
        "nor here"
    );
}

/// Who only looks may be shown an identical row of another cloud.
#[test]
fn another_address_is_followed_by_what_it_shows_of_the_recorded_callback() {
    let (facts, row, home) = (usable(), settled().1, settled().2);
    let address = Target {
        endpoint: STRANGE.to_owned(),
        ..home.clone()
    };
    let alike = Row {
        id: "alike".to_owned(),
        ..row.clone()
    };
    for (row, access, followed) in [
        (&alike, &address, &home),
        (&row, &address, &address),
        (&alike, &home, &home),
    ] {
        let looks = with(&facts, &|it| {
            it.policies.observe = true;
            it.object.finalizer = false;
            it.dependency_changed = true;
            it.access = CloudAccess::Usable(access.clone());
            it.observed = Observed::seen(it.now, vec![row.clone()], true);
        });
        let rest = requeue_of(decide(&looks));
        assert_eq!(rest.situation.stage, Stage::Ready(held()));
        let status = outcome::after_requeue(&looks, &rest);
        assert_eq!(
            status.target.as_ref().map(Target::from),
            Some(followed.clone())
        );
    }
}
