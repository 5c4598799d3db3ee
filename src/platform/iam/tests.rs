//! Tokens and look-ups against a scripted IAM, in virtual time.

mod login;

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use http::{HeaderMap, StatusCode, header};
use secrecy::ExposeSecret;

use crate::platform::clock::WallClock;
use crate::platform::credentials::CredentialSet;
use crate::platform::iam::*;
use crate::platform::transport::{Deadline, Request, Response, TransportError};
use crate::terms::failure::Class;
use crate::terms::target::Target;

const IAM: &str = "https://iam.example.com";
const NOON: &str = "2026-11-25T12:00:00Z";
const HOUR: Duration = Duration::from_hours(1);
const SECOND: Duration = Duration::from_secs(1);
const USER: [(&str, &str); 3] = [
    ("username", "user"),
    ("password", "test-password"),
    ("domain_name", "domain"),
];
const KEY: [(&str, &str); 2] = [
    ("ak", "TESTAK0123456789"),
    ("sk", "test-secret-key-0123456789"),
];
const ONE: &str = r#"{"projects":[{"id":"p-1","name":"cn-north-4"}]}"#;

type IamReply = Result<Response, TransportError>;

#[derive(Default)]
struct IamScript {
    sent: Mutex<Vec<Request>>,
    replies: Mutex<VecDeque<IamReply>>,
    at_once: AtomicUsize,
    /// Nothing is answered any more.
    hangs: AtomicBool,
}

impl Transport for IamScript {
    fn send(&self, request: Request, _: Deadline) -> BoxFuture<'_, IamReply> {
        assert_eq!(
            self.at_once.fetch_add(1, Ordering::SeqCst),
            0,
            "one call at a time"
        );
        self.sent.lock().unwrap().push(request);
        if self.hangs.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        let reply = self
            .replies
            .lock()
            .unwrap()
            .pop_front()
            .expect("an unexpected call");
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            reply
        })
    }
}

struct IamStage {
    iam: Iam,
    strikes: Arc<Strikes>,
    script: Arc<IamScript>,
}

impl IamStage {
    fn new(replies: impl IntoIterator<Item = IamReply>) -> Self {
        let wall: WallClock = Arc::new(|| NOON.parse().unwrap());
        let script = Arc::new(IamScript::default());
        let (clock, strikes) = (Arc::new(Clock::new(wall)), Arc::<Strikes>::default());
        let iam = Iam::new(
            script.clone(),
            clock,
            Arc::clone(&strikes),
            Duration::from_secs(15),
        );
        let stage = Self {
            iam,
            strikes,
            script,
        };
        stage.script.replies.lock().unwrap().extend(replies);
        stage
    }

    fn calls(&self) -> usize {
        self.script.sent.lock().unwrap().len()
    }

    async fn token(&self, account: &Account) -> Result<String, Failure> {
        let Credential::Password(user) = &*account.credential else {
            panic!("{account:?}")
        };
        let token = self.iam.token(account, user, Operation::List).await?;
        Ok(token.expose_secret().to_owned())
    }

    async fn project(&self, credential: &Credential) -> Result<String, ProjectLookupError> {
        let credential = Arc::new(credential.clone());
        self.iam
            .project(IAM, &credential, "cn-north-4", Operation::List)
            .await
    }
}

fn answer(status: u16, body: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response {
        status,
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn issued(token: &str) -> Response {
    let mut response = answer(
        201,
        r#"{"token":{"expires_at":"2026-11-26T12:00:00.701000Z"}}"#,
    );
    response
        .headers
        .insert("X-Subject-Token", token.parse().unwrap());
    response
}

fn down() -> IamReply {
    Err(TransportError::NotSent("no connection".to_owned()))
}

fn credential(pairs: &[(&str, &str)]) -> Credential {
    let data = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    CredentialSet::read(&data.collect()).unwrap().credential
}

fn account(project: &str) -> Account {
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: project.to_owned(),
        endpoint: "https://live.example.com".to_owned(),
    };
    Account::new(target, credential(&USER), IAM.to_owned())
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_token() {
    let stage = IamStage::new([Ok(issued("made-1"))]);
    let account = account("project");
    let tokens = join_all((0..20).map(|_| stage.token(&account))).await;
    assert!(tokens.into_iter().all(|token| token.unwrap() == "made-1"));
    assert_eq!(stage.calls(), 1);
    let sent = stage.script.sent.lock().unwrap()[0].clone();
    assert_eq!(
        sent.url,
        "https://iam.example.com/v3/auth/tokens?nocatalog=true"
    );
    assert_eq!(
        sent.headers["content-type"],
        "application/json;charset=utf8"
    );
}

#[tokio::test(start_paused = true)]
async fn every_project_has_a_token_of_its_own() {
    let stage = IamStage::new([Ok(issued("made-1")), Ok(issued("made-2"))]);
    assert_eq!(stage.token(&account("one")).await.unwrap(), "made-1");
    assert_eq!(stage.token(&account("two")).await.unwrap(), "made-2");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_it_ends_and_an_outage_of_iam_bridged() {
    let stage = IamStage::new([Ok(issued("made-1")), down(), Ok(issued("made-2"))]);
    let account = account("project");
    stage.token(&account).await.unwrap();
    tokio::time::advance(HOUR * 17).await;
    assert_eq!(stage.token(&account).await.unwrap(), "made-1");
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.calls(), 1);
    tokio::time::advance(HOUR * 2).await;
    assert_eq!(
        stage.token(&account).await.unwrap(),
        "made-1",
        "still good, IAM is down"
    );
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.token(&account).await.unwrap(), "made-1");
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(stage.calls(), 2, "it is left alone for a moment");
    tokio::time::sleep(SECOND * 2).await;
    stage.token(&account).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.token(&account).await.unwrap(), "made-2");
    assert_eq!(stage.calls(), 3);

    let stage = IamStage::new([Ok(issued("made-1")), down()]);
    stage.token(&account).await.unwrap();
    tokio::time::advance(HOUR * 25).await;
    assert_eq!(
        stage.token(&account).await.unwrap_err().class,
        Class::NotSent
    );
}

