//! The labels of calls. What the cloud answers is a choice of whoever runs the host, which a tenant may do: however it answers, the series are
//! few, and those of one cloud that answers as usual are told exactly.

use std::collections::HashSet;
use std::sync::Mutex;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::lock::lock;
use crate::terms::failure::Operation;

/// So many combinations with an error code have a series of their own. A cloud that says what its documents say has some dozens.
const WITH_CODE: usize = 400;
/// What an alert asks for, which is told however many others came before.
const ALERTED: &str = "LIVE.100011007";
/// Stands for the error codes of all further ones.
const OTHER: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    operation: &'static str,
    http_status: &'static str,
    error_code: &'static str,
}

/// Calls by what became of them.
#[derive(Default)]
pub(super) struct CountedRequests {
    family: Family<RequestLabels, Counter>,
    /// Those with an error code that have a series.
    with_code: Mutex<HashSet<RequestLabels>>,
}

impl CountedRequests {
    /// What is registered.
    pub(super) fn family(&self) -> Family<RequestLabels, Counter> {
        self.family.clone()
    }

    /// One more. `error_code` is empty, or a word of the tables of codes.
    pub(super) fn add(
        &self,
        operation: Operation,
        http_status: Option<u16>,
        error_code: &'static str,
    ) {
        let mut labels = RequestLabels {
            operation: operation.as_str(),
            http_status: http_status.map_or("", status_label),
            error_code,
        };
        let is_named = !["", OTHER, ALERTED].contains(&error_code);
        if is_named && !self.has_room_for(&labels) {
            labels.error_code = OTHER;
        }
        self.family.get_or_create(&labels).inc();
    }

    fn has_room_for(&self, labels: &RequestLabels) -> bool {
        let mut known = lock(&self.with_code);
        known.contains(labels) || known.len() < WITH_CODE && known.insert(labels.clone())
    }
}

/// The statuses that clouds and proxies answer with; of any other its class.
fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        201 => "201",
        202 => "202",
        204 => "204",
        301 => "301",
        302 => "302",
        307 => "307",
        308 => "308",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        407 => "407",
        408 => "408",
        409 => "409",
        413 => "413",
        429 => "429",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        _ => class_label(status),
    }
}

fn class_label(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => OTHER,
    }
}
