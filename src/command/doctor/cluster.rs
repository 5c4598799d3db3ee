//! The cluster's side: API server, CRD, Leases. Only reads.

use kube::Client;

use super::finding::Finding;
use super::operators::{InstalledOperator, LOOK_INSIDE};
use crate::cluster::client::call;
use crate::cluster::crd_check::{CRD_NAME, CrdCheck, CrdState};
use crate::cluster::lease::liveness::{self, Holding, WantedLeases};
use crate::cluster::rights::RightsSubject;
use crate::command::output::print_message;
use crate::config::elsewhere::{CHECK_CRD, LEADER_ELECT};

const LEASE: &str = "Lease";

pub(super) async fn server(client: &Client, address: &str) -> Finding {
    let check = "API server";
    match call("read the version", client.apiserver_version()).await {
        Ok(version) => Finding::ok(check, address, version.git_version),
        Err(error) => Finding::unreached(check, address, &error),
    }
}

/// The CRD. Where this is the pod of an operator that is told not to read it, it may not, and need not.
pub(super) async fn crd(client: &Client, operators: &[InstalledOperator]) -> Finding {
    let check = "CRD";
    let reads_none = |operator: &InstalledOperator| {
        operator.whose == RightsSubject::CurrentUser && operator.setting(&CHECK_CRD) == Ok(&false)
    };
    let state = CrdCheck::new(client.clone()).read().await;
    match state.readiness() {
        Ok(()) => Finding::ok(
            check,
            CRD_NAME,
            "installed, with all that this version writes".to_owned(),
        ),
        Err(text) => {
            let (detail, remedy) = text.split_once(": ").unwrap_or((&text, &text));
            let (detail, remedy) = (detail.to_owned(), remedy.to_owned());
            if let CrdState::Unreadable(error) = state {
                if error.is_forbidden() && operators.iter().any(reads_none) {
                    let told = "not read, as the operator is told: --check-crd=false";
                    return Finding::ok(check, CRD_NAME, told.to_owned());
                }
                let right = "allow get on customresourcedefinitions.apiextensions.k8s.io";
                Finding::kept_back(check, CRD_NAME, &error, right)
            } else {
                Finding::failed(check, CRD_NAME, detail, remedy)
            }
        }
    }
}

/// Whether somebody acts, by the Leases.
pub(super) async fn leases(client: &Client, operators: &[InstalledOperator]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operator in operators {
        let lease = operator.setting(&LEADER_ELECT);
        match lease.and_then(|elects| elects.then(|| operator.lease()).transpose()) {
            Ok(None) => {}
            Ok(Some(lease)) => {
                let finding = examine_lease(client, lease).await;
                // Nobody is to hold that of one that is stopped.
                if !(operator.is_stopped && finding.is_failure()) {
                    findings.push(finding);
                }
            }
            Err(why) => {
                let detail = format!("by which Lease it acts is not known: {why}");
                let finding = Finding::unknown(LEASE, operator.subject(), detail, LOOK_INSIDE);
                findings.push(finding);
            }
        }
    }
    findings
}

async fn examine_lease(client: &Client, (namespace, name): (&str, &str)) -> Finding {
    let subject = format!("{namespace}/{name}");
    let wanted = WantedLeases {
        namespace: Some(namespace),
        name: Some(name),
    };
    let held = liveness::find(client, wanted, |held| {
        print_message(&format!(
            "watching the Lease {namespace}/{name}, for up to {:?}",
            held.duration
        ));
    });
    match held.await {
        Ok(Holding::Alive(holder)) => Finding::ok(
            LEASE,
            subject,
            format!("{} holds and renews it", holder.identity),
        ),
        Ok(Holding::NoLease) => Finding::failed(
            LEASE,
            subject,
            "there is no such Lease, so no replica has ever acted".to_owned(),
            "see why no replica starts: the events of its pods, and their log",
        ),
        Ok(Holding::Nobody) => Finding::failed(
            LEASE,
            subject,
            "nobody holds it, or who does is not alive: nothing is done for any object".to_owned(),
            "see why no replica acts: /readyz and the log of its pods",
        ),
        Err(error) => Finding::kept_back(LEASE, subject, &error, "allow get on leases there"),
    }
}
