//! The room that the bodies of answers have while they are read, all of the process together. Who answers says how much comes, and when it
//! ends: where there is no room for all, the largest body of the host that has most gives way. Reads nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::lock::lock;

/// What they may take: eight of the largest, more than a hundred usual pages.
const ROOM: usize = 8 << 20;

/// The room of all bodies.
pub(super) struct BodyRoom {
    most: usize,
    bodies: Mutex<BodiesInRoom>,
}

#[derive(Default)]
struct BodiesInRoom {
    taken: usize,
    last: u64,
    by_host: BTreeMap<String, HostBodies>,
}

/// The bodies of one host, by number.
#[derive(Default)]
struct HostBodies {
    taken: usize,
    by_number: BTreeMap<u64, BodyInRoom>,
}

struct BodyInRoom {
    bytes: usize,
    gives_way: Arc<Notify>,
}

/// What one body takes, until it is dropped.
pub(super) struct BodyShare {
    room: Arc<BodyRoom>,
    host: String,
    number: u64,
    gives_way: Arc<Notify>,
}

impl BodyRoom {
    /// Nothing is read yet.
    pub(super) fn new() -> Arc<Self> {
        Self::of(ROOM)
    }

    /// The same with another bound.
    pub(super) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            bodies: Mutex::default(),
        })
    }

    /// A body of this host is about to be read.
    pub(super) fn enter(self: &Arc<Self>, host: &str) -> BodyShare {
        let gives_way = Arc::new(Notify::new());
        let mut bodies = lock(&self.bodies);
        bodies.last += 1;
        let number = bodies.last;
        let body = BodyInRoom {
            bytes: 0,
            gives_way: Arc::clone(&gives_way),
        };
        let of_host = bodies.by_host.entry(host.to_owned()).or_default();
        of_host.by_number.insert(number, body);
        BodyShare {
            room: Arc::clone(self),
            host: host.to_owned(),
            number,
            gives_way,
        }
    }
}

impl BodyShare {
    /// So much more was read. Where there is no room for it, somebody is told to give way.
    pub(super) fn grow(&self, more: usize) {
        let mut bodies = lock(&self.room.bodies);
        bodies.grow(&self.host, self.number, more);
        while bodies.taken > self.room.most {
            bodies.make_room();
        }
    }

    /// Ends when others need the room: what was read is to be dropped then.
    pub(super) async fn gave_way(&self) {
        self.gives_way.notified().await;
    }
}

impl Drop for BodyShare {
    fn drop(&mut self) {
        lock(&self.room.bodies).leave(&self.host, self.number);
    }
}

impl BodiesInRoom {
    /// Nothing is counted of a body that was told to give way.
    fn grow(&mut self, host: &str, number: u64, more: usize) {
        let Some(of_host) = self.by_host.get_mut(host) else {
            return;
        };
        if let Some(body) = of_host.by_number.get_mut(&number) {
            body.bytes += more;
            of_host.taken += more;
            self.taken += more;
        }
    }

    /// Tells the largest body of the host that has most.
    fn make_room(&mut self) {
        let most = self.by_host.iter().max_by_key(|(_, host)| host.taken);
        let largest = most.and_then(|(host, bodies)| {
            let largest = bodies.by_number.iter().max_by_key(|(_, body)| body.bytes);
            largest.map(|(number, _)| (host.clone(), *number))
        });
        if let Some(body) = largest.and_then(|(host, number)| self.leave(&host, number)) {
            body.gives_way.notify_one();
        }
    }

    fn leave(&mut self, host: &str, number: u64) -> Option<BodyInRoom> {
        let of_host = self.by_host.get_mut(host)?;
        let body = of_host.by_number.remove(&number);
        let bytes = body.as_ref().map_or(0, |body| body.bytes);
        of_host.taken -= bytes;
        self.taken -= bytes;
        if of_host.by_number.is_empty() {
            self.by_host.remove(host);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn has_given_way(share: &BodyShare) -> bool {
        share.gave_way().now_or_never().is_some()
    }

    #[test]
    fn the_largest_body_of_the_host_that_has_most_gives_way() {
        let room = BodyRoom::of(100);
        let shares = [("many", 30), ("many", 35), ("one", 34)].map(|(host, bytes)| {
            let share = room.enter(host);
            share.grow(bytes);
            share
        });
        assert!(!shares.iter().any(has_given_way), "there is room for 99");
        let another = room.enter("another");
        another.grow(2);
        let told: Vec<_> = shares.iter().map(has_given_way).collect();
        assert_eq!(
            (told, has_given_way(&another)),
            (vec![false, true, false], false)
        );
        // What it reads until it notices is not counted.
        shares[1].grow(1_000);
        another.grow(34);
        assert!(!shares.iter().any(has_given_way) && !has_given_way(&another));
        another.grow(1);
        assert!(has_given_way(&another), "it has most itself");
        drop(shares);
        drop(another);
        let bodies = lock(&room.bodies);
        assert_eq!((bodies.taken, bodies.by_host.len()), (0, 0));
    }
}
