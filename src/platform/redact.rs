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
    replacements: Vec<Replacement>,
}

/// A secret, and what is shown for it. It is kept once, however it may be written: a token is long, and many calls wait at once.
struct Replacement {
    secret: SecretString,
    shown: String,
}

/// How a secret may be written in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    AsItIs,
    PercentEncoded,
    InJson,
    /// The same with slashes escaped, too.
    InOldJson,
}

impl Redactor {
    /// Nothing is secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that must not be shown, as it is, percent-encoded or escaped in JSON.
    pub fn hide(&mut self, secret: &str) {
        self.replace(secret, MARK);
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
        let found = self.replacements.iter().filter_map(|replacement| {
            let secret = replacement.secret.expose_secret();
            let spelled = Spelling::ALL
                .iter()
                .filter_map(|it| it.matched(secret, text));
            Some((spelled.max()?, replacement.shown.as_str()))
        });
        found.max_by_key(|(end, _)| *end)
    }

    fn replace(&mut self, secret: &str, shown: &str) {
        let known = |known: &Replacement| known.secret.expose_secret() == secret;
        if secret.is_empty() || self.replacements.iter().any(known) {
            return;
        }
        self.replacements.push(Replacement {
            secret: secret.into(),
            shown: shown.to_owned(),
        });
    }
}

impl Spelling {
    const ALL: [Self; 4] = [
        Self::AsItIs,
        Self::PercentEncoded,
        Self::InJson,
        Self::InOldJson,
    ];

    /// How a character of a secret is written.
    fn of(self, letter: char) -> String {
        match (self, letter) {
            (Self::PercentEncoded, _) => percent_encode(letter.encode_utf8(&mut [0; 4])),
            (Self::InOldJson, '/') => "\\/".to_owned(),
            (Self::InJson | Self::InOldJson, '"' | '\\' | '\0'..='\u{1f}') => {
                let quoted = Value::from(letter.to_string()).to_string();
                let written = quoted.get(1..quoted.len() - 1);
                written.unwrap_or_default().to_owned()
            }
            _ => letter.to_string(),
        }
    }

    /// Where in the text the secret ends that it begins with, or as much of the secret's start as is taken for it.
    fn matched(self, secret: &str, text: &str) -> Option<usize> {
        let (mut end, mut letters) = (0, 0);
        for letter in secret.chars() {
            let written = self.of(letter);
            let common = common_start(&written, text.get(end..)?);
            end += common;
            letters += written.get(..common)?.chars().count();
            if common < written.len() {
                return (letters >= MIN_MATCH).then_some(end);
            }
        }
        Some(end)
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

    #[test]
    fn a_secret_is_kept_once_however_it_may_be_written() {
        let token = r#""/"#.repeat(32 << 10);
        let mut secrets = Redactor::new();
        secrets.hide(&token);
        let kept = secrets.replacements.iter();
        let kept: usize = kept.map(|it| it.secret.expose_secret().len()).sum();
        assert_eq!(kept, token.len());
        let percent = percent_encode(&token);
        assert_eq!(secrets.clean(&percent, MAX_TEXT), MARK, "to its very end");
    }

    /// All the texts that a secret may be written as.
    fn spellings(secret: &str) -> Vec<String> {
        let quoted = Value::from(secret).to_string();
        let json = quoted[1..quoted.len() - 1].to_owned();
        let old = json.replace('/', "\\/");
        vec![secret.to_owned(), percent_encode(secret), json, old]
    }

    proptest! {
        #[test]
        fn a_secret_is_found_however_it_is_written_and_wherever_it_is_cut(
            secret in r#"[a-z/"\\%+=é录\x00-\x1f]{1,40}"#, how in 0_usize..4, cut in 0_usize..200, after in "[G-Z ]{0,9}",
        ) {
            let mut secrets = Redactor::new();
            secrets.hide(&secret);
            let written = spellings(&secret).swap_remove(how);
            prop_assert_eq!(Spelling::ALL[how].matched(&secret, &written), Some(written.len()));
            let start: String = written.chars().take(cut).collect();
            let found = Spelling::ALL[how].matched(&secret, &format!("{start}{after}"));
            let is_enough = start.len() == written.len() || start.chars().count() >= MIN_MATCH;
            prop_assert_eq!(found, is_enough.then_some(start.len()));
        }

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
