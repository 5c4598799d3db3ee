//! The client over real sockets against the strict simulator of the cloud, which checks signatures with code of its own.

use live_simulator::{
    KnownCredential, KnownUser, Rights, ScriptedFault, Simulator, SimulatorSettings,
};
use live_simulator::{LoggedOperation, settings::Contract};

use super::*;
use crate::platform::clock::WallClock;
use crate::platform::credentials::CredentialSet;
use crate::platform::iam::ProjectLookupError;
use crate::platform::quota::{Bucket, Lane, Quota};
use crate::platform::transport::HttpTransport;
use crate::terms::target::Target;

const PROJECT: &str = "0123456789abcdef0123456789abcdef";
const SK: &str = "SKTEST/0123456789+abcdefghijklmnopqrstuv";

struct SimulatedScene {
    simulator: Simulator,
    client: Client,
    bucket: Bucket,
}

struct Quiet;

impl CallMeter for Quiet {
    fn waited(&self, _: Lane, _: Duration) {}

    fn call(&self, _: Operation, _: Option<u16>, _: Option<&'static str>, _: Duration) {}
}

#[expect(
    clippy::disallowed_methods,
    reason = "the simulator lives in real time"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

impl SimulatedScene {
    fn new(settings: SimulatorSettings) -> Self {
        let simulator = Simulator::start(settings).unwrap();
        simulator.add_credential(KnownCredential::new("AKTEST0123456789", SK, PROJECT));
        simulator.add_user(KnownUser::new("domain", "user", "test-password", PROJECT));
        simulator.add_token(
            "test-token",
            Rights::full("user", PROJECT),
            Duration::from_hours(1),
        );
        let wall: WallClock = Arc::new(now);
        let clock = Arc::new(Clock::new(Arc::clone(&wall)));
        let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(wall).unwrap());
        let bucket = Quota::new(60_000).bucket("test");
        let client = Client::new(transport, clock, Arc::new(Quiet), Duration::from_secs(10));
        Self {
            simulator,
            client,
            bucket,
        }
    }

    fn account(&self, pairs: &[(&str, &str)]) -> Account {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: PROJECT.to_owned(),
            endpoint: self.simulator.endpoint(),
        };
        let data = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
        let credential = CredentialSet::read(&data.collect()).unwrap().credential;
        Account::new(target, credential, self.simulator.iam_endpoint())
    }

    fn by_key(&self) -> Account {
        self.account(&[("ak", "AKTEST0123456789"), ("sk", SK)])
    }

    async fn token(&self) -> Token {
        self.bucket.acquire(Lane::Create, "test").await
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.client.clock.wall(), self.client.request_timeout)
    }

    async fn create(&self, account: &Account) -> Result<Answer<Option<Row>>, Failure> {
        let (place, content) = (place(), content());
        let payload = Payload {
            place: &place,
            content: &content,
            key: None,
        };
        let permit = permit(self.token().await, account, self.deadline());
        self.client.create(permit, account, payload).await
    }

    async fn list(&self, account: &Account) -> Result<Answer<Page>, Failure> {
        self.client
            .list(
                self.token().await,
                account,
                Some("push.example.com"),
                0,
                100,
            )
            .await
    }

    async fn delete(&self, account: &Account, id: &str) -> Result<Answer<()>, Failure> {
        self.client
            .delete(self.token().await, account, id, self.deadline())
            .await
    }
}

#[tokio::test]
async fn the_life_of_a_callback_by_every_credential() {
    let scene = SimulatedScene::new(SimulatorSettings::default());
    let by_user = [
        ("username", "user"),
        ("password", "test-password"),
        ("domain_name", "domain"),
    ];
    for account in [
        scene.by_key(),
        scene.account(&[("token", "test-token")]),
        scene.account(&by_user),
    ] {
        let created = scene.create(&account).await.unwrap();
        assert_eq!(created.http_status, 201);
        let row = created.value.unwrap();
        assert!(created.request_id.is_some() && row.holds(&content()));

        let listed = scene.list(&account).await.unwrap().value;
        assert_eq!((listed.total, listed.rows.len()), (1, 1));
        let shown = scene
            .client
            .get(scene.token().await, &account, &row.id)
            .await
            .unwrap()
            .value;
        assert_eq!((&shown.id, &shown.place), (&row.id, &place()));

        let key = SignKey::parse(b"0123456789abcdef0123456789abcdef").unwrap();
        let (place, mut content) = (place(), content());
        "MD5".clone_into(&mut content.sign_type);
        let payload = Payload {
            place: &place,
            content: &content,
            key: Some(&key),
        };
        let token = scene.token().await;
        let updated = scene
            .client
            .update(token, &account, &row.id, payload, scene.deadline())
            .await;
        assert!(updated.unwrap().value.unwrap().holds(&content));

        let occupied = scene.create(&account).await.unwrap_err();
        assert_eq!(occupied.class, Class::Exists);
        assert_eq!(
            scene.delete(&account, &row.id).await.unwrap().http_status,
            204
        );
        assert_eq!(
            scene.delete(&account, &row.id).await.unwrap_err().class,
            Class::Gone
        );
        let gone = scene
            .client
            .get(scene.token().await, &account, &row.id)
            .await
            .unwrap_err();
        assert_eq!(gone.class, Class::Gone);
    }
}

