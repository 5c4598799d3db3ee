//! The quota of one cloud identity. A call to the cloud takes a `Token` by value, so none can be made without one.
//!
//! Who waits has a place in a queue and costs no worker. `rate` says when, `queue` says who; both are pure. Here they are put together,
//! waited for, and a token that a throttling has made void is exchanged.

mod queue;
mod rate;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use self::queue::{Queue, QueueKey};
use self::rate::Rate;
use crate::lock::lock;
use crate::platform::call_budget::CallBudget;
pub use crate::terms::lane::Lane;

/// The buckets of all identities of this process.
pub struct Quota {
    per_minute: u32,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Quota {
    /// Every identity may make that many calls a minute, one at least. It begins with one token and saves up no more than 10, of fewer than
    /// 270 a minute one for each 27.
    pub fn new(requests_per_minute: u32) -> Self {
        Self {
            per_minute: requests_per_minute,
            buckets: Mutex::default(),
        }
    }

    /// The bucket of an identity, by what tells it apart: `Identity::bucket`.
    pub fn bucket(&self, identity: &str) -> Bucket {
        let mut buckets = lock(&self.buckets);
        buckets.retain(|_, bucket| bucket.is_in_use());
        buckets
            .entry(identity.to_owned())
            .or_insert_with(|| Bucket::new(self.per_minute))
            .clone()
    }
}

/// The quota of one identity.
#[derive(Debug, Clone)]
pub struct Bucket {
    shared: Arc<BucketShared>,
}

#[derive(Debug)]
struct BucketShared {
    state: Mutex<BucketState>,
    /// A token came back: the dispatcher need not sleep on.
    returned: Notify,
}

#[derive(Debug)]
struct BucketState {
    rate: Rate,
    queue: Queue<Waiter>,
    dispatching: bool,
}

#[derive(Debug)]
struct Waiter {
    lane: Lane,
    key: QueueKey,
    since: Instant,
    reply: oneshot::Sender<Token>,
}

impl Bucket {
    fn new(per_minute: u32) -> Self {
        let state = BucketState {
            rate: Rate::new(per_minute, Instant::now()),
            queue: Queue::new(),
            dispatching: false,
        };
        Self {
            shared: Arc::new(BucketShared {
                state: Mutex::new(state),
                returned: Notify::new(),
            }),
        }
    }

    /// Waits for a token; those of one lane come by turns of their namespaces. Dropped while it waits, it leaves the queue and nothing is
    /// lost.
    pub async fn acquire(&self, lane: Lane, namespace: &str) -> Token {
        self.wait_for(lane, QueueKey::new(namespace)).await
    }

    /// Waits for a token to go on with something that others wait for and that has begun: it has every second one of its lane, in turns of
    /// those namespaces that began something.
    pub async fn acquire_next(&self, lane: Lane, namespace: &str) -> Token {
        self.wait_for(lane, QueueKey::of_begun(namespace)).await
    }

    /// The one of these namespaces in whose name a newcomer would be served first.
    pub fn soonest<'a>(
        &self,
        lane: Lane,
        namespaces: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let state = self.shared.lock();
        let position = |namespace: &&str| state.queue.position(lane, &QueueKey::new(namespace));
        namespaces.into_iter().min_by_key(position)
    }

    /// How long a newcomer would wait for a token, as things are.
    pub fn estimate(&self, lane: Lane, namespace: &str) -> Duration {
        let mut state = self.shared.lock();
        let position = state.queue.position(lane, &QueueKey::new(namespace));
        state.rate.wait(position, Instant::now())
    }

    /// Calls per minute at present: less than configured after the cloud throttled.
    pub fn limit(&self) -> u32 {
        self.shared.lock().rate.limit()
    }

    async fn wait_for(&self, lane: Lane, key: QueueKey) -> Token {
        let mut queued = Queued {
            shared: &self.shared,
            lane,
            key,
            number: 0,
        };
        loop {
            let (reply, granted) = oneshot::channel();
            queued.number = self.shared.enqueue(lane, &queued.key, reply);
            // An error means that the runtime ends, and with it the dispatcher: nobody is served any more.
            if let Ok(token) = granted.await {
                return token;
            }
        }
    }

    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.shared) > 1 || !self.shared.lock().rate.is_as_new(Instant::now())
    }
}

/// A place in the queue, given up when dropped.
struct Queued<'a> {
    shared: &'a Arc<BucketShared>,
    lane: Lane,
    key: QueueKey,
    number: u64,
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let left = self
            .shared
            .lock()
            .queue
            .remove(self.lane, &self.key, self.number);
        drop(left);
    }
}

