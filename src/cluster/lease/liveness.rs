//! Whether an operator is alive, as one sees who does not campaign: it holds a Lease, and renews it while it is watched.
//!
//! Only reads. The rule is that of the replicas themselves (`decide`).

use std::time::Duration;

use futures::TryStreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use tokio::time::{Instant, sleep_until};

use super::OPERATOR_LABEL;
use super::decide::duration;
use crate::cluster::client::{call, call_opt};
use crate::cluster::error::ClusterError;

/// How long a Lease holds that does not say it.
const USUAL_DURATION: Duration = Duration::from_secs(15);

/// How often a Lease that somebody holds is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How many Leases are read at once: each node of a cluster has one.
const PAGE: u32 = 500;

/// Which Leases tell of an operator. Without a name, those with an operator's label or usual name.
#[derive(Debug, Clone, Copy)]
pub struct WantedLeases<'a> {
    /// Where they are; everywhere when unset.
    pub namespace: Option<&'a str>,
    /// Their name.
    pub name: Option<&'a str>,
}

/// A Lease, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who holds it.
    pub identity: String,
    /// How long it holds without being renewed.
    pub duration: Duration,
}

/// What the Leases tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holding {
    /// This one holds one of them, and is alive.
    Alive(Holder),
    /// There are such Leases, and nobody alive holds any.
    Nobody,
    /// There is none.
    NoLease,
}

/// One who holds one of these Leases and is alive, if there is any. `watching` is told of each that has to be watched: it may
/// take as long as the Lease holds.
pub async fn find(
    client: &Client,
    wanted: WantedLeases<'_>,
    watching: impl Fn(&Holder),
) -> Result<Holding, ClusterError> {
    let leases = leases(client, wanted).await?;
    if leases.is_empty() {
        return Ok(Holding::NoLease);
    }
    let mut judged: FuturesUnordered<_> = leases
        .into_iter()
        .map(|lease| judged(client, lease, &watching))
        .collect();
    while let Some(holder) = judged.try_next().await? {
        if let Some(holder) = holder {
            return Ok(Holding::Alive(holder));
        }
    }
    Ok(Holding::Nobody)
}

async fn leases(client: &Client, wanted: WantedLeases<'_>) -> Result<Vec<Lease>, ClusterError> {
    if let WantedLeases {
        namespace: Some(namespace),
        name: Some(name),
    } = wanted
    {
        let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
        let read = call_opt(format!("read the Lease {namespace}/{name}"), api.get(name));
        return Ok(read.await?.into_iter().collect());
    }
    let api: Api<Lease> = match wanted.namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    let mut params = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = call("look for the operator's Lease", api.list(&params)).await?;
        let matches = |lease: &Lease| is_wanted(lease, wanted.name);
        found.extend(page.items.into_iter().filter(matches));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

fn is_wanted(lease: &Lease, name: Option<&str>) -> bool {
    let (key, value) = OPERATOR_LABEL;
    let is_named = |name: &str| lease.metadata.name.as_deref() == Some(name);
    match name {
        Some(name) => is_named(name),
        None => is_named(value) || lease.labels().get(key).is_some_and(|label| label == value),
    }
}

/// Watches one Lease until it is known whether its holder is alive.
async fn judged(
    client: &Client,
    lease: Lease,
    watching: &impl Fn(&Holder),
) -> Result<Option<Holder>, ClusterError> {
    let since = Instant::now();
    let (namespace, name) = (lease.namespace().unwrap_or_default(), lease.name_any());
    let first = lease.spec.unwrap_or_default();
    let mut holder = Holder {
        namespace,
        name,
        identity: holder_of(&first).to_owned(),
        duration: duration(&first, USUAL_DURATION),
    };
    if holder.identity.is_empty() {
        return Ok(None);
    }
    watching(&holder);
    let end = since + holder.duration;
    let api: Api<Lease> = Api::namespaced(client.clone(), &holder.namespace);
    loop {
        let begun = Instant::now();
        let op = format!("read the Lease {}/{}", holder.namespace, holder.name);
        let now = call_opt(op, api.get(&holder.name)).await?;
        let now = now.map(|lease| lease.spec.unwrap_or_default());
        match verdict(&first, now.as_ref(), begun >= end) {
            HolderVerdict::Nobody => return Ok(None),
            HolderVerdict::Alive(identity) => {
                identity.clone_into(&mut holder.identity);
                return Ok(Some(holder));
            }
            HolderVerdict::Unknown => sleep_until(end.min(begun + LOOK_INTERVAL)).await,
        }
    }
}

/// What a look at a Lease that somebody held tells of who holds it.
#[derive(Debug, PartialEq, Eq)]
enum HolderVerdict<'a> {
    /// It was let go, or its holder let it run out.
    Nobody,
    /// This one wrote it while it was watched.
    Alive(&'a str),
    /// It is as it was, and may still be renewed.
    Unknown,
}

fn verdict<'a>(
    first: &LeaseSpec,
    now: Option<&'a LeaseSpec>,
    has_run_out: bool,
) -> HolderVerdict<'a> {
    let Some(now) = now else {
        return HolderVerdict::Nobody;
    };
    let holder = holder_of(now);
    if holder.is_empty() {
        HolderVerdict::Nobody
    } else if now != first {
        HolderVerdict::Alive(holder)
    } else if has_run_out {
        HolderVerdict::Nobody
    } else {
        HolderVerdict::Unknown
    }
}

fn holder_of(lease: &LeaseSpec) -> &str {
    lease.holder_identity.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use kube::core::ObjectMeta;

    use super::*;

    fn held(holder: &str, renewed: &str) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(renewed.parse().unwrap())),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn who_is_alive_writes_while_watched_whatever_the_times_say() {
        for time in ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
            let first = held("pod", time);
            let other = held("other", time);
            let renewed = held("pod", "2026-11-25T02:00:00Z");
            for (now, has_run_out, expected) in [
                (Some(&first), false, HolderVerdict::Unknown),
                (Some(&first), true, HolderVerdict::Nobody),
                (Some(&renewed), false, HolderVerdict::Alive("pod")),
                (Some(&renewed), true, HolderVerdict::Alive("pod")),
                (Some(&other), false, HolderVerdict::Alive("other")),
                (Some(&held("", time)), false, HolderVerdict::Nobody),
                (Some(&LeaseSpec::default()), false, HolderVerdict::Nobody),
                (None, false, HolderVerdict::Nobody),
            ] {
                assert_eq!(verdict(&first, now, has_run_out), expected, "{now:?}");
            }
        }
    }

    #[test]
    fn a_lease_is_found_by_its_name_or_as_an_operator_s() {
        let lease = |name: &str, label: Option<&str>| Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                labels: label.map(|label| {
                    let pair = ("app.kubernetes.io/name".to_owned(), label.to_owned());
                    [pair].into_iter().collect()
                }),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        };
        let usual = lease("recording-callback-operator", None);
        let labelled = lease("media", Some("recording-callback-operator"));
        let foreign = lease("node-1", Some("kubelet"));
        for (lease, anyhow, named) in [
            (&usual, true, false),
            (&labelled, true, true),
            (&foreign, false, false),
        ] {
            assert_eq!(is_wanted(lease, None), anyhow);
            assert_eq!(is_wanted(lease, Some("media")), named);
        }
    }
}
