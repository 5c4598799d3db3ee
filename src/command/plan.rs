//! `plan`: what applying manifests would do at the cloud. Asks the API server what the objects would be, and the cloud what it holds;
//! changes neither.

mod documents;
mod dry_run;
mod files;
mod manifests;
mod markdown;
mod planned;

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt as _, stream};
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use tokio::time::Instant;

use self::dry_run::{DryRun, DryRunContext, Prediction};
use self::files::ReadFile;
use self::manifests::{TargetNamespaces, WantedManifest, WantedManifests};
use self::planned::{Planned, render_plans};
use super::CommandOutput;
use super::command_cloud::CommandCloud;
use super::command_cluster::{CommandCluster, at_cluster, failed};
use super::output::{nothing, print_message, print_problems, render_with};
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::cluster::raw::RawObjects;
use crate::cluster::rehearsal::{ApplyMode, Rehearsal};
use crate::config::plan::PlanArgs;
use crate::declared::index::Index;
use crate::plan::facts::PlanSettings;

/// How many objects the API server is asked about at once.
const AT_ONCE: usize = 16;

/// Plans for what `args` name.
pub async fn run(args: PlanArgs) -> CommandOutput {
    let (files, problems) = match files::read_aloud(&args.files, args.recursive).await {
        Ok(read) => read,
        Err(error) => return render_plans_or_problems(&[], &[format!("{error:#}")], &args),
    };
    let planned = at_cluster(&args.scope.cluster, async |cluster| {
        Ok(plan_all(cluster, &args, &files).await)
    });
    let (plans, more) = match planned.await {
        Ok(planned) => planned,
        Err(problem) => {
            // What is wrong with the manifests is wrong wherever they go.
            let named = args.scope.namespace.as_deref();
            let anywhere = TargetNamespaces {
                usual: "default",
                named,
            };
            let mut problems = manifests::read(&files, &anywhere).problems;
            problems.push(problem);
            (Vec::new(), problems)
        }
    };
    let problems: Vec<String> = problems.into_iter().chain(more).collect();
    render_plans_or_problems(&plans, &problems, &args)
}

/// What the manifests of these files lead to, and a sentence for each thing that can't be told.
async fn plan_all(
    cluster: &CommandCluster,
    args: &PlanArgs,
    files: &[ReadFile],
) -> (Vec<Planned>, Vec<String>) {
    let named = args.scope.namespace.as_deref();
    let usual = cluster.namespace(None);
    let wanted = manifests::read(files, &TargetNamespaces { usual, named });
    print_manifests(&wanted);
    let mut problems = wanted.problems;
    if wanted.ours.is_empty() {
        return (Vec::new(), problems);
    }
    match plans(cluster, args, &wanted.ours).await {
        Ok(plans) => (plans, problems),
        Err(error) => {
            problems.push(cluster.describe_error(&error).await);
            (Vec::new(), problems)
        }
    }
}

/// How a plan ends.
fn render_plans_or_problems(
    plans: &[Planned],
    problems: &[String],
    args: &PlanArgs,
) -> CommandOutput {
    let unknown = planned::problems(plans);
    let all: Vec<String> = problems.iter().cloned().chain(unknown).collect();
    print_problems(&all);
    let text = match args.output.usual() {
        Some(output) if plans.is_empty() && !problems.is_empty() => Ok(nothing(output, problems)),
        Some(output) => render_with(output, plans, &all, render_plans),
        None => Ok(markdown::render(plans, problems)),
    };
    match text {
        Ok(text) => CommandOutput {
            text,
            exit: planned::exit(plans, problems),
        },
        Err(error) => failed(&format!("{error:#}"), String::new()),
    }
}

/// Says what is not planned for.
fn print_manifests(wanted: &WantedManifests) {
    let others = wanted.others.iter();
    let kinds: Vec<String> = others
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !kinds.is_empty() {
        let count: usize = wanted.others.values().sum();
        print_message(&format!(
            "left out, as they are of other kinds: {count} ({})",
            kinds.join(", ")
        ));
    }
    for repeated in &wanted.repeated {
        print_message(repeated);
    }
}

