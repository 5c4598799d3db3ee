//! Whether two operators serve the same objects. Only reads.

use std::collections::BTreeSet;

use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};

use super::finding::{Finding, counted};
use super::operators::{CHECK, InstalledOperator};
use crate::api::RecordingCallback;
use crate::cluster::client::call;
use crate::cluster::error::ClusterError;
use crate::config::elsewhere::{LABEL_SELECTOR, NAMESPACES};

/// What an operator serves, where that is known.
struct Served<'a> {
    /// Every one if empty.
    namespaces: &'a [String],
    selector: &'a str,
}

impl<'a> Served<'a> {
    fn of(operator: &'a InstalledOperator) -> Option<Self> {
        let selector = operator.setting(&LABEL_SELECTOR).ok()?;
        Some(Self {
            namespaces: operator.setting(&NAMESPACES).ok()?,
            selector: selector.as_deref().unwrap_or_default(),
        })
    }
}

/// What two operators have in common.
enum Overlap {
    Nothing,
    /// Whatever objects there are to be: their selectors are the same.
    Everything,
    /// These objects, by namespace and name.
    Objects(BTreeSet<(String, String)>),
}

/// A finding for each two that act on the same objects. Those with one Lease do not: it lets only one act. Nor does one that is stopped.
pub(super) async fn examine(client: &Client, operators: &[InstalledOperator]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let running = operators.iter().filter(|operator| !operator.is_stopped);
    let operators: Vec<_> = running.collect();
    for (index, first) in operators.iter().enumerate() {
        for second in operators.iter().skip(index + 1) {
            let leases = (first.lease(), second.lease());
            if matches!(leases, (Ok(one), Ok(other)) if one != other) {
                findings.extend(of_two(client, first, second).await);
            }
        }
    }
    findings
}

async fn of_two(
    client: &Client,
    first: &InstalledOperator,
    second: &InstalledOperator,
) -> Option<Finding> {
    // What is not known is told of each by itself.
    let (one, other) = (Served::of(first)?, Served::of(second)?);
    let subject = format!("{} and {}", first.subject(), second.subject());
    let what = match overlap(client, &one, &other).await {
        Ok(Overlap::Nothing) => return None,
        Ok(Overlap::Everything) => "the same namespaces and labels".to_owned(),
        Ok(Overlap::Objects(objects)) => {
            let (namespace, name) = objects.first()?;
            let count = counted(objects.len().try_into().unwrap_or(u64::MAX), "object");
            format!("{count} together, {namespace}/{name} for one")
        }
        Err(error) => {
            let remedy = "allow list on recordingcallbacks";
            return Some(Finding::kept_back(CHECK, subject, &error, remedy));
        }
    };
    let remedy = "let each serve namespaces or labels of its own (watchNamespaces, labelSelector), or uninstall one";
    Some(Finding::failed(
        CHECK,
        subject,
        format!("both serve {what}, and write over each other's status"),
        remedy,
    ))
}

async fn overlap(
    client: &Client,
    one: &Served<'_>,
    other: &Served<'_>,
) -> Result<Overlap, ClusterError> {
    let Some(namespaces) = common(one.namespaces, other.namespaces) else {
        return Ok(Overlap::Nothing);
    };
    if one.selector == other.selector {
        return Ok(Overlap::Everything);
    }
    let selected = objects(client, &namespaces, one.selector).await?;
    let others = objects(client, &namespaces, other.selector).await?;
    let both: BTreeSet<_> = selected.intersection(&others).cloned().collect();
    Ok(if both.is_empty() {
        Overlap::Nothing
    } else {
        Overlap::Objects(both)
    })
}

/// The namespaces that both serve, an empty list being every one; `None` where there is none.
fn common(one: &[String], other: &[String]) -> Option<Vec<String>> {
    if one.is_empty() || other.is_empty() {
        return Some([one, other].concat());
    }
    let both: Vec<_> = one
        .iter()
        .filter(|name| other.contains(name))
        .cloned()
        .collect();
    (!both.is_empty()).then_some(both)
}

/// The objects that a selector selects there.
async fn objects(
    client: &Client,
    namespaces: &[String],
    selector: &str,
) -> Result<BTreeSet<(String, String)>, ClusterError> {
    let mut apis: Vec<Api<RecordingCallback>> = namespaces
        .iter()
        .map(|namespace| Api::namespaced(client.clone(), namespace))
        .collect();
    if apis.is_empty() {
        apis.push(Api::all(client.clone()));
    }
    let params = ListParams::default().labels(selector);
    let mut found = BTreeSet::new();
    for api in apis {
        let listed = call("list the objects of a selector", api.list_metadata(&params)).await?;
        found.extend(
            listed
                .items
                .into_iter()
                .map(|object| (object.namespace().unwrap_or_default(), object.name_any())),
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use tower::{BoxError, service_fn};

    use super::super::operators::tests::operator;
    use super::*;

    #[tokio::test]
    async fn one_of_which_no_pod_is_to_run_is_nobodys_rival() {
        let nobody = service_fn(
            async |_: Request<Body>| -> Result<Response<Body>, BoxError> {
                Err("nothing is to be asked".into())
            },
        );
        let client = Client::new(nobody, "default");
        for (pods, count) in [([2, 1], 1), ([2, 0], 0), ([0, 1], 0)] {
            let names = ["first", "second"];
            let operators: Vec<_> = (0..2)
                .map(|at| operator(names[at], pods[at], &format!("--lease-name={}", names[at])))
                .collect();
            let found = examine(&client, &operators).await;
            assert_eq!(found.len(), count, "{pods:?}: {found:?}");
        }
    }

    #[test]
    fn an_empty_list_of_namespaces_is_every_one() {
        let names =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        for (one, other, both) in [
            ("", "", Some("")),
            ("a b", "", Some("a b")),
            ("", "c", Some("c")),
            ("a b", "b c", Some("b")),
            ("a", "b", None),
        ] {
            assert_eq!(
                common(&names(one), &names(other)),
                both.map(names),
                "{one:?} {other:?}"
            );
        }
    }
}
