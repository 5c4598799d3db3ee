//! Answers as the cloud gives them, and as it may give them one day.

use super::*;

mod believed;
mod compared;

const FULL: &str = r#"{"id":"e2fe84def7e476651034ec4b9e92bc30","publish_domain":"Push.example.com","app":"live",
    "notify_callback_url":"https://hooks.example.com/record","on_demand_callback_url":"ignored",
    "notify_event_subscription":["RECORD_START","RECORD_FILE_COMPLETE"],"sign_type":"MD5",
    "create_time":"2020-03-02T08:59:45Z","update_time":"2020-03-09T08:59:45Z"}"#;

fn place() -> Place {
    Place::new("push.example.com", "*")
}

#[test]
fn a_request_names_every_field_that_is_ours_and_no_other() {
    let mut content = Content {
        url: Some("https://hooks.example.com/record".to_owned()),
        events: EventSet::from(vec!["RECORD_OVER".to_owned(), "RECORD_FAILED".to_owned()]),
        sign_type: "HMACSHA256".to_owned(),
    };
    let sent = |content: &Content, key| -> Value {
        serde_json::from_slice(&encode_write(&place(), content, key)).unwrap()
    };
    let key = SignKey::parse(b"0123456789abcdef0123456789abcdef").unwrap();
    let mut expected = json!({
        "publish_domain": "push.example.com",
        "app": "*",
        "notify_callback_url": "https://hooks.example.com/record",
        "notify_event_subscription": ["RECORD_FAILED", "RECORD_OVER"],
        "sign_type": "HMACSHA256",
        "key": "0123456789abcdef0123456789abcdef",
    });
    assert_eq!(sent(&content, Some(&key)), expected);
    content.url = None;
    expected
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "key" && name != "notify_callback_url");
    assert_eq!(sent(&content, None), expected);
}

#[test]
fn a_full_row_is_read_and_unknown_fields_and_events_do_no_harm() {
    let row = parse_row(
        FULL.as_bytes(),
        "e2fe84def7e476651034ec4b9e92bc30",
        &Redactor::new(),
    )
    .unwrap();
    assert_eq!(row.id, "e2fe84def7e476651034ec4b9e92bc30");
    assert_eq!(row.place, Place::new("push.example.com", "live"));
    assert_eq!(
        row.content.url.map(|url| url.shown().to_owned()).as_deref(),
        Some("https://hooks.example.com/record")
    );
    assert!(
        row.content
            .events
            .unwrap()
            .contains(&"RECORD_START".to_owned())
    );
    assert_eq!(row.content.sign_type.as_deref(), Some("MD5"));
    assert_eq!(row.create_time.unwrap().to_string(), "2020-03-02T08:59:45Z");
    assert_eq!(row.update_time.unwrap().to_string(), "2020-03-09T08:59:45Z");
}

#[test]
fn a_time_that_a_program_writes_for_none_is_none() {
    for (told, is_one) in [
        ("0001-01-01T00:00:00Z", false),
        ("1970-01-01T00:00:00Z", false),
        ("1970-01-01T08:00:00Z", false),
        ("2018-01-01T00:00:00Z", true),
    ] {
        let body = FULL.replace("2020-03-02T08:59:45Z", told);
        let row = parse_row(
            body.as_bytes(),
            "e2fe84def7e476651034ec4b9e92bc30",
            &Redactor::new(),
        );
        assert_eq!(row.unwrap().create_time.is_some(), is_one, "{told}");
    }
}

#[test]
fn nothing_but_the_place_and_the_id_is_needed() {
    let body = r#"{"id":"1","publish_domain":"push.example.com","app":"*","notify_callback_url":"",
        "notify_event_subscription":null,"create_time":"yesterday","update_time":1583676745}"#;
    let row = parse_row(body.as_bytes(), "1", &Redactor::new()).unwrap();
    let rest = (
        row.content.url,
        row.content.events,
        row.content.sign_type,
        row.create_time,
        row.update_time,
    );
    assert_eq!(rest, (None, None, None, None, None));
    for body in [
        r#"{"publish_domain":"a.b","app":"*"}"#,
        r#"{"id":"1","app":"*"}"#,
        r#"{"id":"1","publish_domain":"a.b"}"#,
        "",
        "[]",
    ] {
        assert!(
            parse_row(body.as_bytes(), "1", &Redactor::new()).is_err(),
            "{body}"
        );
    }
}

