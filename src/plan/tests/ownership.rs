//! Stories of objects that may not, or not yet, do what their spec says: conflicts, duplicates, suspended and observing ones.

use super::world::{EffectFate, FOREIGN, PlanWorld, SETTLE, content, process};
use crate::plan::facts::conditions;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::plan::facts::{
    Adoption, CloudAccess, CrdPresence, Facts, GetResult, Observed, OtherOwner, SignKeyState,
};
use crate::plan::outcome;
use crate::plan::step::decide::decide;
use crate::plan::step::observe;
use crate::plan::step::{Look, Proof, Step};
use crate::terms::failure::Class;

/// What is known once the credentials were read.
fn facts(world: &mut PlanWorld) -> Facts {
    let mut facts = world.facts();
    facts.access = CloudAccess::Usable(world.target());
    facts.key = SignKeyState::Unwanted;
    facts
}

fn ready(world: &PlanWorld) -> (&str, &str) {
    let ready = conditions::ready(&world.status).unwrap();
    (&ready.status, &ready.reason)
}

fn has(world: &PlanWorld, type_: &str) -> bool {
    world.status.conditions.iter().any(|c| c.type_ == type_)
}

#[test]
fn a_conflict_ends_only_by_a_look_of_its_own() {
    let mut world = PlanWorld::new();
    world.add_foreign(FOREIGN);
    world.run(0);
    assert_eq!(ready(&world), ("False", "Conflict"));
    world.now += 30;
    let facts = facts(&mut world);
    let anew = Look {
        not_before: facts.now,
        proof: Proof::Absence,
    };
    assert_eq!(decide(&facts), Step::Look(anew));
}

#[test]
fn a_row_whose_id_another_status_holds_is_not_claimed_though_an_attempt_could_have_made_it() {
    let mut world = PlanWorld::new();
    world.fates = vec![EffectFate::ReplyLost];
    world.list_lag = 3;
    world.run(0);
    let row = world.rows[0].row.clone();
    let mut facts = facts(&mut world);
    facts.observed = Observed::seen(facts.now, vec![row.clone()], true);
    assert_eq!(decide(&facts), Step::Claim(row.clone()));

    facts.claimed_elsewhere.insert(row.id);
    let step = decide(&facts);
    assert!(matches!(step, Step::Requeue(_) | Step::Look(_)), "{step:?}");
    facts.object.deleting = true;
    facts.crd = CrdPresence::Stays;
    let step = decide(&facts);
    assert!(matches!(step, Step::Requeue(_) | Step::Look(_)), "{step:?}");
}

#[test]
fn a_duplicate_is_stalled_once_the_settle_time_is_over_without_being_told() {
    let mut world = PlanWorld::new();
    world.other_owner = Some(OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    });
    world.run(SETTLE - 2);
    assert!(ready(&world) == ("False", "Duplicate") && has(&world, "Reconciling"));
    world.run(4);
    assert!(ready(&world) == ("False", "Duplicate") && has(&world, "Stalled"));
    assert_eq!((world.looks, world.posts, world.writes), (0, 0, 2));

    world.other_owner = world.other_owner.map(|owner| OtherOwner {
        deleting: true,
        ..owner
    });
    world.run(1);
    assert!(has(&world, "Reconciling"), "its owner goes");
    world.other_owner = None;
    world.run(10);
    assert_eq!((ready(&world), world.posts), (("True", "Available"), 1));
}

#[test]
fn a_duplicate_forgets_an_id_that_its_owner_holds_and_tells_how_it_is_with_that_of_a_third() {
    let mut world = PlanWorld::new();
    world.run(0);
    let mut facts = facts(&mut world);
    let id = facts.id().unwrap().to_owned();
    facts.claimed_elsewhere.insert(id.clone());
    let mut owner = OtherOwner {
        name: "media/owner".to_owned(),
        id: Some(id.clone()),
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    };
    facts.other_owner = Some(owner.clone());
    let name = owner.name.clone();
    assert_eq!(decide(&facts), Step::Disown { id, owner: name });
    owner.afar = true;
    facts.other_owner = Some(owner.clone());
    let step = decide(&facts);
    assert!(
        matches!(step, Step::Requeue(_)),
        "an id that another address gave out: {step:?}"
    );
    owner.afar = false;
    owner.id = Some("another".to_owned());
    facts.other_owner = Some(owner);
    let Step::Requeue(rest) = decide(&facts) else {
        panic!("{:?}", decide(&facts));
    };
    let status = outcome::after_requeue(&facts, &rest);
    assert_eq!(conditions::ready(&status).unwrap().reason, "Duplicate");
}

#[test]
fn an_id_that_another_status_holds_is_not_settled_before_it_is_known_who_owns_the_place() {
    let mut world = PlanWorld::new();
    world.run(60);
    let mut facts = world.facts();
    assert!(matches!(decide(&facts), Step::Requeue(_)));
    let id = facts.id().unwrap().to_owned();
    facts.claimed_elsewhere.insert(id);
    assert_eq!(decide(&facts), Step::ReadSecrets);
}

#[test]
fn an_owner_by_a_record_alone_is_asked_after_again() {
    let mut world = PlanWorld::new();
    let mut facts = facts(&mut world);
    facts.other_owner = Some(OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: true,
        creating: false,
        afar: false,
    });
    for _ in 0..3 {
        let Step::Requeue(rest) = decide(&facts) else {
            panic!("{:?}", decide(&facts));
        };
        let again = rest.again.unwrap();
        assert!(again > facts.now);
        facts.status = outcome::after_requeue(&facts, &rest);
        let mut conditions = facts.status.conditions.iter();
        assert!(conditions.any(|condition| condition.type_ == "Reconciling"));
        facts.now = again;
    }
}

