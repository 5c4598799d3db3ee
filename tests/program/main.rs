//! The binary as a child process: what it says when it is started in ways that can't work, how it stands up, and how it ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::process::{Command, Output};

mod compile_fail;
mod completion;
mod half_world;
mod line;
mod notifications;
mod recipes;
mod standing;

/// The binary with nothing of this machine's environment that could help it.
fn program(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recording-callback-operator"));
    command
        .args(args.split_whitespace())
        .env_clear()
        .env("HOME", "/nonexistent");
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

/// Asserts an end with this code and one line on stderr that has all these words.
fn refused(command: &mut Command, code: i32, words: &[&str]) {
    let (status, stdout, stderr) = output(command);
    assert_eq!((status, stdout.as_str()), (Some(code), ""), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word} is not in {stderr}");
    }
}