#[tokio::test]
async fn the_original_contract_tells_no_id() {
    let scene = SimulatedScene::new(SimulatorSettings {
        contract: Contract::Original,
        ..SimulatorSettings::default()
    });
    let answer = scene.create(&scene.by_key()).await.unwrap();
    assert_eq!((answer.http_status, answer.value), (201, None));
    assert_eq!(scene.simulator.rows().len(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_an_unknown_outcome_and_sent_once() {
    let scene = SimulatedScene::new(SimulatorSettings::default());
    for (fault, class, rows) in [
        (
            ScriptedFault::on(LoggedOperation::Create).lose_call(),
            Class::CloudDown,
            0,
        ),
        (
            ScriptedFault::on(LoggedOperation::Create).lose_reply(),
            Class::CloudDown,
            1,
        ),
        (
            ScriptedFault::on(LoggedOperation::Create).cut(5),
            Class::Protocol,
            1,
        ),
    ] {
        scene.simulator.reset();
        scene.simulator.wipe();
        scene.simulator.fault(fault);
        let failure = scene.create(&scene.by_key()).await.unwrap_err();
        assert!(
            failure.class == class && failure.class.may_have_happened(),
            "{failure:?}"
        );
        assert_eq!(
            (scene.simulator.rows().len(), scene.simulator.calls().len()),
            (rows, 1)
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_off_costs_one_call_once() {
    for offset in [-3600, 3600] {
        let scene = SimulatedScene::new(SimulatorSettings {
            clock_offset_s: offset,
            ..SimulatorSettings::default()
        });
        let account = scene.by_key();
        scene.create(&account).await.unwrap();
        scene.list(&account).await.unwrap();
        assert_eq!(scene.simulator.calls().len(), 3);
        let seen = scene
            .client
            .clock
            .offset(&account.target.endpoint)
            .as_secs();
        assert!((seen - offset).abs() <= 2, "{seen}");
    }
}

#[tokio::test]
async fn wrong_secrets_do_not_lock_the_key() {
    let scene = SimulatedScene::new(SimulatorSettings::default());
    let good = scene.by_key();
    scene.list(&good).await.unwrap();
    scene.simulator.reset();
    for wrong in ["one", "two", "three", "four"] {
        let account = scene.account(&[("ak", "AKTEST0123456789"), ("sk", wrong)]);
        for _ in 0..4 {
            let failure = scene.list(&account).await.unwrap_err();
            assert_eq!(failure.class, Class::Credential);
        }
    }
    assert_eq!(scene.simulator.calls().len(), 4);
    scene.list(&good).await.unwrap();
}

#[tokio::test]
async fn a_refused_signature_is_told_without_its_canonical_secrets() {
    let scene = SimulatedScene::new(SimulatorSettings::default());
    let account = scene.account(&[
        ("ak", "AKTEST0123456789"),
        ("sk", "wrong"),
        ("security_token", "TESTTOKEN"),
    ]);
    let failure = scene.list(&account).await.unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("APIG.0301"));
    assert!(
        !failure.message.contains("TESTTOKEN") && !failure.message.contains("AKTEST0"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn the_project_of_a_region_is_found() {
    let scene = SimulatedScene::new(SimulatorSettings::default());
    let iam = scene.simulator.iam_endpoint();
    for account in [
        scene.by_key(),
        scene.account(&[
            ("username", "user"),
            ("password", "test-password"),
            ("domain_name", "domain"),
        ]),
    ] {
        let find = |region: &'static str| {
            scene
                .client
                .iam
                .project(&iam, &account.credential, region, Operation::List)
        };
        assert_eq!(find("cn-north-4").await, Ok(PROJECT.to_owned()));
        let Err(ProjectLookupError::Ambiguous(problem)) = find("cn-east-3").await else {
            panic!()
        };
        assert!(problem.contains("cn-east-3"), "{problem}");
    }
}
