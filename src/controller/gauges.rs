//! Gauges that are counted anew from what the stores and the accounts hold, not kept up by events; and what is remembered of objects that
//! are not there, and of places at which nothing is under way, is forgotten. Calls nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::coop::consume_budget;

use super::context::Context;
use super::store::ObjectStore;
use crate::plan::facts::reason::Reason;

/// How often they are counted.
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts for ever.
pub(super) async fn run(context: &Context, stores: &[ObjectStore]) {
    loop {
        let mut counts: BTreeMap<Reason, usize> = BTreeMap::new();
        for object in stores.iter().flat_map(ObjectStore::all) {
            consume_budget().await;
            let reason = object.reason.unwrap_or(Reason::Creating);
            *counts.entry(reason).or_default() += 1;
        }
        context.metrics.set_resources(&counts);
        context.memories.keep(|uid| context.index.has(uid));
        context.places.tidy();
        context.accounts.set_gauges(&context.metrics);
        tokio::time::sleep(INTERVAL).await;
    }
}
