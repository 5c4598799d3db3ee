//! The cloud's side: credentials, the way to the cloud, clock, and how much of the quota looking takes. Only looks.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use kube::ResourceExt as _;

use super::finding::{Finding, counted};
use super::operators::{InstalledOperator, LOOK_INSIDE, acting};
use super::rules;
use crate::api::RecordingCallback;
use crate::cluster::rights::RightsSubject;
use crate::command::command_cloud::{CommandCloud, remedy};
use crate::command::command_cluster::CommandCluster;
use crate::command::remote::{CredentialSource, sources};
use crate::config::doctor::DoctorArgs;
use crate::config::duration::show;
use crate::config::elsewhere::{
    ALLOWED_ENDPOINTS, AMBIENT_CREDENTIALS_NAMESPACES, REQUESTS_PER_MINUTE, RESYNC_INTERVAL,
    RunFlag,
};
use crate::config::names::Grant;
use crate::explain;
use crate::live::answer::PAGE;
use crate::plan::facts::CloudAccess;
use crate::plan::facts::reason::Reason;
use crate::plan::step::situation::{describe_failure, reason_of};
use crate::platform::account::{Account, Identity};
use crate::platform::transport::Proxies;
use crate::terms::failure::Failure;

const CREDENTIALS: &str = "Credentials";
const CLOUD: &str = "Cloud";
const QUOTA: &str = "Quota";

const MINUTE: Duration = Duration::from_mins(1);

/// What is not worth a word: signatures may be 15 minutes off, and the operator corrects what it sees.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(10);

/// What `run` does when nothing is said.
const USUAL_QUOTA: u32 = 270;
const USUAL_INTERVAL: Duration = Duration::from_mins(10);

/// An account in use, how many callbacks its project holds, and the objects that are of it.
struct UsedAccount<'a> {
    account: Account,
    callbacks: u64,
    objects: Vec<&'a RecordingCallback>,
}

/// Tries each credential that the objects use, with one call.
pub(super) async fn examine(
    cluster: &CommandCluster,
    args: &DoctorArgs,
    operators: &[InstalledOperator],
    objects: &[RecordingCallback],
) -> anyhow::Result<Vec<Finding>> {
    let operators = &*acting(operators);
    if let Some(finding) = undecided(operators) {
        return Ok(vec![finding]);
    }
    let granted = first(operators, &AMBIENT_CREDENTIALS_NAMESPACES);
    let granted = granted.and_then(Result::ok).cloned().unwrap_or(Grant::All);
    let allowed_there = first(operators, &ALLOWED_ENDPOINTS).transpose();
    let allowed = args
        .cloud
        .allowed(allowed_there.as_ref().ok().copied().flatten());
    let is_said = args.cloud.allowed_endpoints.is_some();
    let not_known = allowed_there.err().filter(|_| !is_said);
    let is_pod = operators
        .iter()
        .any(|operator| operator.whose == RightsSubject::CurrentUser);
    let granted = is_pod.then_some(granted);
    let cloud = CommandCloud::new(cluster, &allowed, granted, args.cloud.request_timeout)?;
    let mut findings = Vec::new();
    let mut used: Vec<UsedAccount<'_>> = Vec::new();
    for source in sources(objects.iter()) {
        if source.object.spec.credentials_secret_ref.is_none() && !is_pod {
            let detail = "they are in the operator's environment".to_owned();
            let remedy = "run doctor in the operator's pod";
            findings.push(Finding::unknown(CREDENTIALS, &source.name, detail, remedy));
            continue;
        }
        let account = match enter(&cloud, &source, not_known).await {
            Ok(account) => account,
            Err(finding) => {
                findings.push(finding);
                continue;
            }
        };
        findings.push(Finding::ok(
            CREDENTIALS,
            &source.name,
            who(&account, source.objects.len()),
        ));
        let is_same = |used: &&mut UsedAccount<'_>| used.account.key() == account.key();
        if let Some(used) = used.iter_mut().find(is_same) {
            used.objects.extend(source.objects);
            continue;
        }
        match look(&cloud, &account).await {
            Ok((callbacks, finding)) => {
                findings.push(finding);
                used.push(UsedAccount {
                    account,
                    callbacks,
                    objects: source.objects,
                });
            }
            Err(finding) => findings.push(finding),
        }
    }
    for UsedAccount {
        account, objects, ..
    } in &used
    {
        findings.push(rules::examine(&cloud, account, objects).await);
    }
    findings.extend(quotas(&used, operators));
    Ok(findings)
}

/// What the operators go by, which is the same for all where it is known; nothing without an operator.
fn first<'a, T>(
    operators: &[&'a InstalledOperator],
    flag: &RunFlag<T>,
) -> Option<Result<&'a T, &'a str>> {
    let settings = operators.iter().map(|operator| operator.setting(flag));
    settings.reduce(Result::or)
}

/// Operators that let calls go elsewhere, or use their own credentials for others: which of them is meant is not guessed.
fn undecided(operators: &[&InstalledOperator]) -> Option<Finding> {
    let known = operators.iter().filter_map(|operator| {
        let granted = operator.setting(&AMBIENT_CREDENTIALS_NAMESPACES).ok()?;
        Some((operator.setting(&ALLOWED_ENDPOINTS).ok()?, granted))
    });
    let known: Vec<_> = known.collect();
    let is_one = known
        .windows(2)
        .all(|pair| matches!(pair, [one, other] if one == other));
    if is_one {
        return None;
    }
    let flags: Vec<String> = operators
        .iter()
        .map(|operator| format!("--release {}", operator.release))
        .collect();
    Some(Finding::unknown(
        CLOUD,
        "",
        "several operators serve here, and call the cloud in other ways".to_owned(),
        format!("say which one is meant: {}", flags.join(", ")),
    ))
}

