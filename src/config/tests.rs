//! Command lines in, configurations or one line out. The environment's part is tested on the binary, in `tests/program`.

use std::time::Duration;

use super::*;
use crate::log::{Format, Level};
use crate::platform::endpoint::AllowList;

fn parse_words(line: &str) -> Result<Command, EarlyExit> {
    let words = std::iter::once("recording-callback-operator").chain(line.split_whitespace());
    parse(words.map(OsString::from))
}

fn run(flags: &str) -> RunConfig {
    match parse_words(&format!("run {flags}")) {
        Ok(Command::Run(config)) => *config,
        other => panic!("run {flags} gave {other:?}"),
    }
}

fn mistake(line: &str) -> String {
    match parse_words(line) {
        Err(EarlyExit::Usage { line, .. }) => line,
        other => panic!("{line} gave {other:?}"),
    }
}

#[test]
fn the_defaults() {
    let config = run("");
    assert!(config.namespaces.is_empty());
    assert_eq!(config.label_selector, None);
    assert!(config.leader_elect);
    assert_eq!(config.lease_name, "recording-callback-operator");
    assert_eq!(config.lease_namespace, None);
    assert_eq!(config.lease_duration, Duration::from_secs(15));
    assert_eq!(config.listen.to_string(), "[::]:8080");
    assert_eq!(config.requests_per_minute, 270);
    assert_eq!(config.resync_interval, Duration::from_mins(10));
    assert_eq!(config.secret_poll_interval, Duration::from_mins(1));
    assert_eq!(config.request_timeout, Duration::from_secs(15));
    assert_eq!(config.settle_time, Duration::from_secs(30));
    assert_eq!(config.stall_after, Duration::from_mins(10));
    assert!(!config.read_only);
    assert_eq!(config.allowed_endpoints, AllowList::default());
    assert!(!config.ambient_credentials_namespaces.covers("media"));
    assert_eq!(config.log_format, Format::Json);
    assert_eq!(config.log_level, Level::parse("info").unwrap());
    assert_eq!(config.concurrency, 32);
    assert!(!config.host_name.is_empty());
}

#[test]
fn flags_say_otherwise() {
    let config = run(
        "--namespaces media,live --label-selector tier=gold --leader-elect=false \
                      --lease-duration 3s --listen :9090 --read-only --settle-time 6s \
                      --request-timeout=1s --allowed-endpoints http://127.0.0.1:9000 \
                      --ambient-credentials-namespaces * --log-format text --context there",
    );
    assert_eq!(*config.namespaces, ["media", "live"]);
    assert_eq!(config.label_selector.as_deref(), Some("tier=gold"));
    assert!(!config.leader_elect && config.read_only);
    assert_eq!(config.listen.to_string(), "[::]:9090");
    let allowed = config.allowed_endpoints.to_string();
    assert_eq!(allowed, "http://127.0.0.1:9000");
    assert!(config.ambient_credentials_namespaces.covers("media"));
    assert_eq!(config.log_format, Format::Text);
    assert_eq!(config.cluster.context(), Some("there"));
    assert!(run("--leader-elect true").leader_elect && run("--leader-elect").leader_elect);
    assert!(!run("--read-only false").read_only);
}

#[test]
fn every_mistake_is_one_line_that_names_its_place() {
    for (line, words) in [
        ("", &["subcommand"][..]),
        ("walk", &["walk"]),
        ("run --no-such-flag", &["--no-such-flag"]),
        ("run extra", &["extra"]),
        ("run --listen", &["--listen"]),
        (
            "run --listen nowhere",
            &["--listen", "nowhere", "[::]:8080"],
        ),
        (
            "run --listen localhost:8080",
            &["--listen", "127.0.0.1:8080"],
        ),
        ("run --listen :70000", &["--listen"]),
        ("run --resync-interval 10", &["--resync-interval", "10m"]),
        (
            "run --resync-interval 0s",
            &["--resync-interval", "at least 100ms"],
        ),
        (
            "run --resync-interval 25h",
            &["--resync-interval", "at most 24h"],
        ),
        (
            "run --resync-interval 1m --resync-interval 2m",
            &["--resync-interval", "multiple"],
        ),
        (
            "run --settle-time 19s",
            &["--settle-time", "--request-timeout", "20s"],
        ),
        (
            "run --request-timeout 26s",
            &["--settle-time", "--request-timeout", "31s"],
        ),
        (
            "run --requests-per-minute 600001",
            &["--requests-per-minute", "600000"],
        ),
        ("run --requests-per-minute 0", &["--requests-per-minute"]),
        (
            "run --lease-duration 2s",
            &["--lease-duration", "at least 3s"],
        ),
        (
            "run --lease-duration 3500ms",
            &["--lease-duration", "whole seconds"],
        ),
        (
            "run --lease-name Not_A_Name",
            &["--lease-name", "Not_A_Name"],
        ),
        ("run --lease-namespace a.b", &["--lease-namespace", "a.b"]),
        ("run --leader-elect=yes", &["--leader-elect", "true, false"]),
        ("run --namespaces media,,live", &["--namespaces", "empty"]),
        ("run --namespaces *", &["--namespaces", "every namespace"]),
        (
            "run --label-selector a==b=c",
            &["--label-selector", "a==b=c"],
        ),
        (
            "run --allowed-endpoints ,",
            &["--allowed-endpoints", "empty"],
        ),
        (
            "run --allowed-endpoints live.example.com/v1",
            &["--allowed-endpoints", "has a path"],
        ),
        (
            "plan push.yaml --allowed-endpoints live.example.com,ftp://127.0.0.1",
            &["--allowed-endpoints", "only https:// and http://"],
        ),
        (
            "run --ambient-credentials-namespaces media,*",
            &["--ambient-credentials-namespaces"],
        ),
        ("run --log-format xml", &["--log-format", "json, text"]),
        ("run --log-level inof", &["--log-level", "inof", "debug"]),
        ("run --concurrency 0", &["--concurrency"]),
    ] {
        is_one_line(line, words);
    }
}

