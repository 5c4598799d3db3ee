//! Whether the operator may do what its work needs. Asks the API server, and tries nothing.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Client;

use super::finding::Finding;
use super::operators::{InstalledOperator, LOOK_INSIDE};
use crate::api::RecordingCallback;
use crate::cluster::rights::{
    NeededRight, Question, RIGHTS, RightScope, RightsSubject, SECRETS, has,
};
use crate::config::doctor::DoctorArgs;
use crate::config::elsewhere::{CHECK_CRD, NAMESPACES};
use crate::login::secret;

const CHECK: &str = "Rights";

/// How many questions are asked at once.
const AT_ONCE: usize = 8;

/// Checks them for the account that is named, else for that of each operator, else for whoever asks.
pub(super) async fn examine(
    client: &Client,
    args: &DoctorArgs,
    operators: &[InstalledOperator],
    objects: &[RecordingCallback],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(account) = &args.service_account {
        let whose = RightsSubject::Account(account.namespace.clone(), account.name.clone());
        let of_account = operators.iter().find(|operator| operator.whose == whose);
        let operator = of_account.or(operators.first());
        findings.push(of(client, &whose, operator, objects).await);
    } else if operators.is_empty() {
        findings.push(of(client, &RightsSubject::CurrentUser, None, objects).await);
    } else {
        for operator in operators {
            findings.push(of(client, &operator.whose, Some(operator), objects).await);
        }
    }
    findings
}

async fn of(
    client: &Client,
    whose: &RightsSubject,
    operator: Option<&InstalledOperator>,
    objects: &[RecordingCallback],
) -> Finding {
    let subject = match whose {
        RightsSubject::CurrentUser => "whoever asks".to_owned(),
        RightsSubject::Account(namespace, name) => format!("{namespace}/{name}"),
    };
    let needed = match needed(operator, objects) {
        Ok(needed) => needed,
        Err(why) => {
            let detail = format!("where it needs them is not known: {why}");
            return Finding::unknown(CHECK, subject, detail, LOOK_INSIDE);
        }
    };
    let questions = needed.iter().flat_map(|(right, namespace, name)| {
        right.verbs.iter().map(|verb| Question {
            right,
            verb,
            namespace: namespace.as_deref(),
            name: name.as_deref(),
        })
    });
    // Side by side: one after the other they would take minutes at an API server that is slow.
    let answers = stream::iter(questions)
        .map(async |question| Ok((question, has(client, whose, question).await?)))
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>();
    let answers = match answers.await {
        Ok(answers) => answers,
        Err(error) => {
            let remedy =
                "allow create on subjectaccessreviews, or run doctor in the operator's pod";
            return Finding::kept_back(CHECK, subject, &error, remedy);
        }
    };
    let missing = answers.iter().filter(|(_, has)| !has);
    let missing: Vec<String> = missing.map(|(question, _)| words(question)).collect();
    if missing.is_empty() {
        return Finding::ok(CHECK, subject, "all that the work needs".to_owned());
    }
    let detail = format!("may not {}", missing.join("; "));
    // Whoever asks need not have the operator's rights.
    if *whose == RightsSubject::CurrentUser && operator.is_none() {
        let remedy =
            "these are your own rights: name the operator's account with --service-account";
        return Finding::warning(CHECK, subject, detail, remedy);
    }
    let remedy = "bind the chart's roles to it: helm upgrade, or apply install.yaml again";
    Finding::failed(CHECK, subject, detail, remedy)
}

type Needed = (&'static NeededRight, Option<String>, Option<String>);

/// Each right with the namespace and the name that it is needed for, or why they are not known.
fn needed<'a>(
    operator: Option<&'a InstalledOperator>,
    objects: &[RecordingCallback],
) -> Result<Vec<Needed>, &'a str> {
    let served = operator.map(|operator| operator.setting(&NAMESPACES));
    let served = served.transpose()?.map_or(&[][..], |served| served);
    let lease = operator.map(InstalledOperator::lease).transpose()?;
    let reads_crd = operator.map(|operator| operator.setting(&CHECK_CRD));
    let reads_crd = reads_crd.transpose()?.is_none_or(|reads| *reads);
    let mut needed: Vec<Needed> = Vec::new();
    for right in RIGHTS {
        match right.place {
            RightScope::Served if *right == SECRETS => {}
            RightScope::Served if served.is_empty() => needed.push((right, None, None)),
            RightScope::Served => needed.extend(
                served
                    .iter()
                    .map(|namespace| (right, Some(namespace.clone()), None)),
            ),
            RightScope::Lease => needed.extend(lease.map(|(namespace, name)| {
                (right, Some(namespace.to_owned()), Some(name.to_owned()))
            })),
            RightScope::Crd if !reads_crd => {}
            RightScope::Crd => needed.push((right, None, None)),
        }
    }
    let is_served =
        |namespace: &String| served.is_empty() || served.iter().any(|name| name == namespace);
    let secrets: BTreeSet<_> = objects.iter().flat_map(secret::names).collect();
    needed.extend(
        secrets
            .into_iter()
            .filter(|(namespace, _)| is_served(namespace))
            .map(|(namespace, name)| (&SECRETS, Some(namespace), Some(name))),
    );
    Ok(needed)
}

fn words(question: &Question<'_>) -> String {
    let Question {
        right,
        verb,
        namespace,
        name,
    } = question;
    let name = name
        .filter(|_| *verb != "create")
        .map(|name| format!(" {name}"));
    let place = namespace.map_or_else(String::new, |namespace| format!(" in {namespace}"));
    format!(
        "{verb} {}{}{place}",
        right.resource,
        name.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::super::operators::tests::operator;
    use super::*;

    #[test]
    fn who_is_told_not_to_read_the_crd_need_not_be_allowed_to() {
        for (flags, asks) in [("", true), ("--check-crd=false", false)] {
            let operator = operator("a", 1, flags);
            let needed = needed(Some(&operator), &[]).unwrap();
            let mut scopes = needed.iter().map(|(right, ..)| right.place);
            assert_eq!(
                scopes.any(|place| place == RightScope::Crd),
                asks,
                "{flags}"
            );
        }
    }
}