/// Who calls by a credential; `not_known` is why it is not known where calls may go.
async fn enter(
    cloud: &CommandCloud,
    source: &CredentialSource<'_>,
    not_known: Option<&str>,
) -> Result<Account, Finding> {
    let namespace = source.object.namespace().unwrap_or_default();
    let refused = |reason: Reason, sentence: String| {
        if let (Reason::EndpointNotAllowed, Some(why)) = (reason, not_known) {
            let detail = format!("whether its endpoint is allowed is not known: {why}");
            let remedy = "say where the operator may call: --allowed-endpoints";
            return Finding::unknown(CREDENTIALS, &source.name, detail, remedy);
        }
        let remedy = explain::remedy(reason.as_str()).unwrap_or_default();
        let detail = format!("{reason}: {sentence}", reason = reason.as_str());
        Finding::failed(CREDENTIALS, &source.name, detail, remedy)
    };
    let login = match cloud.login(source.object).await {
        Ok(Ok(login)) => login,
        Ok(Err((reason, sentence))) => return Err(refused(reason, sentence)),
        Err(error) => {
            let remedy = "allow get on this Secret, or run doctor in the operator's pod";
            let name = &source.name;
            return Err(Finding::kept_back(CREDENTIALS, name, &error, remedy));
        }
    };
    match login.identify(cloud.client(), &namespace).await {
        Ok(account) => Ok(account),
        Err(CloudAccess::Unknown(failure)) => Err(failed(&source.name, &failure)),
        Err(CloudAccess::Ambiguous(sentence)) => Err(refused(Reason::CredentialsMissing, sentence)),
        Err(CloudAccess::Unusable(reason, sentence)) => Err(refused(reason, sentence)),
        Err(CloudAccess::Unread | CloudAccess::Usable(_)) => Err(refused(
            Reason::CredentialsMissing,
            "they could not be read".to_owned(),
        )),
    }
}

fn failed(subject: &str, failure: &Failure) -> Finding {
    let reason = reason_of(failure).as_str();
    let detail = format!("{reason}: {}", describe_failure(failure, None));
    Finding::failed(CLOUD, subject, detail, remedy(failure).unwrap_or_default())
}

fn who(account: &Account, count: usize) -> String {
    let target = &account.target;
    format!(
        "{} in {} {}, for {}",
        account.identity(),
        target.region,
        target.project_id,
        counted(count.try_into().unwrap_or(u64::MAX), "object")
    )
}

/// One call: the way there, the credential's rights, the clock, and how many callbacks there are.
async fn look(cloud: &CommandCloud, account: &Account) -> Result<(u64, Finding), Finding> {
    let endpoint = &account.target.endpoint;
    let subject = format!("{endpoint} {}", account.target.project_id);
    let way = match Proxies::from_environment().way_to(endpoint) {
        Ok(Some(proxy)) => format!("by the proxy {proxy}"),
        Ok(None) | Err(_) => "directly".to_owned(),
    };
    let answer = cloud.page(account, 0, 1).await;
    let answer = answer.map_err(|failure| {
        let mut finding = failed(&subject, &failure);
        finding.detail = format!("{} Called {way}.", finding.detail);
        finding
    })?;
    let total = answer.value.total;
    let offset = cloud.client().clock.measured(endpoint);
    let detail = format!(
        "holds {}, called {way}, clock {} s off",
        counted(total, "callback"),
        offset.as_secs()
    );
    if offset.abs() < CLOCK_TOLERANCE {
        return Ok((total, Finding::ok(CLOUD, subject, detail)));
    }
    let remedy = "set this machine's clock by NTP; the operator goes by the cloud's, but its logs and conditions tell the wrong time";
    Ok((total, Finding::warning(CLOUD, subject, detail, remedy)))
}

/// What looking takes of each identity's quota.
fn quotas(used: &[UsedAccount<'_>], operators: &[&InstalledOperator]) -> Vec<Finding> {
    let limit = first(operators, &REQUESTS_PER_MINUTE).unwrap_or(Ok(&USUAL_QUOTA));
    let interval = first(operators, &RESYNC_INTERVAL).unwrap_or(Ok(&USUAL_INTERVAL));
    let identities: BTreeSet<_> = used.iter().map(|used| used.account.identity()).collect();
    let of = |identity: &Identity| {
        let mine = used
            .iter()
            .filter(|used| used.account.identity() == identity);
        let calls: u64 = mine
            .map(|used| used.callbacks.div_ceil(PAGE.into()).max(1))
            .sum();
        let (limit, interval) = match (limit, interval) {
            (Ok(limit), Ok(interval)) => (*limit, *interval),
            (Err(why), _) | (_, Err(why)) => {
                let detail = format!("what looking takes is not known: {why}");
                return Finding::unknown(QUOTA, identity.to_string(), detail, LOOK_INSIDE);
            }
        };
        let detail = format!(
            "looking takes {} every {}, of {limit} a minute",
            counted(calls, "call"),
            show(interval)
        );
        let allowed = u128::from(limit) * interval.as_millis() / MINUTE.as_millis();
        // More than half of it leaves too little for changes.
        if u128::from(calls) * 2 <= allowed {
            Finding::ok(QUOTA, identity.to_string(), detail)
        } else {
            let remedy = "lengthen --resync-interval, or give the projects accounts of their own";
            Finding::warning(QUOTA, identity.to_string(), detail, remedy)
        }
    };
    identities.into_iter().map(of).collect()
}
