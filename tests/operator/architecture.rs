//! The arrows between the modules, as docs/architecture.md draws them.

mod questions;
mod source;
mod type_names;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use source::{Files, circles, named};

/// Each module with what its files may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "plan",
        &[
            "kube",
            "k8s_openapi",
            "tokio",
            "hyper_util",
            "reqwest",
            "ring",
            "http",
            "SystemTime",
            "Timestamp::now",
            "crate::platform",
            "crate::live",
            "crate::cluster",
            "crate::controller",
            "crate::command",
            "crate::config",
            "crate::admin",
            "crate::metrics",
        ],
    ),
    (
        "terms",
        &[
            "kube",
            "k8s_openapi",
            "tokio",
            "hyper_util",
            "reqwest",
            "crate::api",
            "crate::plan",
            "crate::platform",
            "crate::live",
            "crate::cluster",
            "crate::controller",
            "crate::config",
        ],
    ),
    (
        "platform",
        &[
            "kube",
            "k8s_openapi",
            "crate::api",
            "crate::plan",
            "crate::live",
            "crate::declared",
            "crate::cluster",
            "crate::login",
            "crate::controller",
            "crate::command",
            "crate::config",
            "crate::admin",
            "crate::metrics",
        ],
    ),
    (
        "live",
        &[
            "kube",
            "k8s_openapi",
            "crate::cluster",
            "crate::controller",
            "crate::command",
            "crate::config",
            "crate::admin",
            "crate::metrics",
        ],
    ),
    (
        "cluster",
        &[
            "hyper_util",
            "reqwest",
            "crate::live",
            "crate::controller",
            "crate::command",
            "crate::config",
            "crate::admin",
            "crate::metrics",
        ],
    ),
    ("controller", &["crate::command"]),
    (
        "command",
        &[
            "hyper_util::client",
            "reqwest",
            "crate::controller",
            "crate::metrics",
        ],
    ),
    (
        "declared",
        &[
            "hyper_util",
            "reqwest",
            "crate::live",
            "crate::cluster",
            "crate::login",
            "crate::controller",
            "crate::command",
            "crate::metrics",
        ],
    ),
    (
        "login",
        &[
            "hyper_util",
            "reqwest",
            "tokio",
            "crate::controller",
            "crate::command",
            "crate::metrics",
        ],
    ),
    (
        "api",
        &[
            "tokio",
            "hyper_util",
            "reqwest",
            "crate::live",
            "crate::cluster",
            "crate::controller",
            "crate::command",
            "crate::plan",
        ],
    ),
];

/// Modules whose files may not name each other in a circle.
const WITHOUT_CIRCLES: &[&str] = &[
    "terms",
    "plan",
    "platform",
    "live",
    "cluster",
    "declared",
    "controller",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The files of a module and all below it, by their modules.
fn of_module(module: &str) -> Files {
    let mut all = files(&source().join(module));
    all.push(source().join(format!("{module}.rs")));
    let named = all.into_iter().map(|file| {
        let path = file.strip_prefix(source()).unwrap().with_extension("");
        let words: Vec<_> = path.iter().map(|word| word.to_str().unwrap()).collect();
        (words.join("::"), fs::read_to_string(&file).unwrap())
    });
    named.collect()
}

/// What a module's file names of what it may not, each with its line.
fn forbidden_in(module: &str, text: &str, forbidden: &[&str]) -> Vec<String> {
    let leads_into = |path: &str, name: &str| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            || (!name.starts_with("crate::")
                && format!("::{path}::").contains(&format!("::{name}::"))
                && name.starts_with(char::is_uppercase))
    };
    let found = named(module, text).into_iter().flat_map(|named| {
        let names = forbidden
            .iter()
            .filter(move |name| leads_into(&named.path, name));
        names.map(move |name| format!("{module}:{} names {name}", named.line))
    });
    found.collect()
}

/// What the whole check says of a file of `plan` with this text.
fn in_plan(text: &str) -> Vec<String> {
    let forbidden = FORBIDDEN.iter().find(|(module, _)| *module == "plan");
    forbidden_in("plan::made_up", text, forbidden.unwrap().1)
}

