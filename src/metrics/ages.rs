//! A gauge that grows by itself: seconds since something was last done, for each label set. Counted when it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use tokio::time::Instant;

use crate::lock::lock;

/// When each was last done.
#[derive(Debug, Clone)]
pub(super) struct Ages<L>(Arc<Mutex<BTreeMap<L, Instant>>>);

impl<L> Default for Ages<L> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<L: Ord> Ages<L> {
    pub(super) fn now(&self, labels: L) {
        self.map().insert(labels, Instant::now());
    }

    /// Forgets all but these. Gives what it forgot.
    pub(super) fn keep(&self, is_kept: impl Fn(&L) -> bool) -> Vec<L> {
        let mut ages = self.map();
        let forgotten = ages.extract_if(.., |labels, _| !is_kept(labels));
        forgotten.map(|(labels, _)| labels).collect()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.map().is_empty()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<L, Instant>> {
        lock(&self.0)
    }
}

impl<L: Ord + EncodeLabelSet> EncodeMetric for Ages<L> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, done) in self.map().iter() {
            encoder
                .encode_family(labels)?
                .encode_gauge(&done.elapsed().as_secs_f64())?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    fn is_empty(&self) -> bool {
        self.map().is_empty()
    }
}
