//! `import`: manifests for the callbacks of a project that no object holds. Applied, they are taken over as they are: nothing is
//! changed at the cloud. Changes nothing itself.

mod files;
mod manifest;

use futures::{StreamExt as _, stream};
use kube::core::ObjectMeta;
use serde_json::{Value, json};

use self::manifest::{Names, manifest};
use super::command_cloud::CommandCloud;
use super::command_cluster::{CommandCluster, at_cluster, failed};
use super::output::{print_message, print_problems};
use super::readable::ReadObjects;
use super::remote::{ListedProject, look, sources};
use super::{CommandOutput, ExitStatus};
use crate::api::{RecordingCallback, RecordingCallbackSpec, SecretRef};
use crate::cluster::error::ClusterError;
use crate::cluster::rehearsal::{ApplyMode, Rehearsal};
use crate::config::orphans::{ImportArgs, ManifestFormat};

/// How many manifests the API server is asked about at once.
const AT_ONCE: usize = 16;

/// Prints manifests for the project that `args` name.
pub async fn run(args: ImportArgs) -> CommandOutput {
    let done = at_cluster(&args.cluster, async |cluster| import(cluster, &args).await).await;
    done.unwrap_or_else(|problem| {
        let problems = [problem.clone()];
        failed(
            &problem,
            text(&[], &problems, args.output).unwrap_or_default(),
        )
    })
}

async fn import(cluster: &CommandCluster, args: &ImportArgs) -> anyhow::Result<CommandOutput> {
    let namespace = cluster.namespace(args.namespace.as_deref());
    let raw = cluster.objects();
    let rehearsal = Rehearsal::new(cluster.client().clone(), ApplyMode::Client);
    // Whoever may not see all objects can't say that none holds a callback.
    let before = ReadObjects::of(raw.list(None).await?);
    let cloud = CommandCloud::of(cluster, &args.cloud)?;
    let source = source(args, namespace);
    let held = before.held();
    let seen = look(
        cluster.server(),
        &cloud,
        sources(std::iter::once(&source)),
        &held,
    )
    .await;
    // An object that got its callback during the look holds it, too.
    let now = ReadObjects::of(raw.list(None).await?);
    let report = seen.ownership(&now).with_ids_held_before(held);
    let mut names = Names::taken(now.all(), namespace);
    let mut problems = now.problems;
    problems.extend(seen.problems);
    let mut wanted = Vec::new();
    for ListedProject { target, rows } in &seen.projects {
        for found in report.orphans(target, rows) {
            let (row, place) = (found.row, &found.row.place);
            let title = format!("{} {} {}", place.domain(), place.app(), row.id);
            if !found.notes.is_empty() {
                let out = if found.is_wanted { "left out: " } else { "" };
                print_message(&format!("{out}{title}: {}", found.notes.join("; ")));
            }
            if found.is_wanted {
                continue;
            }
            if !found.is_only_row {
                problems.push(format!(
                    "{title}: no object can take over one of several: delete the others first"
                ));
                continue;
            }
            wanted.push((title, manifest(row, &source, &names.next(place))));
        }
    }
    let mut rehearsed = stream::iter(wanted)
        .map(async |(title, manifest)| {
            let refusal = refusal(cluster, &rehearsal, &manifest).await;
            (title, manifest, refusal)
        })
        .buffered(AT_ONCE);
    let mut manifests = Vec::new();
    while let Some((title, manifest, refused)) = rehearsed.next().await {
        match refused? {
            None => manifests.push(manifest),
            Some(refusal) => problems.push(format!("{title}: {refusal}")),
        }
    }
    let text = delivered(&manifests, args, &mut problems)?;
    print_problems(&problems);
    if manifests.is_empty() && problems.is_empty() {
        print_message("nothing to import: no callback of the project is without an object");
    }
    if !manifests.is_empty() {
        print_message(
            "the cloud does not show sign keys: where notifications are signed, add signKeySecretRef when you first change the object",
        );
    }
    Ok(CommandOutput {
        text,
        exit: ExitStatus::of(problems.is_empty()),
    })
}

/// An object that has the credentials, region and project that are asked for.
fn source(args: &ImportArgs, namespace: &str) -> RecordingCallback {
    let spec = RecordingCallbackSpec {
        credentials_secret_ref: Some(SecretRef {
            name: args.secret.clone(),
        }),
        region: args.region.clone(),
        project_id: args.project_id.clone(),
        ..RecordingCallbackSpec::default()
    };
    let mut object = RecordingCallback::new("import", spec);
    object.metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        ..object.metadata
    };
    object
}

/// Why the API server would refuse it, if it would. Where it may not be asked, it will tell when the manifest is applied. An error is none
/// of this manifest: all others would end so, too.
async fn refusal(
    cluster: &CommandCluster,
    rehearsal: &Rehearsal,
    manifest: &Value,
) -> Result<Option<String>, ClusterError> {
    let of = |word: &str| manifest.pointer(&format!("/metadata/{word}"))?.as_str();
    let namespace = of("namespace").unwrap_or_default();
    let name = of("name").unwrap_or_default();
    match rehearsal.apply(namespace, name, manifest, None).await {
        Err(error) if error.is_terminating() => Err(error),
        Err(error) if error.is_forbidden() => Ok(None),
        Err(error) if error.is_refusal() || error.is_already_exists() => {
            Ok(Some(error.with_remedy(cluster.server())))
        }
        rehearsed => rehearsed.map(|_| None),
    }
}

/// A manifest as it is written.
struct ImportedManifest {
    name: String,
    text: String,
}

/// The manifests, or where they were written to.
fn delivered(
    manifests: &[Value],
    args: &ImportArgs,
    problems: &mut Vec<String>,
) -> anyhow::Result<String> {
    let Some(directory) = &args.directory else {
        return text(manifests, problems, args.output);
    };
    let ending = match args.output {
        ManifestFormat::Json => "json",
        ManifestFormat::Yaml => "yaml",
    };
    let mut written = Vec::new();
    for manifest in manifests {
        let name = manifest.pointer("/metadata/name").and_then(Value::as_str);
        written.push(ImportedManifest {
            name: name.unwrap_or_default().to_owned(),
            text: match args.output {
                ManifestFormat::Json => format!("{manifest:#}\n"),
                ManifestFormat::Yaml => serde_saphyr::to_string(manifest)?,
            },
        });
    }
    let written = files::write(directory, ending, &written, args.force);
    problems.extend(written.problems);
    let paths = written
        .paths
        .iter()
        .map(|path| format!("{}\n", path.display()));
    Ok(paths.collect())
}

/// In JSON with what could not be told, which kubectl passes over.
fn text(
    manifests: &[Value],
    problems: &[String],
    output: ManifestFormat,
) -> anyhow::Result<String> {
    Ok(match output {
        ManifestFormat::Json => {
            let mut list = json!({ "apiVersion": "v1", "kind": "List", "items": manifests });
            if let (false, Some(list)) = (problems.is_empty(), list.as_object_mut()) {
                list.insert("errors".to_owned(), json!(problems));
            }
            format!("{list:#}\n")
        }
        ManifestFormat::Yaml => {
            let documents = manifests.iter().map(serde_saphyr::to_string);
            documents.collect::<Result<Vec<_>, _>>()?.join("---\n")
        }
    })
}