async fn plans(
    cluster: &CommandCluster,
    args: &PlanArgs,
    wanted: &[WantedManifest],
) -> anyhow::Result<Vec<Planned>> {
    let cloud = CommandCloud::of(cluster, &args.cloud)?;
    let known = KnownObjects::read(cluster, wanted).await?;
    let context = DryRunContext {
        cloud,
        index: Index::new(args.settle_time),
        settings: PlanSettings {
            settle_time: args.settle_time,
            stall_after: args.stall_after,
            read_only: false,
        },
        since: Instant::now(),
        domains: domains(wanted),
    };
    for object in known.objects.values() {
        // One that can't be read owns nothing: the operator leaves it alone, too.
        if let Ok(object) = object.clone().try_parse() {
            context.index.put(&object);
        }
    }
    let mode = if args.server_side {
        ApplyMode::Server {
            manager: args.field_manager.clone(),
            force: args.force_conflicts,
        }
    } else {
        ApplyMode::Client
    };
    let rehearsal = Rehearsal::new(cluster.client().clone(), mode);
    // All of them before the cloud is waited for: a call that nobody awaits meanwhile would run into its limit.
    let rehearsed: Vec<_> = stream::iter(wanted)
        .map(async |manifest| {
            let rehearsed = known.rehearse(&rehearsal, manifest);
            (manifest, cluster.breaker().ask(rehearsed).await)
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut predicted = Vec::new();
    for (manifest, rehearsed) in rehearsed {
        let prediction = match rehearsed {
            Ok(object) => Box::pin(predict(&context, object)).await,
            Err(error) => Err(error),
        };
        predicted.push((manifest, prediction));
    }
    // Not before all were asked for: only then is it known whether the API server is gone.
    let plans = predicted.into_iter().map(|(manifest, prediction)| {
        let prediction = prediction.unwrap_or_else(|error| {
            let error = cluster.breaker().cause_of(error);
            let unknown = manifest.unknown_fields(&error.to_string());
            Prediction::unknown(unknown.unwrap_or_else(|| error.with_remedy(cluster.server())))
        });
        let planned = Planned::new(&manifest.namespace, &manifest.name, prediction);
        planned.noted(manifest.note.clone())
    });
    Ok(plans.collect())
}

/// In how many ingest domains there are objects.
fn domains(wanted: &[WantedManifest]) -> u32 {
    let domain = |manifest: &WantedManifest| manifest.value.pointer("/spec/publishDomain").cloned();
    let domains = wanted.iter().filter_map(domain);
    let domains: BTreeSet<String> = domains.map(|domain| domain.to_string()).collect();
    u32::try_from(domains.len()).unwrap_or(u32::MAX)
}

/// The objects of a namespace that manifests are applied to.
async fn applied_to(
    objects: &RawObjects,
    wanted: &[WantedManifest],
    namespace: &str,
) -> Result<Vec<DynamicObject>, ClusterError> {
    let mut found = Vec::new();
    for manifest in wanted
        .iter()
        .filter(|manifest| manifest.namespace == namespace)
    {
        found.extend(objects.get(namespace, &manifest.name).await?);
    }
    Ok(found)
}

/// What the operator does for an object that is so. An error is the API server's.
async fn predict(
    context: &DryRunContext,
    object: DynamicObject,
) -> Result<Prediction, ClusterError> {
    match object.try_parse::<RecordingCallback>() {
        Ok(object) => {
            context.index.put(&object);
            DryRun::new(context, &object).run().await
        }
        Err(error) => Ok(Prediction::unknown(format!("it can't be read: {error}"))),
    }
}

/// The objects of the cluster, as far as they may be seen: one may own a place or hold an id, or be the one that is applied to.
struct KnownObjects {
    objects: HashMap<(String, String), DynamicObject>,
}

impl KnownObjects {
    async fn read(
        cluster: &CommandCluster,
        wanted: &[WantedManifest],
    ) -> Result<Self, ClusterError> {
        let objects = cluster.objects();
        let listed = match objects.list(None).await {
            Err(error) if error.is_forbidden() => {
                let of = |manifest: &WantedManifest| manifest.namespace.clone();
                let namespaces: BTreeSet<_> = wanted.iter().map(of).collect();
                let names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
                print_message(&format!(
                    "only {} is looked at, so an owner elsewhere is not seen: {error}",
                    names.join(", ")
                ));
                let mut listed = Vec::new();
                for namespace in &namespaces {
                    match objects.list(Some(namespace)).await {
                        Err(error) if error.is_forbidden() => {
                            print_message(&format!(
                                "in {namespace} only what is applied to is looked at: {error}"
                            ));
                            listed.extend(applied_to(&objects, wanted, namespace).await?);
                        }
                        found => listed.extend(found?),
                    }
                }
                listed
            }
            listed => listed?,
        };
        let key =
            |object: &DynamicObject| (object.namespace().unwrap_or_default(), object.name_any());
        let objects = listed.into_iter().map(|object| (key(&object), object));
        Ok(Self {
            objects: objects.collect(),
        })
    }

    /// What applying a manifest would make.
    async fn rehearse(
        &self,
        rehearsal: &Rehearsal,
        manifest: &WantedManifest,
    ) -> Result<DynamicObject, ClusterError> {
        let WantedManifest {
            namespace,
            name,
            value,
            ..
        } = manifest;
        let current = self.objects.get(&(namespace.clone(), name.clone()));
        rehearsal.apply(namespace, name, value, current).await
    }
}
