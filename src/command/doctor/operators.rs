//! The operators of a cluster: by their Deployments, or the one in whose container this runs. Only reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use kube::Client;

use super::finding::Finding;
use crate::cluster::operator_deployments::{self, Installed};
use crate::cluster::rights::RightsSubject;
use crate::config::elsewhere::run_elsewhere;
use crate::config::{self, Command, RunConfig};

pub(super) const CHECK: &str = "Operator";

/// The command line of a container's first process.
const FIRST_PROCESS: &str = "/proc/1/cmdline";

const PROGRAM: &str = "recording-callback-operator";

/// An operator, and what it was told.
pub(super) struct InstalledOperator {
    pub(super) whose: RightsSubject,
    /// By its flags and its variables; unknown where they are not those of this version.
    pub(super) config: Option<RunConfig>,
    /// Its variables, `None` for those whose value comes from elsewhere; unset for the one whose environment is this process's.
    pub(super) environment: Option<BTreeMap<String, Option<String>>>,
    /// The labels of its pods, as a selector, where they are known.
    pub(super) pods: Option<String>,
    /// The Helm release that it is of, else its name.
    pub(super) release: String,
    pub(super) namespace: String,
    name: String,
}

impl InstalledOperator {
    fn of(installed: &Installed) -> Self {
        let (namespace, account) = (&installed.namespace, &installed.service_account);
        Self {
            whose: RightsSubject::Account(namespace.clone(), account.clone()),
            config: run_elsewhere(&installed.args, &installed.environment),
            environment: Some(installed.environment.clone()),
            pods: Some(installed.pods.clone()),
            release: installed
                .release
                .clone()
                .unwrap_or_else(|| installed.name.clone()),
            namespace: namespace.clone(),
            name: installed.name.clone(),
        }
    }

    /// The operator that is the first process of this container.
    fn here(client: &Client) -> Option<Self> {
        let line = fs::read_to_string(FIRST_PROCESS).ok()?;
        let mut words = line.split_terminator('\0');
        let program = Path::new(words.next()?);
        let config = (program.file_name()? == PROGRAM).then(|| own_configuration(words))??;
        Some(Self {
            whose: RightsSubject::Own,
            namespace: client.default_namespace().to_owned(),
            name: config.lease_name.clone(),
            release: config.lease_name.clone(),
            config: Some(config),
            environment: None,
            pods: None,
        })
    }

    /// Whether it serves a namespace. One whose flags are not understood may.
    fn serves(&self, namespace: &str) -> bool {
        let served = self.config.as_ref().map(|config| &config.namespaces);
        served.is_none_or(|served| served.is_empty() || served.iter().any(|name| name == namespace))
    }

    /// Namespace and name, for people.
    pub(super) fn subject(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Namespace and name of its Lease.
    pub(super) fn lease(&self) -> (&str, &str) {
        let config = self.config.as_ref();
        let namespace = config.and_then(|config| config.lease_namespace.as_deref());
        let name = config.map(|config| config.lease_name.as_str());
        (
            namespace.unwrap_or(&self.namespace),
            name.unwrap_or(&self.name),
        )
    }
}

/// The operators that serve a namespace, or any; of these only those of a release, by its name or that of the Deployment.
pub(super) async fn find(
    client: &Client,
    namespace: Option<&str>,
    release: Option<&str>,
) -> (Vec<InstalledOperator>, Vec<Finding>) {
    let found = match operator_deployments::find(client).await {
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
        ..
    } = installed;
    let subject = format!("{namespace}/{name}");
    let detail = format!("{ready} of {wanted} replicas ready, {image}");
    if *wanted == 0 {
        let remedy = format!("kubectl scale deployment {name} -n {namespace} --replicas=2");
        Finding::warning(CHECK, subject, detail, remedy)
    } else if ready < wanted {
        let remedy = format!(
            "kubectl describe deployment {name} -n {namespace}; a pod says in /readyz and in its log what it waits for"
        );
        Finding::warning(CHECK, subject, detail, remedy)
    } else {
        Finding::ok(CHECK, subject, detail)
    }
}

/// What the program makes of these arguments, if it knows them all, and of the variables that it has here, too.
fn own_configuration<'a>(args: impl Iterator<Item = &'a str>) -> Option<RunConfig> {
    match config::parse(std::iter::once(PROGRAM).chain(args).map(Into::into)) {
        Ok(Command::Run(config)) => Some(*config),
        Ok(_) | Err(_) => None,
    }
}
