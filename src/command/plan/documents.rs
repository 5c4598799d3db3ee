//! The documents of a file, each with its place. What is wrong is told by place alone: the text may be a Secret's. Pure.

use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Error, Options, Spanned};

/// A document, and where it is.
#[derive(Debug, PartialEq)]
pub(super) struct Document<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// Its first line in the file, counted from 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
    /// An empty one is null.
    pub(super) value: Value,
}

/// The documents of a file, and a sentence for each that is none.
pub(super) fn documents(text: &str) -> (Vec<Document<'_>>, Vec<String>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let mut number = 0;
    for (line, text) in parts(text) {
        if number == 0 && is_bare(text) {
            continue; // what stands before the first line of dashes
        }
        number += 1;
        match parse(text) {
            Ok(values) => {
                for (value, place) in values {
                    let before = text.get(..place.start).unwrap_or_default();
                    found.push(Document {
                        number,
                        line: line + before.matches('\n').count(),
                        text: text.get(place).unwrap_or_default(),
                        value,
                    });
                    number += 1;
                }
                number -= 1;
            }
            Err(error) => problems.push(described(number, line, text, &error)),
        }
    }
    (found, problems)
}

/// What stands between lines of dashes, each with the number of its first line.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut parts, mut begin, mut first, mut at) = (Vec::new(), 0, 1, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) {
            parts.push((first, text.get(begin..at).unwrap_or_default()));
            // A document may begin on the same line.
            (begin, first) = (at + 3, number + 1);
        }
        at += line.len();
    }
    parts.push((first, text.get(begin..).unwrap_or_default()));
    let unmarked = |text: &str| {
        text.trim_start_matches([' ', '\r', '\n'])
            .starts_with('\u{feff}')
    };
    let clean = |(line, text)| {
        // Files that were joined each bring the mark of their beginning.
        let skipped = if unmarked(text) {
            text.find('\u{feff}').unwrap_or_default() + 3
        } else {
            0
        };
        let (before, text) = text.split_at_checked(skipped).unwrap_or(("", text));
        (line + before.matches('\n').count(), text)
    };
    parts.into_iter().map(clean).collect()
}

/// Whether a text has nothing but comments and directives.
fn is_bare(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with(['#', '%']))
}

/// The values of a text, each with where it stands: JSON, of which there may be several, or YAML.
fn parse(text: &str) -> Result<Vec<(Value, Range<usize>)>, Error> {
    if text.trim_start().starts_with('{') {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter();
        let (mut values, mut begin) = (Vec::new(), 0);
        while let Some(Ok(value)) = stream.next() {
            let blank = text
                .get(begin..)
                .map_or(0, |rest| rest.len() - rest.trim_start().len());
            let end = stream.byte_offset();
            values.push((value, begin + blank..end));
            begin = end;
        }
        if text.get(begin..).is_some_and(|rest| rest.trim().is_empty()) {
            return Ok(values);
        }
    }
    if is_bare(text) {
        return Ok(vec![(Value::Null, 0..text.len())]);
    }
    let value = serde_saphyr::from_str_with_options(text, options())?;
    Ok(vec![(value, 0..text.len())])
}

/// Room for any file of manifests, whose anchors may be used as often as there are objects. What aliases repeat stays bounded: it is
/// how a small text becomes an endless one.
fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            enforce_alias_anchor_ratio: false,
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_aliases: REPEATED,
            max_anchors: REPEATED,
            max_merge_keys: REPEATED,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPEATED,
        },
    }
}

/// So many values may aliases repeat.
const REPEATED: usize = 500_000;

/// Whether a document is refused for what it costs, and not for what it says.
fn is_too_large(error: &Error) -> bool {
    if let Error::AliasError { error, .. } = error {
        return is_too_large(error);
    }
    matches!(
        error,
        Error::Budget { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. }
    )
}

/// What is wrong with a document, without a word of it.
fn described(number: usize, first: usize, text: &str, error: &Error) -> String {
    let (mut line, mut column) = error.location().map_or((1, 1), |at| {
        (usize::try_from(at.line()).unwrap_or(1), at.column())
    });
    let tab = tab_near(text, line);
    let what = if matches!(error, Error::DuplicateMappingKey { .. }) {
        "a key is there twice"
    } else if matches!(error, Error::UnknownAnchor { .. }) {
        "an alias has no anchor"
    } else if is_too_large(error) {
        "larger or deeper than is read"
    } else if let Some(tab) = tab {
        (line, column) = tab;
        "a tab indents, which only spaces may"
    } else {
        "something there is not YAML"
    };
    let line = first + line.saturating_sub(1);
    format!("document {number}, line {line}, column {column}: {what}")
}

/// Where a tab indents this line, or the next one: that is read as more of the text above it, and then the text is what makes no sense.
fn tab_near(text: &str, line: usize) -> Option<(usize, u64)> {
    let lines = text.lines().enumerate();
    let mut near = lines.skip(line.saturating_sub(1)).take(2);
    near.find_map(|(number, text)| {
        let indent = text.len() - text.trim_start().len();
        let tab = text.get(..indent)?.find('\t')?;
        Some((number + 1, u64::try_from(tab + 1).ok()?))
    })
}

/// The line of a document, counted from 1, in which a field stands, by a path like `spec.items[0].name`.
pub(super) fn line_of(text: &str, path: &str) -> Option<u64> {
    let tree: Node = serde_saphyr::from_str_with_options(text, options()).ok()?;
    let (mut node, mut line) = (&tree, None);
    for word in path.split(['.', '[', ']']).filter(|word| !word.is_empty()) {
        node = match node {
            Node::Map(fields) => {
                let (key, value) = fields.iter().find(|(key, _)| key.value == word)?;
                line = Some(key.referenced.line());
                value
            }
            Node::List(items) => items.get(word.parse::<usize>().ok()?)?,
            Node::Leaf => return None,
        };
    }
    line
}

