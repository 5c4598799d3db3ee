//! Permission is judged last: whoever waited asks again before it sends.

use tokio::time::{Instant, advance};

use super::*;
use crate::platform::strikes::CredentialVerdict;

const LISTED: &str = r#"{"total":0,"callback_config":[]}"#;

fn throttle(seconds: &'static str) -> crate::platform::transport::Response {
    let mut response = refusal(429, "APIG.0308", Some(DATE));
    let wait = seconds.parse().unwrap();
    response.headers.insert(header::RETRY_AFTER, wait);
    response
}

pub(super) async fn create_with(
    stage: &ClientStage,
    token: Token,
) -> Result<Answer<Option<Row>>, Failure> {
    let (place, content) = (place(), content());
    let payload = Payload {
        place: &place,
        content: &content,
        key: None,
    };
    let account = &stage.account;
    let permit = permit(token, account, stage.deadline());
    stage.client.create(permit, account, payload).await
}

pub(super) async fn list_with(stage: &ClientStage, token: Token) -> Result<Answer<Page>, Failure> {
    let account = &stage.account;
    stage.client.list(token, account, None, 0, 100).await
}

#[tokio::test(start_paused = true)]
async fn a_token_from_before_the_cloud_throttled_is_leave_no_more() {
    let stage = ClientStage::new(&TOKEN);
    advance(Duration::from_secs(10)).await;
    let (first, second, third) = (
        stage.token().await,
        stage.token().await,
        stage.token().await,
    );
    stage.reply(throttle("60"));
    let failure = list_with(&stage, first).await.unwrap_err();
    assert_eq!(failure.class, Class::Throttled);

    let failure = create_with(&stage, second).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.http_status),
        (Class::Throttled, None)
    );
    assert_eq!(failure.retry_after, Some(Duration::from_mins(1)));
    assert_eq!(stage.sent().len(), 1, "the change was not sent");

    stage.reply(answer(200, LISTED));
    let start = Instant::now();
    list_with(&stage, third).await.unwrap();
    let waited = start.elapsed();
    assert!(waited >= Duration::from_mins(1), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_proxy_with_a_429_slows_the_account_down_too() {
    let stage = ClientStage::new(&TOKEN);
    let mut reply = answer(429, "<html>slow down</html>");
    reply
        .headers
        .insert(header::RETRY_AFTER, "60".parse().unwrap());
    stage.reply(reply);
    let failure = list(&stage, &stage.account).await.unwrap_err();
    assert_eq!(failure.class, Class::Protocol);
    let start = Instant::now();
    drop(stage.token().await);
    assert!(start.elapsed() >= Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_a_login_does_not_send_what_was_forbidden_meanwhile() {
    let stage = Arc::new(ClientStage::new(&USER));
    let _in_use = stage.client.strikes.in_use(&stage.account.credential);
    stage.reply(stage::issued("made-1"));
    stage.reply(answer(200, LISTED));
    list(&stage, &stage.account).await.unwrap();
    advance(Duration::from_hours(25)).await;

    // The login of one call takes so long that others of the same user are refused twice.
    let meanwhile = Arc::clone(&stage.client.strikes);
    let credential = stage.account.credential.clone();
    let passes = [
        meanwhile.enter(&credential).await.unwrap(),
        meanwhile.enter(&credential).await.unwrap(),
    ];
    drop(passes);
    let stopped = Arc::clone(&meanwhile);
    stage.answer_to(move |_| {
        for _ in 0..2 {
            let enter = stopped.enter(&credential);
            let pass = futures::FutureExt::now_or_never(enter).unwrap().unwrap();
            pass.end(CredentialVerdict::Refused);
        }
        stage::issued("made-2").into()
    });
    let failure = list(&stage, &stage.account).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.http_status),
        (Class::Credential, None)
    );
    assert_eq!(stage.sent().len(), 3, "two logins and the first list");
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_a_first_answer_no_longer_than_it_may() {
    let stage = ClientStage::new(&AK);
    let probe = stage.client.strikes.enter(&stage.account.credential).await;
    let token = stage.token().await;
    let start = Instant::now();
    let failure = create_with(&stage, token).await.unwrap_err();
    assert_eq!(failure.class, Class::NotSent);
    assert_eq!(start.elapsed(), Duration::from_millis(7_500));
    assert!(stage.sent().is_empty());
    drop(probe);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_turn_does_not_come_is_given_up_and_not_sent() {
    for pairs in [&AK[..], &USER[..]] {
        let stage = ClientStage::new(pairs);
        stage.crowd();
        let token = stage.token().await;
        let start = Instant::now();
        let failure = list_with(&stage, token).await.unwrap_err();
        assert_eq!((failure.class, failure.http_status), (Class::NotSent, None));
        assert!(failure.message.contains("as many calls"), "{failure:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(15));

        let token = stage.token().await;
        let start = Instant::now();
        let failure = create_with(&stage, token).await.unwrap_err();
        assert_eq!(failure.class, Class::NotSent);
        // With less than half of its time left it would more often be of unknown outcome than tell one.
        assert!(start.elapsed() <= Duration::from_secs(8));
        assert!(stage.sent().is_empty());
    }
}
