//! A progress bar for what waits for the cloud: on stderr, and only where that is a terminal. Never part of what a command prints.

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::cloud::CALLS_PER_MINUTE;
use crate::config;
use crate::live::answer::PAGE;

/// How many callbacks of a project were read.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing before the first page.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if !config::is_able_terminal(&Term::stderr()) {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {pos}/{len} callbacks of {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many of all were read, page by page.
    pub(super) fn read(&self, project: &str, count: u64, total: u64) {
        let calls = total.saturating_sub(count).div_ceil(PAGE.into());
        self.read_slowly(
            project,
            count,
            total,
            usize::try_from(calls).unwrap_or(usize::MAX),
        );
    }

    /// So many of all were read, and the others take so many calls.
    pub(super) fn read_slowly(&self, project: &str, count: u64, total: u64, calls_left: usize) {
        let left = time_left(calls_left);
        self.0.set_length(total);
        self.0.set_position(count.min(total));
        self.0.set_message(format!("{project}{left}"));
    }
}

/// How long so many calls take, in words: the quota decides it.
fn time_left(calls: usize) -> String {
    let seconds = calls.saturating_mul(60) / CALLS_PER_MINUTE as usize;
    match seconds {
        0 => String::new(),
        1..=90 => format!(", {seconds} s left"),
        _ => format!(", {} min left", seconds.div_ceil(60)),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_that_of_the_calls() {
        for (calls, told) in [
            (0, ""),
            (1, ", 3 s left"),
            (30, ", 90 s left"),
            (31, ", 2 min left"),
            (200, ", 10 min left"),
        ] {
            assert_eq!(time_left(calls), told);
        }
    }
}
