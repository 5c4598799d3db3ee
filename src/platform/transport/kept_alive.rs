//! To which hosts connections are kept for the next calls. One that is kept holds its descriptor after its call has given the slot
//! back, so there is a bound of them, too, however many hosts there are. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// To so many hosts: more than an installation has regions. A call to another one has a connection of its own.
const HOSTS: usize = 16;
/// So many connections to one of them. Who makes more calls at once connects anew.
pub(super) const TO_ONE_HOST: usize = 16;
/// Shorter than the idle limit of any gateway, so that a kept connection is seldom a dead one.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// When each of the hosts was called last whose connections are kept.
#[derive(Default)]
pub(super) struct KeptAlive(BTreeMap<String, Instant>);

impl KeptAlive {
    /// Whether the connection of a call to this host, which begins or ends now, may be kept. A host that was called within
    /// [`IDLE_TIMEOUT`] stays one of them, since its connections are still there.
    pub(super) fn admits(&mut self, host: &str, now: Instant) -> bool {
        self.0
            .retain(|_, called| now.duration_since(*called) < IDLE_TIMEOUT);
        let is_kept = self.0.len() < HOSTS || self.0.contains_key(host);
        if is_kept {
            self.0.insert(host.to_owned(), now);
        }
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_kept_to_so_many_hosts_until_one_is_idle() {
        let (mut kept, start) = (KeptAlive::default(), Instant::now());
        let host = |number: usize| format!("host-{number}");
        let admitted: Vec<_> = (0..1000)
            .filter(|number| kept.admits(&host(*number), start))
            .collect();
        assert_eq!(admitted.len(), HOSTS);
        let late = start + IDLE_TIMEOUT / 2;
        assert!(kept.admits(&host(0), late));
        assert!(!kept.admits(&host(HOSTS), late));
        let idle = start + IDLE_TIMEOUT;
        let admitted = (0..1000).filter(|number| kept.admits(&host(HOSTS + number), idle));
        assert_eq!(admitted.count(), HOSTS - 1, "one was called since");
        assert!(kept.admits(&host(0), idle));
        assert!(!kept.admits(&host(1), idle));
    }
}