#[tokio::test(start_paused = true)]
async fn who_has_a_token_does_not_wait_for_an_iam_that_hangs() {
    let stage = IamStage::new([Ok(issued("made-1"))]);
    let (account, other) = (account("project"), account("other"));
    stage.token(&account).await.unwrap();
    // From now on a reply takes for ever.
    stage.script.hangs.store(true, Ordering::SeqCst);
    tokio::time::advance(HOUR * 19).await;
    let token = async || {
        let token = tokio::time::timeout(SECOND, stage.token(&account)).await;
        token.expect("nobody waits").unwrap()
    };
    for _ in 0..2 {
        assert_eq!(token().await, "made-1");
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.calls(), 2, "one renewal is under way");
    // Nor for the login of the same user to another project.
    let login = stage.token(&other);
    tokio::pin!(login);
    assert!(futures::poll!(login.as_mut()).is_pending());
    assert_eq!(token().await, "made-1");
    assert_eq!(stage.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_token_that_was_refused_is_forgotten() {
    let stage = IamStage::new([Ok(issued("made-1")), Ok(issued("made-2"))]);
    let account = account("project");
    stage.token(&account).await.unwrap();
    stage.iam.forget(&account, &"made-1".into());
    assert_eq!(stage.token(&account).await.unwrap(), "made-2");
    stage.iam.forget(&account, &"made-1".into());
    assert_eq!(stage.token(&account).await.unwrap(), "made-2");
    assert_eq!(stage.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_project_is_looked_up_once() {
    let stage = IamStage::new([Ok(answer(200, ONE))]);
    let key = credential(&KEY);
    let found = join_all((0..20).map(|_| stage.project(&key))).await;
    assert!(found.into_iter().all(|found| found == Ok("p-1".to_owned())));
    tokio::time::advance(HOUR * 100).await;
    assert_eq!(stage.project(&key).await, Ok("p-1".to_owned()));
    let sent = stage.script.sent.lock().unwrap()[0].clone();
    assert_eq!(
        (stage.calls(), sent.url.as_str()),
        (1, "https://iam.example.com/v3/projects?name=cn-north-4")
    );
    assert!(
        sent.headers["authorization"]
            .to_str()
            .unwrap()
            .contains("SignedHeaders=host;x-sdk-date,")
    );
}

/// Credentials change as often as somebody writes them.
#[tokio::test(start_paused = true)]
async fn a_project_is_kept_as_long_as_an_account_has_it() {
    const OTHERS: usize = 50;
    let stage = IamStage::new((0..=OTHERS).map(|_| Ok(answer(200, ONE))));
    let key = credential(&KEY);
    stage.project(&key).await.unwrap();
    let target = account("p-1").target;
    let account = Account::new(target, key.clone(), IAM.to_owned());
    let in_use = stage.iam.project_in_use(&account);
    assert!(in_use.is_some());
    for number in 0..OTHERS {
        let ak = format!("TESTAK{number:010}");
        let other = credential(&[("ak", &ak), KEY[1]]);
        stage.project(&other).await.unwrap();
        tokio::time::advance(Duration::from_mins(10)).await;
    }
    stage.project(&key).await.unwrap();
    assert_eq!(stage.calls(), 1 + OTHERS);
    let kept = stage.iam.projects.count();
    assert!(kept <= 5, "{kept} are kept");
}

#[tokio::test(start_paused = true)]
async fn a_failed_look_up_is_not_repeated_for_a_while() {
    let none = Ok(answer(200, r#"{"projects":[]}"#));
    let stage = IamStage::new([none, down(), Ok(answer(200, ONE))]);
    let key = credential(&KEY);
    for _ in 0..3 {
        let Err(ProjectLookupError::Ambiguous(problem)) = stage.project(&key).await else {
            panic!()
        };
        assert!(
            problem.contains("cn-north-4") && problem.contains("project_id"),
            "{problem}"
        );
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    let Err(ProjectLookupError::Failed(failure)) = stage.project(&key).await else {
        panic!()
    };
    assert_eq!(failure.class, Class::NotSent);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(stage.project(&key).await, Ok("p-1".to_owned()));
    assert_eq!(stage.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_with_a_refused_date_is_dated_anew() {
    let refused = || {
        let mut response = answer(401, r#"{"error_code":"APIG.0303","error_msg":"date"}"#);
        response.headers.insert(
            header::DATE,
            "Wed, 25 Nov 2026 13:00:00 GMT".parse().unwrap(),
        );
        Ok(response)
    };
    let stage = IamStage::new([refused(), Ok(answer(200, ONE))]);
    assert_eq!(stage.project(&credential(&KEY)).await, Ok("p-1".to_owned()));
    let dates: Vec<_> = stage
        .script
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|sent| sent.headers["x-sdk-date"].clone())
        .collect();
    assert_eq!(dates, ["20261125T120000Z", "20261125T130000Z"]);

    let stage = IamStage::new([refused(), refused()]);
    let Err(ProjectLookupError::Failed(failure)) = stage.project(&credential(&KEY)).await else {
        panic!()
    };
    assert_eq!((failure.class, stage.calls()), (Class::ClockSkew, 2));
}
