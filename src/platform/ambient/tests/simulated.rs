//! Every source against the simulator.

use std::fs;

use http::header;
use live_simulator::{
    LoggedOperation, Metadata, Rights, ScriptedFault, ScriptedPayload, Simulator,
    SimulatorSettings, Workload,
};
use secrecy::ExposeSecret;
use tempfile::NamedTempFile;

use crate::platform::ambient::tests::*;
use crate::platform::credentials::KeyPair;
use crate::platform::temporary::TemporaryKeyError;
use crate::terms::failure::Class;

const PROJECT: &str = "0123456789abcdef0123456789abcdef";
const POD_TOKEN: &str = "test-pod-token";

/// The simulator, and a file that holds a token.
struct AmbientStage {
    cloud: Simulator,
    file: NamedTempFile,
}

impl AmbientStage {
    fn new(token: &str) -> Self {
        Self::with(token, SimulatorSettings::default())
    }

    fn with(token: &str, settings: SimulatorSettings) -> Self {
        let cloud = Simulator::start(settings).unwrap();
        let file = NamedTempFile::new().unwrap();
        fs::write(&file, format!("{token}\n")).unwrap();
        let stage = Self { cloud, file };
        stage.serve(Metadata::TokenRequired);
        stage
    }

    fn serve(&self, metadata: Metadata) {
        self.cloud.set_workload(Workload {
            rights: Rights::full("workload", PROJECT),
            idp_id: Some("test-idp".to_owned()),
            id_token: Some(ID_TOKEN.to_owned()),
            pod_token: Some(POD_TOKEN.to_owned()),
            metadata,
        });
    }

    /// What these variables give, where `{cloud}` and `{file}` stand for the simulator and the file.
    fn temporary(&self, variables: &[(&str, &str)]) -> Arc<TemporaryKeys> {
        self.temporary_by(clients(), variables)
    }

    /// The same, where services are reached so.
    fn temporary_by(
        &self,
        clients: ServiceClients,
        variables: &[(&str, &str)],
    ) -> Arc<TemporaryKeys> {
        let endpoint = self.cloud.endpoint();
        let file = self.file.path().to_str().unwrap();
        let filled: Vec<_> = variables
            .iter()
            .map(|(name, value)| {
                let value = value.replace("{cloud}", &endpoint).replace("{file}", file);
                (*name, value)
            })
            .collect();
        let filled: Vec<_> = filled.iter().map(|(n, v)| (*n, v.as_str())).collect();
        temporary(&own_by(clients, &filled, &endpoint, &endpoint))
    }

    fn called(&self) -> Vec<(LoggedOperation, Option<u16>)> {
        let calls = self.cloud.calls().into_iter();
        calls.map(|call| (call.operation, call.status)).collect()
    }
}

async fn key(temporary: &Arc<TemporaryKeys>) -> KeyPair {
    temporary.key(Operation::List).await.unwrap()
}

