//! What a project holds, beside what the objects of the cluster say of it: the common ground of `orphans`, `import` and `doctor`. Changes
//! nothing there or here, but for a large project's reading, which is kept in the user's cache.

mod large;
mod ownership_report;

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt as _;
use tokio::time::Instant;

pub(super) use self::large::ListFilter;
use self::large::{CloudProject, KeptReading, Reading};
use self::ownership_report::recorded_project;
pub(super) use self::ownership_report::{OwnershipReport, UnclaimedRow};
use super::command_cloud::{CommandCloud, failure_with_remedy};
use super::now;
use super::output::print_message;
use super::readable::ReadObjects;
use crate::api::RecordingCallback;
use crate::cluster::error::ClusterError;
use crate::config;
use crate::login::IdentifyError;
use crate::plan::facts::row::Row;
use crate::platform::account::Account;
use crate::platform::quota::Lane;
use crate::terms::target::Target;

/// What an object's project hangs on: namespace, Secret, region and project of the spec.
type SourceKey = (String, Option<String>, Option<String>, Option<String>);

fn key(object: &RecordingCallback) -> SourceKey {
    let spec = &object.spec;
    let secret = spec.credentials_secret_ref.as_ref();
    (
        object.namespace().unwrap_or_default(),
        secret.map(|secret| secret.name.clone()),
        spec.region.clone(),
        spec.project_id.clone(),
    )
}

/// The objects that call with the same credentials at the same place.
pub(super) struct CredentialSource<'a> {
    /// Namespace and Secret.
    pub(super) name: String,
    /// One of them.
    pub(super) object: &'a RecordingCallback,
    /// All of them.
    pub(super) objects: Vec<&'a RecordingCallback>,
}

/// One for all objects that have Secret, region and project in common.
pub(super) fn sources<'a>(
    objects: impl Iterator<Item = &'a RecordingCallback>,
) -> Vec<CredentialSource<'a>> {
    let mut sources: BTreeMap<SourceKey, CredentialSource<'_>> = BTreeMap::new();
    for object in objects {
        let key = key(object);
        let name = match &key.1 {
            Some(secret) => format!("{}/{secret}", key.0),
            None => format!("{}: the operator's own", key.0),
        };
        let source = sources.entry(key).or_insert(CredentialSource {
            name,
            object,
            objects: Vec::new(),
        });
        source.objects.push(object);
    }
    sources.into_values().collect()
}

/// A project, as its callbacks were listed.
pub(super) struct ListedProject {
    pub(super) target: Target,
    pub(super) rows: Vec<Row>,
}

/// What was seen of projects.
#[derive(Default)]
pub(super) struct ListedProjects {
    pub(super) projects: Vec<ListedProject>,
    /// A sentence for each that could not be looked at.
    pub(super) problems: Vec<String>,
    /// Region and project that objects of a key are about.
    keys: BTreeMap<SourceKey, (String, String)>,
}

/// Who may list a project, and the domains that objects of it name.
#[derive(Default)]
struct EnteredProject {
    accounts: Vec<Account>,
    domains: BTreeSet<String>,
}

/// Lists each project once that these sources lead to; `server` is the API server's address, to be told, and `held` the ids that objects
/// hold.
pub(super) async fn look(
    server: &str,
    cloud: &CommandCloud,
    sources: Vec<CredentialSource<'_>>,
    held: &BTreeSet<String>,
) -> ListedProjects {
    let mut seen = ListedProjects::default();
    let mut entered: BTreeMap<_, EnteredProject> = BTreeMap::new();
    for source in sources {
        match enter(cloud, source.object).await {
            Ok(Ok(account)) => {
                let Target {
                    region,
                    project_id,
                    endpoint,
                } = account.target.clone();
                let project = (region.clone(), project_id.clone());
                let (strays, is_used) = strays(&source, &project);
                seen.problems.extend(strays);
                seen.keys.insert(key(source.object), project);
                if is_used {
                    let entered = entered.entry((region, project_id, endpoint)).or_default();
                    entered.accounts.push(account);
                    let domains = source.objects.iter().map(|object| domain(object));
                    // An import's own has none.
                    entered
                        .domains
                        .extend(domains.filter(|domain| !domain.is_empty()));
                }
            }
            Ok(Err(sentence)) => seen.problems.push(format!("{}: {sentence}", source.name)),
            Err(error) => {
                let problem = error.with_remedy(server);
                seen.problems.push(format!("{}: {problem}", source.name));
            }
        }
    }
    for project in entered.into_values() {
        match list(cloud, &project, held).await {
            Ok((project, problem)) => {
                seen.projects.push(project);
                seen.problems.extend(problem);
            }
            Err(problem) => seen.problems.push(problem),
        }
    }
    seen
}

fn domain(object: &RecordingCallback) -> String {
    object.spec.publish_domain.to_ascii_lowercase()
}

