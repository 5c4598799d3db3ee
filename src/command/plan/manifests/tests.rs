//! Manifests in, objects or sentences out.

use serde_json::json;

use super::*;

const HEAD: &str = "apiVersion: live.huaweicloud.com/v1alpha1\nkind: RecordingCallback\n";

fn read_text(text: &str, named: Option<&str>) -> WantedManifests {
    let name = "callbacks.yaml".to_owned();
    let file = ReadFile {
        name,
        text: text.to_owned(),
    };
    read(
        &[file],
        &TargetNamespaces {
            usual: "media",
            named,
        },
    )
}

fn names(read: &WantedManifests) -> Vec<String> {
    let names = read
        .ours
        .iter()
        .map(|one| format!("{}/{}", one.namespace, one.name));
    names.collect()
}

#[test]
fn documents_lists_and_json_are_read_and_others_counted() {
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: huaweicloud}}\n---\n\
             # nothing but a comment\n---\n\
             {HEAD}metadata: {{name: one}}\nspec: {{}}\n---\n\
             apiVersion: v1\nkind: List\nitems:\n\
             - {{apiVersion: live.huaweicloud.com/v1alpha1, kind: RecordingCallback, metadata: {{name: two, namespace: other}}, spec: {{}}}}\n\
             - {{apiVersion: other.example.com/v1, kind: RecordingCallback, metadata: {{name: three}}}}\n---\n\
             {{apiVersion: other.example.com/v1, kind: AllowList, spec: {{}}}}\n---\n\
             {{apiVersion: live.huaweicloud.com/v1alpha1, kind: RecordingCallbackList, items: [{{metadata: {{name: four}}}}]}}\n"
    );
    let all = read_text(&text, None);
    assert_eq!(names(&all), ["media/one", "other/two", "media/four"]);
    let others = ["AllowList", "RecordingCallback", "Secret"].map(|kind| (kind.to_owned(), 1));
    assert_eq!(all.others, others.into());
    assert_eq!((all.problems, all.repeated), (Vec::new(), Vec::new()));
    let json = r#"{"apiVersion":"live.huaweicloud.com/v1alpha1","kind":"RecordingCallback","metadata":{"name":"j"},"spec":{}}"#;
    assert_eq!(names(&read_text(json, Some("named"))), ["named/j"]);
}

#[test]
fn what_is_wrong_is_told_with_file_document_and_line() {
    for (text, named, words) in [
        ("kind: [", None, "callbacks.yaml: document 1, line 1"),
        ("", None, "callbacks.yaml: holds no manifest"),
        (
            "---\n# nothing\n---\n",
            None,
            "callbacks.yaml: holds no manifest",
        ),
        (
            "a: 1\n---\n- 1\n",
            None,
            "callbacks.yaml: document 1, line 1: has no apiVersion and kind",
        ),
        (
            "kind: List\napiVersion: v1\nitems: []",
            None,
            "callbacks.yaml: holds no manifest",
        ),
        (
            "kind: List\napiVersion: v1\nitems: {a: 1}",
            None,
            "document 1, line 1: a List without a list of items",
        ),
        (
            &format!("{}item: []", HEAD.replace("Callback\n", "CallbackList\n")),
            None,
            "document 1, line 1: a RecordingCallbackList without a list of items",
        ),
        (
            &format!("{HEAD}metadata: {{name: a, namespace: 123}}"),
            None,
            "document 1, line 1: metadata.namespace is no text: put it in quotes",
        ),
        (
            &format!("{HEAD}metadata: {{name: 1e3}}"),
            None,
            "document 1, line 1: metadata.name is no text: put it in quotes",
        ),
        (
            &format!("---\n{HEAD}spec: {{}}"),
            None,
            "document 1, line 1: a RecordingCallback without metadata.name",
        ),
        (
            &format!("{HEAD}metadata: {{name: a, namespace: b}}"),
            Some("c"),
            "a declares the namespace b, which is not that of --namespace c",
        ),
    ] {
        let message = read_text(text, named).problems;
        assert!(
            message.iter().any(|message| message.contains(words)),
            "{message:?}"
        );
    }
}

#[test]
fn what_would_leave_its_place_in_an_address_is_told_with_its_place() {
    let ours = |version: &str, name: &str, namespace: &str| {
        json!({ "apiVersion": version, "kind": "RecordingCallback", "metadata": { "name": name, "namespace": namespace } })
            .to_string()
    };
    let version = "live.huaweicloud.com/v1alpha1";
    let hostile = format!("{version}/namespaces/media/recordingcallbacks/push#");
    for (text, words) in [
        (
            ours(&hostile, "push", "media"),
            "names no version; did you mean live.huaweicloud.com/v1alpha1?",
        ),
        (
            ours("live.huaweicloud.com", "push", "media"),
            "names no version",
        ),
        (
            ours(version, "push#", "media"),
            r#"metadata.name: "push#" is not a name"#,
        ),
        (
            ours(version, "../../secrets/x?a=b#", "media"),
            "metadata.name: ",
        ),
        (
            ours(version, "push", "media/recordingcallbacks#"),
            "metadata.namespace: ",
        ),
        (ours(version, "push", ".."), "metadata.namespace: "),
    ] {
        let read = read_text(&text, None);
        assert!(read.ours.is_empty(), "{text}");
        let message = &read.problems[0];
        assert!(
            message.starts_with("callbacks.yaml: document 1, line 1: ") && message.contains(words),
            "{message}"
        );
    }
}

