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
    /// These, and no others any more. Gives those that were forgotten.
    pub(super) fn set(&self, done: BTreeMap<L, Instant>) -> Vec<L> {
        let mut ages = self.map();
        let before = std::mem::replace(&mut *ages, done).into_keys();
        before.filter(|labels| !ages.contains_key(labels)).collect()
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
