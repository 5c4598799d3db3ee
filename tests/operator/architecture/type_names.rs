//! A type's name stands once in the tree, so that a reader who meets it knows which is meant.

use std::collections::BTreeMap;

use super::source::{Files, code};
use super::{files, source};

/// The types that a text defines. Those of a trait are its implementation's, and indented: they don't count.
fn defined(text: &str) -> Vec<String> {
    let code = code(text);
    let found = code.lines().filter_map(|line| {
        let (indent, line) = (line.starts_with(' '), line.trim_start());
        let line = line.strip_prefix("pub").map_or(line, |rest| {
            let rest = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            rest.map_or(&line[3..], |(_, rest)| rest).trim_start()
        });
        let (word, rest) = line.split_once(' ')?;
        let is_type = match word {
            "struct" | "enum" | "trait" | "union" => true,
            "type" => !indent,
            _ => false,
        };
        let ends = |letter: char| !letter.is_alphanumeric() && letter != '_';
        is_type.then(|| rest.split(ends).next().unwrap_or_default().to_owned())
    });
    found.collect()
}

/// The names that stand more than once, each with where.
fn repeated(files: &Files) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (module, text) in files {
        for name in defined(text) {
            places.entry(name).or_default().push(module);
        }
    }
    let repeated = places.into_iter().filter(|(_, places)| places.len() > 1);
    repeated
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect()
}

#[test]
fn a_type_name_stands_once() {
    let texts = files(&source()).into_iter().map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        (file.display().to_string(), text)
    });
    let repeated = repeated(&texts.collect());
    assert!(repeated.is_empty(), "{}", repeated.join("\n"));
}

#[test]
fn a_name_that_stands_twice_is_found_and_where() {
    let file = |module: &str, text: &str| (module.to_owned(), text.to_owned());
    let files = Files::from([
        file("a", "pub(super) struct Place<'a> {}\n    enum Kind {}\n"),
        file(
            "b",
            "// struct Place;\ntype Place = u8;\nimpl X {\n    type Kind = u8;\n}",
        ),
        file(
            "c",
            "    pub trait Kind: Send {}\nlet it = \"struct Place;\";",
        ),
    ]);
    assert_eq!(repeated(&files), ["Kind: a, c", "Place: a, b"]);
}
