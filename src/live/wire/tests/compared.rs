//! What a row says is compared as the cloud told it, and shown as it may be.

use super::*;
use crate::api::status::RemoteStatus;

/// A row's answer to a call with this password tells these values.
fn told(url: &str, event: &str, sign_type: &str) -> Row {
    let mut secrets = Redactor::new();
    secrets.hide("streamify-2024!");
    secrets.hide("RECORD_FILES");
    secrets.hide("HMACSHA256");
    let body = json!({"id": "1", "publish_domain": "push.example.com", "app": "*", "notify_callback_url": url,
        "notify_event_subscription": [event], "sign_type": sign_type});
    parse_row(body.to_string().as_bytes(), "1", &secrets).unwrap()
}

fn content(url: &str) -> Content {
    Content {
        url: Some(url.to_owned()),
        events: EventSet::from(vec!["RECORD_FILE_COMPLETE".to_owned()]),
        sign_type: "HMACSHA256".to_owned(),
    }
}

#[test]
fn what_looks_like_a_secret_is_shown_in_other_words_and_compared_in_the_clouds() {
    for (url, other, shown) in [
        (
            "https://hooks.streamify.com/record",
            "https://hooks.streamify-2.com/record",
            "https://hooks.[redacted].com/record",
        ),
        (
            "https://hooks.example.com/\u{200e}record",
            "https://hooks.example.com/\\u{200e}record",
            "https://hooks.example.com/\\u{200e}record",
        ),
    ] {
        let row = told(url, "RECORD_FILE_COMPLETE", "HMACSHA256");
        assert!(row.holds(&content(url)) && row.reports(&content(url)));
        assert!(!row.holds(&content(other)) && !row.holds(&content(shown)) || other == shown);
        let remembered = RemoteStatus::from(&row);
        assert_eq!(remembered.notify_callback_url.as_deref(), Some(shown));
        assert!(row.is_same(&remembered), "{shown}");
        let debug = format!("{row:?}");
        assert!(!debug.contains("streamify") && !debug.contains('\u{200e}'));
    }
}

#[test]
fn words_that_everybody_knows_are_no_secrets() {
    let row = told(
        "https://hooks.example.com",
        "RECORD_FILE_COMPLETE",
        "HMACSHA256",
    );
    assert!(row.reports(&content("https://hooks.example.com")));
    let row = told("https://hooks.example.com", "RECORD_FILES", "HMACSHA256!");
    let remembered = RemoteStatus::from(&row);
    assert_eq!(remembered.notify_event_subscription, ["[redacted]"]);
    assert_eq!(remembered.sign_type.as_deref(), Some("[redacted]!"));
}
