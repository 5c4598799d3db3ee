use serde_json::{Value, json};

use super::*;

fn text(text: &str) -> ContainerText {
    ContainerText::Plain(text.to_owned())
}

fn of_secret(text: &str, secret: &str) -> ContainerText {
    ContainerText::OfSecret(text.to_owned(), secret.to_owned())
}

fn not_known(why: &str) -> ContainerText {
    ContainerText::NotKnown(why.to_owned())
}

fn holds(texts: &[(&str, &str)]) -> SourceContent {
    let texts = texts.iter();
    SourceContent::Holds(
        texts
            .map(|(key, text)| ((*key).to_owned(), Some((*text).to_owned())))
            .collect(),
    )
}

fn config_map(name: &str) -> SourceName {
    SourceName::ConfigMap(name.to_owned())
}

fn secret(name: &str) -> SourceName {
    SourceName::Secret(name.to_owned())
}

/// The process of a container, where there are these `ConfigMap`s and Secrets.
fn process(
    container: Value,
    names: &[&str],
    contents: impl IntoIterator<Item = (SourceName, SourceContent)>,
) -> ContainerProcess {
    let spec: ContainerSpec = serde_json::from_value(container).unwrap();
    let needed = spec.needed(&names.iter().map(|name| (*name).to_owned()).collect());
    spec.process_of("ns", &needed, &contents.into_iter().collect())
}

#[test]
fn later_ones_count_before_earlier_ones_and_env_before_env_from() {
    let container = json!({
        "name": "operator",
        "envFrom": [
            { "configMapRef": { "name": "first" } },
            { "prefix": "P_", "secretRef": { "name": "second" } },
            { "configMapRef": { "name": "absent", "optional": true } },
        ],
        "env": [
            { "name": "B", "value": "own" },
            { "name": "C", "value": "one" },
            { "name": "C", "value": "$(C), two" },
            { "name": "D", "valueFrom": { "configMapKeyRef": { "name": "first", "key": "none", "optional": true } } },
            { "name": "E", "value": "" },
        ],
    });
    let names = ["A", "B", "C", "D", "E", "P_A", "F"];
    let contents = [
        (
            config_map("first"),
            holds(&[("A", "a"), ("B", "b"), ("D", "d")]),
        ),
        (secret("second"), holds(&[("A", "hidden")])),
        (config_map("absent"), SourceContent::Absent),
    ];
    let environment = process(container, &names, contents).environment;
    let got = names.map(|name| environment.get(name));
    let expected = [
        Some(text("a")),
        Some(text("own")),
        Some(text("one, two")),
        Some(text("d")),
        Some(text("")),
        Some(of_secret("hidden", "second")),
        None,
    ];
    assert_eq!(got, expected);
}

#[test]
fn references_are_to_what_stands_before_and_carry_a_secret_on() {
    let container = json!({
        "name": "operator",
        "args": ["run", "--lease-name=$(NAME)", "--label-selector=$(LATER)", "--namespaces=$(NONE)", "--read-only=$$(NAME)",
                 "--listen=$(OPERATOR_SERVICE_HOST):1"],
        "env": [
            { "name": "NAME", "value": "$(LATER)x" },
            { "name": "LATER", "value": "later" },
            { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "proxy", "key": "password" } } },
            { "name": "HTTPS_PROXY", "value": "http://u:$(PASSWORD)@p" },
            { "name": "UNUSED", "valueFrom": { "secretKeyRef": { "name": "unused", "key": "x" } } },
        ],
    });
    let spec: ContainerSpec = serde_json::from_value(container.clone()).unwrap();
    let needed = spec.needed(&["HTTPS_PROXY".to_owned()].into());
    let sources = spec.sources(&needed);
    let keys: Vec<_> = sources
        .iter()
        .map(|(name, keys)| (name, keys.len()))
        .collect();
    assert_eq!(keys, [(&secret("proxy"), 1)], "no other Secret is read");
    let contents = [(secret("proxy"), holds(&[("password", "hunter22")]))];
    let process = process(container, &["HTTPS_PROXY"], contents);
    let texts: Vec<_> = process
        .arguments
        .iter()
        .map(|arg| arg.text.clone())
        .collect();
    assert_eq!(
        texts,
        [
            text("run"),
            text("--lease-name=$(LATER)x"),
            text("--label-selector=later"),
            text("--namespaces=$(NONE)"),
            text("--read-only=$(NAME)"),
            not_known("OPERATOR_SERVICE_HOST is what the cluster sets for a Service"),
        ]
    );
    let proxy = process.environment.get("HTTPS_PROXY");
    assert_eq!(proxy, Some(of_secret("http://u:hunter22@p", "proxy")));
    assert!(!format!("{process:?}").contains("hunter22"), "{process:?}");
}

#[test]
fn what_can_not_be_read_is_not_known_and_so_is_all_that_it_may_set() {
    let container = json!({
        "name": "operator",
        "args": ["--lease-name=$(A)"],
        "envFrom": [
            { "configMapRef": { "name": "before" } },
            { "prefix": "P_", "secretRef": { "name": "closed" } },
            { "configMapRef": { "name": "after" } },
        ],
        "env": [
            { "name": "A", "value": "$(P_X)" },
            { "name": "B", "valueFrom": { "configMapKeyRef": { "name": "before", "key": "none" } } },
            { "name": "C", "valueFrom": { "secretKeyRef": { "name": "gone", "key": "x" } } },
            { "name": "D", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
            { "name": "E", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
            { "name": "P_OWN", "value": "own" },
        ],
    });
    let names = ["A", "B", "C", "D", "E", "P_OWN", "P_OLD", "P_NEW", "OTHER"];
    let contents = [
        (config_map("before"), holds(&[("P_OLD", "old")])),
        (
            secret("closed"),
            SourceContent::Unreadable("may not be read".to_owned()),
        ),
        (config_map("after"), holds(&[("P_NEW", "new")])),
        (secret("gone"), SourceContent::Absent),
    ];
    let process = process(container, &names, contents);
    let closed = "Secret closed: may not be read";
    let got = names.map(|name| process.environment.get(name));
    let expected = [
        Some(not_known(closed)),
        Some(not_known("ConfigMap before has no key none")),
        Some(not_known("there is no Secret gone")),
        Some(not_known("it is known in the pod only")),
        Some(text("ns")),
        Some(text("own")),
        Some(not_known(closed)),
        Some(text("new")),
        None,
    ];
    assert_eq!(got, expected);
    assert_eq!(process.arguments[0].text, not_known(closed));
}