async fn lacks(temporary: &Arc<TemporaryKeys>) -> String {
    match temporary.key(Operation::List).await {
        Err(TemporaryKeyError::Missing(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_source_gives_a_key_that_the_cloud_knows() {
    for (token, variables, calls) in [
        (
            ID_TOKEN,
            &BY_STS[..],
            &[(LoggedOperation::AssumeWithOidc, 200)][..],
        ),
        (
            ID_TOKEN,
            &BY_IAM,
            &[
                (LoggedOperation::IssueFederatedToken, 201),
                (LoggedOperation::IssueTemporaryKey, 201),
            ],
        ),
        (
            POD_TOKEN,
            &BY_POD,
            &[(LoggedOperation::AssumePodIdentity, 200)],
        ),
        (
            "",
            &[],
            &[
                (LoggedOperation::IssueMetadataToken, 200),
                (LoggedOperation::ReadMetadataKey, 200),
            ],
        ),
    ] {
        let stage = AmbientStage::new(token);
        let temporary = stage.temporary(variables);
        assert_eq!(
            stage.called(),
            [],
            "nothing is asked for before it is needed"
        );
        let made = key(&temporary).await;
        assert!(made.ak.as_str().starts_with("HSTTEST"));
        let expected: Vec<_> = calls
            .iter()
            .map(|(call, status)| (*call, Some(*status)))
            .collect();
        assert_eq!(stage.called(), expected);
    }
}

#[tokio::test]
async fn many_who_want_a_key_get_one_and_a_new_one_before_it_ends() {
    let settings = SimulatorSettings {
        key_lifetime_s: Some(2),
        ..SimulatorSettings::default()
    };
    let stage = AmbientStage::with(POD_TOKEN, settings);
    let temporary = stage.temporary(&BY_POD);
    let all = futures::future::join_all((0..50).map(|_| key(&temporary))).await;
    assert!(all.iter().all(|made| made.ak == all[0].ak));
    assert_eq!(stage.called().len(), 1);

    // Three quarters of its life later, by a bounded wait: it is the simulator that counts the life.
    let renewed = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let made = key(&temporary).await;
            if made.ak != all[0].ak {
                return made;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    renewed.await.unwrap();
    assert_eq!(stage.called().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_refused_is_replaced_once() {
    let stage = AmbientStage::new(POD_TOKEN);
    let temporary = stage.temporary(&BY_POD);
    let refused = key(&temporary).await;
    assert!(temporary.replace(&refused, Operation::List).await);
    assert!(temporary.replace(&refused, Operation::List).await);
    assert_eq!(stage.called().len(), 2, "somebody else has replaced it");
    assert_ne!(key(&temporary).await.ak, refused.ak);
}

#[tokio::test]
async fn an_outage_is_bridged_while_the_key_lives() {
    let settings = SimulatorSettings {
        key_lifetime_s: Some(2),
        ..SimulatorSettings::default()
    };
    let stage = AmbientStage::with(POD_TOKEN, settings);
    let temporary = stage.temporary(&BY_POD);
    let first = key(&temporary).await;
    fs::write(&stage.file, "").unwrap();
    let mut served = 0;
    let lost = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match temporary.key(Operation::List).await {
                Ok(made) => assert_eq!(made.ak, first.ak),
                Err(problem) => return problem,
            }
            served += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(matches!(lost.await.unwrap(), TemporaryKeyError::Missing(_)));
    assert!(served > 1 && stage.called().len() == 1);
}

/// Passes everything on, save when it was answered.
struct Undated(HttpTransport);

impl Transport for Undated {
    fn send(
        &self,
        request: Request,
        deadline: Deadline,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let mut response = self.0.send(request, deadline).await?;
            response.headers.remove(header::DATE);
            Ok(response)
        })
    }
}

#[tokio::test]
#[allow(
    clippy::disallowed_methods,
    reason = "the simulator's clock is this machine's"
)]
async fn a_key_that_has_expired_by_a_clock_that_is_wrong_is_not_asked_for_before_each_call() {
    let stage = AmbientStage::new(POD_TOKEN);
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(25);
    let wall: WallClock = Arc::new(move || tomorrow);
    let transport = HttpTransport::direct(Arc::clone(&wall)).unwrap();
    let clients = clients_by(Arc::new(Undated(transport)), wall);
    let temporary = stage.temporary_by(clients, &BY_POD);
    let first = key(&temporary).await;
    for _ in 0..3 {
        assert_eq!(key(&temporary).await.ak, first.ak);
    }
    assert_eq!(stage.called().len(), 1);
}

#[tokio::test]
async fn what_every_source_lacks_is_told() {
    let stage = AmbientStage::new("");
    stage.serve(Metadata::NoAgency);
    let message = lacks(&stage.temporary(&[STATIC[0]])).await;
    for part in [
        "OIDC by STS: HUAWEICLOUD_OIDC_PROVIDER_URN and HUAWEICLOUD_OIDC_AGENCY_URN and HUAWEICLOUD_OIDC_TOKEN_FILE are not set",
        "OIDC by IAM: HUAWEICLOUD_SDK_IDP_ID and HUAWEICLOUD_SDK_ID_TOKEN_FILE are not set",
        "environment variables: HUAWEICLOUD_SDK_SK is not set",
        "CCE pod identity: HC_CONTAINER_CREDENTIALS_FULL_URI and HC_CONTAINER_AUTHORIZATION_TOKEN_FILE are not set",
        "ECS metadata: the machine has no agency",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }

    let message = lacks(&temporary(&own(&[], "a.example.com", "http://127.0.0.1:1"))).await;
    assert!(message.contains("ECS metadata: 127.0.0.1:1"), "{message}");

    let empty = stage.temporary(&BY_POD);
    let message = lacks(&empty).await;
    assert!(message.contains("CCE pod identity: the file") && message.contains("is empty"));
    assert!(
        !message.contains("ECS metadata"),
        "it is not asked: {message}"
    );
}

#[tokio::test]
async fn a_refusal_is_told_without_the_token_and_not_asked_for_again_at_once() {
    let stage = AmbientStage::new("test-another-token");
    for variables in [&BY_STS[..], &BY_IAM, &BY_POD] {
        let before = stage.called().len();
        let temporary = stage.temporary(variables);
        for _ in 0..3 {
            let Err(TemporaryKeyError::Failed(failure)) = temporary.key(Operation::List).await
            else {
                panic!("{variables:?}")
            };
            assert_eq!(failure.class, Class::Credential);
            assert_eq!(failure.code.as_deref(), Some("IAM.0067"));
            assert!(!failure.message.contains("test-another-token"));
        }
        assert_eq!(stage.called().len(), before + 1);
    }
}

#[tokio::test]
async fn metadata_without_tokens_are_read_without() {
    let stage = AmbientStage::new("");
    let unknown = ScriptedFault::on(LoggedOperation::IssueMetadataToken)
        .reply(404, ScriptedPayload::default());
    stage.cloud.fault(unknown);
    stage.serve(Metadata::Open);
    let made = key(&stage.temporary(&[])).await;
    assert!(!made.security_token.unwrap().expose_secret().is_empty());
}
