//! The log of changes: its entries, what is folded and counted, and what is read out of it.

use super::*;

#[test]
fn every_word_is_read_as_it_is_written() {
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
    }
    for operation in [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Get,
        Operation::List,
    ] {
        assert_eq!(Operation::parse(operation.as_str()), Some(operation));
    }
    let forged = OperationStatus {
        type_: "create".to_owned(),
        outcome: "?".to_owned(),
        ..OperationStatus::default()
    };
    assert_eq!((operation(&forged), outcome(&forged)), (None, None));
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failure(operation: Operation, class: Class) -> Failure {
    Failure {
        http_status: Some(400),
        code: Some("LIVE.1".to_owned()),
        request_id: Some("0815".to_owned()),
        ..Failure::new(operation, class, "it went wrong")
    }
}

fn failed(operation: Operation, class: Class, second: i64) -> OperationStatus {
    failure_entry(&failure(operation, class), moment(second), 3)
}

#[test]
fn an_entry_tells_all_of_its_call() {
    let at = moment(1_000);
    let succeeded = success_entry(Operation::Update, Some(204), Some("0815".into()), at, 2);
    let expected = OperationStatus {
        type_: "Update".to_owned(),
        outcome: "Succeeded".to_owned(),
        http_status: Some(204),
        request_id: Some("0815".to_owned()),
        time: Some(at),
        attempt: Some(2),
        ..OperationStatus::default()
    };
    assert_eq!(succeeded, expected);
    let expected = OperationStatus {
        outcome: "Rejected".to_owned(),
        http_status: Some(400),
        error_code: Some("LIVE.1".to_owned()),
        error_message: Some("it went wrong".to_owned()),
        attempt: Some(3),
        ..expected
    };
    assert_eq!(failed(Operation::Update, Class::Rejected, 1_000), expected);
}

#[test]
fn an_outcome_follows_from_operation_and_class() {
    for (operation, class, expected) in [
        (Operation::Create, Class::NotSent, Outcome::Failed),
        (Operation::Create, Class::CloudDown, Outcome::Unknown),
        (Operation::Update, Class::Rejected, Outcome::Rejected),
        (Operation::List, Class::CloudDown, Outcome::Failed),
        (Operation::Get, Class::Rejected, Outcome::Failed),
    ] {
        let entry = failed(operation, class, 0);
        assert_eq!(outcome(&entry), Some(expected), "{operation:?} {class:?}");
        let is_unknown = (operation, class) == (Operation::Create, Class::CloudDown);
        assert_eq!(is_unknown_create(&entry), is_unknown);
    }
    let update = failed(Operation::Update, Class::CloudDown, 0);
    assert!(!is_unknown_create(&update));
}

#[test]
fn a_server_in_trouble_tells_the_outcome_of_no_change_that_was_sent() {
    for (http_status, operation, class, before_sending, expected) in [
        (
            499,
            Operation::Update,
            Class::Credential,
            false,
            Outcome::Rejected,
        ),
        (
            500,
            Operation::Update,
            Class::Credential,
            false,
            Outcome::Unknown,
        ),
        (
            503,
            Operation::Create,
            Class::Exists,
            false,
            Outcome::Unknown,
        ),
        (
            503,
            Operation::Get,
            Class::Credential,
            false,
            Outcome::Failed,
        ),
        // What is not there can't be changed; nor can a login that fails change anything.
        (
            500,
            Operation::Update,
            Class::Gone,
            false,
            Outcome::Rejected,
        ),
        (
            503,
            Operation::Update,
            Class::Credential,
            true,
            Outcome::Rejected,
        ),
    ] {
        let failure = Failure {
            http_status: Some(http_status),
            before_sending,
            ..failure(operation, class)
        };
        let entry = failure_entry(&failure, moment(0), 1);
        assert_eq!(outcome(&entry), Some(expected), "{failure:?}");
        let is_open = expected == Outcome::Unknown;
        assert_eq!(failure.may_have_changed(), is_open, "{failure:?}");
    }
}

#[test]
fn equal_changes_in_a_row_are_one_entry_and_the_oldest_go() {
    let mut status = Status::default();
    for second in 1..=3 {
        record_change(
            &mut status,
            failed(Operation::Update, Class::Rejected, second),
        );
    }
    let [entry] = &status.operations[..] else {
        panic!("{:?}", status.operations);
    };
    assert_eq!(
        (entry.count, entry.first_time, entry.time),
        (Some(3), Some(moment(1)), Some(moment(3)))
    );
    assert_eq!(
        status.last_operation,
        Some(failed(Operation::Update, Class::Rejected, 3))
    );
    assert_eq!(status.request_id.as_deref(), Some("0815"));

    let other = [Class::CloudDown, Class::Rejected];
    for second in 4..20 {
        let class = other[usize::try_from(second).unwrap() % 2];
        let entry = OperationStatus {
            request_id: None,
            ..failed(Operation::Update, class, second)
        };
        record_change(&mut status, entry);
    }
    let times: Vec<_> = status
        .operations
        .iter()
        .map(|it| it.time.unwrap().as_second())
        .collect();
    assert_eq!(times, [19, 18, 17, 16, 15, 14, 13, 12, 11, 10]);
    assert_eq!(
        status.request_id.as_deref(),
        Some("0815"),
        "the newest that there is"
    );
}

#[test]
fn an_entry_is_another_by_what_was_done_and_how_that_ended() {
    let entry = failed(Operation::Update, Class::Rejected, 0);
    let with = |change: &dyn Fn(&mut OperationStatus)| {
        let mut other = entry.clone();
        change(&mut other);
        same(&entry, &other)
    };
    assert!(with(&|it| it.time = None));
    assert!(with(&|it| it.error_message = None));
    assert!(!with(&|it| it.type_.push('!')));
    assert!(!with(&|it| it.outcome.push('!')));
    assert!(!with(&|it| it.http_status = None));
    assert!(!with(&|it| it.error_code = None));
}

