//! A recorded callback while it is not known whether a create happened: one was made because that callback seemed gone, or an old record was
//! put back. The status knows what there is to know of it, and it alone.

use super::given::{at, requeue_of, with};
use super::levels::settled;
use super::opened::{back_again, foreign};
use super::world::content;
use super::world::process::failure;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::{CrdPresence, Facts, GetResult, Observed, OtherOwner, operation_log};
use crate::plan::outcome;
use crate::plan::step::Step;
use crate::plan::step::decide::decide;
use crate::terms::failure::{Class, Operation};

/// What the create asked for, which nothing tells from what it made: the cloud gives no times.
fn alike(mut row: Row) -> Row {
    row.content.url = content(1).url.map(Into::into);
    row.create_time = None;
    row
}

fn made(recorded: &Row) -> Row {
    let mut made = alike(recorded.clone());
    "made".clone_into(&mut made.id);
    made
}

#[test]
fn a_recorded_callback_is_not_what_the_create_made_however_alike_they_are() {
    let adopted = |it: &mut Facts| it.status.adopted = Some(true);
    let early = with(&back_again(2, |row| vec![alike(row)]), &adopted);
    let rest = requeue_of(decide(&early));
    assert_eq!(rest.situation.reason, Reason::OutcomeUnknown);

    let facts = with(&back_again(40, |row| vec![alike(row)]), &adopted);
    let row = facts.observed.rows()[0].clone();
    assert_eq!(decide(&facts), Step::Claim(row.clone()));
    let (desired, record) = (facts.desired.clone().unwrap(), facts.record.as_ref());
    let status = outcome::after_claim(&facts, &desired, record.unwrap(), &row);
    assert_eq!(status.closed_operation.as_deref(), Some("newest"));
    assert_eq!(
        (&status.sent, status.adopted),
        (&facts.status.sent, Some(true)),
        "the create may have sent another key, and says nothing of whose it was"
    );
}

#[test]
fn nothing_takes_the_place_of_a_recorded_callback_before_a_get_says_that_it_is_gone() {
    let unlisted: [fn(Row) -> Vec<Row>; 3] = [
        |_| Vec::new(),
        |_| vec![foreign()],
        |row| {
            vec![
                foreign(),
                Row {
                    id: "second".to_owned(),
                    ..row
                },
            ]
        },
    ];
    for rows in unlisted {
        let facts = back_again(40, rows);
        assert_eq!(decide(&facts), Step::GetById);
        let told =
            |get_result: GetResult| decide(&with(&facts, &|it| it.get_result = get_result.clone()));
        let recorded = settled().1;
        let step = told(GetResult::Row(recorded.clone()));
        assert_eq!(step, Step::Claim(recorded));
        let down = failure(Class::CloudDown);
        let step = told(GetResult::Unknown(down.clone()));
        assert_eq!(step, Step::ReportFailure(down));
        let gone = told(GetResult::Gone);
        if facts.observed.rows().is_empty() {
            assert_eq!(gone, Step::Create);
        } else {
            assert_eq!(requeue_of(gone).situation.reason, Reason::Conflict);
        }
    }
}

#[test]
fn a_delete_beside_a_recorded_callback_that_may_have_happened_waits_for_its_backoff() {
    let mut facts = back_again(40, |row| vec![made(&row), row]);
    facts.crd = CrdPresence::Stays;
    let id = "made".to_owned();
    assert_eq!(decide(&facts), Step::Delete { id });
    let failed = with(&facts, &|it| {
        let mut lost = failure(Class::CloudDown);
        lost.operation = Operation::Delete;
        let entry = operation_log::failure_entry(&lost, it.now, 1);
        operation_log::record_change(&mut it.status, entry);
        it.status.failures = Some(1);
        it.next_attempt = Some(at(it, 2));
        it.dependency_changed = false;
    });
    for deleting in [false, true] {
        let failed = with(&failed, &|it| {
            it.object.deleting = deleting;
            it.crd = CrdPresence::Stays;
        });
        let rest = requeue_of(decide(&failed));
        assert_eq!(rest.again, Some(at(&failed, 2)), "{deleting}");
    }
}

#[test]
fn an_adopted_callback_stays_though_what_a_create_made_beside_it_goes() {
    let going = |rows: fn(Row) -> Vec<Row>| {
        with(&back_again(40, rows), &|it| {
            it.object.deleting = true;
            it.crd = CrdPresence::Stays;
            it.status.adopted = Some(true);
        })
    };
    let id = |row: &Row| row.id.clone();
    let both = going(|row| vec![row.clone(), made(&row)]);
    let made = "made".to_owned();
    assert_eq!(decide(&both), Step::Delete { id: made });

    let alone = going(|row| vec![row]);
    let recorded = id(&settled().1);
    let retained = Some(recorded.clone());
    assert_eq!(decide(&alone), Step::Release { retained });
    let gone = going(|_| Vec::new());
    assert_eq!(decide(&gone), Step::Release { retained: None });
    let early = with(&alone, &|it| {
        it.observed = Observed::seen(at(it, -11), vec![settled().1], true);
    });
    assert!(matches!(decide(&early), Step::Look(_)), "more may come");

    let asked = with(&alone, &|it| {
        it.policies.deletion = Some(crate::plan::facts::Deletion::Delete);
    });
    assert_eq!(decide(&asked), Step::Delete { id: recorded });
}

/// The record of one that was suspended keeps nobody from its place for long: another owns that by now, and its create may ask for the
/// same.
#[test]
fn what_another_create_may_have_made_is_not_deleted_for_what_it_says() {
    let alone = with(&back_again(200, |row| vec![made(&row)]), &|it| {
        it.object.deleting = true;
        it.crd = CrdPresence::Stays;
        it.status.callback_id = None;
    });
    let id = "made".to_owned();
    assert_eq!(decide(&alone), Step::Delete { id: id.clone() });
    let beside = |creating| {
        with(&alone, &|it| {
            it.other_owner = Some(OtherOwner {
                name: "media/owner".to_owned(),
                id: None,
                deleting: false,
                unproven: false,
                creating,
                afar: false,
            });
        })
    };
    let rest = requeue_of(decide(&beside(true)));
    assert_eq!(rest.situation.reason, Reason::Deleting);
    assert!(
        rest.again > Some(alone.now),
        "nobody tells of what does not come"
    );
    assert_eq!(decide(&beside(false)), Step::Delete { id });
}
