//! `plan`: what applying manifests would do at the cloud. Asks the API server what the objects would be, and the cloud what it holds;
//! changes neither.

mod dry_run;
mod manifests;
mod planned;

use std::time::Duration;

use kube::core::DynamicObject;
use tokio::time::Instant;

use self::dry_run::{DryRun, DryRunContext, Prediction};
use self::planned::{Planned, render_plans};
use super::CommandOutput;
use super::cloud::CommandCloud;
use super::output::{render, tell};
use super::trouble::{CommandCluster, at_cluster, ended};
use crate::api::RecordingCallback;
use crate::cluster::raw::RawObjects;
use crate::config::names::Grant;
use crate::config::plan::PlanArgs;
use crate::declared::index::Index;
use crate::plan::facts::PlanSettings;

/// For so many objects a look each takes fewer calls than a list of their projects.
const FEW: usize = 3;

/// Plans for what `args` name.
pub async fn run(args: PlanArgs) -> CommandOutput {
    let planned = at_cluster(&args.scope.cluster, async |cluster| {
        plan_all(cluster, &args).await
    });
    ended(planned.await, args.print.output)
}

async fn plan_all(cluster: &CommandCluster, args: &PlanArgs) -> anyhow::Result<CommandOutput> {
    let (mut wanted, others) = manifests::read(&args.files)?;
    let namespace = cluster.namespace(args.scope.namespace.as_deref());
    for object in &mut wanted {
        let of = &mut object.metadata.namespace;
        of.get_or_insert_with(|| namespace.to_owned());
    }
    if others > 0 {
        tell(&format!("left out, as they are of other kinds: {others}"));
    }
    let allowed = args.cloud.allowed(None);
    let cloud = CommandCloud::new(
        cluster.client(),
        &allowed,
        Grant::All,
        args.cloud.request_timeout,
    )?;
    let objects = cluster.objects();
    let ground = DryRunContext {
        cloud,
        index: known(&objects, namespace, args.settle_time).await?,
        settings: PlanSettings {
            settle_time: args.settle_time,
            stall_after: args.stall_after,
            read_only: false,
        },
        since: Instant::now(),
        lists: wanted.len() > FEW,
    };
    let mut plans = Vec::new();
    for object in &wanted {
        let outlook = Box::pin(plan(&ground, &objects, object)).await;
        plans.push(Planned::new(object, outlook));
    }
    Ok(CommandOutput {
        text: render(args.print.output, &plans, render_plans)?,
        exit: planned::exit(&plans),
    })
}

/// The objects of the cluster, or of one namespace where no more may be seen: others may own a place, or hold an id.
async fn known(
    objects: &RawObjects,
    namespace: &str,
    settle_time: Duration,
) -> anyhow::Result<Index> {
    let listed = match objects.list(None).await {
        Err(error) if error.is_forbidden() => {
            tell(&format!(
                "only {namespace} is looked at, so an owner elsewhere is not seen: {error}"
            ));
            objects.list(Some(namespace)).await
        }
        listed => listed,
    };
    let index = Index::new(settle_time);
    for object in listed? {
        // One that can't be read owns nothing: the operator leaves it alone, too.
        if let Ok(object) = object.try_parse() {
            index.put(&object);
        }
    }
    Ok(index)
}

async fn plan(ground: &DryRunContext, objects: &RawObjects, wanted: &DynamicObject) -> Prediction {
    let rehearsed = match objects.rehearse(wanted).await {
        Ok(rehearsed) => rehearsed,
        Err(error) => return Prediction::unknown(error.with_remedy()),
    };
    match rehearsed.try_parse::<RecordingCallback>() {
        Ok(object) => {
            ground.index.put(&object);
            let outlook = DryRun::new(ground, &object).run().await;
            outlook.unwrap_or_else(|error| Prediction::unknown(error.with_remedy()))
        }
        Err(error) => Prediction::unknown(format!("it can't be read: {error}")),
    }
}
