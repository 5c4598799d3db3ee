//! Which source serves, and what the environment says beside it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;

use crate::platform::ambient::*;
use crate::platform::clock::{Clock, WallClock};
use crate::platform::service::ServiceClient;
use crate::platform::transport::{
    Deadline, HttpTransport, Request, Response, Transport, TransportError,
};
use crate::terms::failure::Operation;

mod simulated;

const ID_TOKEN: &str = "test-identity-token";
const STATIC: [(&str, &str); 2] = [
    ("HUAWEICLOUD_SDK_AK", "AKTESTAMBIENT0000001"),
    ("HUAWEICLOUD_SDK_SK", "sk-test-example-not-a-secret"),
];
const STS: [(&str, &str); 3] = [
    (
        "HUAWEICLOUD_OIDC_PROVIDER_URN",
        "iam::test:oidcProvider:cce",
    ),
    ("HUAWEICLOUD_OIDC_AGENCY_URN", "iam::test:agency:live"),
    ("HUAWEICLOUD_SDK_REGION", "cn-north-4"),
];

#[allow(
    clippy::disallowed_methods,
    reason = "the simulator's clock is this machine's"
)]
fn clients() -> ServiceClients {
    let wall: WallClock = Arc::new(jiff::Timestamp::now);
    let transport = HttpTransport::direct(Arc::clone(&wall)).unwrap();
    clients_by(Arc::new(transport), wall)
}

fn clients_by(transport: Arc<dyn Transport>, wall: WallClock) -> ServiceClients {
    let clock = Arc::new(Clock::new(wall));
    let way = ServiceClient::new(transport, clock, Duration::from_secs(5));
    ServiceClients {
        cloud: way.clone(),
        direct: way,
    }
}

fn own(variables: &[(&str, &str)], allowed: &str, metadata: &str) -> Ambient {
    own_by(clients(), variables, allowed, metadata)
}

fn own_by(
    clients: ServiceClients,
    variables: &[(&str, &str)],
    allowed: &str,
    metadata: &str,
) -> Ambient {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let allowed = allowed.parse().unwrap();
    Ambient::new(Environment::new(variables), &allowed, clients, metadata)
}

/// With Huawei Cloud's own addresses allowed.
fn ambient(variables: &[(&str, &str)]) -> Ambient {
    own(variables, &AllowList::default().to_string(), METADATA)
}

fn temporary(ambient: &Ambient) -> Arc<TemporaryKeys> {
    let Credential::Ambient(temporary) = ambient.set(None).unwrap().credential else {
        panic!("a fixed key")
    };
    temporary
}

fn problem(variables: &[(&str, &str)]) -> AmbientError {
    ambient(variables).set(None).unwrap_err()
}

const BY_STS: [(&str, &str); 4] = [
    STS[0],
    STS[1],
    ("HUAWEICLOUD_SDK_STS_ENDPOINT", "{cloud}"),
    ("HUAWEICLOUD_OIDC_TOKEN_FILE", "{file}"),
];
const BY_IAM: [(&str, &str); 3] = [
    ("HUAWEICLOUD_SDK_IDP_ID", "test-idp"),
    ("HUAWEICLOUD_SDK_ID_TOKEN_FILE", "{file}"),
    ("HUAWEICLOUD_SDK_IAM_ENDPOINT", "{cloud}"),
];
const BY_POD: [(&str, &str); 2] = [
    (
        "HC_CONTAINER_CREDENTIALS_FULL_URI",
        "{cloud}/pod-identity/credentials",
    ),
    ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{file}"),
];

