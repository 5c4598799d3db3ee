//! The notifications that came before, as far as memory is given to them: who kept a genuine one can send it again as long as its
//! signature counts. Pure.

use std::collections::{HashMap, HashSet, VecDeque};

use ring::digest::{SHA256, digest};

use crate::live::notification::Notification;

/// So many are remembered.
const MOST: usize = 10_000;

/// Stands for what may be long.
type Digest = Vec<u8>;

/// Whether a notification came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recurrence {
    /// It did not.
    First,
    /// It did.
    Repeated,
    /// Another did that has the same signature: they differ in what that does not cover.
    SameSignature,
}

/// What came before.
#[derive(Debug, Default)]
pub(super) struct SeenNotifications {
    contents: HashSet<Digest>,
    signatures: HashMap<Digest, usize>,
    oldest_first: VecDeque<(Digest, Digest)>,
}

impl SeenNotifications {
    /// Remembers one from now on, and says whether it came before.
    pub(super) fn see(&mut self, notification: &Notification) -> Recurrence {
        let content = content(notification);
        if self.contents.contains(&content) {
            return Recurrence::Repeated;
        }
        if self.oldest_first.len() >= MOST {
            self.forget_oldest();
        }
        let text = notification.text("auth_sign");
        let signature = digest_of(text.as_bytes());
        let same = self.signatures.entry(signature.clone()).or_default();
        let is_reused = *same > 0 && !text.is_empty();
        *same += 1;
        self.contents.insert(content.clone());
        self.oldest_first.push_back((content, signature));
        if is_reused {
            Recurrence::SameSignature
        } else {
            Recurrence::First
        }
    }

    /// Takes one for not seen: what was to be done about it was not done, so that it may come again.
    pub(super) fn forget(&mut self, notification: &Notification) {
        let content = content(notification);
        let at = self
            .oldest_first
            .iter()
            .position(|(seen, _)| *seen == content);
        if let Some((content, signature)) = at.and_then(|at| self.oldest_first.remove(at)) {
            self.drop_entry(&content, &signature);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((content, signature)) = self.oldest_first.pop_front() {
            self.drop_entry(&content, &signature);
        }
    }

    fn drop_entry(&mut self, content: &Digest, signature: &Digest) {
        self.contents.remove(content);
        if let Some(count) = self.signatures.get_mut(signature) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.signatures.remove(signature);
            }
        }
    }
}

fn content(notification: &Notification) -> Digest {
    digest_of(&notification.to_json())
}

fn digest_of(bytes: &[u8]) -> Digest {
    digest(&SHA256, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notification(stream: usize, sign: &str, size: u32) -> Notification {
        let body = json!({ "event_type": "RECORD_OVER", "stream": stream, "auth_sign": sign, "file_size": size });
        Notification::parse(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_repetition_is_told_from_another_one_with_its_signature() {
        let mut seen = SeenNotifications::default();
        assert_eq!(seen.see(&notification(1, "a", 1)), Recurrence::First);
        assert_eq!(seen.see(&notification(1, "a", 1)), Recurrence::Repeated);
        assert_eq!(
            seen.see(&notification(1, "a", 2)),
            Recurrence::SameSignature
        );
        assert_eq!(seen.see(&notification(1, "b", 1)), Recurrence::First);
        assert_eq!(seen.see(&notification(1, "", 1)), Recurrence::First);
        assert_eq!(seen.see(&notification(2, "", 1)), Recurrence::First);
        seen.forget(&notification(1, "b", 1));
        assert_eq!(seen.see(&notification(1, "b", 1)), Recurrence::First);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten() {
        let mut seen = SeenNotifications::default();
        for stream in 0..=MOST {
            seen.see(&notification(stream, &stream.to_string(), 1));
        }
        assert_eq!(seen.contents.len(), MOST);
        assert_eq!(
            (seen.signatures.len(), seen.oldest_first.len()),
            (MOST, MOST)
        );
        assert_eq!(
            seen.see(&notification(MOST, &MOST.to_string(), 1)),
            Recurrence::Repeated
        );
        assert_eq!(seen.see(&notification(0, "0", 1)), Recurrence::First);
    }
}