impl BucketShared {
    fn lock(&self) -> MutexGuard<'_, BucketState> {
        lock(&self.state)
    }

    fn enqueue(self: &Arc<Self>, lane: Lane, key: &QueueKey, reply: oneshot::Sender<Token>) -> u64 {
        let mut state = self.lock();
        let number = state.queue.push(
            lane,
            key,
            Waiter {
                lane,
                key: key.clone(),
                since: Instant::now(),
                reply,
            },
        );
        if !state.dispatching {
            state.dispatching = true;
            tokio::spawn(dispatch(Arc::clone(self)));
        }
        number
    }

    /// One step of the dispatcher. The lock ends here: a token that nobody takes gives itself back.
    fn step(self: &Arc<Self>) -> DispatchStep {
        let mut state = self.lock();
        let now = Instant::now();
        if !state.queue.is_empty()
            && let Err(later) = state.rate.ready(now)
        {
            return DispatchStep::Sleep(later);
        }
        let Some(first) = state.queue.pop() else {
            state.dispatching = false;
            return DispatchStep::End;
        };
        state.rate.take();
        DispatchStep::Grant(first, now)
    }
}

enum DispatchStep {
    Grant(Waiter, Instant),
    Sleep(Instant),
    End,
}

/// Hands tokens to those who wait, until nobody does.
async fn dispatch(shared: Arc<BucketShared>) {
    loop {
        match shared.step() {
            DispatchStep::Grant(first, now) => {
                let waited = now.duration_since(first.since);
                let token = Token {
                    shared: Arc::clone(&shared),
                    taken: now,
                    lane: first.lane,
                    key: first.key,
                    waited,
                    spent: false,
                    budget: CallBudget::default(),
                };
                drop(first.reply.send(token));
            }
            DispatchStep::Sleep(until) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = shared.returned.notified() => {}
            },
            DispatchStep::End => return,
        }
    }
}

/// The right to make one call. Dropped unspent it goes back.
#[derive(Debug)]
pub struct Token {
    shared: Arc<BucketShared>,
    taken: Instant,
    lane: Lane,
    key: QueueKey,
    waited: Duration,
    spent: bool,
    budget: CallBudget,
}

impl Token {
    /// The same token, for a call that is made for somebody whose calls are counted.
    #[must_use]
    pub fn charged_to(mut self, budget: &CallBudget) -> Self {
        self.budget = budget.clone();
        self
    }

    /// What more calls are paid from, if this one becomes several.
    pub fn budget(&self) -> CallBudget {
        self.budget.clone()
    }

    /// Where it was waited for.
    pub fn lane(&self) -> Lane {
        self.lane
    }

    /// In whose turn it was waited for.
    pub fn namespace(&self) -> &str {
        &self.key.namespace
    }

    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// Whether it is no leave to call any more, since the cloud has throttled after it was taken.
    pub fn is_void(&self) -> bool {
        self.shared.lock().rate.is_void(self.taken)
    }

    /// How long the cloud is to be left alone from now on: zero, unless it has throttled lately.
    pub fn pause(&self) -> Duration {
        self.shared.lock().rate.pause(Instant::now())
    }

    /// This token, or, if it is void, the next one of its lane.
    pub async fn renewed(self) -> Self {
        let mut token = self;
        while token.is_void() {
            token = token.give_back().first().await;
        }
        token
    }

    /// Where another one for the same purpose comes from.
    pub fn successor(&self) -> NextToken {
        NextToken {
            bucket: Bucket {
                shared: Arc::clone(&self.shared),
            },
            lane: self.lane,
            key: self.key.clone(),
            budget: self.budget(),
        }
    }

    /// Leaves it to others, since something else has to be waited for first.
    pub fn give_back(self) -> NextToken {
        self.successor()
    }

    /// The call is handed over now.
    pub fn spend(mut self) -> SpentToken {
        self.spent = true;
        let mut state = self.shared.lock();
        state.rate.spend(Instant::now());
        drop(state);
        SpentToken {
            shared: Arc::clone(&self.shared),
            taken: self.taken,
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.spent {
            let mut state = self.shared.lock();
            state.rate.give_back(self.taken, Instant::now());
            drop(state);
            self.shared.returned.notify_one();
        }
    }
}

/// Where the next token of something that has begun comes from.
#[derive(Debug)]
pub struct NextToken {
    bucket: Bucket,
    lane: Lane,
    key: QueueKey,
    budget: CallBudget,
}

impl NextToken {
    /// Waits for it where the one before was waited for: whoever is one of many goes by turns.
    pub async fn in_turn(&self) -> Token {
        let token = self.bucket.wait_for(self.lane, self.key.clone()).await;
        token.charged_to(&self.budget)
    }

    /// Waits for it as what has begun, before those that have not.
    pub async fn first(&self) -> Token {
        let namespace = &self.key.namespace;
        let token = self.bucket.acquire_next(self.lane, namespace).await;
        token.charged_to(&self.budget)
    }

    /// How long the cloud is to be left alone from now on: zero, unless it has throttled lately.
    pub fn pause(&self) -> Duration {
        self.bucket.shared.lock().rate.pause(Instant::now())
    }
}

/// A call under way; tells the quota how it was answered.
#[derive(Debug)]
pub struct SpentToken {
    shared: Arc<BucketShared>,
    taken: Instant,
}

impl SpentToken {
    /// The cloud throttled: the whole identity slows down.
    pub fn throttled(self, retry_after: Option<Duration>) {
        self.shared
            .lock()
            .rate
            .throttled(self.taken, retry_after, Instant::now());
    }

    /// The cloud did not throttle.
    pub fn accepted(self) {
        self.shared.lock().rate.accepted(self.taken, Instant::now());
    }
}
