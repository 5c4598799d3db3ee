//! Which source serves, and what the environment says beside it.

use super::*;

const STATIC: [(&str, &str); 2] = [
    ("HUAWEICLOUD_SDK_AK", "AKTESTAMBIENT0000001"),
    ("HUAWEICLOUD_SDK_SK", "sk-test-example-not-a-secret"),
];

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::new(variables)
}

fn ambient(variables: &[(&str, &str)]) -> Ambient {
    Ambient::new(environment(variables))
}

#[test]
fn keys_of_the_environment_are_like_those_of_a_secret() {
    let variables = [
        STATIC[0],
        STATIC[1],
        ("HUAWEICLOUD_SDK_SECURITY_TOKEN", " token-t\n"),
    ];
    let set = ambient(&variables).set(None).unwrap();
    let secret = [
        ("ak", Some(STATIC[0].1)),
        ("sk", Some(STATIC[1].1)),
        ("security_token", Some("token-t")),
    ];
    let secret = Credential::read(&data_of(&secret)).unwrap();
    assert_eq!(set.credential.digest("salt"), secret.digest("salt"));
    assert_eq!((set.region, set.project_id), (None, None));
}

#[test]
fn project_region_and_addresses_come_from_the_environment_where_they_are_there() {
    let own = ambient(&[
        STATIC[0],
        STATIC[1],
        ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
        ("HUAWEICLOUD_SDK_PROJECT_ID", "p-1"),
        ("HUAWEICLOUD_SDK_IAM_ENDPOINT", "https://iam.example.com"),
        (
            "HUAWEICLOUD_SDK_REGION_LIVE_CN_NORTH_4",
            "https://one.example.com, https://two.example.com",
        ),
        (
            "HUAWEICLOUD_SDK_REGION_LIVE_EU_WEST_101",
            "https://eu.example.com",
        ),
    ]);
    let set = own.set(None).unwrap();
    assert_eq!(set.region.as_deref(), Some("cn-north-4"));
    assert_eq!(set.project_id.as_deref(), Some("p-1"));
    assert_eq!(set.iam_endpoint.as_deref(), Some("https://iam.example.com"));
    assert_eq!(
        set.live_endpoint.as_deref(),
        Some("https://one.example.com")
    );
    let set = own.set(Some("eu-west-101")).unwrap();
    assert_eq!(set.region.as_deref(), Some("eu-west-101"));
    assert_eq!(set.live_endpoint.as_deref(), Some("https://eu.example.com"));
    assert_eq!(own.set(Some("cn-east-3")).unwrap().live_endpoint, None);
}

#[test]
fn a_value_that_is_none_is_told() {
    let own = ambient(&[STATIC[0], STATIC[1], ("HUAWEICLOUD_SDK_PROJECT_ID", "a/b")]);
    let (reason, sentence) = own.set(None).unwrap_err();
    assert_eq!(reason, Reason::CredentialsMissing);
    assert!(sentence.contains("project_id"), "{sentence}");
}
