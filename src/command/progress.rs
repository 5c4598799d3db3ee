//! A progress bar for what waits for the cloud: on stderr, and only where that is a terminal. Never part of what a command prints.

use indicatif::{ProgressBar, ProgressStyle};

/// How many callbacks of a project were read.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing before the first page.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} callbacks of {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So many of all were read.
    pub(super) fn read(&self, project: &str, count: u64, total: u64) {
        self.0.set_message(project.to_owned());
        self.0.set_length(total);
        self.0.set_position(count.min(total));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
