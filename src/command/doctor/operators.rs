//! The operators of a cluster: by their Deployments, or the one in whose container this runs. Only reads.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;

use super::finding::Finding;
use crate::cluster::container::{ContainerEnvironment, ContainerText};
use crate::cluster::operator_deployments::{self, Installed};
use crate::cluster::rights::RightsSubject;
use crate::command::first_process::operator_here;
use crate::config::elsewhere::{
    GivenArgument, GivenText, LEASE_NAME, LEASE_NAMESPACE, NAMESPACES, RunElsewhere, RunFlag,
    run_elsewhere, run_variables,
};
use crate::platform::transport::PROXY_VARIABLES;

pub(super) const CHECK: &str = "Operator";

/// What to do where something of an operator can't be told from here.
pub(super) const LOOK_INSIDE: &str =
    "run doctor in the operator's pod, or as somebody who may read what is named there";

/// How many flags are named that something is not known of.
const NAMED: usize = 4;

/// An operator, and what it was told.
pub(super) struct InstalledOperator {
    pub(super) whose: RightsSubject,
    /// By its flags and its variables, or why nothing of that is known.
    settings: Result<RunElsewhere, String>,
    /// Its variables; unset for the one whose environment is this process's.
    pub(super) environment: Option<ContainerEnvironment>,
    /// The labels of its pods, as a selector, where they are known.
    pub(super) pods: Option<String>,
    /// The Helm release that it is of, else its name.
    pub(super) release: String,
    pub(super) namespace: String,
    name: String,
    /// Somebody lets none of its pods run: it does nothing, and is not to.
    pub(super) is_stopped: bool,
}

impl InstalledOperator {
    fn of(installed: &Installed) -> Self {
        let (namespace, account) = (&installed.namespace, &installed.service_account);
        let process = &installed.process;
        let args: Vec<_> = process
            .arguments
            .iter()
            .map(|argument| GivenArgument {
                written: argument.written.clone(),
                text: showable(argument.text.clone()),
            })
            .collect();
        let variable = |name: &str| process.environment.get(name).map(showable);
        Self {
            whose: RightsSubject::Account(namespace.clone(), account.clone()),
            settings: run_elsewhere(&args, variable),
            environment: Some(process.environment.clone()),
            pods: Some(installed.pods.clone()),
            release: installed
                .release
                .clone()
                .unwrap_or_else(|| installed.name.clone()),
            namespace: namespace.clone(),
            name: installed.name.clone(),
            is_stopped: installed.wanted == 0,
        }
    }

    /// The operator that is the first process of this container.
    fn here(client: &Client) -> Option<Self> {
        let config = operator_here()?;
        Some(Self {
            whose: RightsSubject::CurrentUser,
            namespace: client.default_namespace().to_owned(),
            name: config.lease_name.clone(),
            release: config.lease_name.clone(),
            settings: Ok(config.into()),
            environment: None,
            pods: None,
            is_stopped: false,
        })
    }

    /// What it goes by, or why that is not known.
    pub(super) fn setting<T>(&self, flag: &RunFlag<T>) -> Result<&T, &str> {
        self.settings.as_ref().map_err(String::as_str)?.get(flag)
    }

    /// Whether it serves a namespace. One of which that is not known may.
    fn serves(&self, namespace: &str) -> bool {
        let served = self.setting(&NAMESPACES);
        served.map_or(true, |served| {
            served.is_empty() || served.iter().any(|name| name == namespace)
        })
    }

    /// What is not known of what it goes by, if something is.
    fn not_known(&self) -> Option<Finding> {
        let detail = match &self.settings {
            Err(why) => format!("what it goes by is not known: {why}"),
            Ok(settings) => {
                let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
                for (flag, why) in settings.not_known() {
                    reasons.entry(why).or_default().push(format!("--{flag}"));
                }
                let unknown = reasons.iter().map(|(why, flags)| {
                    let more = flags.len().saturating_sub(NAMED);
                    let named = flags.iter().take(NAMED).cloned().collect::<Vec<_>>();
                    let more = (more > 0).then(|| format!(" and {more} more"));
                    let named = named.join(", ");
                    format!("{named}{} ({why})", more.unwrap_or_default())
                });
                let unknown = unknown.collect::<Vec<_>>().join("; ");
                (!unknown.is_empty()).then(|| format!("not known is {unknown}"))?
            }
        };
        Some(Finding::unknown(CHECK, self.subject(), detail, LOOK_INSIDE))
    }