#[test]
fn a_kind_that_is_nearly_ours_is_no_other_kind() {
    let manifest = |version: &str, kind: &str| {
        json!({ "apiVersion": version, "kind": kind, "metadata": { "name": "push" } }).to_string()
    };
    for (version, kind) in [
        ("live.huawei.com/v1alpha1", "RecordingCallback"),
        ("live.huaweicloud.com/v1alpha1", "recordingcallback"),
        ("live.huaweicloud.com/v1alpha1", "Callback"),
        ("live.huawei.com/v1alpha1", "Recordingcallback"),
        ("v1alpha1", "RecordingCallback"),
    ] {
        let read = read_text(&manifest(version, kind), None);
        assert_eq!(
            (read.ours.len(), read.others.len()),
            (0, 0),
            "{version} {kind}"
        );
        let meant = "did you mean RecordingCallback in live.huaweicloud.com/v1alpha1?";
        let message = &read.problems[0];
        assert!(
            message.starts_with("callbacks.yaml: document 1") && message.ends_with(meant),
            "{message}"
        );
    }
    for (version, kind) in [
        ("v1", "ReplicationController"),
        ("v1", "ResourceQuota"),
        ("live.example.com/v1", "Stream"),
        ("cloud.example.com/v1", "RecordingCallback"),
    ] {
        let read = read_text(&manifest(version, kind), None);
        assert_eq!(
            (read.problems.len(), read.others.len()),
            (0, 1),
            "{version} {kind}"
        );
    }
}

#[test]
fn each_of_several_values_in_a_file_has_its_own_lines() {
    let one = |name: &str| {
        format!(
            "{{\n  \"apiVersion\": \"live.huaweicloud.com/v1alpha1\", \"kind\": \"RecordingCallback\",\n  \"metadata\": {{\"name\": \"{name}\"}},\n  \"spec\": {{\n    \"sined\": 1\n  }}\n}}\n"
        )
    };
    let read = read_text(&format!("{}{}", one("a"), one("b")), None);
    let said = r#"unknown field "spec.sined""#;
    for (manifest, line) in read.ours.iter().zip([5, 12]) {
        let message = manifest.unknown_fields(said).unwrap();
        assert!(
            message.ends_with(&format!("callbacks.yaml line {line}")),
            "{message}"
        );
    }
    assert_eq!(read.ours.len(), 2);
}

#[test]
fn an_object_that_is_declared_twice_is_told_and_planned_as_declared_last() {
    let one = |app: &str| format!("{HEAD}metadata: {{name: push}}\nspec: {{app: {app}}}\n");
    let read = read_text(&format!("{}---\n{}", one("first"), one("last")), None);
    assert_eq!(names(&read), ["media/push"]);
    assert_eq!(read.ours[0].value["spec"]["app"], "last");
    assert!(
        read.repeated[0].contains("declared 2 times"),
        "{:?}",
        read.repeated
    );
    assert!(
        read.repeated[0].contains("document 2, line 5"),
        "{:?}",
        read.repeated
    );
}

#[test]
fn a_field_that_nobody_knows_is_told_with_its_line() {
    let text = format!(
        "a: &x 1\n---\n{HEAD}metadata:\n  name: push\nspec:\n  app: live\n  sined: 1\n  deep: {{er: 1}}\n"
    );
    let read = read_text(&text, None);
    let said = r#"try the create: strict decoding error: unknown field "spec.deep.er", unknown field "spec.sined", unknown field "spec.none" (HTTP 400)"#;
    let message = read.ours[0].unknown_fields(said).unwrap();
    for words in [
        "no field spec.deep.er in callbacks.yaml line 10",
        "nor spec.sined in callbacks.yaml line 9",
        "nor spec.none in callbacks.yaml: document 2, line 2",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let said = "try the server-side apply: failed (a/push; v1): .spec.sined: field not declared in schema (HTTP 500)";
    let message = read.ours[0].unknown_fields(said).unwrap();
    assert!(
        message.ends_with("no field spec.sined in callbacks.yaml line 9"),
        "{message}"
    );
    assert_eq!(read.ours[0].unknown_fields("other"), None);
}
