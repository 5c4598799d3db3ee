//! Record rules, as far as they say whether a callback can ever fire, and their JSON. No reconcile asks for them.

use serde::Deserialize;

use crate::plan::facts::place::Place;
use crate::platform::json::{Object, read_object};
use crate::platform::redact::{MAX_NAME, Redactor};

const EVERYTHING: &str = "*";

/// What a rule records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRule {
    /// The ingest domain.
    pub domain: String,
    /// The app, or `*`.
    pub app: String,
    /// The stream, or `*`.
    pub stream: String,
}

impl RecordRule {
    /// Whether it records some stream of which a callback at this place tells.
    pub fn is_of(&self, place: &Place) -> bool {
        let is_of_app =
            [self.app.as_str(), place.app()].contains(&EVERYTHING) || self.app == place.app();
        is_of_app && self.domain.eq_ignore_ascii_case(place.domain())
    }

    /// Whether it records every stream of its app.
    pub fn is_of_every_stream(&self) -> bool {
        self.stream == EVERYTHING
    }
}

/// One page of a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePage {
    /// How many there are, by the cloud's word.
    pub total: u64,
    /// Those of this page.
    pub rules: Vec<RecordRule>,
}

#[derive(Deserialize)]
struct RuleList {
    total: u64,
    record_config: Option<Vec<Object<Rule>>>,
}

/// What is absent is everything.
#[derive(Deserialize)]
struct Rule {
    publish_domain: String,
    app: Option<String>,
    stream: Option<String>,
}

/// The page in the answer of a list.
pub(super) fn parse_page(body: &[u8], secrets: &Redactor) -> Result<RulePage, String> {
    let RuleList {
        total,
        record_config,
    } = read_object(body)?;
    let redacted = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) => secrets.presentable(&text, MAX_NAME),
        None => EVERYTHING.to_owned(),
    };
    let rules = match record_config {
        Some(rules) => rules,
        None if total == 0 => Vec::new(),
        None => return Err("the answer can't be read: it has a total and no list".to_owned()),
    };
    let rules = rules.into_iter().map(|Object(rule)| RecordRule {
        domain: redacted(Some(rule.publish_domain)),
        app: redacted(rule.app),
        stream: redacted(rule.stream),
    });
    Ok(RulePage {
        total,
        rules: rules.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_of_the_places_whose_streams_it_records() {
        let rule = |domain: &str, app: &str| RecordRule {
            domain: domain.to_owned(),
            app: app.to_owned(),
            stream: "one".to_owned(),
        };
        let (domain, other) = ("push.example.com", "other.example.com");
        for (rule, app, is_of) in [
            (rule(domain, "live"), "live", true),
            (rule("Push.Example.com", "*"), "live", true),
            (rule(domain, "live"), "*", true),
            (rule(domain, "Live"), "live", false),
            (rule(domain, "vod"), "live", false),
            (rule(other, "live"), "live", false),
        ] {
            assert_eq!(
                rule.is_of(&Place::new(domain, app)),
                is_of,
                "{rule:?} {app}"
            );
        }
    }

    #[test]
    fn a_page_is_read_and_what_is_none_is_refused() {
        let page = |body: &str| parse_page(body.as_bytes(), &Redactor::new());
        assert_eq!(page(r#"{"total":0}"#).unwrap().rules, []);
        let one = r#"{"total":1,"record_config":[{"id":"a","publish_domain":"d","app":"","stream":null,"x":1}]}"#;
        let every = RecordRule {
            domain: "d".to_owned(),
            app: EVERYTHING.to_owned(),
            stream: EVERYTHING.to_owned(),
        };
        assert_eq!(page(one).unwrap().rules, [every]);
        for bad in [
            "",
            "<html>",
            "[]",
            r#"{"total":1}"#,
            r#"{"total":1,"record_config":[{}]}"#,
        ] {
            assert!(page(bad).is_err(), "{bad}");
        }
    }
}
