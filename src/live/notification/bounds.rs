//! What a genuine signature does not protect: the covered fields are joined without a separator, so that what is moved over the border of
//! two neighbours is covered by the same signature. What can be known of the borders is held against them here. Pure.

use super::Notification;

/// What a callback may subscribe to. None of them begins another one, so each ends where it ends.
pub const EVENTS: [&str; 4] = [
    "RECORD_NEW_FILE_START",
    "RECORD_FILE_COMPLETE",
    "RECORD_OVER",
    "RECORD_FAILED",
];

/// The domains and apps that notifications may be about; an empty list is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Ingest domains.
    pub domains: Vec<String>,
    /// Their apps.
    pub apps: Vec<String>,
}

impl Pins {
    /// What a notification is about that it may not be about.
    pub fn objection(&self, notification: &Notification) -> Option<String> {
        let domain = notification.text("publish_domain");
        let is_pinned = |pin: &String| pin.eq_ignore_ascii_case(&domain);
        if !self.domains.is_empty() && !self.domains.iter().any(is_pinned) {
            return Some(format!(
                "it is about the domain {domain}, which --domain does not name"
            ));
        }
        let app = notification.text("app");
        (!self.apps.is_empty() && !self.apps.contains(&app))
            .then(|| format!("it is about the app {app}, which --app does not name"))
    }
}

/// The field that is not what Live says in it, as when its neighbour's end or start was moved into it.
pub fn shifted_field(notification: &Notification) -> Option<&'static str> {
    let is_event = EVENTS.contains(&notification.text("event_type").as_str());
    if !is_event {
        return Some("event_type");
    }
    let holds_url = |text: &str| text.contains("://");
    let is_url = |text: &str| {
        let rest = text.strip_prefix("https://");
        let rest = rest.or_else(|| text.strip_prefix("http://"));
        text.is_empty() || rest.is_some_and(|rest| !holds_url(rest))
    };
    let names = ["publish_domain", "app", "stream"].into_iter();
    let names = names.filter(|field| holds_url(&notification.text(field)));
    let urls = ["download_url", "play_url"].into_iter();
    let mut wrong = names.chain(urls.filter(|field| !is_url(&notification.text(field))));
    wrong.next()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::live::notification::{SignType, SignatureVerdict};
    use crate::live::sign_key::SignKey;

    fn notification(value: &Value) -> Notification {
        Notification::parse(value.to_string().as_bytes()).unwrap()
    }

    fn complete() -> Value {
        json!({
            "event_type": "RECORD_FILE_COMPLETE", "publish_domain": "push.example.com", "app": "live", "stream": "stream-1",
            "download_url": "https://bucket.obs.cn-north-4.myhuaweicloud.com/a.m3u8", "play_url": "https://vod.example.com/a.m3u8",
        })
    }

    /// Moves the border between two covered neighbours, which leaves the signature as it was.
    #[test]
    fn what_is_moved_over_a_border_that_can_be_known_is_told() {
        let key = SignKey::parse("0123456789abcdef0123456789ABCDEF".as_bytes()).unwrap();
        let signed = |value: &Value| notification(value).signature(&key, SignType::HmacSha256);
        let genuine = complete();
        assert_eq!(shifted_field(&notification(&genuine)), None);
        for (left, right) in [
            ("event_type", "publish_domain"),
            ("stream", "download_url"),
            ("download_url", "play_url"),
        ] {
            let (one, other) = (
                genuine[left].as_str().unwrap(),
                genuine[right].as_str().unwrap(),
            );
            let both = format!("{one}{other}");
            for at in (0..=both.len()).filter(|at| *at != one.len()) {
                let mut moved = genuine.clone();
                moved[left] = json!(both[..at]);
                moved[right] = json!(both[at..]);
                if moved[left] == "" && left == "event_type" {
                    continue;
                }
                assert_eq!(signed(&moved), signed(&genuine));
                assert!(shifted_field(&notification(&moved)).is_some(), "{moved}");
            }
        }
        // Where domain, app and stream meet nothing tells: only who knows what there is.
        let mut moved = genuine.clone();
        moved["publish_domain"] = json!("push.example.co");
        moved["app"] = json!("mlive");
        assert_eq!(signed(&moved), signed(&genuine));
        let moved = notification(&moved);
        assert_eq!(shifted_field(&moved), None);
        assert_eq!(
            moved.judge(&[], SignType::HmacSha256, None),
            SignatureVerdict::Unsigned
        );
        let pins = |domains: &[&str], apps: &[&str]| Pins {
            domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
            apps: apps.iter().map(|&app| app.to_owned()).collect(),
        };
        assert_eq!(Pins::default().objection(&moved), None);
        let objection = pins(&["push.example.com"], &[]).objection(&moved).unwrap();
        assert!(objection.contains("push.example.co,"), "{objection}");
        let objection = pins(&[], &["live", "vod"]).objection(&moved).unwrap();
        assert!(objection.contains("app mlive"), "{objection}");
        let genuine = notification(&genuine);
        assert_eq!(
            pins(&["Push.Example.Com"], &["live"]).objection(&genuine),
            None
        );
    }

    #[test]
    fn what_live_leaves_out_is_nothing_to_object_to() {
        for event in EVENTS {
            let said = json!({ "event_type": event, "publish_domain": "push.example.com", "app": "live", "stream": "中 文" });
            assert_eq!(shifted_field(&notification(&said)), None);
        }
    }
}
