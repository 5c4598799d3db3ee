//! What happened in a world, in the order of time: shown when a test fails.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

/// Clones are handles of the same story.
#[derive(Clone)]
pub(super) struct EventStory {
    began: Instant,
    lines: Arc<Mutex<StoryEnd>>,
}

/// The newest lines; of a long story nobody reads more.
#[derive(Default)]
struct StoryEnd {
    lines: VecDeque<(Duration, String)>,
    skipped: usize,
}

/// So many lines are kept.
const MOST: usize = 400;

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

    pub(super) fn log(&self, line: impl Into<String>) {
        let line = (self.age(), line.into());
        let mut end = self.lines.lock().unwrap();
        end.lines.push_back(line);
        if end.lines.len() > MOST {
            end.lines.pop_front();
            end.skipped += 1;
        }
    }

    /// All of it; of a long one the end.
    pub(super) fn whole(&self) -> String {
        let StoryEnd { lines, skipped } = &*self.lines.lock().unwrap();
        let mut text = String::new();
        if *skipped > 0 {
            writeln!(text, "  ... {skipped} lines").unwrap();
        }
        for (age, line) in lines {
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
