//! The URL of a callback as the cloud tells it, and when two URLs are the same. Pure.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Compared as it was told, and shown as it may be: words of the cloud may hold a secret of the call, or look like one. What is written of it
/// is what may be shown.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ReportedUrl {
    told: String,
    /// Where that is another text.
    shown: Option<Box<str>>,
}

impl ReportedUrl {
    /// What was told, and what of it may be shown.
    pub fn new(told: String, shown: String) -> Self {
        let shown = Some(shown).filter(|shown| *shown != told);
        Self {
            told,
            shown: shown.map(String::into_boxed_str),
        }
    }

    /// The words to show.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.told)
    }

    /// The same, shown as it was told, where somebody here says it, too: those words are no secret.
    #[must_use]
    pub(super) fn known_by(mut self, said: Option<&str>) -> Self {
        if said == Some(self.told.as_str()) {
            self.shown = None;
        }
        self
    }
}

/// A URL that is no secret: one of a spec, or one that was shown.
impl From<String> for ReportedUrl {
    fn from(url: String) -> Self {
        Self {
            told: url,
            shown: None,
        }
    }
}

impl From<ReportedUrl> for String {
    fn from(url: ReportedUrl) -> Self {
        url.shown().to_owned()
    }
}

impl fmt::Debug for ReportedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().fmt(f)
    }
}

/// Whether two callback URLs are the same: scheme and host without case, an empty path equals `/`, absent equals empty.
pub(super) fn same_url(a: Option<&ReportedUrl>, b: Option<&ReportedUrl>) -> bool {
    let (a, b) = (told(a), told(b));
    match (url_parts(a), url_parts(b)) {
        (Some((scheme, host, path)), Some(other)) => {
            let same = [(scheme, other.0), (host, other.1)];
            path == other.2 && same.iter().all(|(a, b)| a.eq_ignore_ascii_case(b))
        }
        (None, None) => a == b,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn told(url: Option<&ReportedUrl>) -> &str {
    url.map_or("", |url| url.told.as_str())
}

/// Scheme, authority, and what follows; an empty path is `/`.
fn url_parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    Some((scheme, authority, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(url: &str) -> ReportedUrl {
        url.to_owned().into()
    }

    #[test]
    fn urls_compare_without_case_of_scheme_and_host_only() {
        for (a, b, same) in [
            (
                "https://Hooks.example.com/Record",
                "HTTPS://hooks.EXAMPLE.com/Record",
                true,
            ),
            (
                "https://hooks.example.com",
                "https://hooks.example.com/",
                true,
            ),
            (
                "https://hooks.example.com/record",
                "https://hooks.example.com/Record",
                false,
            ),
            (
                "https://hooks.example.com/record",
                "https://hooks.example.com/record/",
                false,
            ),
            (
                "https://hooks.example.com",
                "http://hooks.example.com",
                false,
            ),
        ] {
            assert_eq!(
                same_url(Some(&plain(a)), Some(&plain(b))),
                same,
                "{a} and {b}"
            );
        }
        assert!(
            same_url(None, Some(&plain(""))),
            "the cloud may say empty for absent"
        );
        assert!(!same_url(None, Some(&plain("https://hooks.example.com"))));
    }

    #[test]
    fn a_url_is_compared_as_it_was_told_and_shown_as_it_may_be() {
        let hidden = |url: &str| ReportedUrl::new(url.to_owned(), "https://[redacted]/".to_owned());
        let (one, two) = (hidden("https://one/"), hidden("https://two/"));
        assert_eq!(one.shown(), two.shown());
        assert_eq!(format!("{one:?}"), r#""https://[redacted]/""#);
        let written = serde_json::to_string(&one).unwrap();
        assert_eq!(written, r#""https://[redacted]/""#);
        assert!(!same_url(Some(&one), Some(&two)));
        assert!(same_url(Some(&one), Some(&plain("https://one/"))));
        let known = one.clone().known_by(Some("https://one/"));
        assert_eq!(known.shown(), "https://one/");
        assert_eq!(two.clone().known_by(Some("https://one/")), two);
        assert_eq!(one.clone().known_by(None), one);
    }
}
