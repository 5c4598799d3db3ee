//! What is told of an object that only looks: what managing it would do, and when that is worked out anew.

use super::given::{held, requeue_of};
use super::levels::settled;
use super::world::content;
use super::world::process::failure;
use crate::api::status::PlanStatus;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{
    Adoption, CloudAccess, Facts, Observed, OtherOwner, SignKeyState, conditions,
};
use crate::plan::outcome;
use crate::plan::step::decide::decide;
use crate::plan::step::situation::Stage;
use crate::plan::step::{Proof, Requeue, Step, observe};
use crate::terms::failure::Class;
use crate::terms::target::Target;

/// A settled object that only looks from now on, its row, and a look that shows it.
fn observing() -> (Facts, Row) {
    let (mut facts, row, target) = settled();
    facts.policies.observe = true;
    facts.object.finalizer = false;
    facts.access = CloudAccess::Usable(target);
    facts.key = SignKeyState::Unwanted;
    facts.now = later(facts.now, facts.settings.settle_time * 2);
    facts.observed = Observed::seen(facts.now, vec![row.clone()], true);
    (facts, row)
}

/// The same of an object that has no callback yet.
fn without_callback() -> (Facts, Row) {
    let (mut facts, row) = observing();
    facts.status.callback_id = None;
    facts.status.sent = None;
    facts.status.remote = None;
    (facts, row)
}

fn rested(facts: &Facts) -> Requeue {
    requeue_of(decide(facts))
}

/// Action, fields that would change, stage, and the sentence between why it only looks and what managing would do.
fn told(facts: &Facts) -> (String, Vec<String>, Stage, String) {
    let PlanStatus { action, changes } =
        observe::plan_status(facts, facts.desired.as_ref().unwrap());
    let situation = rested(facts).situation;
    let message = situation.message;
    let message =
        message.strip_prefix("managementPolicy is Observe: nothing is changed at the cloud. ");
    let end = format!(" Managing it would do: {action}.");
    let sentence = message
        .and_then(|it| it.strip_suffix(&end))
        .unwrap()
        .to_owned();
    let fields = changes.into_iter().map(|change| change.field).collect();
    (action, fields, situation.stage, sentence)
}

fn with_url(row: &Row, url: usize) -> Row {
    let mut row = row.clone();
    row.content.url = content(url).url.map(Into::into);
    row
}

fn owner() -> OtherOwner {
    OtherOwner {
        name: "media/owner".to_owned(),
        id: None,
        deleting: false,
        unproven: false,
        creating: false,
        afar: false,
    }
}

#[test]
fn a_place_without_callback_would_be_created_by_who_owns_it() {
    let (mut facts, _) = without_callback();
    facts.observed = Observed::seen(facts.now, Vec::new(), true);
    let none = "The cloud holds no callback for this domain and app.".to_owned();
    let all = ["notifyCallbackURL", "notifyEventSubscription", "signType"].map(str::to_owned);
    assert_eq!(
        told(&facts),
        (
            "Create".to_owned(),
            all.to_vec(),
            Stage::NotReady,
            none.clone()
        )
    );
    facts.other_owner = Some(owner());
    assert_eq!(
        told(&facts),
        ("None".to_owned(), Vec::new(), Stage::NotReady, none)
    );
}

#[test]
fn a_callback_of_its_own_would_be_brought_to_the_spec() {
    let (mut facts, row) = observing();
    let says = format!("The callback {} says what the spec says.", row.id);
    assert_eq!(
        told(&facts),
        ("None".to_owned(), Vec::new(), Stage::Ready(held()), says)
    );
    assert_eq!(rested(&facts).remote, None, "what was sent is remembered");

    let different = with_url(&row, 3);
    facts.observed = Observed::seen(facts.now, vec![different.clone()], true);
    let (action, fields, stage, sentence) = told(&facts);
    assert_eq!((action.as_str(), stage), ("Update", Stage::NotReady));
    assert_eq!(fields, ["notifyCallbackURL"]);
    assert!(
        sentence.starts_with(&format!("The callback {} differs (", row.id)),
        "{sentence}"
    );
    assert!(sentence.ends_with(")."), "{sentence}");

    // Not beside what is somebody else's, nor where another object owns the place.
    let mut foreign = with_url(&row, 3);
    "foreign".clone_into(&mut foreign.id);
    let mut beside = facts.clone();
    beside.observed = Observed::seen(facts.now, vec![different, foreign], true);
    assert_eq!(told(&beside).0, "None");
    facts.other_owner = Some(owner());
    let (action, fields, _, sentence) = told(&facts);
    assert_eq!((action.as_str(), fields.len()), ("None", 1));
    assert!(
        sentence.ends_with(" RecordingCallback media/owner owns it."),
        "{sentence}"
    );
}

