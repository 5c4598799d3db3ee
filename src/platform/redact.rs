//! Makes words of the cloud fit to be shown: no secret, no control character, at most 512 characters.
//!
//! Every text that comes from outside passes here before it becomes part of an error, a log line or a status.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::platform::sign::percent_encode;

/// The longest text that is shown, in characters.
pub const MAX_TEXT: usize = 512;
/// The longest code, id or name that is taken over.
pub const MAX_NAME: usize = 128;
/// So many characters of a secret's start are taken for it: whoever repeats a secret may cut it.
const MIN_MATCH: usize = 8;
/// What stands for a secret.
const MARK: &str = "[redacted]";

/// The secrets of one call, and what is shown in their place.
#[derive(Default)]
pub struct Redactor {
    replacements: Vec<(SecretString, String)>,
}

impl Redactor {
    /// Nothing is secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that must not be shown, as it is, percent-encoded or escaped in JSON.
    pub fn hide(&mut self, secret: &str) {
        self.replace(secret, MARK);
        self.replace(&percent_encode(secret), MARK);
        let quoted = Value::from(secret).to_string();
        let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        self.replace(escaped, MARK);
        self.replace(&escaped.replace('/', "\\/"), MARK);
    }

    /// An access key id: its first characters are shown.
    pub fn shorten(&mut self, access_key: &str) {
        self.replace(access_key, &shortened(access_key));
    }

    /// The text without white space at its ends, presentable and no longer than `limit` characters.
    pub fn clean(&self, text: &str, limit: usize) -> String {
        self.presentable(text.trim(), limit)
    }

    /// The text with secrets replaced and control characters escaped, cut between characters, and never inside a mark.
    pub fn presentable(&self, text: &str, limit: usize) -> String {
        let mut clean = String::new();
        let mut length = 0;
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let mut escaped = String::new();
            let piece = if let Some((end, shown)) = self.secret_at(rest) {
                rest = rest.get(end..).unwrap_or_default();
                shown
            } else {
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                push_escaped(&mut escaped, next);
                escaped.as_str()
            };
            length += piece.chars().count();
            if length > limit {
                break;
            }
            clean.push_str(piece);
        }
        clean
    }

    /// The longest secret, or start of one, that the text begins with: where it ends, and what is shown for it.
    fn secret_at(&self, text: &str) -> Option<(usize, &str)> {
        let found = self.replacements.iter().filter_map(|(secret, shown)| {
            let secret = secret.expose_secret();
            let end = common_start(secret, text);
            let is_match = end == secret.len() || secret.get(..end)?.chars().count() >= MIN_MATCH;
            is_match.then_some((end, shown.as_str()))
        });
        found.max_by_key(|(end, _)| *end)
    }

    fn replace(&mut self, secret: &str, shown: &str) {
        let known = |(known, _): &(SecretString, String)| known.expose_secret() == secret;
        if secret.is_empty() || self.replacements.iter().any(known) {
            return;
        }
        self.replacements.push((secret.into(), shown.to_owned()));
    }
}

/// How many bytes two texts have in common from their start, in whole characters.
fn common_start(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    same.map(|(letter, _)| letter.len_utf8()).sum()
}

/// How an access key id is shown: its first 4 characters.
pub fn shortened(access_key: &str) -> String {
    let start: String = access_key.chars().take(4).collect();
    format!("{start}****")
}

/// Whether a terminal obeys a character instead of showing it: control characters, and those that are not seen and turn what follows,
/// or end the line.
pub fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

/// Those are written as escapes.
fn push_escaped(text: &mut String, next: char) {
    if is_obeyed(next) {
        // Writing to a String can't fail.
        let _ = write!(text, "{}", next.escape_default());
    } else {
        text.push(next);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SK: &str = "sk/Example+Secret=0123456789abcdefghijkl";

    fn secrets() -> Redactor {
        let mut secrets = Redactor::new();
        secrets.hide(SK);
        secrets.shorten("AKIDEXAMPLE0123456789");
        secrets
    }

    #[test]
    fn secrets_are_replaced_however_they_are_written() {
        for (text, shown) in [
            (format!("bad key {SK}!"), "bad key [redacted]!"),
            (
                format!("bad key {}!", percent_encode(SK)),
                "bad key [redacted]!",
            ),
            (
                format!("bad key {}!", SK.replace('/', "\\/")),
                "bad key [redacted]!",
            ),
            (
                "Access=AKIDEXAMPLE0123456789,".to_owned(),
                "Access=AKID****,",
            ),
        ] {
            assert_eq!(secrets().clean(&text, MAX_TEXT), shown);
        }
    }

    #[test]
    fn a_secret_that_holds_another_is_replaced_whole() {
        let mut secrets = Redactor::new();
        secrets.hide("token");
        secrets.hide("token-and-more");
        assert_eq!(secrets.clean("token-and-more", MAX_TEXT), "[redacted]");
    }

    #[test]
    fn a_secret_that_was_cut_is_replaced() {
        for (text, shown) in [
            (format!("bad key {}", &SK[..30]), "bad key [redacted]"),
            (format!("bad key {}...", &SK[..20]), "bad key [redacted]..."),
            ("Access=AKIDEXAMPLE0".to_owned(), "Access=AKID****"),
            (format!("bad key {}", &SK[..7]), "bad key sk/Exam"),
        ] {
            assert_eq!(secrets().clean(&text, MAX_TEXT), shown);
        }
    }

    #[test]
    fn a_secret_that_json_escapes_is_replaced_where_the_json_is_broken() {
        let mut secrets = Redactor::new();
        secrets.hide("quote\"and\\slash");
        let text = r#"{"token":"quote\"and\\slash","#;
        assert_eq!(secrets.clean(text, MAX_TEXT), r#"{"token":"[redacted]","#);
    }

    #[test]
    fn the_cut_is_never_inside_a_mark_or_a_character() {
        let text = format!("{}{SK}", "x".repeat(MAX_TEXT - 3));
        assert_eq!(secrets().clean(&text, MAX_TEXT), "x".repeat(MAX_TEXT - 3));
        let text = "录".repeat(MAX_TEXT + 100);
        assert_eq!(secrets().clean(&text, MAX_TEXT), "录".repeat(MAX_TEXT));
        let text = format!("{}\u{1b}", "x".repeat(MAX_TEXT - 1));
        assert_eq!(secrets().clean(&text, MAX_TEXT), "x".repeat(MAX_TEXT - 1));
    }

    #[test]
    fn control_characters_are_escaped() {
        let text = "a\u{1b}[31mb\0c\r\nd\u{202e}e";
        assert_eq!(
            secrets().clean(text, MAX_TEXT),
            "a\\u{1b}[31mb\\u{0}c\\r\\nd\\u{202e}e"
        );
    }

    proptest! {
        #[test]
        fn nothing_secret_and_nothing_long_comes_out(
            before in "\\PC{0,600}", after in any::<String>(), limit in 0..MAX_TEXT,
        ) {
            let shown = secrets().clean(&format!("{before}{SK}{after}"), limit);
            prop_assert!(shown.chars().count() <= limit);
            prop_assert!(!shown.contains(SK) && !shown.chars().any(char::is_control));
        }
    }
}