#[test]
fn keys_of_the_environment_are_like_those_of_a_secret() {
    let token = ("HUAWEICLOUD_SDK_SECURITY_TOKEN", " token-t\n");
    let set = ambient(&[STATIC[0], STATIC[1], token]).set(None).unwrap();
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
fn the_first_source_for_which_everything_is_there_serves() {
    let token = ("HUAWEICLOUD_OIDC_TOKEN_FILE", "/token");
    let mut variables = vec![STS[0], STS[1], STS[2], token];
    variables.extend([BY_IAM[0], BY_IAM[1], STATIC[0], STATIC[1]]);
    variables.extend([("HC_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/v1")]);
    variables.extend([BY_POD[1]]);
    assert_eq!(temporary(&ambient(&variables)).name(), "OIDC by STS");
    variables.retain(|variable| *variable != token);
    assert_eq!(temporary(&ambient(&variables)).name(), "OIDC by IAM");
    variables.retain(|variable| *variable != BY_IAM[0]);
    let fixed = ambient(&variables).set(None).unwrap().credential;
    assert!(matches!(fixed, Credential::AkSk(_)), "{fixed:?}");
    variables.retain(|variable| *variable != STATIC[0]);
    assert_eq!(temporary(&ambient(&variables)).name(), "CCE pod identity");
    variables.retain(|variable| *variable != BY_POD[1]);
    assert_eq!(temporary(&ambient(&variables)).name(), "ECS metadata");
}

#[test]
fn a_value_that_is_none_is_told() {
    let project = ("HUAWEICLOUD_SDK_PROJECT_ID", "a/b");
    let AmbientError::Missing(sentence) = problem(&[STATIC[0], STATIC[1], project]) else {
        panic!("another problem")
    };
    assert!(sentence.contains("project_id"), "{sentence}");
    let token = ("HUAWEICLOUD_OIDC_ID_TOKEN", ID_TOKEN);
    let wrong = ("HUAWEICLOUD_OIDC_DURATION_SECONDS", "1h");
    let AmbientError::Missing(sentence) = problem(&[STS[0], STS[1], STS[2], token, wrong]) else {
        panic!("another problem")
    };
    assert!(sentence.contains(wrong.0), "{sentence}");
    let AmbientError::Missing(sentence) = problem(&[STS[0], STS[1], token]) else {
        panic!("another problem")
    };
    assert!(
        sentence.contains("HUAWEICLOUD_SDK_STS_ENDPOINT") && sentence.contains(STS[2].0),
        "{sentence}"
    );
}

#[test]
fn whom_keys_are_asked_of_has_to_be_allowed_unless_it_is_on_this_machine() {
    let token = ("HUAWEICLOUD_OIDC_ID_TOKEN", ID_TOKEN);
    let elsewhere = |name| (name, "https://elsewhere.example.com");
    let pod = |uri| {
        let uri = ("HC_CONTAINER_CREDENTIALS_FULL_URI", uri);
        ambient(&[uri, BY_POD[1]]).set(None)
    };
    for problem in [
        problem(&[
            STS[0],
            STS[1],
            token,
            elsewhere("HUAWEICLOUD_SDK_STS_ENDPOINT"),
        ]),
        problem(&[
            BY_IAM[0],
            BY_IAM[1],
            elsewhere("HUAWEICLOUD_SDK_IAM_ENDPOINT"),
        ]),
        pod("https://elsewhere.example.com/v1/credentials").unwrap_err(),
        pod("http://127.0.0.1@elsewhere.example.com/v1").unwrap_err(),
        pod("http://localhost.example.com/v1").unwrap_err(),
    ] {
        assert!(
            matches!(problem, AmbientError::EndpointNotAllowed(_)),
            "{problem:?}"
        );
    }
    assert!(ambient(&[STS[0], STS[1], STS[2], token]).set(None).is_ok());
    for uri in [
        "http://127.0.0.1:8080/v1/credentials",
        "http://localhost/v1/credentials",
        "http://169.254.170.23/v1/credentials",
        "http://[::1]:80/v1/credentials",
        "http://[fe80::1]/v1/credentials",
    ] {
        assert!(pod(uri).is_ok(), "{uri}");
    }
}

/// Gives one key, after a moment, which lives for an hour, and never answers again.
#[derive(Default)]
struct OneKey(AtomicUsize);

impl Transport for OneKey {
    fn send(&self, _: Request, _: Deadline) -> BoxFuture<'_, Result<Response, TransportError>> {
        if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
            return Box::pin(std::future::pending());
        }
        let key = r#"{"credential":{"access":"AKTEST","secret":"sk-test","securitytoken":"token-t","expires_at":"2026-11-25T13:00:00Z"}}"#;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Response {
                status: http::StatusCode::OK,
                headers: http::HeaderMap::new(),
                body: bytes::Bytes::from_static(key.as_bytes()),
            })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_a_key_does_not_wait_for_a_source_that_hangs() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "test-pod-token").unwrap();
    let pod = [
        (BY_POD[0].0, "http://127.0.0.1:1/pod-identity/credentials"),
        (BY_POD[1].0, file.path().to_str().unwrap()),
    ];
    let source = Arc::new(OneKey::default());
    let wall: WallClock = Arc::new(|| "2026-11-25T12:00:00Z".parse().unwrap());
    let clients = clients_by(Arc::<OneKey>::clone(&source), wall);
    let temporary = temporary(&own_by(clients, &pod, "a.example.com", METADATA));
    let key = async || {
        let key = tokio::time::timeout(Duration::from_secs(1), temporary.key(Operation::List));
        key.await.expect("nobody waits").unwrap().ak
    };
    let given_up = tokio::time::timeout(Duration::from_millis(50), temporary.key(Operation::List));
    assert!(given_up.await.is_err());
    key().await;
    assert_eq!(source.0.load(Ordering::SeqCst), 1, "it was asked for once");
    tokio::time::advance(Duration::from_mins(50)).await;
    for _ in 0..2 {
        assert_eq!(key().await.as_str(), "AKTEST");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        source.0.load(Ordering::SeqCst),
        2,
        "one renewal is under way"
    );
}