#[test]
fn what_the_cloud_made_of_our_own_write_stays() {
    let (mut facts, row) = observing();
    let other_words = with_url(&row, 3);
    facts.status.remote = Some((&other_words).into());
    facts.observed = Observed::seen(facts.now, vec![other_words], true);
    let (action, fields, stage, sentence) = told(&facts);
    assert_eq!(
        (action.as_str(), fields.len(), stage),
        ("None", 0, Stage::Ready(held()))
    );
    assert!(
        sentence.contains("is this spec in the cloud's own words ("),
        "{sentence}"
    );
}

#[test]
fn a_key_that_is_another_than_the_sent_one_would_be_sent() {
    let (mut facts, _) = observing();
    facts.desired.as_mut().unwrap().wants_key = true;
    facts.key = SignKeyState::Digest("new".to_owned());
    let changes = |facts: &Facts| observe::changes(facts, facts.desired.as_ref().unwrap());
    let from = |facts: &Facts| changes(facts).pop().map(|it| (it.field, it.from, it.to));
    let field = "signKeySecretRef".to_owned();
    let to = Some("the key of the Secret".to_owned());
    assert_eq!(from(&facts), Some((field.clone(), None, to.clone())));
    let (action, fields, stage, sentence) = told(&facts);
    assert_eq!((action.as_str(), stage), ("Update", Stage::NotReady));
    assert_eq!(fields, [field.as_str()]);
    assert!(
        sentence.ends_with(" somebody else has written it since."),
        "{sentence}"
    );
    facts.status.sent.as_mut().unwrap().key_digest = Some("old".to_owned());
    assert_eq!(
        from(&facts),
        Some((field, Some("another key".to_owned()), to))
    );
    facts.status.sent.as_mut().unwrap().key_digest = Some("new".to_owned());
    assert_eq!(changes(&facts), []);
    assert_eq!(told(&facts).0, "None");
}

#[test]
fn a_callback_of_somebody_else_would_be_adopted_by_policy() {
    let (facts, row) = without_callback();
    let different = with_url(&row, 3);
    for (row, adoption, action, fields, stage) in [
        (
            &row,
            Adoption::IfIdentical,
            "Adopt",
            0,
            Stage::Ready(held()),
        ),
        (
            &different,
            Adoption::IfIdentical,
            "None",
            1,
            Stage::NotReady,
        ),
        (&row, Adoption::Always, "Adopt", 0, Stage::Ready(held())),
        (&different, Adoption::Always, "Adopt", 1, Stage::NotReady),
        (&row, Adoption::Never, "None", 0, Stage::Ready(held())),
        (&different, Adoption::Never, "None", 1, Stage::NotReady),
    ] {
        let mut facts = facts.clone();
        facts.desired.as_mut().unwrap().adoption = adoption;
        facts.observed = Observed::seen(facts.now, vec![row.clone()], true);
        let (told_action, told_fields, told_stage, _) = told(&facts);
        assert_eq!(
            (told_action.as_str(), told_fields.len(), told_stage),
            (action, fields, stage),
            "{adoption:?}"
        );
        assert_eq!(rested(&facts).remote.as_ref(), Some(row));

        // Nothing would be sent where nothing would be done.
        let mut keyed = facts.clone();
        keyed.desired.as_mut().unwrap().wants_key = true;
        keyed.key = SignKeyState::Digest("digest".to_owned());
        let sent = usize::from(action == "Adopt");
        assert_eq!(told(&keyed).1.len(), fields + sent, "{adoption:?}");

        let mut elsewhere = facts.clone();
        elsewhere.claimed_elsewhere.insert(row.id.clone());
        assert_eq!(told(&elsewhere).0, "None");
        let mut owned = facts.clone();
        owned.other_owner = Some(owner());
        assert_eq!(told(&owned).0, "None");
        let mut second = row.clone();
        "second".clone_into(&mut second.id);
        let mut several = facts.clone();
        several.observed = Observed::seen(facts.now, vec![row.clone(), second], true);
        assert_eq!(told(&several).0, "None");
    }
}

#[test]
fn the_recorded_row_is_told_of_else_the_oldest() {
    let (mut facts, row) = observing();
    let mut older = with_url(&row, 3);
    "older".clone_into(&mut older.id);
    older.create_time = None;
    facts.observed = Observed::seen(facts.now, vec![row.clone(), older], true);
    assert!(
        told(&facts)
            .3
            .starts_with(&format!("The callback {} ", row.id))
    );
    facts.status.callback_id = None;
    assert!(told(&facts).3.starts_with("The callback older "));
}

#[test]
fn why_nothing_is_changed_is_told() {
    let (mut facts, _) = observing();
    facts.policies.observe = false;
    facts.object.finalizer = true;
    facts.settings.read_only = true;
    let message = rested(&facts).situation.message;
    assert!(
        message.starts_with("The operator runs with --read-only: nothing"),
        "{message}"
    );
}

/// Facts whose status says what managing would do, of which nothing was read yet.
fn planned() -> Facts {
    let (mut facts, _) = observing();
    facts.status = outcome::after_requeue(&facts, &rested(&facts));
    facts.observed = Observed::Unasked;
    facts.access = CloudAccess::Unread;
    facts
}