#[test]
fn a_write_may_be_answered_with_little() {
    for body in [
        "",
        " \r\n",
        "{}",
        r#"{"id":""}"#,
        r#"{"id":null,"app":"*"}"#,
    ] {
        let body = body.as_bytes();
        assert_eq!(parse_created(body, &place(), &Redactor::new()), Ok(None));
        assert_eq!(
            parse_updated(body, "1", &place(), &Redactor::new()),
            Ok(None)
        );
    }
    let body = br#"{"id":"1"}"#;
    for text in [
        parse_created(body, &place(), &Redactor::new()),
        parse_updated(body, "1", &place(), &Redactor::new()),
    ] {
        let row = text.unwrap().unwrap();
        assert_eq!((row.id.as_str(), row.place), ("1", place()));
    }
    for body in ["<html>", r#"{"id":"#, "[]", r#"{"id":1}"#] {
        let body = body.as_bytes();
        assert!(parse_created(body, &place(), &Redactor::new()).is_err());
        assert!(parse_updated(body, "1", &place(), &Redactor::new()).is_err());
    }
}

#[test]
fn a_list_needs_its_total_and_its_rows() {
    let page = parse_page(
        format!(r#"{{"total":41,"callback_config":[{FULL}]}}"#).as_bytes(),
        &Redactor::new(),
    )
    .unwrap();
    assert_eq!((page.total, page.rows.len()), (41, 1));
    for empty in [
        r#"{"total":0,"callback_config":[]}"#,
        r#"{"total":0,"callback_config":null}"#,
        r#"{"total":0}"#,
    ] {
        let page = parse_page(empty.as_bytes(), &Redactor::new()).unwrap();
        assert_eq!((page.total, page.rows.len()), (0, 0), "{empty}");
    }
    for body in [
        r#"{"callback_config":[]}"#,
        r#"{"total":1}"#,
        r#"{"total":7,"callback_config":null}"#,
        r#"{"total":0,"callback_config":{}}"#,
        r#"{"total":-1,"callback_config":[]}"#,
        r#"{"total":1,"callback_config":[{"app":"*"}]}"#,
        "{}",
        "",
    ] {
        assert!(
            parse_page(body.as_bytes(), &Redactor::new()).is_err(),
            "{body}"
        );
    }
}

#[test]
fn an_answer_that_tells_of_another_callback_is_none() {
    let other = br#"{"id":"2","publish_domain":"other.example.com","app":"*"}"#;
    assert!(parse_updated(other, "1", &place(), &Redactor::new()).is_err());
    assert!(parse_row(other, "1", &Redactor::new()).is_err());
    assert!(parse_row(other, "2", &Redactor::new()).is_ok());
}

#[test]
fn what_a_row_says_may_be_shown() {
    let mut secrets = Redactor::new();
    secrets.hide("test-token-0123456789");
    let body = |id: &str| {
        let events: Vec<_> = (0..1_000).map(|number| format!("EVENT_{number}")).collect();
        json!({"id": id, "publish_domain": "a.b", "app": "*", "sign_type": "x\u{1b}[31m",
            "notify_callback_url": format!("https://test-token-0123456789/{}", "x".repeat(9_000)),
            "notify_event_subscription": events})
        .to_string()
    };
    let row = parse_row(body("1").as_bytes(), "1", &secrets).unwrap();
    assert_eq!(row.content.sign_type.as_deref(), Some("x\\u{1b}[31m"));
    assert_eq!(row.content.events.unwrap().len(), MAX_EVENTS);
    let url = row.content.url.unwrap();
    let url = url.shown();
    assert!(url.starts_with("https://[redacted]/x") && url.len() == MAX_VALUE);
    for id in [
        "test-token-0123456789",
        "a b",
        "a/b",
        "..",
        "\u{1b}",
        &"1".repeat(129),
    ] {
        assert!(
            parse_row(body(id).as_bytes(), id, &secrets).is_err(),
            "{id}"
        );
    }
}

/// Rows of a list are told apart by their places, so these are not cut but where no spec may have them.
#[test]
fn a_place_that_no_spec_may_have_is_cut() {
    let page = |domain: &str, app: &str| {
        let row = json!({"id": "1", "publish_domain": domain, "app": app});
        let body = json!({"total": 1, "callback_config": [row]}).to_string();
        let page = parse_page(body.as_bytes(), &Redactor::new()).unwrap();
        page.rows[0].place.clone()
    };
    let (domain, app) = ("d".repeat(255), "\u{1F4F9}".repeat(128));
    assert_eq!(page(&domain, &app), Place::new(&domain, &app));
    let longer = page(&domain.repeat(100), &app.repeat(100));
    assert!(longer.domain().len() <= MAX_PLACE && longer.app().len() <= MAX_PLACE);
    assert_ne!(longer.app(), app);
}
