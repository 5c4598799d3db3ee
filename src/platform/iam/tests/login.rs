//! Users: what a login tells, and who is spared one.

use futures::future::pending;
use tokio::time::timeout;

use crate::platform::iam::tests::*;
use crate::platform::transport::Deadline;

/// A token that IAM scoped to the project of the region.
fn entered(token: &str) -> Response {
    let mut response = issued(token);
    response.body = Bytes::from_static(
        br#"{"token":{"expires_at":"2026-11-26T12:00:00Z","project":{"id":"p-1","name":"cn-north-4"}}}"#,
    );
    response
}

/// As Keystone refuses wrong passwords and unknown projects alike.
fn refused() -> Response {
    answer(
        401,
        r#"{"error":{"code":401,"message":"no","title":"Unauthorized"}}"#,
    )
}

fn scopes(stage: &IamStage) -> Vec<String> {
    let sent = stage.script.sent.lock().unwrap();
    let scope = |request: &Request| {
        let body: serde_json::Value = serde_json::from_slice(request.body.as_deref()?).ok()?;
        Some(body.pointer("/auth/scope")?.to_string())
    };
    let scope = |request| scope(request).unwrap_or_else(|| "a list".to_owned());
    sent.iter().map(scope).collect()
}

#[tokio::test(start_paused = true)]
async fn one_login_answers_for_project_and_token_wherever_the_project_is_named() {
    let stage = IamStage::new([Ok(entered("made-1")), Ok(issued("made-2"))]);
    let user = credential(&USER);
    assert_eq!(stage.project(&user).await, Ok("p-1".to_owned()));
    assert_eq!(stage.token(&account("p-1")).await.unwrap(), "made-1");
    tokio::time::advance(HOUR * 19).await;
    assert_eq!(stage.token(&account("p-1")).await.unwrap(), "made-1");
    tokio::time::sleep(SECOND).await;
    assert_eq!(stage.token(&account("p-1")).await.unwrap(), "made-2");
    let by_id = r#"{"project":{"id":"p-1"}}"#;
    assert_eq!(
        scopes(&stage),
        [r#"{"project":{"name":"cn-north-4"}}"#, by_id]
    );

    let stage = IamStage::new([Ok(entered("made-1"))]);
    assert_eq!(stage.token(&account("p-1")).await.unwrap(), "made-1");
    assert_eq!(stage.project(&user).await, Ok("p-1".to_owned()));
    let elsewhere = Account::new(
        Target {
            endpoint: "https://live-2.example.com".to_owned(),
            ..account("p-1").target
        },
        user,
        IAM.to_owned(),
    );
    assert_eq!(stage.token(&elsewhere).await.unwrap(), "made-1");
    assert_eq!(scopes(&stage), [by_id]);
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_not_there_is_told_with_those_that_are() {
    let forbidden = || {
        Ok(answer(
            403,
            r#"{"error_code":"IAM.0003","error_msg":"policy"}"#,
        ))
    };
    let two = r#"{"projects":[{"id":"1","name":"cn-east-3"},{"id":"2","name":"eu-west-101"}]}"#;
    for (no, list, expected) in [
        (
            Ok(refused()),
            Ok(answer(200, two)),
            "cn-east-3, eu-west-101",
        ),
        (forbidden(), Ok(answer(200, r#"{"projects":[]}"#)), "none"),
        (Ok(refused()), forbidden(), "none"),
    ] {
        let stage = IamStage::new([no, Ok(issued("domain-token")), list]);
        let Err(ProjectLookupError::Ambiguous(problem)) = stage.project(&credential(&USER)).await
        else {
            panic!()
        };
        assert!(problem.contains(expected), "{problem}");
        let account = r#"{"domain":{"name":"domain"}}"#;
        assert_eq!(scopes(&stage)[1..], [account, "a list"]);
        let sent = stage.script.sent.lock().unwrap();
        assert_eq!(sent[2].headers["x-auth-token"], "domain-token");
    }
}

#[tokio::test(start_paused = true)]
async fn a_project_that_the_login_does_not_tell_is_looked_up() {
    let list = Ok(answer(200, ONE));
    let stage = IamStage::new([Ok(issued("mute")), Ok(issued("domain-token")), list]);
    let user = credential(&USER);
    assert_eq!(stage.project(&user).await, Ok("p-1".to_owned()));
    assert_eq!(stage.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_twice_at_most() {
    for (no, calls) in [
        (refused as fn() -> Response, 2),
        (
            || answer(401, r#"{"error_code":"IAM.0062","error_msg":"no"}"#),
            1,
        ),
    ] {
        let stage = IamStage::new([Ok(no()), Ok(no())]);
        let Err(ProjectLookupError::Failed(failure)) = stage.project(&credential(&USER)).await
        else {
            panic!()
        };
        assert_eq!((failure.class, stage.calls()), (Class::Credential, calls));
        tokio::time::advance(Duration::from_secs(31)).await;
        for _ in 0..3 {
            stage.project(&credential(&USER)).await.unwrap_err();
            tokio::time::advance(Duration::from_secs(31)).await;
        }
        assert_eq!(stage.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_is_the_answer_to_all_who_wait_for_it_and_counts_once() {
    let stage = IamStage::new([Ok(refused()), Ok(issued("made-1"))]);
    let account = account("project");
    let answers = join_all((0..20).map(|_| stage.token(&account))).await;
    let failures: Vec<_> = answers.into_iter().map(Result::unwrap_err).collect();
    assert!(
        failures
            .iter()
            .all(|failure| failure.class == Class::Credential)
    );
    let sent = failures
        .iter()
        .filter(|failure| failure.http_status.is_some());
    assert_eq!((sent.count(), stage.calls()), (1, 1));
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(stage.token(&account).await.unwrap(), "made-1");
}

/// Who asked gives up while IAM is asked.
async fn give_up<T>(asked: impl Future<Output = T>) {
    assert!(timeout(SECOND / 20, asked).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_of_iam_is_there_for_the_next_when_who_asked_gives_up() {
    let stage = IamStage::new([Ok(issued("made-1"))]);
    give_up(stage.token(&account("project"))).await;
    assert_eq!(stage.token(&account("project")).await.unwrap(), "made-1");
    assert_eq!(stage.calls(), 1);

    let (user, pair) = (credential(&USER), credential(&KEY));
    let stage = IamStage::new([Ok(entered("made-1")), Ok(answer(200, ONE))]);
    for by in [&user, &pair] {
        give_up(stage.project(by)).await;
        assert_eq!(stage.project(by).await, Ok("p-1".to_owned()));
    }
    assert_eq!(stage.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_login_counts_once_when_who_asked_for_it_gives_up() {
    let stage = IamStage::new([Ok(refused())]);
    let account = account("project");
    give_up(stage.token(&account)).await;
    let answers = join_all((0..20).map(|_| stage.token(&account))).await;
    let failures: Vec<_> = answers.into_iter().map(Result::unwrap_err).collect();
    let sent = failures
        .iter()
        .filter(|failure| failure.http_status.is_some());
    assert_eq!((sent.count(), stage.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_a_login_of_a_user_that_is_stopped_meanwhile_makes_none() {
    let stage = IamStage::new([]);
    for _ in 0..2 {
        let pass = stage.strikes.enter(&credential(&USER)).await.unwrap();
        pass.end(crate::platform::strikes::CredentialVerdict::Refused);
    }
    let failure = stage.token(&account("project")).await.unwrap_err();
    assert_eq!((failure.class, stage.calls()), (Class::Credential, 0));
}

/// Answers everybody but one user, and that one never; with the longest tokens that there are those whose name says so.
#[derive(Default)]
struct Hanging(AtomicUsize);

impl Transport for Hanging {
    fn send(&self, request: Request, _: Deadline) -> BoxFuture<'_, IamReply> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
        if body.contains("\"name\":\"hanging\"") {
            return Box::pin(pending());
        }
        let long = body.contains("\"name\":\"long");
        let token = "t".repeat(if long { 64 * 1024 } else { 4_000 });
        Box::pin(async move { Ok(issued(&token)) })
    }
}

impl Hanging {
    fn iam() -> (Arc<Self>, Iam) {
        let wall: WallClock = Arc::new(|| NOON.parse().unwrap());
        let (transport, clock) = (Arc::<Self>::default(), Arc::new(Clock::new(wall)));
        let timeout = Duration::from_secs(15);
        let iam = Iam::new(transport.clone(), clock, Arc::default(), timeout);
        (transport, iam)
    }

    fn calls(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn account_of(username: &str) -> Account {
    let pairs = [("username", username), USER[1], USER[2]];
    let target = account("project").target;
    Account::new(target, credential(&pairs), IAM.to_owned())
}

async fn token_of(iam: &Iam, account: &Account) -> Result<SecretString, Failure> {
    let Credential::Password(user) = &*account.credential else {
        panic!()
    };
    iam.token(account, user, Operation::List).await
}

#[tokio::test(start_paused = true)]
async fn a_login_that_hangs_holds_up_its_own_user_only_and_no_number_of_users_makes_a_token_in_use_forgotten()
 {
    let (transport, iam) = Hanging::iam();
    let (hanging, first) = (account_of("hanging"), account_of("first"));
    let hung = token_of(&iam, &hanging);
    tokio::pin!(hung);
    assert!(futures::poll!(hung.as_mut()).is_pending());
    token_of(&iam, &first).await.unwrap();
    let in_use = iam.login_in_use(&first).unwrap();
    for number in 0..1_500 {
        let account = account_of(&format!("user-{number}"));
        token_of(&iam, &account).await.unwrap();
        tokio::time::advance(SECOND).await;
    }
    let users = iam.logins.users();
    assert!(users <= 65, "{users} are known, of which 2 are in use");
    token_of(&iam, &first).await.unwrap();
    assert_eq!(transport.calls(), 1 + 1 + 1_500);
    drop(in_use);
    tokio::time::advance(HOUR).await;
    token_of(&iam, &account_of("late")).await.unwrap();
    assert_eq!(iam.logins.users(), 2, "the one that hangs and the late one");
}

#[tokio::test(start_paused = true)]
async fn of_a_user_the_tokens_of_projects_in_use_are_kept() {
    let (transport, iam) = Hanging::iam();
    let used: Vec<_> = (0..3)
        .map(|number| account(&format!("used-{number}")))
        .collect();
    let in_use = used.iter().map(|used| iam.login_in_use(used).unwrap());
    let in_use: Vec<_> = in_use.collect();
    for used in &used {
        token_of(&iam, used).await.unwrap();
    }
    for number in 0..300 {
        let gone = account(&format!("gone-{number}"));
        drop((iam.login_in_use(&gone), iam.login_in_use(&used[0])));
        token_of(&iam, &gone).await.unwrap();
        tokio::time::advance(SECOND).await;
    }
    let (tokens, _) = iam.logins.kept();
    assert!((3..=65).contains(&tokens), "{tokens} are kept");
    for used in &used {
        token_of(&iam, used).await.unwrap();
    }
    assert_eq!(transport.calls(), 3 + 300);
    drop(in_use);
}

#[tokio::test(start_paused = true)]
async fn long_tokens_have_so_much_room_and_go_before_those_of_others() {
    let (transport, iam) = Hanging::iam();
    let others: Vec<_> = (0..20)
        .map(|number| account_of(&format!("user-{number}")))
        .collect();
    let mut in_use = Vec::new();
    for other in &others {
        token_of(&iam, other).await.unwrap();
        in_use.push(iam.login_in_use(other));
    }
    for number in 0..400 {
        let account = account_of(&format!("long-{number}"));
        token_of(&iam, &account).await.unwrap();
        in_use.push(iam.login_in_use(&account));
    }
    let (tokens, bytes) = iam.logins.kept();
    assert!(
        bytes <= 16 * 1024 * 1024,
        "{bytes} bytes of {tokens} tokens"
    );
    assert!(tokens > 250, "{tokens} are kept");
    let before = transport.calls();
    for other in &others {
        token_of(&iam, other).await.unwrap();
    }
    assert_eq!(transport.calls(), before);
}

#[tokio::test(start_paused = true)]
async fn an_iam_that_issues_expired_tokens_is_not_asked_before_each_call() {
    let expired = |token| {
        let mut response = issued(token);
        response.body = Bytes::from_static(br#"{"token":{"expires_at":"2020-01-01T00:00:00Z"}}"#);
        Ok(response)
    };
    let stage = IamStage::new([expired("made-1"), expired("made-2"), expired("made-3")]);
    let account = account("p-1");
    for _ in 0..120 {
        stage.token(&account).await.unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    assert_eq!(stage.calls(), 3, "in ten minutes");
}
