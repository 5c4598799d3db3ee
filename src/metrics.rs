//! All metrics. Parts of the program call a method when something happened; nobody else names a metric or a label.
//!
//! No label is per object: their number must not grow with the number of objects.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::plan::facts::reason::Reason;
use crate::terms::failure::Operation;

mod ages;
#[cfg(test)]
mod page;
mod process;
mod requests;
mod table;

use ages::Ages;
use requests::CountedRequests;

/// How a reconciliation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconcileResult {
    /// It did what it set out to do, be it to wait.
    Success,
    /// The API server could not be read or written.
    Error,
    /// The code panicked.
    Panic,
}

impl ReconcileResult {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Success, Self::Error, Self::Panic];

    /// The word in the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Panic => "panic",
        }
    }
}

/// How the callbacks of a project stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectInventory {
    /// When what objects name of it was last listed, for the account of which that is longest ago.
    pub compared: Instant,
    /// How many of them belong to no object; `None` when that can't be known.
    pub unmanaged: Option<usize>,
}

/// A label whose values are words of this program.
type WordLabel = [(&'static str, &'static str); 1];
/// So many labels whose values are told from outside, and bounded there.
type NameLabels<const N: usize> = [(&'static str, String); N];

fn identity_labels(region: &str, identity: &str) -> NameLabels<2> {
    [
        ("region", region.to_owned()),
        ("identity", identity.to_owned()),
    ]
}

/// Every metric of the process.
pub struct Metrics {
    registry: Registry,
    error_label: fn(&str) -> &'static str,
    api_requests: CountedRequests,
    api_duration: Histogram,
    api_outcome_unknown: Counter,
    quota_wait: Family<WordLabel, Histogram, fn() -> Histogram>,
    quota_limit: Family<NameLabels<2>, Gauge>,
    reconcile: Family<WordLabel, Counter>,
    reconcile_duration: Histogram,
    resources: Family<WordLabel, Gauge>,
    drift_repaired: Counter,
    unmanaged: Family<NameLabels<2>, Gauge>,
    inventory: Ages<NameLabels<2>>,
    accounts: Family<WordLabel, Gauge>,
    clock_offset: Gauge<f64, AtomicU64>,
    watch_up: Family<NameLabels<1>, Gauge>,
    watch_missed: Counter,
    leader: Gauge,
    leader_stuck: Gauge,
}

impl Metrics {
    /// All at zero. `error_label` gives an error code's label, `other` for one that is not known: the cloud must not be able to
    /// make labels.
    pub fn new(error_label: fn(&str) -> &'static str, read_only: bool) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::ProcessCollector));
        let to = registry.sub_registry_with_prefix(table::PREFIX);
        let constant: Gauge = Gauge::default();
        constant.set(i64::from(read_only));
        table::READ_ONLY.register(to, constant);
        table::BUILD_INFO.register(to, Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        let api_requests = CountedRequests::default();
        table::API_REQUESTS.register(to, api_requests.family());
        let metrics = Self {
            error_label,
            api_requests,
            api_duration: table::API_DURATION.registered(to, seconds()),
            api_outcome_unknown: table::API_OUTCOME_UNKNOWN.registered(to, Counter::default()),
            quota_wait: table::QUOTA_WAIT.registered(to, Family::new_with_constructor(seconds)),
            quota_limit: table::QUOTA_LIMIT.registered(to, Family::default()),
            reconcile: table::RECONCILE.registered(to, Family::default()),
            reconcile_duration: table::RECONCILE_DURATION.registered(to, seconds()),
            resources: table::RESOURCES.registered(to, Family::default()),
            drift_repaired: table::DRIFT_REPAIRED.registered(to, Counter::default()),
            unmanaged: table::UNMANAGED.registered(to, Family::default()),
            inventory: table::INVENTORY_AGE.registered(to, Ages::default()),
            accounts: table::ACCOUNTS.registered(to, Family::default()),
            clock_offset: table::CLOCK_OFFSET.registered(to, Gauge::default()),
            watch_up: table::WATCH_UP.registered(to, Family::default()),
            watch_missed: table::WATCH_MISSED.registered(to, Counter::default()),
            leader: table::LEADER.registered(to, Gauge::default()),
            leader_stuck: table::LEADER_STUCK.registered(to, Gauge::default()),
            registry,
        };
        for outcome in ReconcileResult::ALL {
            drop(
                metrics
                    .reconcile
                    .get_or_create(&[("result", outcome.as_str())]),
            );
        }
        metrics.set_resources(&BTreeMap::new());
        metrics
    }

    /// A call to the cloud was answered, or ended without an answer.
    pub fn api_request(
        &self,
        operation: Operation,
        http_status: Option<u16>,
        error_code: Option<&str>,
        duration: Duration,
    ) {
        let error_code = error_code.map_or("", self.error_label);
        self.api_requests.add(operation, http_status, error_code);
        self.api_duration.observe(duration.as_secs_f64());
    }

    /// A change was sent and nobody knows whether it happened.
    pub fn api_outcome_unknown(&self) {
        self.api_outcome_unknown.inc();
    }

    /// A call waited for its turn in a lane.
    pub fn quota_waited(&self, lane: &'static str, wait: Duration) {
        self.quota_wait
            .get_or_create(&[("lane", lane)])
            .observe(wait.as_secs_f64());
    }

    /// The quota that an identity keeps to now, in calls a minute. `identity` is a hash: names are a tenant's.
    pub fn set_quota_limit(&self, region: &str, identity: &str, per_minute: u32) {
        let labels = identity_labels(region, identity);
        self.quota_limit
            .get_or_create(&labels)
            .set(per_minute.into());
    }

    /// No object uses this identity any more.
    pub fn forget_quota_limit(&self, region: &str, identity: &str) {
        let labels = identity_labels(region, identity);
        self.quota_limit.remove(&labels);
    }

    /// An object was reconciled.
    pub fn reconciled(&self, outcome: ReconcileResult, duration: Duration) {
        self.reconcile
            .get_or_create(&[("result", outcome.as_str())])
            .inc();
        self.reconcile_duration.observe(duration.as_secs_f64());
    }

    /// How many objects there are of each reason of Ready; a reason that is not among them has none.
    pub fn set_resources(&self, counts: &BTreeMap<Reason, usize>) {
        for reason in Reason::ALL {
            if matches!(reason, Reason::Adopted | Reason::Drifted | Reason::Retained) {
                continue; // of events only
            }
            let count = counts.get(&reason).copied().unwrap_or_default();
            let gauge = self.resources.get_or_create(&[("reason", reason.as_str())]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A callback that somebody else had changed or removed was put right.
    pub fn drift_repaired(&self) {
        self.drift_repaired.inc();
    }

    /// Objects are compared in these projects, told by region and id, and no others.
    pub fn set_inventories(&self, projects: BTreeMap<(String, String), ProjectInventory>) {
        let mut ages = BTreeMap::new();
        for ((region, project), told) in projects {
            let labels = [("region", region), ("project", project)];
            if let Some(count) = told.unmanaged {
                let gauge = self.unmanaged.get_or_create(&labels);
                gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
            } else {
                self.unmanaged.remove(&labels);
            }
            ages.insert(labels, told.compared);
        }
        for labels in self.inventory.set(ages) {
            self.unmanaged.remove(&labels);
        }
    }

    /// How many accounts are in use, by how their newest sweep went.
    pub fn set_accounts(&self, counts: [(&'static str, usize); 3]) {
        for (state, count) in counts {
            let gauge = self.accounts.get_or_create(&[("state", state)]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// How far the cloud's clock is ahead of ours, in seconds; negative when it is behind.
    pub fn set_clock_offset(&self, seconds: f64) {
        self.clock_offset.set(seconds);
    }

    /// Whether the objects of a namespace are listed and its watch is alive. The namespaces are those that the operator was told.
    pub fn set_watch_up(&self, namespace: &str, is_up: bool) {
        let labels = [("namespace", namespace.to_owned())];
        let gauge = self.watch_up.get_or_create(&labels);
        gauge.set(i64::from(is_up));
    }

    /// A watch had not brought so many changes.
    pub fn watch_missed(&self, objects: usize) {
        let objects = u64::try_from(objects).unwrap_or(u64::MAX);
        self.watch_missed.inc_by(objects);
    }

    /// Whether this replica acts.
    pub fn set_leader(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    /// Whether this replica acts and can do nothing.
    pub fn set_leader_stuck(&self, is_stuck: bool) {
        self.leader_stuck.set(i64::from(is_stuck));
    }

    /// The exposition in the `OpenMetrics` text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// From a fast call to a long wait for quota.
fn seconds() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
    ])
}

#[cfg(test)]
mod tests;