#[test]
fn mistakes_of_the_other_commands_are_one_line_too() {
    for (line, words) in [
        ("explain", &["CODE"][..]),
        ("release", &["NAME", "--all"]),
        ("release -A", &["NAME", "--all"]),
        ("release push --all", &["--all", "NAME"]),
        ("release push -A", &["--all-namespaces", "NAME"]),
        (
            "release --all -A -n media",
            &["--all-namespaces", "--namespace"],
        ),
        ("release push -n a.b", &["--namespace", "a.b"]),
        ("release push live", &["live"]),
        ("status", &["NAME", "--all"]),
        ("retry push -A", &["--all-namespaces"]),
        ("suspend push --lease-name a", &["--lease-name"]),
        ("completion", &["SHELL"]),
        ("release Not_A_Name", &["NAME", "Not_A_Name"]),
        ("release push -o xml", &["--output", "table, json, yaml"]),
        ("release push --lease-name Not_A_Name", &["--lease-name"]),
        ("crd extra", &["extra"]),
    ] {
        is_one_line(line, words);
    }
}

/// Asserts that a command line is refused in one line that has all these words.
fn is_one_line(line: &str, words: &[&str]) {
    let text = mistake(line);
    assert!(
        text.starts_with("error: ") && !text.contains('\n'),
        "{line:?} said {text}"
    );
    assert!(
        !text.contains("Usage") && !text.contains("environment"),
        "{line:?} said {text}"
    );
    for word in words {
        assert!(text.contains(word), "{line:?} said {text}");
    }
}

#[test]
fn what_to_let_go() {
    let release = |flags: &str| match parse_words(&format!("release {flags}")) {
        Ok(Command::Release(args)) => args,
        other => panic!("release {flags} gave {other:?}"),
    };
    let one = release("push -n media --lease-namespace system --lease-name other -o json");
    assert_eq!(one.objects.which.name.as_deref(), Some("push"));
    assert_eq!(one.objects.scope.namespace.as_deref(), Some("media"));
    assert_eq!(one.lease_namespace.as_deref(), Some("system"));
    assert_eq!(one.lease_name.as_deref(), Some("other"));
    assert_eq!(one.print.output, objects::Output::Json);
    let all = release("--all -A --context there");
    assert!(all.objects.which.all && all.objects.which.name.is_none());
    assert!(all.objects.scope.all_namespaces);
    assert_eq!(all.objects.scope.cluster.context(), Some("there"));
    assert_eq!(all.print.output, objects::Output::Table);
}

#[test]
fn a_plugin_of_kubectl_says_so_in_its_usage() {
    for (called_as, usage) in [
        ("/usr/local/bin/kubectl-rcb", "Usage: kubectl rcb release "),
        (
            "/usr/bin/recording-callback-operator",
            "Usage: recording-callback-operator release ",
        ),
    ] {
        match parse([called_as, "release", "--help"].map(OsString::from)) {
            Err(EarlyExit::Help(text)) => assert!(text.contains(usage), "{text}"),
            other => panic!("{called_as} gave {other:?}"),
        }
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    for (line, word) in [
        ("--help", "explain"),
        ("run --help", "RESYNC_INTERVAL"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        match parse_words(line) {
            Err(EarlyExit::Help(text)) => assert!(text.contains(word), "{line} said {text}"),
            other => panic!("{line} gave {other:?}"),
        }
    }
}

/// `CONTEXT` and the like are words of other programs, too: a variable that is left over must not say what a call of a person is about.
#[test]
fn every_flag_of_run_has_the_environment_twin_of_its_name_and_of_other_commands_only_kubeconfig() {
    let mut count = 0;
    for command in Cli::command().get_subcommands() {
        for flag in command.get_arguments() {
            let id = flag.get_id();
            let (long, variable) = (flag.get_long(), flag.get_env().and_then(OsStr::to_str));
            let twin = long.map(|long| long.to_uppercase().replace('-', "_"));
            let is_twin = variable == twin.as_deref();
            match command.get_name() {
                "run" => assert!(is_twin, "run {id}: {variable:?}"),
                _ if long == Some("kubeconfig") => assert!(is_twin, "{id}: {variable:?}"),
                name => assert_eq!(variable, None, "{name} {id}"),
            }
            count += 1;
        }
    }
    assert!(count >= 80, "only {count} flags were looked at");
}
