//! Names, labels and meanings of the metrics: what is registered and what the docs say come from the same rows. Data only.

use prometheus_client::registry::{Metric, Registry};

pub(super) const PREFIX: &str = "recording_callback";

/// One metric, by the name that it has on a dashboard, without the prefix.
pub(super) struct MetricRow {
    pub(super) name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the docs"))]
    pub(super) kind: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the docs"))]
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricRow {
    MetricRow {
        name,
        kind: "counter",
        labels,
        help,
    }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricRow {
    MetricRow {
        name,
        kind: "gauge",
        labels,
        help,
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> MetricRow {
    MetricRow {
        name,
        kind: "histogram",
        labels,
        help,
    }
}

pub(super) const API_REQUESTS: MetricRow = counter(
    "api_requests_total",
    &["operation", "http_status", "error_code"],
    "Calls to the cloud; http_status is empty when there was no answer and a class, such as `4xx`, for a status that is not usual; \
     error_code is empty on success and `other` for a code that the operator does not know, or that comes after 400 others",
);
pub(super) const API_DURATION: MetricRow = histogram(
    "api_request_duration_seconds",
    &[],
    "How long a call to the cloud took",
);
pub(super) const API_OUTCOME_UNKNOWN: MetricRow = counter(
    "api_outcome_unknown_total",
    &[],
    "Changes that were sent and may or may not have happened; each is looked for afterwards",
);
pub(super) const QUOTA_WAIT: MetricRow = histogram(
    "quota_wait_seconds",
    &["lane"],
    "How long a call waited for its turn: urgent, create or background",
);
pub(super) const QUOTA_LIMIT: MetricRow = gauge(
    "quota_limit",
    &["region", "identity"],
    "Calls a minute that the operator keeps to now, by 8 hex digits of a hash of the identity, of those whom the cloud has answered since \
     the start; less than configured while the cloud throttles",
);
pub(super) const RECONCILE: MetricRow = counter(
    "reconcile_total",
    &["result"],
    "Reconciliations of an object: success, error (the API server could not be read or written) or panic",
);
pub(super) const RECONCILE_DURATION: MetricRow = histogram(
    "reconcile_duration_seconds",
    &[],
    "How long a reconciliation took",
);
pub(super) const RESOURCES: MetricRow = gauge(
    "resources",
    &["reason"],
    "RecordingCallback objects by the reason of their Ready condition",
);
pub(super) const DRIFT_REPAIRED: MetricRow = counter(
    "drift_repaired_total",
    &[],
    "Remote callbacks that somebody else had changed or removed and the operator put right",
);
pub(super) const UNMANAGED: MetricRow = gauge(
    "unmanaged_callbacks",
    &["region", "project"],
    "Remote callbacks that belong to no object; only without --namespaces and --label-selector. Of several accounts of the project the one \
     counts that sees most",
);
pub(super) const INVENTORY_AGE: MetricRow = gauge(
    "inventory_age_seconds",
    &["region", "project"],
    "Seconds since the callbacks of the project were last listed, where there are more than 4,000 those at the domains that objects name; \
     of several accounts of the project the one counts for which that is longest ago, and what was not listed since the start counts from there",
);
pub(super) const ACCOUNTS: MetricRow = gauge(
    "accounts",
    &["state"],
    "Accounts in use (endpoint, project and access key or user by which settled objects were last seen, all tokens and temporary keys of a \
     project being one; until then since the start their namespace) \
     by how the newest sweep of these went: reached, unreachable (no answer of the API) or refused (credential, permission or account)",
);
pub(super) const CLOCK_OFFSET: MetricRow = gauge(
    "clock_offset_seconds",
    &[],
    "How far the cloud's clock is ahead of the local one; of several endpoints the one that is furthest off",
);
pub(super) const WATCH_UP: MetricRow = gauge(
    "watch_up",
    &["namespace"],
    "1 while the objects of a namespace of --namespaces are listed and its watch is alive, else 0; absent where every namespace is \
     served, and on a standby",
);
pub(super) const WATCH_MISSED: MetricRow = counter(
    "watch_missed_total",
    &[],
    "Changes that a watch had not brought, found by comparing what it brought with a list every 10 minutes",
);
pub(super) const LEADER: MetricRow = gauge("leader", &[], "1 while this replica acts, else 0");
pub(super) const LEADER_STUCK: MetricRow = gauge(
    "leader_stuck",
    &[],
    "1 while this replica acts and can do nothing: the CRD can't be used, or of no namespace that it serves are the objects listed and \
     the watch alive; else 0",
);
pub(super) const READ_ONLY: MetricRow = gauge(
    "read_only",
    &[],
    "1 when the operator changes nothing at the cloud, else 0",
);
pub(super) const BUILD_INFO: MetricRow = MetricRow {
    name: "build_info",
    kind: "info",
    labels: &["version"],
    help: "Always 1",
};

#[cfg(test)]
pub(super) const ALL: [&MetricRow; 19] = [
    &API_REQUESTS,
    &API_DURATION,
    &API_OUTCOME_UNKNOWN,
    &QUOTA_WAIT,
    &QUOTA_LIMIT,
    &RECONCILE,
    &RECONCILE_DURATION,
    &RESOURCES,
    &DRIFT_REPAIRED,
    &UNMANAGED,
    &INVENTORY_AGE,
    &ACCOUNTS,
    &CLOCK_OFFSET,
    &WATCH_UP,
    &WATCH_MISSED,
    &LEADER,
    &LEADER_STUCK,
    &READ_ONLY,
    &BUILD_INFO,
];

impl MetricRow {
    /// The metric, registered: its clones count together.
    pub(super) fn registered<M: Metric + Clone>(&self, registry: &mut Registry, metric: M) -> M {
        self.register(registry, metric.clone());
        metric
    }

    /// Registers under the name that the format wants: it adds `_total` and `_info` by itself.
    pub(super) fn register(&self, registry: &mut Registry, metric: impl Metric) {
        let name = self
            .name
            .trim_end_matches("_total")
            .trim_end_matches("_info");
        registry.register(name, self.help, metric);
    }
}