/// A sentence for each other project that objects of this source keep to, though their credentials lead here by now, and whether any
/// object is of this one.
fn strays(source: &CredentialSource<'_>, here: &(String, String)) -> (Vec<String>, bool) {
    let mut elsewhere: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for object in &source.objects {
        if let Some(project) = recorded_project(object).filter(|project| project != here) {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let of_project = elsewhere.entry(project).or_default();
            of_project.push(format!("{namespace}/{name}"));
        }
    }
    let count: usize = elsewhere.values().map(Vec::len).sum();
    let sentence = |((region, project), names): (&(String, String), &Vec<String>)| {
        let more = names.len().saturating_sub(1);
        let more = (more > 0).then(|| format!(" and {more} more"));
        format!(
            "{region} {project} of {}{}: the credentials of {} lead to {} {} instead",
            names.first().map_or("", String::as_str),
            more.unwrap_or_default(),
            source.name,
            here.0,
            here.1,
        )
    };
    let sentences = elsewhere.iter().map(sentence).collect();
    (sentences, count < source.objects.len())
}

/// Lists a project with the first of these accounts that may; with a sentence for what could not be found of it.
async fn list(
    cloud: &CommandCloud,
    project: &EnteredProject,
    held: &BTreeSet<String>,
) -> Result<(ListedProject, Option<String>), String> {
    let mut problem = String::new();
    for account in &project.accounts {
        let target = account.target.clone();
        let name = format!("{} {}", target.region, target.project_id);
        let looks = cloud.looks(account);
        problem = match looks.sweep(Instant::now(), (Lane::Background, "")).await {
            Ok(inventory) if inventory.complete => {
                let rows = inventory.rows.clone();
                return Ok((ListedProject { target, rows }, None));
            }
            Ok(_) => match list_large(cloud, account, &project.domains, held).await {
                Ok(listed) => return Ok(listed),
                Err(problem) => problem,
            },
            Err(failure) => {
                format!("{name}: {}", failure_with_remedy(&failure))
            }
        };
    }
    Err(problem)
}

/// Lists a project that the cloud does not list to its end, from where an earlier call got to.
async fn list_large(
    cloud: &CommandCloud,
    account: &Account,
    domains: &BTreeSet<String>,
    held: &BTreeSet<String>,
) -> Result<(ListedProject, Option<String>), String> {
    let target = account.target.clone();
    let name = format!("{} {}", target.region, target.project_id);
    let kept = KeptReading::of(config::cache_directory().as_deref(), &target);
    let now = now();
    let (begun, mut reading) = match kept.load(now) {
        Some((begun, reading)) => {
            let (found, total) = (reading.found(), reading.total());
            print_message(&format!(
                "{name}: {found} of {total} callbacks were read since {begun}, this goes on from there"
            ));
            (begun, reading)
        }
        None => (now, Reading::begun(held)),
    };
    let project = CloudProject { cloud, account };
    let mut read = large::look_again(&project, held, &mut reading).await;
    if read.is_ok() {
        let keep = |reading: &Reading| {
            kept.keep(begun, reading);
        };
        read = large::read(&project, domains, &mut reading, keep).await;
    }
    let (found, total) = (reading.found(), reading.total());
    if let Err(failure) = read {
        let problem = failure_with_remedy(&failure);
        let is_kept = kept.keep(begun, &reading);
        let next = if is_kept {
            format!(
                "{found} of {total} callbacks are read: the same command goes on from there within an hour"
            )
        } else {
            format!(
                "{found} of {total} callbacks were read, which there is no cache to keep in: set XDG_CACHE_HOME"
            )
        };
        return Err(format!("{name}: {problem} {next}"));
    }
    kept.forget();
    let problem = (found != total).then(|| {
        format!("{name} has {total} callbacks, and {found} were found: the cloud lists no more than 4,100 at once; others have a domain and an app that none of those has, or came or went meanwhile")
    });
    let rows = reading.rows();
    Ok((ListedProject { target, rows }, problem))
}

impl ListedProjects {
    /// How these objects stand to what was seen.
    pub(super) fn ownership(&self, objects: &ReadObjects) -> OwnershipReport {
        let with_project = |object: &RecordingCallback| self.keys.get(&key(object)).cloned();
        let whole = objects.whole.iter();
        let partial = objects.partial.iter();
        OwnershipReport::of(whole.map(|object| (object, with_project(object))))
            .with_partial(partial.map(|object| (object, with_project(object))))
    }
}

/// The account of an object, or the sentence that says why there is none. An error is the API server's.
async fn enter(
    cloud: &CommandCloud,
    object: &RecordingCallback,
) -> Result<Result<Account, String>, ClusterError> {
    let login = match cloud.login(object).await? {
        Ok(login) => login,
        Err((reason, sentence)) => return Ok(Err(format!("{}: {sentence}", reason.as_str()))),
    };
    let namespace = object.namespace().unwrap_or_default();
    let identified = login.identify(cloud.client(), &namespace).await;
    Ok(identified.map_err(|error| match error {
        IdentifyError::Unknown(failure) => failure_with_remedy(&failure),
        IdentifyError::Ambiguous(sentence) => sentence,
    }))
}
