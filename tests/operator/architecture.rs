//! The arrows between the modules, as docs/architecture.md draws them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Each module with what its files may not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "plan",
        &[
            "kube",
            "k8s_openapi",
            "tokio",
            "reqwest",
            "ring",
            "http",
            "SystemTime",
            "Timestamp::now",
            "crate::live",
            "crate::cluster",
            "crate::controller",
            "crate::command",
            "crate::config",
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
            "crate::metrics",
        ],
    ),
    (
        "cluster",
        &[
            "reqwest",
            "crate::live",
            "crate::controller",
            "crate::command",
            "crate::config",
        ],
    ),
    ("controller", &["crate::command"]),
    (
        "command",
        &["reqwest", "crate::controller", "crate::metrics"],
    ),
    (
        "declared",
        &[
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
            "reqwest",
            "crate::live",
            "crate::cluster",
            "crate::controller",
            "crate::command",
            "crate::plan",
        ],
    ),
];

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

fn of_module(module: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = files(&source.join(module));
    all.push(source.join(format!("{module}.rs")));
    all
}

/// Whether a line of code names this crate, module or function as a path of its own: `String::new` does not name `ring`.
fn names(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let path = if name.contains("::") || name == "SystemTime" {
        name.to_owned()
    } else {
        format!("{name}::")
    };
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

#[test]
fn paths_are_told_from_words() {
    assert!(names("use ring::hmac;", "ring"));
    assert!(names("    let now = Timestamp::now();", "Timestamp::now"));
    assert!(!names("    let text = String::new();", "ring"));
    assert!(!names("use crate::http::thing; // kube::Client", "kube"));
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (module, forbidden) in FORBIDDEN {
        let files = of_module(module);
        assert!(files.len() > 1, "{module} has no files");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for name in forbidden.iter().filter(|name| names(line, name)) {
                    wrong.push(format!("{}:{} names {name}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_too_long_to_read() {
    let source = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
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
