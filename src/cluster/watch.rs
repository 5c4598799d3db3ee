//! A watch that is never the last word: whatever fails it goes on, and what it has brought is compared with a list again and again. What a
//! watch that froze, a lost event, and a storage that was restored from a backup kept back is found by nothing else.

mod ahead;
mod brought;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, ListParams};
use kube::core::Status;
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::client::{call_opt, call_within};
use super::error::ClusterError;
use super::limits::PAGE_TIMEOUT;
use super::stored::StoredObject;
use crate::lock::lock;
use ahead::read_ahead;
use brought::{BroughtObjects, BroughtVersion, Differences};

/// How often what the watch has brought is compared with a list.
const COMPARE_INTERVAL: Duration = Duration::from_mins(10);
/// A difference that a second look finds again, so much later, is none that was about to be brought.
const SECOND_LIST_AFTER: Duration = Duration::from_secs(5);
/// How often a namespace without objects is looked for.
const NAMESPACE_CHECK_INTERVAL: Duration = Duration::from_secs(20);
/// How many objects a page of a list has. It is in memory some times over while it is read, with what is passed over of each object.
const PAGE: u32 = 100;
/// While a page is worked on the next one is read.
const READ_AHEAD: usize = PAGE as usize;
/// The shortest and the longest time from one try that failed to the next.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// A failure that comes so much later than the one before has nothing to do with it.
const BACKOFF_RESET_AFTER: Duration = Duration::from_mins(2);

/// What a watch brings.
pub type StoredEvent = watcher::Event<StoredObject>;

/// The watch of the objects of a namespace, or of every one.
pub struct Watched {
    namespace: String,
    api: Api<StoredObject>,
    namespaces: Api<Namespace>,
    selector: Option<String>,
    seen: Arc<Mutex<BroughtObjects>>,
    anew: Arc<Notify>,
    /// How often it has begun anew since something was missed.
    epoch: Arc<AtomicU64>,
}

/// What a watch has missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// How many objects are not as it brought them.
    pub objects: usize,
    /// Whether the resource versions went back, as in a restored storage: a smaller one may be the newer then.
    pub went_back: bool,
}

impl Watched {
    /// A watch of a namespace, or of every one when the name is empty; of the objects with these labels.
    pub fn new(client: Client, namespace: &str, selector: Option<&str>) -> Self {
        let namespaces = Api::all(client.clone());
        let api = if namespace.is_empty() {
            Api::all(client)
        } else {
            Api::namespaced(client, namespace)
        };
        Self {
            namespace: namespace.to_owned(),
            api,
            namespaces,
            selector: selector.map(str::to_owned),
            seen: Arc::default(),
            anew: Arc::default(),
            epoch: Arc::default(),
        }
    }

    /// The namespace; empty for every one.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Counts up when something was missed: an object then is news even where it looks as before.
    pub fn epoch(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.epoch)
    }

    /// What the watch brings, for ever. After a failure it goes on where it was; where the API server does not know that any more, with a
    /// list.
    pub fn events(&self) -> BoxStream<'static, watcher::Result<StoredEvent>> {
        let mut config = watcher::Config::default().page_size(PAGE);
        config.label_selector.clone_from(&self.selector);
        let (api, anew, seen) = (
            self.api.clone(),
            Arc::clone(&self.anew),
            Arc::clone(&self.seen),
        );
        let begin = move || {
            let over = Arc::clone(&anew).notified_owned();
            watcher(api.clone(), config.clone()).take_until(over)
        };
        let events = stream::repeat_with(begin)
            .flatten()
            .backoff(Pauses::default())
            .boxed();
        read_ahead(events, READ_AHEAD)
            .inspect_ok(move |event| lock(&seen).apply(event))
            .boxed()
    }

    /// Compares what the watch has brought with what there is, for ever. Where it missed something that is told, and the watch
    /// begins anew, with a list.
    pub async fn compare(&self, report: impl Fn(Missed)) {
        loop {
            sleep(COMPARE_INTERVAL).await;
            match self.missed().await {
                Ok(None) => {}
                Ok(Some(missed)) => {
                    report(missed);
                    self.epoch.fetch_add(1, Ordering::Relaxed);
                    self.anew.notify_one();
                }
                Err(error) => debug!(namespace = self.namespace, "not compared: {error}"),
            }
        }
    }

    /// Tells again and again whether the namespace is there, for ever. The objects of one that is not are listed all the same, as none;
    /// and where there is an object there is a namespace.
    pub async fn look_for_namespace(&self, report: impl Fn(bool)) {
        if self.namespace.is_empty() {
            return std::future::pending().await;
        }
        loop {
            if lock(&self.seen).is_empty() {
                let found = self.namespaces.get_metadata(&self.namespace);
                match call_opt("read the namespace", found).await {
                    Ok(found) => report(found.is_some()),
                    // Who may not read it can't tell.
                    Err(error) => debug!(namespace = self.namespace, "not looked for: {error}"),
                }
            } else {
                report(true);
            }
            sleep(NAMESPACE_CHECK_INTERVAL).await;
        }
    }

    async fn missed(&self) -> Result<Option<Missed>, ClusterError> {
        let listed = self.list().await?;
        let first = lock(&self.seen).differences(&listed);
        if first.is_empty() {
            return Ok(None);
        }
        sleep(SECOND_LIST_AFTER).await;
        let listed = self.list().await?;
        let second = lock(&self.seen).differences(&listed);
        let lasting: Differences = second
            .into_iter()
            .filter(|(name, known)| first.get(name) == Some(known))
            .collect();
        let back = |(name, known): (&_, &Option<BroughtVersion>)| {
            let current = listed.get(name);
            known
                .as_ref()
                .is_some_and(|known| known.is_ahead_of(current))
        };
        let missed = Missed {
            objects: lasting.len(),
            went_back: lasting.iter().any(back),
        };
        Ok((missed.objects > 0).then_some(missed))
    }

    /// Names and versions of the objects that there are.
    async fn list(&self) -> Result<BTreeMap<brought::BroughtName, BroughtVersion>, ClusterError> {
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector.clone_from(&self.selector);
        let mut found = BTreeMap::new();
        loop {
            let page = self.api.list_metadata(&params);
            let page = call_within(PAGE_TIMEOUT, "compare the RecordingCallbacks", page).await?;
            found.extend(page.items.iter().map(|item| brought::named(&item.metadata)));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(found),
            }
        }
    }
}

/// Whether the API server refused, which another try at once does not change: no such kind, or no right.
pub fn is_refusal(error: &watcher::Error) -> bool {
    let refuses = |status: &Status| matches!(status.code, 401 | 403 | 404);
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => refuses(status),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

/// Whether it is what a watch that was granted brought, be it a failure that the API server tells there or nothing that can be read.
pub fn was_brought(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchError(_) => true,
        watcher::Error::WatchFailed(error) => {
            matches!(error, kube::Error::SerdeError(_) | kube::Error::Api(_))
        }
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

/// The pauses after failures, counted from the beginning of one try to the beginning of the next: one that was waited for in vain
/// has paused already. A try that begins well is no reason to forget those that failed.
struct Pauses {
    next: Duration,
    begun: Option<Instant>,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            next: PAUSES.0,
            begun: None,
        }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = Instant::now();
        let begun = self
            .begun
            .filter(|begun| now.duration_since(*begun) < BACKOFF_RESET_AFTER);
        if begun.is_none() {
            self.next = PAUSES.0;
        }
        let due = (begun.unwrap_or(now) + self.next).max(now);
        self.next = (self.next * 2).min(PAUSES.1);
        self.begun = Some(due);
        Some(due - now)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests;