#[test]
fn what_was_told_holds_until_something_changes() {
    let facts = planned();
    assert_eq!(rested(&facts).situation.stage, Stage::AsItWas);
    let changes: [&dyn Fn(&mut Facts); 5] = [
        &|it| it.status.plan = None,
        &|it| it.object.generation += 1,
        &|it| it.object.requested = Some("now".to_owned()),
        &|it| it.dependency_changed = true,
        &|it| {
            Reason::Suspended
                .as_str()
                .clone_into(&mut it.status.conditions[0].reason);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut facts = facts.clone();
        change(&mut facts);
        assert_eq!(decide(&facts), Step::ReadSecrets, "change {number}");
    }
    let mut seen = facts.clone();
    seen.observed = Observed::seen(facts.now, Vec::new(), true);
    assert_eq!(decide(&seen), Step::ReadSecrets);

    let mut unseen = facts;
    unseen.sweep_failure = Some(failure(Class::Permission));
    assert_eq!(
        decide(&unseen),
        Step::ReportSweepFailure(failure(Class::Permission))
    );
    "False".clone_into(&mut unseen.status.conditions[0].status);
    assert!(!conditions::is_ready(&unseen.status));
    assert_eq!(rested(&unseen).situation.stage, Stage::AsItWas);
}

#[test]
fn who_can_not_look_says_why() {
    let (facts, _) = observing();
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut facts = facts.clone();
        change(&mut facts);
        facts
    };
    let reason = |access: CloudAccess| {
        rested(&with(&|it| it.access = access.clone()))
            .situation
            .reason
    };
    let unusable = CloudAccess::Unusable(Reason::EndpointNotAllowed, "not allowed".to_owned());
    assert_eq!(reason(unusable), Reason::EndpointNotAllowed);
    assert_eq!(
        reason(CloudAccess::Ambiguous("which?".to_owned())),
        Reason::CredentialsMissing
    );
    let another = Target {
        project_id: "another".to_owned(),
        ..settled().2
    };
    assert_eq!(reason(CloudAccess::Usable(another)), Reason::TargetChanged);

    let down = failure(Class::CloudDown);
    let unknown = with(&|it| it.access = CloudAccess::Unknown(down.clone()));
    assert_eq!(decide(&unknown), Step::ReportFailure(down.clone()));
    let failed = with(&|it| it.observed = Observed::Unknown(down.clone()));
    assert_eq!(decide(&failed), Step::ReportFailure(down.clone()));
    let look = crate::plan::step::look(facts.now, Proof::Absence);
    assert_eq!(decide(&with(&|it| it.observed = Observed::Unasked)), look);
    let unproven = Observed::seen(facts.now, Vec::new(), false);
    assert_eq!(decide(&with(&|it| it.observed = unproven.clone())), look);
}

/// What a create made that the status does not know of is ours by the record.
#[test]
fn what_an_attempt_made_would_be_brought_to_the_spec() {
    let (mut facts, mut row) = without_callback();
    row.create_time = None;
    let attempt = Attempt::new("newest".to_owned(), facts.now, &content(0), None);
    facts.record = Some(Record::new("uid", &settled().2, attempt));
    facts.observed = Observed::seen(facts.now, vec![row], true);
    let action = |url: usize| {
        let mut desired = facts.desired.clone().unwrap();
        desired.content = content(url);
        observe::plan_status(&facts, &desired).action
    };
    assert_eq!((action(0).as_str(), action(1).as_str()), ("None", "Update"));
}

#[test]
fn where_managing_would_tell_what_is_in_the_way_nothing_would_be_done() {
    let (mut nothing, _) = without_callback();
    nothing.observed = Observed::seen(nothing.now, Vec::new(), true);
    let (mut different, row) = observing();
    different.observed = Observed::seen(different.now, vec![with_url(&row, 3)], true);
    for (mut facts, action) in [(nothing.clone(), "Create"), (different, "Update")] {
        assert_eq!(told(&facts).0, action);
        for key in [SignKeyState::Missing, SignKeyState::Invalid] {
            facts.key = key("The key is no key.".to_owned());
            let (action, fields, _, sentence) = told(&facts);
            assert_eq!(action, "None", "{sentence}");
            assert!(!fields.is_empty() && sentence.ends_with("The key is no key."));
        }
    }

    // What an attempt made through another address of the project may be there, and not be seen.
    let (mut facts, target) = (nothing, settled().2);
    let elsewhere = Target {
        endpoint: "https://live.elsewhere.example.com".to_owned(),
        ..target
    };
    let attempt = Attempt::new("newest".to_owned(), facts.now, &content(0), None);
    facts.record = Some(Record::new("uid", &elsewhere, attempt));
    let (action, _, _, sentence) = told(&facts);
    assert_eq!(action, "None", "{sentence}");
    assert!(sentence.contains(&elsewhere.endpoint), "{sentence}");
}
