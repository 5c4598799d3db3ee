//! Which Secret is read next. No I/O.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::controller::secret_poll::SecretName;

/// For how many intervals what nobody waits for lets others go first, where there is more to read than can be.
const PATIENCE: u32 = 5;

/// When each Secret is to be read.
pub(super) struct Schedule {
    interval: Duration,
    entries: HashMap<SecretName, ScheduledRead>,
    /// When a read of each namespace last began.
    last_reads: HashMap<String, Instant>,
}

struct ScheduledRead {
    due: Instant,
    urgent: bool,
    under_way: bool,
}

impl Schedule {
    /// Nothing is to be read yet; each Secret then every so often.
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            entries: HashMap::new(),
            last_reads: HashMap::new(),
        }
    }

    /// Takes in what is in use, and whether somebody waits for it. What is new is due at once.
    pub(super) fn update<'a>(
        &mut self,
        used: impl Iterator<Item = (&'a SecretName, bool)>,
        now: Instant,
    ) {
        let mut before = std::mem::take(&mut self.entries);
        for (name, urgent) in used {
            let entry = before.remove(name).unwrap_or(ScheduledRead {
                due: now,
                urgent,
                under_way: false,
            });
            self.entries
                .insert(name.clone(), ScheduledRead { urgent, ..entry });
        }
        let still = self.interval * PATIENCE;
        self.last_reads
            .retain(|_, last| now.duration_since(*last) <= still);
    }

    /// When the next Secret is due that is not being read.
    pub(super) fn due(&self) -> Option<Instant> {
        let waiting = self.entries.values().filter(|entry| !entry.under_way);
        waiting.map(|entry| entry.due).min()
    }

    /// The Secret to be read now, if one is due: the namespaces take turns, and in each what somebody waits for goes first, but for
    /// what is overdue for long. So neither many Secrets of one namespace nor many that are waited for keep others back for ever.
    pub(super) fn next(&mut self, now: Instant) -> Option<SecretName> {
        let is_due = |entry: &ScheduledRead| entry.due <= now && !entry.under_way;
        let due = self.entries.iter().filter(|(_, entry)| is_due(entry));
        let (name, _) = due.min_by_key(|(name, entry)| self.rank(name, entry))?;
        let name = name.clone();
        self.last_reads.insert(name.0.clone(), now);
        if let Some(entry) = self.entries.get_mut(&name) {
            entry.due = now + self.interval;
            entry.under_way = true;
        }
        Some(name)
    }

    fn rank(&self, name: &SecretName, entry: &ScheduledRead) -> (Instant, Instant) {
        let patience = self.interval * PATIENCE;
        let own = if entry.urgent {
            entry.due
        } else {
            entry.due + patience
        };
        let last = self.last_reads.get(&name.0).map(|last| *last + patience);
        (last.map_or(own, |last| last.max(own)), own)
    }

    /// A read has ended.
    pub(super) fn ended(&mut self, name: &SecretName) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.under_way = false;
        }
    }
}
