//! What a Secret may hold, and what tells accounts apart.

use crate::platform::account::Account;
use crate::platform::credentials::*;
use crate::terms::target::Target;

const SK: &str = "test-secret-key-0123456789abcdefghijklm";

fn data(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn read(pairs: &[(&str, &str)]) -> CredentialSet {
    CredentialSet::read(&data(pairs)).unwrap()
}

fn problem(pairs: &[(&str, &str)]) -> String {
    CredentialSet::read(&data(pairs)).unwrap_err()
}

#[test]
fn the_first_full_set_counts() {
    let all = [
        ("ak", "TESTAK"),
        ("sk", SK),
        ("token", "test-token"),
        ("username", "user"),
        ("password", "test-password"),
        ("domain_name", "domain"),
    ];
    assert!(matches!(
        read(&all).credential,
        Credential::AkSk(KeyPair {
            security_token: None,
            ..
        })
    ));
    assert!(matches!(read(&all[1..]).credential, Credential::Token(_)));
    assert!(matches!(
        read(&all[3..]).credential,
        Credential::Password(_)
    ));
    let temporary = read(&[
        ("ak", "TESTAK"),
        ("sk", SK),
        ("security_token", "test-token"),
    ]);
    assert!(matches!(
        temporary.credential,
        Credential::AkSk(KeyPair {
            security_token: Some(_),
            ..
        })
    ));
}

#[test]
fn white_space_is_cut_and_empty_is_absent() {
    let set = read(&[
        ("ak", " TESTAK\n"),
        ("sk", SK),
        ("region", "\tcn-north-4\n"),
        ("project_id", " \n"),
        ("live_endpoint", ""),
        ("unknown", "ignored"),
    ]);
    let Credential::AkSk(KeyPair { ak, .. }) = &set.credential else {
        panic!("{set:?}")
    };
    assert_eq!(ak.as_str(), "TESTAK");
    assert_eq!(set.region.as_deref(), Some("cn-north-4"));
    assert_eq!(
        (set.project_id, set.live_endpoint, set.iam_endpoint),
        (None, None, None)
    );
}

#[test]
fn a_problem_names_the_keys() {
    for (pairs, expected) in [
        (
            &[][..],
            "it needs ak and sk, or token, or username, password and domain_name: it has none of them",
        ),
        (
            &[("ak", "TESTAK"), ("sk", " ")],
            "it needs ak and sk, or token, or username, password and domain_name: it has ak but lacks sk",
        ),
        (
            &[("sk", SK), ("password", "test-password")],
            "it needs ak and sk, or token, or username, password and domain_name: it has sk but lacks ak, it has password but lacks username and domain_name",
        ),
    ] {
        assert_eq!(problem(pairs), expected);
    }
    for (key, value) in [
        ("token", "two words"),
        ("token", "two\nlines"),
        ("ak", "schlüssel"),
        ("security_token", "a\0b"),
    ] {
        let problem = problem(&[("ak", "TESTAK"), ("sk", SK), (key, value)]);
        assert!(
            problem.contains(key) && !problem.contains(value),
            "{problem}"
        );
    }
    for (key, value) in [
        ("project_id", "a/b"),
        ("project_id", &"a".repeat(65)),
        ("region", "cn north"),
        ("region", "CN"),
    ] {
        let problem = problem(&[("token", "test-token"), (key, value)]);
        assert!(problem.contains(key), "{problem}");
    }
    let mut binary = data(&[("ak", "TESTAK")]);
    binary.insert("sk".to_owned(), vec![0xff, 0xfe]);
    assert_eq!(
        CredentialSet::read(&binary).unwrap_err(),
        "the value of sk is not UTF-8 text: write it anew"
    );
}

#[test]
fn nothing_secret_is_printed() {
    for pairs in [
        &[
            ("ak", "AKIDEXAMPLE0123456789"),
            ("sk", SK),
            ("security_token", "hidden-value"),
        ][..],
        &[("token", "hidden-value")],
        &[
            ("username", "user"),
            ("password", "hidden-value"),
            ("domain_name", "domain"),
        ],
    ] {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: "project".to_owned(),
            endpoint: "https://live.example.com".to_owned(),
        };
        let account = Account::new(target, read(pairs).credential, String::new());
        let text = format!("{:?} {account:?} {}", read(pairs), account.identity());
        for secret in [SK, "hidden-value", "AKIDE"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_digest_depends_on_its_salt_and_on_every_part() {
    let credential = |pairs: &[(&str, &str)]| read(pairs).credential;
    let first = credential(&[("ak", "a"), ("sk", "bc")]);
    assert_eq!(first.digest("uid").len(), 32);
    assert_eq!(
        first.digest("uid"),
        credential(&[("ak", "a"), ("sk", "bc")]).digest("uid")
    );
    assert_ne!(first.digest("uid"), first.digest("other"));
    assert_ne!(
        first.digest("uid"),
        credential(&[("ak", "ab"), ("sk", "c")]).digest("uid")
    );
}

#[test]
fn a_keyed_digest_is_hmac_sha256_cut_to_16_bytes() {
    // Test case 2 of RFC 4231.
    assert_eq!(
        keyed_digest("Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c7"
    );
}

/// The values of every Secret that a page shows, in order.
fn shown(page: &str) -> Vec<BTreeMap<String, Vec<u8>>> {
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let documents = blocks.map(|block| serde_saphyr::from_str::<serde_json::Value>(block).unwrap());
    let secrets = documents.filter(|document| document["kind"] == "Secret");
    secrets
        .map(|secret| {
            let values = secret["stringData"].as_object().unwrap();
            let values = values.iter().map(|(key, value)| {
                let value = value.as_str().expect("YAML takes it for text");
                (key.clone(), value.as_bytes().to_vec())
            });
            values.collect()
        })
        .collect()
}

#[test]
fn the_examples_of_the_page_are_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/credentials.md");
    let sets: Vec<CredentialSet> = shown(&std::fs::read_to_string(page).unwrap())
        .iter()
        .map(|values| CredentialSet::read(values).unwrap())
        .collect();
    let kinds: Vec<&str> = sets
        .iter()
        .map(|set| match &set.credential {
            Credential::AkSk(pair) if pair.security_token.is_none() => "access key",
            Credential::AkSk(_) => "temporary access key",
            Credential::Token(_) => "token",
            Credential::Password(_) => "user",
            Credential::Ambient(_) => "none",
        })
        .collect();
    assert_eq!(
        kinds,
        ["access key", "temporary access key", "token", "user"]
    );
    assert!(
        sets.iter()
            .all(|set| set.region.is_some() && set.project_id.is_some())
    );
}

#[test]
fn only_tokens_may_be_long() {
    let long = |key: &str, length| {
        let all = [
            "ak",
            "sk",
            "token",
            "security_token",
            "username",
            "password",
            "domain_name",
        ];
        let mut data: BTreeMap<String, Vec<u8>> =
            all.map(|key| (key.to_owned(), b"value".to_vec())).into();
        data.insert(key.to_owned(), vec![b'x'; length]);
        CredentialSet::read(&data).err()
    };
    for key in [
        "ak",
        "sk",
        "username",
        "password",
        "domain_name",
        "iam_endpoint",
    ] {
        let message = long(key, 1025).unwrap();
        assert!(
            message.contains(key) && message.contains("1 KiB"),
            "{message}"
        );
    }
    assert_eq!(long("sk", 1024), None);
    assert_eq!(long("token", 64 * 1024), None);
    assert_eq!(long("security_token", 64 * 1024), None);
}
