//! IAM and what stands beside it: tokens, temporary keys, project look-up, keys for workloads.

use live_simulator::KnownCredential;
use live_simulator::KnownUser;
use live_simulator::Metadata;
use live_simulator::Rights;
use live_simulator::SimulatorSettings;
use live_simulator::Workload;
use serde_json::Value;
use serde_json::json;

use crate::client::ACCESS_KEY;
use crate::client::CALLBACKS;
use crate::client::ClientAnswer;
use crate::client::PROJECT;
use crate::client::SECRET_KEY;
use crate::client::SuiteClient;
use crate::client::start;

fn sign_in(name: &str, password: &str, scope: &Value) -> Value {
    let user = json!({"name": name, "password": password, "domain": {"name": "testdomain"}});
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    json!({"auth": {"identity": identity, "scope": scope}})
}

async fn post(
    client: &SuiteClient,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> ClientAnswer {
    send(client, "POST", target, headers, body.to_string()).await
}

async fn send(
    client: &SuiteClient,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: String,
) -> ClientAnswer {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    client
        .send_raw(method, target, &headers, body.into())
        .await
        .unwrap()
}

/// Whether a temporary key, as some service handed it out, is accepted by the API.
async fn accepted(client: &SuiteClient, access: &Value, secret: &Value, token: &Value) -> bool {
    let temporary = SuiteClient {
        access_key: access.as_str().unwrap().to_owned(),
        secret_key: secret.as_str().unwrap().to_owned(),
        ..client.clone()
    };
    let temporary = temporary.with_header("x-security-token", token.as_str().unwrap());
    temporary.list("").await.status == 200
}

async fn accepted_of(client: &SuiteClient, key: &Value) -> bool {
    accepted(
        client,
        &key["access"],
        &key["secret"],
        &key["securitytoken"],
    )
    .await
}

#[tokio::test]
async fn a_password_buys_a_token_for_one_project() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.add_user(KnownUser::new(
        "testdomain",
        "somebody",
        "testpassword",
        PROJECT,
    ));
    let tokens = "/v3/auth/tokens";
    for scope in [
        json!({"project": {"name": "cn-north-4"}}),
        json!({"project": {"id": PROJECT}}),
        json!({"project": {"id": PROJECT}, "domain": {"name": "testdomain"}}),
    ] {
        let body = sign_in("somebody", "testpassword", &scope);
        let answer = post(&client, &format!("{tokens}?nocatalog=true"), &[], &body).await;
        assert_eq!(answer.status, 201, "{scope}");
        let token = answer.header("x-subject-token").to_owned();
        assert_eq!(answer.json()["token"]["project"]["id"], PROJECT);
        let expires_at = answer.json()["token"]["expires_at"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(expires_at.len(), "2020-01-04T09:05:22.701000Z".len());
        assert!(!answer.header("x-iam-trace-id").is_empty());
        let list = send(
            &client,
            "GET",
            CALLBACKS,
            &[("x-auth-token", &token)],
            String::new(),
        )
        .await;
        assert_eq!(list.status, 200);
    }
    for scope in [json!({"domain": {"name": "testdomain"}}), json!({})] {
        let body = sign_in("somebody", "testpassword", &scope);
        let token = post(&client, tokens, &[], &body)
            .await
            .header("x-subject-token")
            .to_owned();
        let list = send(
            &client,
            "GET",
            CALLBACKS,
            &[("x-auth-token", &token)],
            String::new(),
        )
        .await;
        assert_eq!((list.status, list.code().as_str()), (404, "APIG.0101"));
    }
    let unknown = sign_in(
        "somebody",
        "testpassword",
        &json!({"project": {"name": "nowhere"}}),
    );
    assert_eq!(post(&client, tokens, &[], &unknown).await.status, 401);
    let method = json!({"auth": {"identity": {"methods": ["totp"]}}});
    assert_eq!(post(&client, tokens, &[], &method).await.status, 400);
    assert_eq!(post(&client, tokens, &[], &json!("x")).await.status, 400);
    assert!(!format!("{:?}", simulator.calls()).contains("testpassword"));
}

#[tokio::test]
async fn wrong_passwords_lock_the_user() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.add_user(KnownUser::new(
        "testdomain",
        "somebody",
        "testpassword",
        PROJECT,
    ));
    let attempt = async |password| {
        let body = sign_in("somebody", password, &json!({"project": {"id": PROJECT}}));
        post(&client, "/v3/auth/tokens", &[], &body).await
    };
    for _ in 0..5 {
        let answer = attempt("wrong").await;
        let error = json!({
            "code": 401, "title": "Unauthorized", "message": "The username or password is wrong.",
        });
        assert_eq!(
            (answer.status, answer.json()["error"].clone()),
            (401, error)
        );
    }
    let locked = attempt("testpassword").await;
    assert_eq!(locked.status, 401);
    let message = locked.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("locked"), "{message}");
}

