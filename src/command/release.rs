//! `release`: lets objects go without a call to the cloud. The way out where an operator was uninstalled before its objects, whose
//! finalizer then holds them, their namespace and the CRD.
//!
//! Beside an operator that is alive it refuses: that one can clean up, and would put the finalizer back.

mod row;

use anyhow::{Context as _, bail};
use kube::core::DynamicObject;

use self::row::{ReleaseWord, Released};
use super::command_cluster::{CommandCluster, at_cluster, ended};
use super::output::{print_message, render_found, table};
use super::{CommandOutput, chosen, each};
use crate::cluster::lease::liveness::{self, Holder, Holding, WantedLeases};
use crate::cluster::raw::{ReleaseResult, is_held};
use crate::config::ReleaseArgs;
use crate::stop::Stop;

/// Lets go what `args` name, until it is asked to stop.
pub async fn run(args: ReleaseArgs) -> CommandOutput {
    let done = at_cluster(&args.objects.scope.cluster, async |cluster| {
        release_all(cluster, &args).await
    });
    ended(done.await, args.print.output)
}

async fn release_all(
    cluster: &CommandCluster,
    args: &ReleaseArgs,
) -> anyhow::Result<CommandOutput> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let mut found = tokio::select! {
        found = chosen(cluster, &args.objects) => found?,
        () = stop.requested() => bail!("asked to stop: nothing was let go"),
    };
    if args.objects.which.all {
        found.retain(is_held);
    }
    if found.is_empty() {
        print_message("no RecordingCallback there has the operator's finalizer");
    } else {
        tokio::select! {
            judged = refuse_beside_an_operator(cluster, args) => judged?,
            () = stop.requested() => bail!("asked to stop: nothing was let go"),
        }
    }
    // What was begun is finished, so that every id is told.
    let (rows, left) = each(found, &stop, |object| release(cluster, object)).await;
    let problems = rows.iter().filter_map(Released::problem).chain(left);
    let problems: Vec<String> = problems.collect();
    render_found(args.print.output, &rows, &problems, table)
}

async fn refuse_beside_an_operator(
    cluster: &CommandCluster,
    args: &ReleaseArgs,
) -> anyhow::Result<()> {
    let wanted = WantedLeases {
        namespace: args.lease_namespace.as_deref(),
        name: args.lease_name.as_deref(),
    };
    let judged = liveness::find(cluster.client(), wanted, |held| {
        print_message(&format!(
            "the Lease {}/{} is held by {}: waiting up to {:?} to see whether that operator is alive",
            held.namespace, held.name, held.identity, held.duration
        ));
    });
    match judged.await {
        Ok(Holding::Nobody) => Ok(()),
        Ok(Holding::NoLease) => {
            if let Some(name) = &args.lease_name {
                print_message(&no_lease(name, args.lease_namespace.as_deref()));
            }
            Ok(())
        }
        Ok(Holding::Alive(holder)) => bail!(refusal(&holder)),
        Err(error) if error.is_forbidden() => bail!(
            "{}; whether an operator is alive can't be told without: \
             allow it, or name the Lease with --lease-namespace and --lease-name",
            cluster.describe_failed_call(&error).await
        ),
        Err(error) => Err(error.into()),
    }
}

/// Not a reason to refuse: an operator that was uninstalled may have left none.
fn no_lease(name: &str, namespace: Option<&str>) -> String {
    let place = namespace.map_or_else(
        || "in any namespace".to_owned(),
        |namespace| format!("in the namespace {namespace}"),
    );
    format!(
        "there is no Lease {name} {place}, so no operator that would have it is alive; \
         without --lease-name all operators' Leases count"
    )
}

fn refusal(holder: &Holder) -> String {
    let Holder {
        namespace,
        name,
        identity,
        ..
    } = holder;
    format!(
        "refused: {identity} holds the Lease {namespace}/{name} and is alive, so it lets go what is deleted. Stop it first: \
         kubectl scale deployment {name} -n {namespace} --replicas=0. \
         If it does not serve these objects, name the Lease of the one that did with --lease-namespace and --lease-name"
    )
}

async fn release(cluster: &CommandCluster, mut object: DynamicObject) -> Released {
    match cluster.objects().release(&mut object).await {
        Ok(ReleaseResult::Released) => Released::new(&object, ReleaseWord::Released, None),
        Ok(ReleaseResult::NotHeld) => Released::new(&object, ReleaseWord::NotHeld, None),
        Ok(ReleaseResult::Gone) => Released::new(&object, ReleaseWord::Gone, None),
        Err(error) => {
            let problem = cluster.describe_failed_call(&error).await;
            Released::new(&object, ReleaseWord::Failed, Some(problem))
        }
    }
}
