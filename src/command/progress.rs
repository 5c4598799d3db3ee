//! A progress bar for what waits for the cloud: on stderr, and only where that is a terminal. Never part of what a command prints.

use std::sync::Mutex;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::command_cloud::CALLS_PER_MINUTE;
use crate::config;
use crate::live::answer::PAGE;
use crate::lock::lock;

/// How many callbacks of a project were read.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing before the first page.
    pub(super) fn new() -> Self {
        let target = if config::is_able_terminal(&Term::stderr()) {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self::at(target)
    }

    fn at(target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if !bar.is_hidden() {
            *lock(&CURRENT) = Some(bar.clone());
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

/// The bar that stands on the terminal.
static CURRENT: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says something where a bar may stand, which makes room for it.
pub(super) fn beside(say: impl FnOnce()) {
    let current = lock(&CURRENT).clone();
    match current {
        Some(bar) => bar.suspend(say),
        None => say(),
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
        if !self.0.is_hidden() {
            *lock(&CURRENT) = None;
        }
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what is done to it.
    #[derive(Debug, Clone, Default)]
    struct KeptTerm(Arc<Mutex<Vec<String>>>);

    impl KeptTerm {
        fn keep(&self, what: &str) {
            lock(&self.0).push(what.to_owned());
        }
    }

    impl TermLike for KeptTerm {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.keep(line);
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.keep(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.keep("clear");
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_said_stands_on_a_line_of_its_own() {
        let term = KeptTerm::default();
        let progress = Progress::at(ProgressDrawTarget::term_like(Box::new(term.clone())));
        progress.read("p1", 100, 200);
        beside(|| term.keep("error: said"));
        let kept = lock(&term.0).clone();
        let drawn = kept
            .iter()
            .position(|text| text.contains("callbacks of p1"));
        let said = kept.iter().position(|text| text == "error: said").unwrap();
        assert!(drawn.is_some_and(|drawn| drawn < said), "{kept:?}");
        assert_eq!(kept[said - 1], "clear", "{kept:?}");
        drop(progress);
        assert!(lock(&CURRENT).is_none());
    }

    #[test]
    fn the_time_that_is_left_is_that_of_the_calls() {
        for (calls, expected) in [
            (0, ""),
            (1, ", 3 s left"),
            (30, ", 90 s left"),
            (31, ", 2 min left"),
            (200, ", 10 min left"),
        ] {
            assert_eq!(time_left(calls), expected);
        }
    }
}
