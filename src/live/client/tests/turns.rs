//! What a call waits for between its token and its answer: no longer than it may, and at nobody else's cost.

use tokio::time::{Instant, sleep, timeout};

use super::permits::{create_with, list_with};
use super::stage::{issued, without_iam};
use super::*;

const LISTED: &str = r#"{"total":0,"callback_config":[]}"#;
const NO_LOGIN: [(&str, &str); 3] = [
    ("username", "user"),
    ("password", "made-up"),
    ("domain_name", "domain"),
];
/// A change is sent while it has half of the request timeout left.
const HALF: Duration = Duration::from_millis(7_500);

/// A user whose token is there, and has served.
async fn logged_in(stage: &ClientStage) {
    stage.reply(issued("made-1"));
    stage.reply(answer(200, LISTED));
    list(stage, &stage.account).await.unwrap();
}

/// The Live API counts by user: 300 projects whose logins hang, by an IAM that somebody names or by one that is slow, are that user's, too.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_login_or_for_a_first_answer_keeps_no_token_from_the_others() {
    for credential in [NO_LOGIN, USER] {
        let stage = Arc::new(ClientStage::with_quota(&USER, 270));
        let _in_use = stage.client.strikes.in_use(&stage.account.credential);
        logged_in(&stage).await;
        let mut lists = Vec::new();
        for number in 0..300 {
            let stage = Arc::clone(&stage);
            lists.push(tokio::spawn(async move {
                let account = without_iam(&credential, &number.to_string());
                let token = stage.token().await;
                let list = stage.client.list(token, &account, None, 0, 100);
                list.await.unwrap_err();
            }));
        }
        sleep(Duration::from_secs(187)).await;
        let waiting = lists.iter().filter(|list| !list.is_finished()).count();
        assert!(waiting > 270, "they do wait: {waiting}");
        stage.reply(answer(200, LISTED));
        let other = async {
            let token = stage.token_of("other").await;
            list_with(&stage, token).await.unwrap();
        };
        let answered = timeout(Duration::from_secs(1), other).await;
        assert!(answered.is_ok(), "{credential:?}");
        for list in lists {
            list.abort();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_a_login_no_longer_than_it_may() {
    let stage = ClientStage::new(&USER);
    let silent = without_iam(&USER, "project");
    let start = Instant::now();
    let failure = create(&stage, &silent).await.unwrap_err();
    assert_eq!((failure.class, failure.http_status), (Class::NotSent, None));
    assert_eq!(start.elapsed(), HALF);
    // What becomes of the login is kept for the next one.
    sleep(HALF).await;
    let failure = create(&stage, &silent).await.unwrap_err();
    assert!(failure.message.contains("no answer"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_is_not_made_once_more_after_a_pause_of_the_cloud() {
    let stage = ClientStage::new(&USER);
    logged_in(&stage).await;
    let other = stage.token().await.spend();
    stage.answer_to(move |_| {
        other.throttled(Some(Duration::from_mins(10)));
        refusal(401, "APIG.0307", None).into()
    });
    let token = stage.token().await;
    let start = Instant::now();
    let failure = create_with(&stage, token).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(
        (failure.class, failure.http_status),
        (Class::Throttled, None)
    );
    assert_eq!(failure.retry_after, Some(Duration::from_mins(10)));
    assert!(!failure.may_have_changed());
    assert_eq!(stage.sent().len(), 3, "the POST was made once");
}

#[tokio::test(start_paused = true)]
async fn a_refused_change_waits_for_its_next_turn_no_longer_than_it_may() {
    let stage = ClientStage::with_quota(&USER, 1);
    logged_in(&stage).await;
    let token = stage.token().await;
    stage.reply(refusal(401, "APIG.0307", None));
    let start = Instant::now();
    let failure = create_with(&stage, token).await.unwrap_err();
    assert_eq!(start.elapsed(), HALF);
    assert_eq!(
        (failure.class, failure.http_status),
        (Class::Throttled, None)
    );
    assert_eq!(stage.sent().len(), 3, "the POST was made once");
}

/// A look, which nobody's deadline ends, gives up its leave to prove a credential: others wait for that.
#[tokio::test(start_paused = true)]
async fn a_look_that_is_to_be_made_once_more_holds_up_nobody_who_has_his_turn() {
    let stage = Arc::new(ClientStage::with_quota(&AK, 1));
    stage.reply(refusal(
        401,
        "APIG.0303",
        Some("Wed, 25 Nov 2026 12:20:00 GMT"),
    ));
    let slow = Arc::clone(&stage);
    let token = stage.token().await;
    let looking = tokio::spawn(async move { list_with(&slow, token).await });
    sleep(Duration::from_secs(16)).await;
    let enter = stage.client.strikes.enter(&stage.account.credential);
    let pass = timeout(Duration::from_millis(1), enter).await;
    drop(pass.expect("another may call").unwrap());
    stage.reply(answer(200, LISTED));
    looking.await.unwrap().unwrap();
    assert_eq!(stage.sent()[1].headers["x-sdk-date"], "20261125T122000Z");
}
