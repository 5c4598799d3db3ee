//! Which answers are believed.

use super::*;

async fn delete(stage: &ClientStage) -> Result<Answer<()>, Failure> {
    let (token, deadline) = (stage.token().await, stage.deadline());
    let account = &stage.account;
    stage.client.delete(token, account, "id-1", deadline).await
}

async fn update(stage: &ClientStage) -> Result<Answer<Option<Row>>, Failure> {
    let (place, content) = (place(), content());
    let payload = Payload {
        place: &place,
        content: &content,
        key: None,
    };
    let (token, deadline) = (stage.token().await, stage.deadline());
    let account = &stage.account;
    stage
        .client
        .update(token, account, "id-1", payload, deadline)
        .await
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_done_when_nothing_or_an_object_without_an_error_says_so() {
    let stage = ClientStage::new(&TOKEN);
    for (status, body) in [(204, ""), (200, ""), (202, "{}"), (200, ROW)] {
        stage.reply(answer(status, body));
        let done = delete(&stage).await.unwrap();
        assert_eq!(done.http_status, status);
    }
    for body in [
        "<html><body>Welcome</body></html>",
        "OK",
        r#"{"id":"#,
        "[]",
        r#"{"error_code":"LIVE.100011005","error_msg":"text"}"#,
        r#"{"errorCode":"LIVE.103011019"}"#,
        r#"{"error":{"code":500,"message":"text"}}"#,
    ] {
        stage.reply(answer(200, body));
        let failure = delete(&stage).await.unwrap_err();
        assert_eq!(failure.class, Class::Protocol, "{body}");
        assert!(failure.may_have_changed());
    }
}

#[tokio::test(start_paused = true)]
async fn the_id_of_an_own_create_is_taken_wherever_the_answer_puts_it_and_an_update_wants_its_own()
{
    let stage = ClientStage::new(&TOKEN);
    let elsewhere =
        r#"{"id":"id-1","publish_domain":"other.example.com","app":"x","sign_type":[]}"#;
    stage.reply(answer(201, elsewhere));
    let row = create(&stage, &stage.account).await.unwrap().value;
    assert_eq!(row.unwrap().id, "id-1");
    stage.reply(answer(200, r#"{"id":"id-2"}"#));
    let failure = update(&stage).await.unwrap_err();
    assert_eq!(failure.class, Class::Protocol);
    stage.reply(answer(200, r#"{"id":"id-1","app":"x"}"#));
    let row = update(&stage).await.unwrap().value.unwrap();
    assert_eq!((row.id.as_str(), row.place.app()), ("id-1", "x"));
}

#[tokio::test(start_paused = true)]
async fn no_row_is_made_of_an_answer_that_names_an_error() {
    let stage = ClientStage::new(&TOKEN);
    let both = r#"{"id":"id-1","error_code":"LIVE.100011001","total":0}"#;
    for _ in 0..3 {
        stage.reply(answer(200, both));
    }
    for failure in [
        create(&stage, &stage.account).await.unwrap_err(),
        update(&stage).await.unwrap_err(),
        list(&stage, &stage.account).await.unwrap_err(),
    ] {
        let code = failure.code.as_deref();
        assert_eq!(
            (failure.class, code),
            (Class::Protocol, Some("LIVE.100011001"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_project_is_told_by_its_total_alone() {
    let stage = ClientStage::new(&TOKEN);
    for body in [
        r#"{"total":0,"callback_config":null}"#,
        r#"{"total":0}"#,
        r#"{"total":0,"callback_config":[]}"#,
    ] {
        stage.reply(answer(200, body));
        let page = list(&stage, &stage.account).await.unwrap().value;
        assert_eq!((page.total, page.rows), (0, Vec::new()), "{body}");
    }
}
