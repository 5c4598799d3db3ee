//! What the variables about proxies and certificates do: for each operator by its Deployment, and for this process. Asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::operators::{InstalledOperator, LOOK_INSIDE};
use crate::api::RecordingCallback;
use crate::cluster::container::{ContainerEnvironment, ContainerText};
use crate::platform::transport::{NO_PROXY, PROXY_VARIABLES, Proxies, certificate_problem};

const CHECK: &str = "Proxy";
const CERTIFICATES: &str = "Certificates";

/// What this process is called where operators are by their names.
const HERE: &str = "this command";

/// A finding for each variable that does not do what it seems to, and one for each environment that has proxies and all is well.
pub(super) fn examine(
    server: &str,
    operators: &[InstalledOperator],
    objects: &[RecordingCallback],
) -> Vec<Finding> {
    let targets = objects
        .iter()
        .filter_map(|object| object.status.as_ref()?.target.as_ref());
    let endpoints: BTreeSet<&str> = targets.map(|target| target.endpoint.as_str()).collect();
    let here = Proxies::from_environment();
    let mut findings = of(HERE, &here, &SecretVariables::new(), &endpoints);
    findings.extend(past_the_api_server(&here, server));
    findings.extend(certificate_problem().map(|problem| {
        let remedy =
            "correct the variable, or the file; calls to the cloud from here may fail until then";
        Finding::warning(CERTIFICATES, HERE, problem, remedy)
    }));
    for operator in operators {
        let Some(environment) = &operator.environment else {
            continue;
        };
        let subject = operator.subject();
        findings.extend(of_container(&subject, environment, &endpoints));
    }
    findings
}