    /// Namespace and name, for people.
    pub(super) fn subject(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Namespace and name of its Lease, or why they are not known.
    pub(super) fn lease(&self) -> Result<(&str, &str), &str> {
        let namespace = self.setting(&LEASE_NAMESPACE)?.as_deref();
        let name = self.setting(&LEASE_NAME)?;
        Ok((namespace.unwrap_or(&self.namespace), name))
    }
}

/// What may be told, and what is checked by it: findings name what they are about.
fn showable(text: ContainerText) -> GivenText {
    match text {
        ContainerText::Plain(text) => Ok(text),
        ContainerText::OfSecret(_, secret) => {
            Err(format!("it is of the Secret {secret}, and not shown"))
        }
        ContainerText::NotKnown(why) => Err(why),
    }
}

/// Those of which pods are to run; all, where that is none.
pub(super) fn acting(operators: &[InstalledOperator]) -> Vec<&InstalledOperator> {
    let running = operators.iter().filter(|operator| !operator.is_stopped);
    let running: Vec<_> = running.collect();
    if running.is_empty() {
        operators.iter().collect()
    } else {
        running
    }
}

/// The operators that serve a namespace, or any; of these only those of a release, by its name or that of the Deployment.
pub(super) async fn find(
    client: &Client,
    namespace: Option<&str>,
    release: Option<&str>,
) -> (Vec<InstalledOperator>, Vec<Finding>) {
    let proxies = PROXY_VARIABLES.into_iter().flatten();
    let mut variables: BTreeSet<_> = proxies.map(str::to_owned).collect();
    variables.extend(run_variables());
    let found = match operator_deployments::find(client, &variables).await {
        Ok(found) => found,
        Err(error) => {
            if let Some(operator) = InstalledOperator::here(client) {
                let detail = "runs in this container; Deployments can't be seen from here";
                let finding = Finding::ok(CHECK, &operator.name, detail.to_owned());
                return (vec![operator], vec![finding]);
            }
            let remedy = "run doctor with a kubeconfig that may list deployments.apps";
            let finding = Finding::kept_back(CHECK, "", &error, remedy);
            return (Vec::new(), vec![finding]);
        }
    };
    let (mut operators, mut findings) = (Vec::new(), Vec::new());
    let mut others = Vec::new();
    for installed in found {
        let operator = InstalledOperator::of(&installed);
        if release.is_some_and(|name| name != operator.release && name != operator.name) {
            others.push(format!("{} ({})", operator.release, operator.subject()));
        } else if namespace.is_none_or(|namespace| operator.serves(namespace)) {
            findings.push(replicas(&installed));
            findings.extend(operator.not_known());
            operators.push(operator);
        }
    }
    if let Some(release) = release
        && operators.is_empty()
    {
        let there_are = if others.is_empty() {
            "none".to_owned()
        } else {
            others.join(", ")
        };
        let detail = format!("no operator of this release serves here; of others: {there_are}");
        let remedy = "correct --release, or -n";
        findings.push(Finding::failed(CHECK, release, detail, remedy));
    } else if operators.is_empty() {
        let detail = "there is no Deployment of one here".to_owned();
        let remedy = "install it, by Helm or install.yaml; one that runs elsewhere is not seen";
        findings.push(Finding::warning(CHECK, "", detail, remedy));
    }
    (operators, findings)
}

fn replicas(installed: &Installed) -> Finding {
    let Installed {
        namespace,
        name,
        image,
        ready,
        wanted,
        updated,
        older,
        ..
    } = installed;
    let subject = format!("{namespace}/{name}");
    let mut detail = format!("{ready} of {wanted} replicas ready, {image}");
    let is_rolled_out = updated >= wanted && *older <= 0;
    if *wanted > 0 && !is_rolled_out {
        // Older pods are ready for as long as newer ones do not start.
        detail = format!("{detail} in {updated} of its pods, {older} are as it said before");
    }
    if *wanted == 0 {
        let remedy = format!("kubectl scale deployment {name} -n {namespace} --replicas=2");
        Finding::warning(CHECK, subject, detail, remedy)
    } else if ready < wanted {
        let remedy = format!(
            "kubectl describe deployment {name} -n {namespace}; a pod says in /readyz and in its log what it waits for"
        );
        Finding::warning(CHECK, subject, detail, remedy)
    } else if !is_rolled_out {
        let remedy = format!(
            "wait for kubectl rollout status deployment {name} -n {namespace}; if it does not end, describe the newest pod. Until then \
             what is told here of flags, rights and quota is so of the newer pods only"
        );
        Finding::warning(CHECK, subject, detail, remedy)
    } else {
        Finding::ok(CHECK, subject, detail)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::finding::CheckResult;
    use super::*;
    use crate::cluster::container::{ContainerArgument, ContainerProcess};

    /// A Deployment of this name that is rolled out, with so many pods that run with these flags.
    fn installed(name: &str, pods: i32, flags: &str) -> Installed {
        let argument = |word: &str| ContainerArgument {
            written: word.to_owned(),
            text: ContainerText::Plain(word.to_owned()),
        };
        let arguments = std::iter::once("run").chain(flags.split_whitespace());
        Installed {
            namespace: "system".to_owned(),
            name: name.to_owned(),
            release: None,
            service_account: name.to_owned(),
            process: ContainerProcess {
                arguments: arguments.map(argument).collect(),
                environment: ContainerEnvironment::default(),
            },
            image: "image".to_owned(),
            ready: pods,
            wanted: pods,
            updated: pods,
            older: 0,
            pods: String::new(),
        }
    }

    /// The operator of it.
    pub(in super::super) fn operator(name: &str, pods: i32, flags: &str) -> InstalledOperator {
        InstalledOperator::of(&installed(name, pods, flags))
    }

    #[test]
    fn pods_that_are_ready_count_only_where_they_are_as_the_deployment_says() {
        let of = |ready, updated, older| {
            let mut installed = installed("a", 2, "");
            (installed.ready, installed.updated, installed.older) = (ready, updated, older);
            let finding = replicas(&installed);
            (finding.result, finding.detail)
        };
        assert_eq!(of(2, 2, 0).0, CheckResult::Ok);
        assert_eq!(of(1, 2, 0).0, CheckResult::Warning);
        for (updated, older) in [(1, 2), (0, 2), (2, 1), (1, 0)] {
            let (result, detail) = of(2, updated, older);
            assert_eq!(result, CheckResult::Warning, "{detail}");
            let words = format!("in {updated} of its pods, {older} are as it said before");
            assert!(detail.contains(&words), "{detail}");
        }
    }
}