/// A document's keys with their places.
enum Node {
    Map(Vec<(Spanned<String>, Node)>),
    List(Vec<Node>),
    Leaf,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

macro_rules! leaves {
    ($($visit:ident: $of:ty),*) => {
        $(fn $visit<E>(self, _: $of) -> Result<Node, E> {
            Ok(Node::Leaf)
        })*
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document")
    }

    leaves!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(field) = fields.next_entry()? {
            map.push(field);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Number, first line and value of each document.
    fn read(text: &str) -> Vec<(usize, usize, Value)> {
        let (found, problems) = documents(text);
        assert_eq!(problems, [""; 0], "{text:?}");
        let documents = found.into_iter();
        documents
            .map(|document| (document.number, document.line, document.value))
            .collect()
    }

    #[test]
    fn documents_are_found_where_kubectl_finds_them() {
        let one = || json!({ "a": 1 });
        for (text, expected) in [
            ("a: 1\n", vec![(1, 1, one())]),
            ("\u{feff}a: 1\r\n", vec![(1, 1, one())]),
            ("---\na: 1\n---\n", vec![(1, 1, one()), (2, 3, Value::Null)]),
            (
                "# head\n%YAML 1.2\n---\r\na: 1\r\n--- # two\r\na: 1",
                vec![(1, 3, one()), (2, 5, one())],
            ),
            (
                "--- {a: 1}\n---\n\u{feff}a: 1\n",
                vec![(1, 1, one()), (2, 3, one())],
            ),
            (
                "{\n\t\"a\":\t1\n}\n{\"a\":1}\n---\na: 1",
                vec![(1, 1, one()), (2, 4, one()), (3, 5, one())],
            ),
            ("{a: 1}", vec![(1, 1, one())]),
            ("a:\t1\t\n", vec![(1, 1, one())]),
            (
                "a: |\n  text\n  ---\n  b\n",
                vec![(1, 1, json!({ "a": "text\n---\nb\n" }))],
            ),
            (
                "x: &x {a: 1}\ny: *x\nz: {<<: *x}\n",
                vec![(1, 1, json!({ "x": one(), "y": one(), "z": one() }))],
            ),
            ("", vec![]),
            ("# nothing\n", vec![]),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_not_by_its_text() {
        for (text, place) in [
            ("a: 1\n---\nb: 1\npassword: [hunter2\n", "document 2, line "),
            (
                "a: 1\n---\nb:\n\tpassword: hunter2\n",
                "document 2, line 4, column 1: a tab indents",
            ),
            (
                "a:\n  hunter2: x\n \tpassword: y\n",
                "document 1, line 3, column 2: a tab indents",
            ),
            (
                "a: 1\n\n---\nhunter2: 1\nhunter2: 2\n",
                "document 2, line 5, column 1: a key is there twice",
            ),
            (
                "a: *hunter2\n",
                "document 1, line 1, column 4: an alias has no anchor",
            ),
            ("{\"hunter2\": tru\n", "document 1, line "),
            ("hunter2: 'x\n", "document 1, line "),
        ] {
            let (_, problems) = documents(text);
            assert_eq!(problems.len(), 1, "{text:?}");
            assert!(problems[0].starts_with(place), "{problems:?} of {text:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
        let (found, problems) = documents("a: [\n---\nb: 1\n");
        assert_eq!((found.len(), problems.len()), (1, 1), "the others are read");
    }

    #[test]
    fn a_field_s_line_is_found() {
        let text = "kind: List\nitems:\n- a: 1\n- spec:\n    app: x\n    more: {deep: 1,\n      deeper: 2}\n";
        for (path, line) in [
            ("kind", Some(1)),
            ("items[1].spec.app", Some(5)),
            ("items[1].spec.more.deeper", Some(7)),
            ("items[2].spec", None),
            ("none", None),
        ] {
            assert_eq!(line_of(text, path), line, "{path}");
        }
    }

    #[test]
    fn large_lists_and_anchors_that_many_use_are_read() {
        let used = "- {a: {<<: *x}, b: *y}\n".repeat(500);
        let used = format!("x: &x {{c: 1}}\ny: &y [1, 2]\nitems:\n{used}");
        let large = format!("items: [{}]\n", "0,".repeat(260_000));
        for (text, count) in [(&used, 500), (&large, 260_000)] {
            let (found, problems) = documents(text);
            assert_eq!(problems, [""; 0]);
            let items = found[0].value["items"].as_array().unwrap();
            assert_eq!(items.len(), count);
        }
        assert_eq!(line_of(&used, "items[499].b"), Some(503));
    }

    #[test]
    fn what_is_endless_is_refused_for_its_size() {
        let level = |number: usize| {
            let before = number - 1;
            format!(
                "x{number}: &x{number} [*x{before},*x{before},*x{before},*x{before},*x{before},*x{before},*x{before},*x{before},*x{before}]\n"
            )
        };
        let laughs: String = (1..=9).map(level).collect();
        for text in [
            format!("x0: &x0 ha\n{laughs}"),
            format!("a: {}1{}\n", "[".repeat(70), "]".repeat(70)),
        ] {
            let (found, problems) = documents(&text);
            assert!(found.is_empty());
            assert!(
                problems[0].ends_with("larger or deeper than is read"),
                "{problems:?}"
            );
        }
        let deep = format!("a: {}1{}\n", "[".repeat(60), "]".repeat(60));
        assert_eq!(read(&deep).len(), 1);
    }
}
