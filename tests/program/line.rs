//! What the command line says.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use recording_callback_operator::api::crd;

use super::{output, program, refused};

#[test]
fn a_mistake_on_the_command_line_ends_with_code_2_and_one_line() {
    refused(
        &mut program("run --resync-interval soon"),
        2,
        &["--resync-interval", "10m"],
    );
    refused(&mut program("run --no-such-flag"), 2, &["--no-such-flag"]);
    refused(
        &mut program("run --request-timeout 1m"),
        2,
        &["--settle-time", "1m5s"],
    );
    refused(&mut program(""), 2, &["subcommand"]);
    refused(&mut program("release"), 2, &["NAME", "--all"]);
    refused(&mut program("release -A"), 2, &["NAME", "--all"]);
    refused(&mut program("release push --all"), 2, &["--all"]);
    for command in ["status", "retry", "suspend", "resume"] {
        refused(&mut program(command), 2, &["NAME", "--all"]);
    }
    // 2 says that a plan has changes.
    refused(&mut program("plan"), 1, &["FILE"]);
    refused(&mut program("plan --no-such-flag"), 1, &["--no-such-flag"]);
    // A variable that is set does not make a flag's mistake its own.
    let mut short = program("release push -n Bad");
    refused(
        short.env("NAMESPACE", "media"),
        2,
        &["error: invalid value 'Bad'"],
    );
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    for (name, value) in [
        ("RESYNC_INTERVAL", "soon"),
        ("LEADER_ELECT", "yes"),
        ("REQUESTS_PER_MINUTE", "0"),
        ("NAMESPACES", "media,,live"),
        ("LISTEN", ""),
    ] {
        refused(
            program("run").env(name, value),
            2,
            &["environment variable", name],
        );
    }
    let latin1 = OsStr::from_bytes(b"caf\xe9");
    refused(
        program("run").env("LABEL_SELECTOR", latin1),
        2,
        &["environment variable LABEL_SELECTOR"],
    );
    // Nor does what other commands find there steer them.
    let mut release = program("release push");
    let release = release.env("LEASE_NAME", "Bad").env("CONTEXT", "prod");
    refused(release, 1, &["KUBECONFIG"]);
    // A flag goes before its variable, so this gets as far as looking for a cluster.
    let mut both = program("run --resync-interval 1m");
    refused(both.env("RESYNC_INTERVAL", "soon"), 1, &["KUBECONFIG"]);
}

#[test]
fn without_a_cluster_the_ways_to_one_are_named() {
    refused(
        &mut program("run"),
        1,
        &["KUBECONFIG", "--kubeconfig", "service account"],
    );
    refused(&mut program("release --all"), 1, &["error: ", "KUBECONFIG"]);
    refused(
        &mut program("run --kubeconfig /no/such/file"),
        1,
        &["/no/such/file"],
    );
    refused(
        program("run").env("KUBECONFIG", "/no/such/file"),
        1,
        &["/no/such/file"],
    );
}

#[test]
fn the_crd_is_printed() {
    let (status, stdout, stderr) = output(&mut program("crd"));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, crd::yaml().unwrap());
}

#[test]
fn the_json_schema_is_printed() {
    let (status, stdout, stderr) = output(&mut program("crd --json-schema"));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(schema["properties"]["kind"]["enum"][0], "RecordingCallback");
}

#[test]
fn a_slip_is_answered_with_what_may_have_been_meant() {
    for (line, code, meant) in [
        ("stauts push", 2, "did you mean status?"),
        ("help", 2, "did you mean --help?"),
        ("status media/push", 2, "it is: push -n media"),
        ("release Push", 2, "\"Push\" is not a name"),
        ("help plan", 2, "did you mean plan --help?"),
        (
            "run --resync-intervall 1m",
            2,
            "did you mean --resync-interval?",
        ),
        (
            "verify-notification --sign-type HMACSHA25",
            2,
            "did you mean HMACSHA256?",
        ),
        ("explain Conflcit", 1, "did you mean Conflict?"),
        ("explain LIVE.103011018x", 1, "did you mean LIVE.103011018?"),
    ] {
        refused(&mut program(line), code, &[meant]);
    }
}

/// Lines that a terminal of so many columns would break; a word that is longer by itself can't be helped.
fn run_on(text: &str, columns: usize) -> Vec<&str> {
    let is_broken = |line: &&str| line.chars().count() > columns && line.trim().contains(' ');
    text.lines().filter(is_broken).collect()
}

#[test]
fn help_fits_a_terminal_and_is_narrow_enough_to_be_read_elsewhere() {
    let (_, all, _) = output(&mut program("--help"));
    let commands = all.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15 && names.contains(&"plan"), "{names:?}");
    for command in names.into_iter().chain([""]) {
        for flag in ["-h", "--help"] {
            let line = format!("{command} {flag}");
            for (columns, width) in [(None, 100), (Some("80"), 80), (Some("300"), 100)] {
                let mut help = program(&line);
                let (code, text, stderr) = output(help.envs(columns.map(|wide| ("COLUMNS", wide))));
                assert_eq!((code, stderr.as_str()), (Some(0), ""), "{line}");
                let broken = run_on(&text, width);
                assert_eq!(broken, Vec::<&str>::new(), "{line} at {width} columns");
            }
        }
    }
}

#[test]
fn a_code_is_explained() {
    let (status, stdout, stderr) = output(&mut program("explain LIVE.100011001"));
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("Class:    rejected\n"), "{stdout}");
    refused(&mut program("explain LIVE.0"), 1, &["LIVE.0", "Conflict"]);
}

#[test]
fn shells_and_manuals_know_every_command() {
    for (line, words) in [
        (
            "completion zsh",
            ["#compdef", "recording-callback-operator", "COMPLETE"],
        ),
        ("man", [".TH", "NAME", "release"]),
        ("man run", [".TH", "RESYNC_INTERVAL", "concurrency"]),
    ] {
        let (status, stdout, stderr) = output(&mut program(line));
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{line}");
        for word in words {
            let found = stdout.replace("\\-", "-").contains(word);
            assert!(found, "{word} is not in what {line} printed");
        }
    }
    refused(&mut program("man walk"), 1, &["walk"]);
    refused(&mut program("completion csh"), 2, &["csh", "bash", "fish"]);
}
