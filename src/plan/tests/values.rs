//! The values that decisions are made from: what each of them is made of, says and becomes.

use jiff::{SignedDuration, Timestamp};

use super::levels::settled;
use super::world::{content, moment};
use crate::api::status::{RemoteStatus, TargetStatus};
use crate::plan::facts::conditions::{ConditionKind, ConditionStatus};
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::place::Place;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::time::{earlier, later, next_second, shifted};
use crate::plan::facts::{Deletion, Observed, SignKeyState};
use crate::terms::target::Target;

#[test]
fn a_place_is_its_domain_and_its_app() {
    let place = Place::new("Push.Example.com", "Live");
    assert_eq!((place.domain(), place.app()), ("push.example.com", "Live"));
    assert_eq!(place.to_string(), "push.example.com/Live");
    let stored = serde_json::to_string(&place).unwrap();
    assert_eq!(stored, r#"["push.example.com","Live"]"#);
    assert_eq!(serde_json::from_str::<Place>(&stored).unwrap(), place);
}

#[test]
fn every_word_of_a_status_is_read_as_it_is_written() {
    for reason in Reason::ALL {
        assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        assert_eq!(reason.to_string(), reason.as_str());
    }
    for word in ["True", "False", "Unknown"] {
        assert_eq!(ConditionStatus::parse(word).unwrap().as_str(), word);
    }
    assert_eq!(ConditionStatus::parse("true"), None);
    let kinds = [
        ConditionKind::Ready,
        ConditionKind::Reconciling,
        ConditionKind::Stalled,
    ];
    assert_eq!(
        kinds.map(ConditionKind::as_str),
        ["Ready", "Reconciling", "Stalled"]
    );
    assert_eq!(
        [Deletion::Delete, Deletion::Retain].map(Deletion::as_str),
        ["Delete", "Retain"]
    );
    assert_eq!(
        SignKeyState::Digest("digest".to_owned()).digest(),
        Some("digest")
    );
    assert_eq!(SignKeyState::Missing("digest".to_owned()).digest(), None);
}

#[test]
fn a_target_is_remembered_whole() {
    let target = settled().2;
    let remembered = TargetStatus::from(&target);
    let expected = TargetStatus {
        region: target.region.clone(),
        project_id: target.project_id.clone(),
        endpoint: target.endpoint.clone(),
    };
    assert_eq!(remembered, expected);
    assert_eq!(Target::from(&remembered), target);
}

#[test]
fn a_row_is_remembered_whole() {
    let mut row = settled().1;
    row.create_time = Some(moment(1_000));
    row.update_time = Some(moment(2_000));
    let expected = RemoteStatus {
        id: Some(row.id.clone()),
        notify_callback_url: content(0).url,
        notify_event_subscription: vec!["RECORD_FILE_COMPLETE".to_owned()],
        sign_type: Some("HMACSHA256".to_owned()),
        create_time: Some("1970-01-01T00:16:40Z".to_owned()),
        update_time: Some("1970-01-01T00:33:20Z".to_owned()),
    };
    let remembered = RemoteStatus::from(&row);
    assert_eq!(remembered, expected);
    assert_eq!(ReportedContent::from(&remembered), row.content);
    assert!(row.is_same(&remembered));
    row.content.sign_type = Some("MD5".to_owned());
    assert!(!row.is_same(&remembered));
}

/// A row that tells anything and no URL has none; one that tells nothing says nothing of it.
#[test]
fn a_url_that_a_row_does_not_tell_is_none() {
    let row = settled().1;
    let url = |change: &dyn Fn(&mut ReportedContent)| {
        let mut row = row.clone();
        row.content.url = None;
        change(&mut row.content);
        row.reported().url
    };
    let none = Some(String::new().into());
    assert_eq!(url(&|_| {}), none);
    assert_eq!(url(&|it| it.events = None), none);
    assert_eq!(url(&|it| it.sign_type = None), none);
    assert_eq!(url(&|it| *it = ReportedContent::default()), None);
    assert!(row.reports(&content(0)) && !row.reports(&content(1)));
    assert!(row.holds(&content(0)) && !row.holds(&content(1)));
}

#[test]
fn times_are_rounded_up_and_stay_within_time() {
    let whole = moment(1_000);
    let part = later(whole, std::time::Duration::from_nanos(1));
    assert_eq!(
        (next_second(whole), next_second(part)),
        (whole, moment(1_001))
    );
    assert_eq!(shifted(whole, SignedDuration::from_secs(-5)), moment(995));
    assert_eq!(
        earlier(whole, std::time::Duration::from_secs(5)),
        moment(995)
    );
    assert_eq!(
        later(whole, std::time::Duration::from_secs(5)),
        moment(1_005)
    );
    assert_eq!(earlier(whole, std::time::Duration::MAX), Timestamp::MIN);
    assert_eq!(later(whole, std::time::Duration::MAX), Timestamp::MAX);
}

#[test]
fn what_was_seen_is_kept_by_age_with_the_moment_of_the_look() {
    let begun = moment(1_000);
    let row = |id: &str, made: i64| {
        let mut row = settled().1;
        id.clone_into(&mut row.id);
        row.create_time = Some(moment(made));
        row
    };
    let several = Observed::seen(
        begun,
        vec![row("c", 2), row("b", 2), row("a", 3), row("z", 1)],
        true,
    );
    let ids: Vec<_> = several.rows().iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["z", "b", "c", "a"]);
    let one = Observed::seen(begun, vec![row("a", 1)], true);
    assert_eq!(
        one,
        Observed::Present {
            begun,
            row: row("a", 1)
        }
    );
    let none = Observed::seen(begun, Vec::new(), true);
    assert_eq!(
        none,
        Observed::Absent {
            begun,
            proven: true
        }
    );
    for seen in [several, one, none] {
        assert!(seen.since(begun) && !seen.since(moment(1_001)));
        assert_eq!(seen.begun_at(moment(5)).begun(), Some(moment(5)));
    }
    assert_eq!(Observed::Unasked.begun_at(begun), Observed::Unasked);
    assert!(!Observed::Unasked.since(Timestamp::MIN));
}

#[test]
fn a_record_tells_its_newest_attempt() {
    let attempt = |id: &str, second| Attempt::new(id.to_owned(), moment(second), &content(0), None);
    let one = Record::new("uid", &settled().2, attempt("1", 1_000));
    let two = one.clone().appended(attempt("2", 2_000));
    assert!(two.is_newer_than(&one) && !one.is_newer_than(&two) && !two.is_newer_than(&two));
    assert!(two.has_several_attempts() && !one.has_several_attempts());
    assert!(two.is_open(None) && two.is_open(Some("1")) && !two.is_open(Some("2")));
    let ids = |record: &Record| -> Vec<String> {
        record.attempts.iter().map(|it| it.id.clone()).collect()
    };
    let many = (3..=9).fold(two, |record, number| {
        record.appended(attempt(&number.to_string(), 3_000))
    });
    assert_eq!(ids(&many), ["1", "3", "4", "5", "6", "7", "8", "9"]);
}