#[tokio::test]
async fn token_requests_can_be_throttled() {
    let settings = SimulatorSettings {
        token_requests_per_minute: Some(1),
        ..SimulatorSettings::default()
    };
    let (simulator, client) = start(settings);
    simulator.add_user(KnownUser::new(
        "testdomain",
        "somebody",
        "testpassword",
        PROJECT,
    ));
    let body = sign_in(
        "somebody",
        "testpassword",
        &json!({"project": {"id": PROJECT}}),
    );
    assert_eq!(
        post(&client, "/v3/auth/tokens", &[], &body).await.status,
        201
    );
    let throttled = post(&client, "/v3/auth/tokens", &[], &body).await;
    assert_eq!(throttled.status, 429);
    assert_eq!(throttled.json()["error"]["error_code"], "IAM.0012");
}

#[tokio::test]
async fn projects_are_found_by_name() {
    let (simulator, client) = start(SimulatorSettings::default());
    let credential = KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT)
        .project("second", "cn-north-4_sub")
        .project("third", "cn-east-3");
    simulator.add_credential(credential);
    let named = async |query: &str| {
        let answer = client
            .send("GET", &format!("/v3/projects{query}"), None)
            .await
            .unwrap();
        assert_eq!(answer.status, 200);
        let projects = answer.json()["projects"].as_array().unwrap().clone();
        projects
            .iter()
            .map(|project| project["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(named("").await.len(), 3);
    assert_eq!(named("?name=cn-north-4").await, [PROJECT]);
    assert_eq!(named("?name=nowhere").await.len(), 0);
    let wrong = client.with_secret_key("SKWRONG");
    let refused = wrong.send("GET", "/v3/projects", None).await.unwrap();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (401, "APIGW.0301")
    );
}

#[tokio::test]
async fn a_token_buys_a_temporary_key() {
    let (simulator, client) = start(SimulatorSettings::default());
    simulator.add_user(KnownUser::new(
        "testdomain",
        "somebody",
        "testpassword",
        PROJECT,
    ));
    let body = sign_in(
        "somebody",
        "testpassword",
        &json!({"project": {"id": PROJECT}}),
    );
    let answer = post(&client, "/v3/auth/tokens", &[], &body).await;
    let token = answer.header("x-subject-token");
    let target = "/v3.0/OS-CREDENTIAL/securitytokens";
    let request =
        |token: &Value| json!({"auth": {"identity": {"methods": ["token"], "token": token}}});

    let in_body = request(&json!({"id": token, "duration_seconds": "1800"}));
    let answer = post(&client, target, &[], &in_body).await;
    assert_eq!(answer.status, 201);
    assert!(accepted_of(&client, &answer.json()["credential"]).await);
    let in_header = request(&json!({}));
    let answer = post(&client, target, &[("x-auth-token", token)], &in_header).await;
    assert!(accepted_of(&client, &answer.json()["credential"]).await);

    let short = request(&json!({"id": token, "duration_seconds": 899}));
    assert_eq!(post(&client, target, &[], &short).await.status, 400);
    assert_eq!(
        post(&client, target, &[], &request(&json!({"id": "wrong"})))
            .await
            .status,
        401
    );
    assert_eq!(
        post(&client, target, &[], &request(&json!({})))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn workloads_obtain_temporary_keys() {
    let (simulator, client) = start(SimulatorSettings::default());
    let workload = Workload {
        rights: Rights::full("workload", PROJECT),
        idp_id: Some("test-idp".to_owned()),
        id_token: Some("TESTIDTOKEN".to_owned()),
        pod_token: Some("TESTPODTOKEN".to_owned()),
        metadata: Metadata::TokenRequired,
    };
    let keys = "/openstack/latest/securitykey";
    assert_eq!(
        send(&client, "GET", keys, &[], String::new()).await.status,
        404
    );
    simulator.set_workload(workload.clone());

    let assume = |token: &str| {
        json!({
            "provider_urn": "iam::test:oidcProvider:cce", "agency_urn": "iam::test:agency:live",
            "agency_session_name": "test", "id_token": token, "duration_seconds": 3600,
        })
    };
    let target = "/v5/agencies/assume-with-oidc";
    let answer = post(&client, target, &[], &assume("TESTIDTOKEN")).await;
    assert_eq!(answer.status, 200);
    let key = &answer.json()["credentials"];
    let [access, secret] = [&key["access_key_id"], &key["secret_access_key"]];
    assert!(accepted(&client, access, secret, &key["security_token"]).await);
    assert_eq!(
        post(&client, target, &[], &assume("OTHER")).await.status,
        401
    );
    assert_eq!(
        post(&client, target, &[], &json!({"id_token": "TESTIDTOKEN"}))
            .await
            .status,
        400
    );

    let target = "/v3.0/OS-AUTH/id-token/tokens";
    let identity = |token: &str| json!({"auth": {"id_token": {"id": token}}});
    let federated = [("x-idp-id", "test-idp")];
    let answer = post(&client, target, &federated, &identity("TESTIDTOKEN")).await;
    assert_eq!(answer.status, 201);
    let token = json!({"id": answer.header("x-subject-token"), "duration_seconds": 21600});
    let body = json!({"auth": {"identity": {"methods": ["token"], "token": token}}});
    let keys_for_tokens = "/v3.0/OS-CREDENTIAL/securitytokens";
    let answer = post(&client, keys_for_tokens, &[], &body).await;
    assert!(accepted_of(&client, &answer.json()["credential"]).await);
    for (headers, token, status) in [
        (&federated[..], "OTHER", 401),
        (&[("x-idp-id", "other")], "TESTIDTOKEN", 401),
        (&[], "TESTIDTOKEN", 400),
    ] {
        let answer = post(&client, target, headers, &identity(token)).await;
        assert_eq!(answer.status, status, "{headers:?} {token}");
    }

    let pod = "/pod-identity/credentials";
    let answer = post(
        &client,
        pod,
        &[("authorization", "TESTPODTOKEN")],
        &json!({}),
    )
    .await;
    assert!(accepted_of(&client, &answer.json()["credential"]).await);
    assert_eq!(
        post(&client, pod, &[("authorization", "OTHER")], &json!({}))
            .await
            .status,
        401
    );

    assert_eq!(
        send(&client, "GET", keys, &[], String::new()).await.status,
        401
    );
    let ttl = [("x-metadata-token-ttl-seconds", "21600")];
    let token = send(
        &client,
        "PUT",
        "/meta-data/latest/api/token",
        &ttl,
        String::new(),
    )
    .await;
    let token = String::from_utf8(token.bytes.to_vec()).unwrap();
    let answer = send(
        &client,
        "GET",
        keys,
        &[("x-metadata-token", &token)],
        String::new(),
    )
    .await;
    assert!(accepted_of(&client, &answer.json()["credential"]).await);
    simulator.set_workload(Workload {
        metadata: Metadata::Open,
        ..workload
    });
    let answer = send(&client, "GET", keys, &[], String::new()).await;
    assert!(accepted_of(&client, &answer.json()["credential"]).await);
}
