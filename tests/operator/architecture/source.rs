//! What a source file names, and which files name each other in a circle. Reads text only: enough of Rust for the house's style.

use std::collections::{BTreeMap, BTreeSet};

/// A path that a line of code names, from the crate's root: `crate::plan::facts::Facts`, or `kube::Client`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) path: String,
}

/// The file of each module, by the module's path: `plan::facts`.
pub(super) type Files = BTreeMap<String, String>;

/// All paths that the file of a module names: groups taken apart, `super` and `self` resolved.
pub(super) fn named(module: &str, text: &str) -> Vec<Named> {
    let code = code(text);
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(begin) = next_path(&code, rest) {
        let (paths, end) = tree(&code, begin);
        let line = code[..begin].matches('\n').count() + 1;
        for path in paths.iter().filter(|path| path.contains("::")) {
            let path = resolved(module, path);
            found.push(Named { line, path });
        }
        rest = end.max(begin + 1);
    }
    found
}

/// The text with comments and the insides of strings blanked, line by line as it was.
pub(super) fn code(text: &str) -> String {
    let (mut code, mut letters) = (String::new(), text.chars().peekable());
    let (mut in_string, mut in_comment) = (false, false);
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => {
                in_comment = false;
                code.push('\n');
            }
            _ if in_comment => code.push(' '),
            '\\' if in_string => {
                code.push(' ');
                if letters.next() == Some('\n') {
                    code.push('\n');
                }
            }
            '"' => {
                in_string = !in_string;
                code.push(' ');
            }
            _ if in_string => code.push(' '),
            // A quote as a character, which begins no string.
            '\'' if letters.peek() == Some(&'"') => {
                letters.next();
                code.push(' ');
            }
            '/' if letters.peek() == Some(&'/') => in_comment = true,
            other => code.push(if other.is_ascii() { other } else { ' ' }),
        }
    }
    code
}

/// Where the next path begins: a word that does not go on from another path.
fn next_path(code: &str, from: usize) -> Option<usize> {
    let letters = code.as_bytes();
    let is_word = |at: usize| letters.get(at).is_some_and(|byte| is_part(*byte));
    (from..letters.len()).find(|at| {
        let goes_on = *at > 0 && (is_word(at - 1) || letters[at - 1] == b':');
        is_word(*at) && !goes_on
    })
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The paths of one tree, `a::{b, c::{self, d as e}}`, and where it ends.
fn tree(code: &str, begin: usize) -> (Vec<String>, usize) {
    let letters = code.as_bytes();
    let mut at = begin;
    while letters
        .get(at)
        .is_some_and(|byte| is_part(*byte) || *byte == b'*')
    {
        at += 1;
    }
    let word = code[begin..at].to_owned();
    if !code[at..].starts_with("::") {
        return (vec![word], at);
    }
    at += 2;
    if !code[at..].starts_with('{') {
        let (paths, end) = tree(code, at);
        let paths = paths.iter().map(|path| format!("{word}::{path}"));
        return (paths.collect(), end);
    }
    at += 1;
    let mut paths = Vec::new();
    while let Some(byte) = letters.get(at).filter(|byte| **byte != b'}') {
        if is_part(*byte) || *byte == b'*' {
            let (inner, end) = tree(code, at);
            paths.extend(inner.iter().map(|path| format!("{word}::{path}")));
            // A new name says nothing of where the thing is.
            let item = code[end..].find([',', '}', '{']).unwrap_or_default();
            at = end + item;
        } else {
            at += 1;
        }
    }
    (paths, at + 1)
}

/// The path from the crate's root, as far as it is one of the crate.
fn resolved(module: &str, path: &str) -> String {
    let mut own: Vec<&str> = module.split("::").collect();
    let mut words = path.split("::").peekable();
    match words.peek() {
        Some(&"self") => drop(words.next()),
        Some(&"super") => {
            while words.next_if_eq(&"super").is_some() {
                own.pop();
            }
        }
        _ => return path.to_owned(),
    }
    let whole = std::iter::once("crate").chain(own).chain(words);
    whole.collect::<Vec<_>>().join("::")
}

/// The modules among these that name each other in a circle, each circle in alphabetical order. A directory's modules count as
/// the one file that they belong to: a module and its parts are one thing to whoever is outside.
pub(super) fn circles(root: &str, files: &Files) -> BTreeSet<Vec<String>> {
    let mut arrows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (module, text) in files {
        let Some(from) = part(root, module) else {
            continue;
        };
        for Named { path, .. } in named(module, text) {
            let to = path
                .strip_prefix("crate::")
                .and_then(|path| part(root, path).map(str::to_owned));
            let known = to.and_then(|to| {
                files
                    .keys()
                    .find_map(|other| part(root, other).filter(|part| *part == to))
            });
            if let Some(to) = known.filter(|to| *to != from) {
                arrows.entry(from).or_default().insert(to);
            }
        }
    }
    let reached = |from: &str| {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(next) = ahead.pop() {
            for to in arrows.get(next.as_str()).into_iter().flatten() {
                if seen.insert((*to).to_owned()) {
                    ahead.push((*to).to_owned());
                }
            }
        }
        seen
    };
    let mut circles = BTreeSet::new();
    for from in arrows.keys() {
        let forth = reached(from);
        if forth.contains(*from) {
            let circle = forth
                .into_iter()
                .filter(|other| reached(other).contains(*from));
            circles.insert(circle.collect());
        }
    }
    circles
}

/// The name of the part of a module that a path leads into: `facts` of `plan::facts::Facts` in `plan`.
fn part<'a>(root: &str, path: &'a str) -> Option<&'a str> {
    let inside = path.strip_prefix(root)?.strip_prefix("::")?;
    inside.split("::").next()
}