/// The same of a container, of which nothing is shown that is of a Secret.
fn of_container(
    subject: &str,
    environment: &ContainerEnvironment,
    endpoints: &BTreeSet<&str>,
) -> Vec<Finding> {
    let (mut values, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    let mut not_known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in PROXY_VARIABLES.into_iter().flatten() {
        match environment.get(name) {
            None => {}
            Some(ContainerText::Plain(value)) => {
                values.insert(name, value);
            }
            Some(ContainerText::OfSecret(value, secret)) => {
                values.insert(name, value);
                secrets.insert(name, secret);
            }
            Some(ContainerText::NotKnown(why)) => not_known.entry(why).or_default().push(name),
        }
    }
    if not_known.is_empty() {
        let proxies = Proxies::of(|name| values.get(name).map(Into::into));
        return of(subject, &proxies, &secrets, endpoints);
    }
    let unknown = not_known.iter();
    let unknown = unknown.map(|(why, names)| format!("{} ({why})", names.join(", ")));
    let unknown = unknown.collect::<Vec<_>>().join("; ");
    let detail = format!("not known is {unknown}");
    let unknown = Finding::unknown(CHECK, subject, detail, LOOK_INSIDE);
    vec![unknown]
}

/// The Secrets that variables have something of, which is not shown.
type SecretVariables = BTreeMap<&'static str, String>;

fn of(
    subject: &str,
    proxies: &Proxies,
    secrets: &SecretVariables,
    endpoints: &BTreeSet<&str>,
) -> Vec<Finding> {
    let findings = void_variables(subject, proxies, secrets);
    if !findings.is_empty() || endpoints.is_empty() {
        return findings;
    }
    let routes: BTreeSet<String> = endpoints
        .iter()
        .filter_map(|endpoint| {
            let variable = proxies.variable_for(endpoint)?;
            let proxy = match secrets.get(variable) {
                Some(_) => format!("the proxy of {variable}"),
                None => proxies.way_to(endpoint).ok()??,
            };
            Some(format!("{endpoint} by {proxy}"))
        })
        .collect();
    if !routes.is_empty() {
        let routes = routes.into_iter().collect::<Vec<_>>().join(", ");
        return vec![Finding::ok(CHECK, subject, format!("calls go to {routes}"))];
    }
    let unused = proxies.named().map(|variable| {
        let detail = format!(
            "{variable} is set, and no call takes it: NO_PROXY excepts where calls go, or they go by another scheme"
        );
        let remedy = "if calls are to go by the proxy, correct NO_PROXY";
        Finding::warning(CHECK, subject, detail, remedy)
    });
    unused.into_iter().collect()
}

/// Variables that can't be used, or do nothing.
fn void_variables(subject: &str, proxies: &Proxies, secrets: &SecretVariables) -> Vec<Finding> {
    let mut findings = Vec::new();
    for bad in proxies.unusable() {
        let remedy = format!("correct {}, or take it away", bad.variable);
        let detail = match secrets.get(bad.variable) {
            Some(secret) => format!(
                "{} can't be used, and nothing that it is for is called; it is of the Secret {secret}, and not shown",
                bad.variable
            ),
            None => bad.to_string(),
        };
        findings.push(Finding::failed(CHECK, subject, detail, remedy));
    }
    let void = proxies.void_exceptions();
    let of_secret = NO_PROXY.iter().find_map(|name| secrets.get(name));
    let void = match of_secret.filter(|_| !void.is_empty()) {
        Some(secret) => vec![format!(
            "entries of NO_PROXY match nothing: they are no names, addresses or networks; they are of the Secret {secret}, and not shown"
        )],
        None => void,
    };
    for sentence in proxies.ineffective().into_iter().chain(void) {
        let remedy = "take it away, or correct it";
        findings.push(Finding::warning(CHECK, subject, sentence, remedy));
    }
    findings
}

/// The same where the API server can't be reached: other programs may reach it by the proxy.
pub(super) fn of_unreached(server: &str) -> Option<Finding> {
    past_the_api_server(&Proxies::from_environment(), server)
}

/// Other programs take the proxy to the API server, too.
fn past_the_api_server(here: &Proxies, server: &str) -> Option<Finding> {
    let proxy = here.way_to(server).ok()??;
    let detail = format!(
        "kubectl and Helm here would reach {server} by the proxy {proxy}; this program and the operator never do"
    );
    let remedy = "put the API server's host into NO_PROXY; if it can only be reached by the proxy, name that as proxy-url in the kubeconfig";
    Some(Finding::warning(CHECK, HERE, detail, remedy))
}

#[cfg(test)]
mod tests {
    use super::super::finding::CheckResult;
    use super::*;

    const LIVE: &str = "https://live.cn-north-4.myhuaweicloud.com";

    fn found(variables: &[(&str, &str)]) -> Vec<Finding> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        };
        let proxies = Proxies::of(value);
        of("ns/name", &proxies, &SecretVariables::new(), &[LIVE].into())
    }

    #[test]
    fn what_is_of_a_secret_is_judged_and_not_shown() {
        for (variables, result, expected) in [
            (
                &[("HTTPS_PROXY", "socks5://hidden:hidden@hidden")][..],
                CheckResult::Failed,
                "HTTPS_PROXY can't be used, and nothing",
            ),
            (
                &[("HTTPS_PROXY", "hidden:3128")],
                CheckResult::Ok,
                "by the proxy of HTTPS_PROXY",
            ),
            (
                &[("HTTPS_PROXY", "hidden"), ("no_proxy", "hidden:hidden")],
                CheckResult::Warning,
                "entries of NO_PROXY match nothing",
            ),
            (
                &[("HTTP_PROXY", "hidden")],
                CheckResult::Warning,
                "HTTP_PROXY is set, and no call takes it",
            ),
        ] {
            let value = |name: &str| {
                let mut variables = variables.iter();
                let found = variables.find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            };
            let secrets = variables
                .iter()
                .map(|(name, _)| (*name, "proxy".to_owned()));
            let proxies = Proxies::of(value);
            let found = of("ns/name", &proxies, &secrets.collect(), &[LIVE].into());
            assert_eq!(found.len(), 1, "{variables:?}: {found:?}");
            assert!(
                found[0].result == result && found[0].detail.contains(expected),
                "{variables:?}: {found:?}"
            );
            let shown = format!("{found:?}");
            assert!(
                !shown.contains("hidden") && !shown.contains("socks"),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_variable_is_told_by_its_name_with_what_it_does() {
        for (variables, result, expected) in [
            (
                &[("HTTPS_PROXY", "user:secret@ p")][..],
                CheckResult::Failed,
                "HTTPS_PROXY can't be used",
            ),
            (
                &[("https_proxy", "socks5://secret@p")],
                CheckResult::Failed,
                "https_proxy can't be used: proxies by socks5",
            ),
            (
                &[("HTTP_PROXY", "p:99999")],
                CheckResult::Failed,
                "HTTP_PROXY",
            ),
            (
                &[("HTTPS_PROXY", "p"), ("https_proxy", "q")],
                CheckResult::Warning,
                "https_proxy is not used",
            ),
            (
                &[("HTTPS_PROXY", "p"), ("NO_PROXY", "10.0.0.0/99")],
                CheckResult::Warning,
                "10.0.0.0/99",
            ),
            (
                &[("HTTPS_PROXY", "p"), ("NO_PROXY", "myhuaweicloud.com")],
                CheckResult::Warning,
                "HTTPS_PROXY is set, and no call takes it",
            ),
            (
                &[("HTTP_PROXY", "p")],
                CheckResult::Warning,
                "HTTP_PROXY is set, and no call takes it",
            ),
            (
                &[("HTTPS_PROXY", "user:secret@p:3128")],
                CheckResult::Ok,
                "by http://p:3128 of HTTPS_PROXY",
            ),
        ] {
            let findings = found(variables);
            assert_eq!(findings.len(), 1, "{variables:?}: {findings:?}");
            let Finding {
                result: is, detail, ..
            } = &findings[0];
            assert!(
                *is == result && detail.contains(expected),
                "{variables:?}: {findings:?}"
            );
            assert!(!format!("{findings:?}").contains("secret"), "{findings:?}");
        }
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn a_proxy_that_others_take_to_the_api_server_is_told() {
        let proxies = |no_proxy: &'static str| {
            Proxies::of(move |name| match name {
                "HTTPS_PROXY" => Some("p".into()),
                "NO_PROXY" => Some(no_proxy.into()),
                _ => None,
            })
        };
        let server = "https://10.0.0.1:6443/";
        let found = past_the_api_server(&proxies(""), server).unwrap();
        assert!(found.detail.contains("HTTPS_PROXY") && found.detail.contains(server));
        assert_eq!(past_the_api_server(&proxies("10.0.0.0/8"), server), None);
    }
}