#[test]
fn a_forbidden_name_is_found_wherever_it_stands() {
    for (text, line) in [
        ("use kube::Client;", 1),
        ("use {std::fmt, kube::Client};", 1),
        ("\nuse crate::platform::endpoint::Endpoint;", 2),
        (
            "use crate::{platform::endpoint::Endpoint, plan::facts::Facts};",
            1,
        ),
        (
            "use crate::{\n    api::status::Status,\n    live::{codes, wire},\n};",
            1,
        ),
        ("use super::super::live::wire;", 1),
        ("use super::{facts::Facts, super::live::wire as other};", 1),
        ("use crate::live as other;", 1),
        ("fn f() {\n    crate::live::codes::label();\n}", 2),
        (
            "fn f(at: &jiff::Timestamp) -> bool { *at == jiff::Timestamp::now() }",
            1,
        ),
        ("    let now = Timestamp::now();", 1),
        ("use std::time::{Duration, SystemTime};", 1),
    ] {
        let found = in_plan(text);
        assert!(
            found
                .iter()
                .any(|found| found.contains(&format!(":{line} names"))),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn words_are_told_from_paths() {
    for text in [
        "let text = String::new();",
        "// use kube::Client;",
        "let told = \"see kube::Client \\\" and crate::live::wire\";",
        "use crate::http::thing; // kube::Client",
        "use super::{alive::Thing, facts::{self, Facts as live}};",
        "use crate::plan::live::Thing;",
    ] {
        assert_eq!(in_plan(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_circle_is_found_through_any_form_of_import() {
    for (there, back) in [
        ("use crate::plan::b::B;", "use crate::plan::a::A;"),
        ("use super::b::B;", "use super::{a::A, c::C};"),
        ("use super::{c::C, b};", "fn f() { super::a::go(); }"),
        (
            "use crate::{api::X, plan::{b::B, c}};",
            "use crate::plan::{c::{C, D}, a};",
        ),
    ] {
        let file = |module: &str, text: &str| (module.to_owned(), text.to_owned());
        let files = Files::from([
            file("plan", "pub mod a; pub mod b; pub mod c;"),
            file("plan::a", there),
            file("plan::b", back),
            file("plan::c", "use crate::api::X;"),
        ]);
        let found: Vec<_> = circles("plan", &files).into_iter().collect();
        assert_eq!(found, [["a", "b"]], "{there} {back}");
    }
    let around = [
        "use super::b::B;",
        "use super::c::C;",
        "use super::a::part::A;",
    ];
    let modules = ["live::a", "live::b", "live::c"].map(str::to_owned);
    let files: Files = modules.into_iter().zip(around.map(str::to_owned)).collect();
    let found: Vec<_> = circles("live", &files).into_iter().collect();
    assert_eq!(found, [["a", "b", "c"]]);
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (module, forbidden) in FORBIDDEN {
        let files = of_module(module);
        assert!(files.len() > 1, "{module} has no files");
        for (name, text) in &files {
            wrong.extend(forbidden_in(name, text, forbidden));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_go_round_in_circles() {
    let mut found = BTreeSet::new();
    for module in WITHOUT_CIRCLES {
        let mut files = of_module(module);
        // Tests may name whatever they test.
        files.retain(|name, _| !name.contains("::tests") && !name.contains("::fuzz"));
        for text in files.values_mut() {
            let product = text.split("#[cfg(test)]\nmod tests {").next();
            *text = product.unwrap_or_default().to_owned();
        }
        let circles = circles(module, &files).into_iter();
        found.extend(circles.map(|circle| (*module, circle)));
    }
    assert!(found.is_empty(), "{found:?}");
}

/// The client's own way takes an answer for the API server's word on an object that says nothing of it.
#[test]
fn whether_an_object_is_there_is_judged_in_one_place() {
    let own_ways = ["get_opt(", "get_metadata_opt(", "Status::is_not_found"];
    let all = files(&source()).into_iter();
    let found: Vec<_> = all
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            own_ways.iter().any(|way| text.contains(way))
        })
        .collect();
    assert!(found.is_empty(), "use cluster::client::call_opt: {found:?}");
}

#[test]
fn no_file_is_too_long_to_read() {
    let source = files(&source());
    let tests = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operator"));
    let long: Vec<String> = source
        .into_iter()
        .chain(tests)
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
