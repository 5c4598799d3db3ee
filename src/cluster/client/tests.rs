//! Kubeconfigs in, configurations or sentences out. What the environment does to a process is tested on the binary.

use std::fs;

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::*;

fn kubeconfig(cluster: &str) -> String {
    format!(
        r"
apiVersion: v1
kind: Config
current-context: here
contexts:
- {{name: here, context: {{cluster: main, user: me, namespace: media}}}}
- {{name: there, context: {{cluster: other, user: me}}}}
clusters:
- name: main
  cluster: {cluster}
users:
- {{name: me, user: {{token: not-a-real-token}}}}
"
    )
}

fn find(cluster: &str, context: Option<&str>) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, kubeconfig(cluster)).unwrap();
    ClusterAccess::find(&[file], None, context)
        .map(|access| access.config)
        .map_err(|e| e.to_string())
}

#[test]
fn a_kubeconfig_becomes_a_client_without_retries_of_its_own() {
    let config = find("{server: 'http://127.0.0.1:1'}", None).unwrap();
    assert_eq!(config.default_namespace, "media");
    assert_eq!(config.cluster_url, "http://127.0.0.1:1");
    assert!(!config.default_retry);
    assert_eq!(config.connect_timeout, Some(CONNECT_LIMIT));
    assert_eq!(config.proxy_url, None);
}

/// In a path an empty namespace is every one.
#[test]
fn a_context_whose_namespace_is_empty_has_none() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    let text = kubeconfig("{server: 'http://127.0.0.1:1'}");
    fs::write(&file, text.replace("namespace: media", "namespace: ''")).unwrap();
    let access = ClusterAccess::find(&[file], None, None).unwrap();
    assert_eq!(access.config.default_namespace, "default");
}

#[test]
fn the_proxy_is_the_one_of_the_kubeconfig() {
    let cluster = "{server: 'https://10.0.0.1', proxy-url: 'http://proxy.example.com:3128'}";
    let config = find(cluster, None).unwrap();
    assert_eq!(config.proxy_url.unwrap(), "http://proxy.example.com:3128");
}

#[test]
fn what_is_wrong_in_a_kubeconfig_is_said() {
    for (cluster, context, words) in [
        (
            "{server: 'http://a'}",
            Some("nowhere"),
            vec!["\"nowhere\"", "here, there"],
        ),
        (
            "{server: 'http://a'}",
            Some("there"),
            vec!["\"other\"", "not in the file"],
        ),
        ("{}", None, vec!["\"main\"", "server"]),
        ("{server: 'a:6443'}", None, vec!["\"main\"", "https://"]),
        (
            "{server: 'https://a', certificate-authority-data: '%'}",
            None,
            vec!["base64"],
        ),
        (
            "{server: 'https://a', certificate-authority-data: aGVsbG8K}",
            None,
            vec!["no certificate"],
        ),
        (
            "{server: 'https://a', certificate-authority: /no/such}",
            None,
            vec!["/no/such"],
        ),
        (
            "{server: 'https://a', proxy-url: 'socks5://u:hunter2@b'}",
            None,
            vec!["proxy-url", "http://"],
        ),
        ("[", None, vec!["config: not YAML", "line 10"]),
        ("hunter2", None, vec!["YAML", "line 10"]),
    ] {
        let error = find(cluster, context).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{cluster} said: {error}");
        }
        assert!(
            !error.contains("hunter2") && !error.contains('\n'),
            "{cluster} said: {error}"
        );
    }
}

#[test]
fn files_of_a_list_that_do_not_exist_are_passed_over_but_not_all_of_them() {
    let dir = TempDir::new().unwrap();
    let (missing, present) = (dir.path().join("missing"), dir.path().join("present"));
    fs::write(&present, kubeconfig("{server: 'http://127.0.0.1:1'}")).unwrap();
    assert!(ClusterAccess::find(&[missing.clone(), present], None, None).is_ok());
    let error = ClusterAccess::find(std::slice::from_ref(&missing), None, None)
        .err()
        .unwrap();
    assert!(
        matches!(error, ClusterAccessError::NoFile(path) if path == missing.display().to_string())
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_at_its_bound() {
    let begun = tokio::time::Instant::now();
    let error = call("read the CRD", std::future::pending::<kube::Result<()>>())
        .await
        .unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(begun.elapsed(), CALL_LIMIT);
}

/// What comes of a user like this: its token as it is sent, or what is said of it.
async fn token(user: &str) -> Result<Option<String>, String> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    let text = kubeconfig("{server: 'http://127.0.0.1:1'}");
    fs::write(
        &file,
        text.replace(
            "{name: me, user: {token: not-a-real-token}}",
            &format!("name: me\n  user: {user}"),
        ),
    )
    .unwrap();
    let access = ClusterAccess::find(&[file], None, None).map_err(|error| error.to_string())?;
    let access = access.logged_in(Prompts::Hidden).await;
    let access = access.map_err(|error| error.to_string())?;
    access.client().map_err(|error| error.to_string())?;
    let token = access.config.auth_info.token;
    Ok(token.map(|token| token.expose_secret().to_owned()))
}

#[tokio::test]
async fn a_token_that_can_not_be_sent_is_told_without_it() {
    let block = token("\n    token: |\n      hunter2\n").await;
    assert_eq!(block, Ok(Some("hunter2".to_owned())));
    let said = token("{token: \"hunter2\\nhunter2\"}").await.unwrap_err();
    assert!(
        said.starts_with("kubeconfig: user \"me\": its token"),
        "{said}"
    );
    let printed = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"hunter2\nhunter2"}}"#;
    let plugin = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: ['{printed}']}}}}"
    );
    let message = token(&plugin).await.unwrap_err();
    assert!(
        message.contains("plugin \"echo\" printed no credential"),
        "{message}"
    );
    assert!(!said.contains("hunter2") && !message.contains("hunter2"));
}
