//! What is believed of an answer to a change.

use super::*;

fn place() -> Place {
    Place::new("push.example.com", "*")
}

#[test]
fn an_id_that_our_own_create_was_answered_is_ours_whatever_else_the_answer_says() {
    let mut secrets = Redactor::new();
    secrets.hide("test-token-0123456789");
    for (body, domain, app) in [
        (
            r#"{"id":"2","publish_domain":"other.example.com","app":"x"}"#,
            "other.example.com",
            "x",
        ),
        (
            r#"{"id":"2","publish_domain":"PUSH.example.com"}"#,
            "push.example.com",
            "*",
        ),
        (
            r#"{"id":"2","publish_domain":7,"app":["*"]}"#,
            "push.example.com",
            "*",
        ),
        (
            r#"{"id":"2","notify_event_subscription":"RECORD_OVER"}"#,
            "push.example.com",
            "*",
        ),
        (
            r#"{"id":"2","app":"a\u001btest-token-0123456789"}"#,
            "push.example.com",
            "a\\u{1b}[redacted]",
        ),
    ] {
        let row = parse_created(body.as_bytes(), &place(), &secrets).unwrap();
        let row = row.unwrap();
        let place = (row.place.domain(), row.place.app());
        assert_eq!((row.id.as_str(), place), ("2", (domain, app)), "{body}");
    }
    let moved = br#"{"id":"2","publish_domain":"other.example.com","app":"x"}"#;
    let row = parse_updated(moved, "2", &place(), &secrets).unwrap();
    assert_eq!(row.unwrap().place, Place::new("other.example.com", "x"));
    for id in ["a/b", "test-token-0123456789"] {
        let body = json!({"id": id}).to_string();
        assert!(
            parse_created(body.as_bytes(), &place(), &secrets).is_err(),
            "{id}"
        );
    }
}

#[test]
fn a_delete_is_answered_with_nothing_or_an_object() {
    for body in ["", " \r\n", "{}", r#"{"id":"1"}"#] {
        assert_eq!(check_deleted(body.as_bytes()), Ok(()), "{body}");
    }
    for body in [
        "<html></html>",
        "deleted",
        "[]",
        "null",
        r#"{"id":"#,
        "\u{feff}{}",
    ] {
        assert!(check_deleted(body.as_bytes()).is_err(), "{body}");
    }
}

/// What a list of its fields would say is no answer of this cloud.
#[test]
fn what_is_no_object_is_not_read_as_one() {
    let secrets = Redactor::new();
    for body in ["[0, null]", "[1, []]", "[]", "null", "7"] {
        let page = parse_page(body.as_bytes(), &secrets);
        assert!(page.is_err(), "{body}: {page:?}");
        for row in [
            parse_created(body.as_bytes(), &place(), &secrets),
            parse_updated(body.as_bytes(), "1", &place(), &secrets),
            parse_row(body.as_bytes(), "1", &secrets).map(Some),
        ] {
            assert!(row.is_err(), "{body}: {row:?}");
        }
    }
    let rows = r#"{"total": 1, "callback_config": [["1", "push.example.com", "*"]]}"#;
    assert!(parse_page(rows.as_bytes(), &secrets).is_err());
}
