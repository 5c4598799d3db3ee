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

use self::finding::{Finding, render_findings};
use super::command_cluster::{CommandCluster, at_cluster, ended};
use super::output::{print_problems, render_with};
use super::{CommandOutput, ExitStatus, now};
use crate::config::doctor::DoctorArgs;
use crate::config::run::host_name;

/// Checks what `args` name.
pub async fn run(args: DoctorArgs) -> CommandOutput {
    let examined = at_cluster(&args.scope.cluster, async |cluster| {
        let findings = Box::pin(examine(cluster, &args)).await?;
        let problems: Vec<String> = findings.iter().filter_map(Finding::problem).collect();
        print_problems(&problems);
        Ok(CommandOutput {
            text: render_with(args.print.output, &findings, &problems, render_findings)?,
            exit: ExitStatus::of(findings.iter().all(|finding| !finding.is_failure())),
        })
    });
    ended(examined.await, args.print.output)
}

async fn examine(at: &CommandCluster, args: &DoctorArgs) -> anyhow::Result<Vec<Finding>> {
    let client = at.client().clone();
    let server = cluster::server(&client, at.server()).await;
    let is_reached = !server.is_failure();
    let mut findings = vec![server];
    if !is_reached {
        findings.extend(proxies::of_unreached(at.server()));
        return Ok(findings);
    }
    let namespace = at.namespace(args.scope.namespace.as_deref());
    let namespace = (!args.scope.all_namespaces).then_some(namespace);
    let (operators, found) = operators::find(&client, namespace, args.release.as_deref()).await;
    findings.push(cluster::crd(&client, &operators).await);
    findings.extend(found);
    findings.extend(rivals::examine(&client, &operators).await);
    findings.extend(cluster::leases(&client, &operators).await);
    let listed = at.objects().list(namespace).await;
    let (objects, of_objects) = objects::examine(listed, namespace);
    findings.extend(rights::examine(&client, args, &operators, &objects).await);
    findings.extend(of_objects);
    findings.extend(proxies::examine(at.server(), &operators, &objects));
    if !args.offline {
        findings.extend(cloud::examine(at, args, &operators, &objects).await?);
    }
    let now = now();
    findings.extend(usage::examine(&client, &operators, now).await);
    if args.check_urls {
        findings.extend(urls::examine(&objects, &host_name(), now).await?);
    }
    Ok(findings)
}
