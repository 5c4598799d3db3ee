//! What happened in a world, in the order of time: shown when a test fails.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

/// Clones are handles of the same story.
#[derive(Clone)]
pub(super) struct EventStory {
    began: Instant,
    lines: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl EventStory {
    /// It begins now.
    pub(super) fn begin() -> Self {
        Self {
            began: Instant::now(),
            lines: Arc::default(),
        }
    }

    /// How long it goes on.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn tell(&self, line: impl Into<String>) {
        let line = (self.age(), line.into());
        self.lines.lock().unwrap().push(line);
    }

    /// All of it; of a long one the end.
    pub(super) fn whole(&self) -> String {
        const MOST: usize = 400;
        let lines = self.lines.lock().unwrap();
        let skipped = lines.len().saturating_sub(MOST);
        let mut text = String::new();
        if skipped > 0 {
            writeln!(text, "  ... {skipped} lines").unwrap();
        }
        for (age, line) in &lines[skipped..] {
            let seconds = age.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let millis = age.subsec_millis();
            writeln!(
                text,
                "  {hours}:{minutes:02}:{:02}.{millis:03}  {line}",
                seconds % 60
            )
            .unwrap();
        }
        text
    }
}