#[test]
fn failed_looks_are_counted_until_a_change_or_a_look_that_was_answered() {
    let mut status = Status::default();
    assert_eq!(
        (shows_failed_look(&status), failed_looks(&status)),
        (false, None)
    );
    let change = failed(Operation::Update, Class::Rejected, 1);
    record_change(&mut status, change.clone());
    record_change(&mut status, change.clone());
    assert_eq!(
        (shows_failed_look(&status), failed_looks(&status)),
        (false, None)
    );
    restore_last_change(&mut status);
    assert_eq!(status.last_operation, Some(change.clone()));

    for (class, second, count, first) in [
        (Class::CloudDown, 2, None, None),
        (Class::CloudDown, 3, Some(2), Some(2)),
        (Class::CloudDown, 4, Some(3), Some(2)),
    ] {
        record_failed_look(&mut status, failed(Operation::List, class, second));
        let told = status.last_operation.as_ref().unwrap();
        assert_eq!((told.count, told.first_time), (count, first.map(moment)));
        assert_eq!(told.time, Some(moment(second)));
    }
    assert_eq!(
        (shows_failed_look(&status), failed_looks(&status)),
        (true, Some(3))
    );
    record_failed_look(&mut status, failed(Operation::Get, Class::CloudDown, 5));
    assert_eq!(
        status.last_operation.as_ref().unwrap().count,
        None,
        "another look"
    );
    restore_last_change(&mut status);
    assert_eq!(status.last_operation, Some(change));
}

#[test]
fn the_newest_change_and_the_newest_write_are_different_things() {
    let mut status = Status::default();
    assert_eq!((last_change(&status), last_write(&status)), (None, None));
    let mut record = |operation, class: Option<Class>, second| {
        let entry = match class {
            Some(class) => failed(operation, class, second),
            None => success_entry(operation, None, None, moment(second), 1),
        };
        record_change(&mut status, entry);
        let seconds = |at: Option<Timestamp>| at.map(Timestamp::as_second);
        (
            seconds(last_change(&status)),
            seconds(last_write(&status)),
            is_update_unknown(&status),
        )
    };
    assert_eq!(
        record(Operation::Create, None, 1),
        (Some(1), Some(1), false)
    );
    assert_eq!(
        record(Operation::Update, Some(Class::CloudDown), 2),
        (Some(2), Some(2), true)
    );
    assert_eq!(
        record(Operation::Update, Some(Class::Rejected), 3),
        (Some(3), Some(2), true)
    );
    assert_eq!(
        record(Operation::Delete, Some(Class::CloudDown), 4),
        (Some(4), Some(4), true)
    );
    assert_eq!(
        record(Operation::Update, Some(Class::NotSent), 5),
        (Some(5), Some(4), true)
    );
    assert_eq!(
        record(Operation::Update, None, 6),
        (Some(6), Some(6), false)
    );
    assert_eq!(
        record(Operation::Create, Some(Class::CloudDown), 7),
        (Some(7), Some(7), false)
    );
}

#[test]
fn repeats_of_a_change_are_counted_in_its_log_and_of_a_look_in_the_newest_call() {
    let (change, look) = (
        failure(Operation::Update, Class::Rejected),
        failure(Operation::List, Class::CloudDown),
    );
    let mut status = Status::default();
    assert_eq!(count_repeats(&status, &change), None);
    for second in 1..=2 {
        record_change(
            &mut status,
            failed(Operation::Update, Class::Rejected, second),
        );
    }
    assert_eq!(count_repeats(&status, &change), Some((2, moment(1))));
    assert_eq!(count_repeats(&status, &look), None);
    record_failed_look(&mut status, failed(Operation::List, Class::CloudDown, 3));
    assert_eq!(count_repeats(&status, &look), Some((1, moment(3))));
    assert_eq!(count_repeats(&status, &change), Some((2, moment(1))));
    assert_eq!(
        count_repeats(&status, &failure(Operation::Update, Class::CloudDown)),
        None
    );
}

#[test]
fn an_update_is_lost_until_one_is_answered_after_its_settle_time() {
    let settle_time = Duration::from_secs(30);
    let entry = |operation, class: Option<Class>, second| match class {
        Some(class) => failed(operation, class, second),
        None => success_entry(operation, Some(200), None, moment(second), 1),
    };
    let lost = |changes: &[(Operation, Option<Class>, i64)]| {
        let mut status = Status::default();
        for (operation, class, second) in changes {
            record_change(&mut status, entry(*operation, *class, *second));
        }
        lost_update(&status, settle_time).map(Timestamp::as_second)
    };
    let (update, down) = (Operation::Update, Some(Class::CloudDown));
    let mut changes = vec![(Operation::Create, None, 1), (update, None, 2)];
    assert_eq!(lost(&changes), None);
    changes.push((update, down, 100));
    assert_eq!(lost(&changes), Some(100));
    changes.push((update, None, 110));
    assert_eq!(lost(&changes), Some(100), "it may come later");
    changes.push((update, Some(Class::Rejected), 115));
    changes.push((Operation::Delete, None, 116));
    assert_eq!(lost(&changes), Some(100));
    let mut several = changes.clone();
    several.extend([(update, down, 120), (update, None, 125)]);
    assert_eq!(lost(&several), Some(120));
    let answered = |second| [changes.as_slice(), &[(update, None, second)]].concat();
    assert_eq!(lost(&answered(129)), Some(100));
    assert_eq!(lost(&answered(130)), None);
    changes.push((Operation::Create, None, 120));
    assert_eq!(lost(&changes), None, "of another callback");
}
