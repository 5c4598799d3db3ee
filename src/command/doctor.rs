//! `doctor`: checks all that the operator needs, from the outside, and says what to do. Changes nothing, neither in the cluster
//! nor at the cloud.

mod cloud;
mod cluster;
mod finding;
mod objects;
mod operators;
mod proxies;
mod rights;
mod rivals;
mod rules;
mod urls;
mod usage;

use jiff::Timestamp;

use self::finding::{Finding, render_findings};
use super::output::render;
use super::{CommandOutput, ExitStatus, access};
use crate::cluster::raw::RawObjects;
use crate::config::doctor::DoctorArgs;
use crate::config::run::host_name;

/// Checks what `args` name.
pub async fn run(args: DoctorArgs) -> anyhow::Result<CommandOutput> {
    let findings = Box::pin(examine(&args)).await?;
    Ok(CommandOutput {
        text: render(args.print.output, &findings, render_findings)?,
        exit: ExitStatus::of(findings.iter().all(|finding| !finding.is_failure())),
    })
}

async fn examine(args: &DoctorArgs) -> anyhow::Result<Vec<Finding>> {
    let access = access(&args.scope.cluster)?;
    let client = access.client()?;
    let server = cluster::server(&client, &access.server()).await;
    let is_reached = !server.is_failure();
    let mut findings = vec![server];
    if !is_reached {
        return Ok(findings);
    }
    findings.push(cluster::crd(&client).await);
    let namespace = args.scope.namespace.as_deref();
    let namespace = namespace.unwrap_or(client.default_namespace());
    let namespace = (!args.scope.all_namespaces).then_some(namespace);
    let (operators, found) = operators::find(&client, namespace, args.release.as_deref()).await;
    findings.extend(found);
    findings.extend(rivals::examine(&client, &operators).await);
    findings.extend(cluster::leases(&client, &operators).await);
    let listed = RawObjects::new(client.clone()).list(namespace).await;
    let (objects, standing) = objects::examine(listed, namespace);
    findings.extend(rights::examine(&client, args, &operators, &objects).await);
    findings.extend(standing);
    findings.extend(proxies::examine(&access.server(), &operators, &objects));
    if !args.offline {
        findings.extend(cloud::examine(&client, args, &operators, &objects).await?);
    }
    let now = local_time();
    findings.extend(usage::examine(&client, &operators, now).await);
    if args.check_urls {
        findings.extend(urls::examine(&objects, &host_name(), now).await);
    }
    Ok(findings)
}

#[allow(clippy::disallowed_methods, reason = "this is where time enters")]
fn local_time() -> Timestamp {
    Timestamp::now()
}