#[test]
fn what_was_suspended_is_available_again_without_a_look() {
    let mut world = PlanWorld::new();
    world.run(60);
    let looks = world.looks;
    for (suspend, reason) in [(true, "Suspended"), (false, "Available")] {
        world.policies.suspend = suspend;
        world.generation += 1;
        world.run(60);
        assert_eq!(ready(&world), ("True", reason));
    }
    assert_eq!((world.looks - looks, world.puts), (0, 0));
}

#[test]
fn the_plan_of_an_observer_is_what_managing_it_would_do() {
    let mut world = PlanWorld::new();
    world.spec.adoption = Adoption::Always;
    world.policies.observe = true;
    world.unique = false;
    let plan = |world: &mut PlanWorld| {
        let mut facts = facts(world);
        let rows = world.rows.iter().map(|remote| remote.row.clone()).collect();
        facts.observed = Observed::seen(facts.now, rows, true);
        facts.other_owner = world.other_owner.clone();
        let desired = facts.desired.clone().unwrap();
        observe::plan_status(&facts, &desired).action
    };
    assert_eq!(plan(&mut world), "Create");
    world.add_foreign(FOREIGN);
    assert_eq!(plan(&mut world), "Adopt");
    world.add_foreign(0);
    assert_eq!(plan(&mut world), "None", "a conflict of several");
    world.rows.pop();
    world.other_owner = Some(OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    });
    assert_eq!(plan(&mut world), "None", "a duplicate");
    world.rows.clear();
    assert_eq!(plan(&mut world), "None", "still a duplicate");
}

#[test]
fn the_plan_of_an_observer_knows_what_was_sent() {
    let mut world = PlanWorld::new();
    world.unique = false;
    world.spec.wants_key = true;
    world.key = SignKeyState::Digest("first".to_owned());
    world.run(3600);
    world.policies.observe = true;
    world.finalizer = false;
    let planned = |world: &mut PlanWorld, key: &str| {
        let mut facts = facts(world);
        facts.key = SignKeyState::Digest(key.to_owned());
        let rows = world.rows.iter().map(|remote| remote.row.clone()).collect();
        facts.observed = Observed::seen(facts.now, rows, true);
        let Step::Requeue(rest) = decide(&facts) else {
            panic!("{:?}", decide(&facts));
        };
        let status = outcome::after_requeue(&facts, &rest);
        assert_eq!(
            status.remote, world.status.remote,
            "as our own write made it"
        );
        let plan = status.plan.clone().unwrap();
        let changed = plan.changes.into_iter().map(|change| change.field);
        let changed: Vec<String> = changed.collect();
        (conditions::is_ready(&status), plan.action, changed)
    };
    let nothing = Vec::<String>::new();
    let none = |ready| (ready, "None".to_owned(), nothing.clone());
    let update = |field: &str| (false, "Update".to_owned(), vec![field.to_owned()]);
    assert_eq!(planned(&mut world, "first"), none(true));
    assert_eq!(planned(&mut world, "second"), update("signKeySecretRef"));
    world.rows[0].row.content = (&content(FOREIGN)).into();
    assert_eq!(planned(&mut world, "first"), update("notifyCallbackURL"));
    // What the cloud made of our own write is not repaired.
    world.status.remote = Some((&world.rows[0].row).into());
    assert_eq!(planned(&mut world, "first"), none(true));
    world.status.remote = None;
    world.add_foreign(FOREIGN);
    let (_, action, _) = planned(&mut world, "first");
    assert_eq!(action, "None", "a conflict of several");
}

#[test]
fn an_id_that_another_status_holds_is_changed_only_where_it_lies_at_the_place() {
    let mut world = PlanWorld::new();
    world.run(0);
    let row = world.rows[0].row.clone();
    for deleting in [false, true] {
        let mut facts = facts(&mut world);
        facts.object.deleting = deleting;
        facts.crd = CrdPresence::Stays;
        facts.desired.as_mut().unwrap().content.url =
            Some("https://hooks.example.com/new".to_owned());
        let change = decide(&facts);
        let id = row.id.clone();
        let expected = if deleting {
            Step::Delete { id }
        } else {
            Step::Update { id, drift: None }
        };
        assert_eq!(change, expected);

        facts.claimed_elsewhere.insert(row.id.clone());
        assert_eq!(decide(&facts), Step::GetById);
        facts.get_result = GetResult::Unknown(process::failure(Class::CloudDown));
        assert!(matches!(decide(&facts), Step::ReportFailure(_)));
        facts.get_result = GetResult::Row(row.clone());
        assert_eq!(decide(&facts), change);
        let place = Place::new("theirs.example.com", "live");
        facts.get_result = GetResult::Row(Row {
            place,
            ..row.clone()
        });
        let step = decide(&facts);
        if deleting {
            let retained = Some(row.id.clone());
            assert_eq!(step, Step::Release { retained });
            continue;
        }
        let Step::Requeue(rest) = step else {
            panic!("{step:?}");
        };
        let status = outcome::after_requeue(&facts, &rest);
        let ready = conditions::ready(&status).unwrap();
        assert_eq!(ready.reason, "Conflict");
        assert!(
            ready.message.contains("theirs.example.com/live"),
            "{}",
            ready.message
        );
    }
}
