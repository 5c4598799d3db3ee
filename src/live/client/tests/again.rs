//! What is made once more, and what is held back.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_refused_date_is_corrected_and_the_call_made_once_more() {
    let stage = ClientStage::new(&AK);
    let ahead = "Wed, 25 Nov 2026 12:20:00 GMT";
    stage.reply(refusal(401, "APIG.0303", Some(ahead)));
    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
    let dates: Vec<_> = stage
        .sent()
        .iter()
        .map(|sent| sent.headers["x-sdk-date"].clone())
        .collect();
    assert_eq!(dates, ["20261125T120000Z", "20261125T122000Z"]);
    let stage = ClientStage::new(&AK);
    stage.reply(refusal(401, "APIG.0303", Some(ahead)));
    stage.reply(refusal(401, "APIG.0303", Some(ahead)));
    let failure = create(&stage, &stage.account).await.unwrap_err();
    assert_eq!((failure.class, stage.sent().len()), (Class::ClockSkew, 2));
}

#[tokio::test(start_paused = true)]
async fn one_wrong_date_moves_no_clock_but_dates_the_one_call_that_it_refused() {
    let stage = ClientStage::new(&AK);
    let wrong = "Wed, 25 Nov 2026 18:00:00 GMT";
    stage.reply(refusal(401, "APIG.0303", Some(wrong)));
    stage.reply(refusal(401, "APIG.0303", Some(DATE)));
    let failure = create(&stage, &stage.account).await.unwrap_err();
    assert_eq!(failure.class, Class::ClockSkew);
    stage.reply(answer(201, ROW));
    let answer = create(&stage, &stage.account).await.unwrap();
    assert_eq!((answer.at, answer.date), (noon(), None));
    let dates: Vec<_> = stage
        .sent()
        .iter()
        .map(|sent| sent.headers["x-sdk-date"].clone())
        .collect();
    let (noon, evening) = ("20261125T120000Z", "20261125T180000Z");
    assert_eq!(dates, [noon, evening, noon]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_right_date_or_for_another_cause_is_not_repeated() {
    for (pairs, reply, class) in [
        (
            &AK[..],
            refusal(401, "APIG.0301", Some(DATE)),
            Class::Credential,
        ),
        (&AK, refusal(401, "APIG.0301", None), Class::Credential),
        (
            &AK,
            refusal(401, "APIG.0301", Some("Wed, 25 Nov 2026 12:04:59 GMT")),
            Class::Credential,
        ),
        (
            &AK,
            refusal(401, "LIVE.100011003", Some("Wed, 25 Nov 2026 13:00:00 GMT")),
            Class::Permission,
        ),
        (
            &TOKEN,
            refusal(401, "APIG.0307", Some("Wed, 25 Nov 2026 13:00:00 GMT")),
            Class::Credential,
        ),
    ] {
        let stage = ClientStage::new(pairs);
        stage.reply(reply);
        let failure = create(&stage, &stage.account).await.unwrap_err();
        assert_eq!((failure.class, stage.sent().len()), (class, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_was_refused_twice_is_held_back_with_its_token() {
    let stage = ClientStage::new(&AK);
    for _ in 0..2 {
        stage.reply(refusal(401, "APIG.0301", Some(DATE)));
        create(&stage, &stage.account).await.unwrap_err();
    }
    let failure = create(&stage, &stage.account).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.http_status),
        (Class::Credential, None)
    );
    assert!(
        failure.message.starts_with("not sent: "),
        "{}",
        failure.message
    );
    assert_eq!(stage.sent().len(), 2);
    tokio::time::advance(Duration::from_mins(5)).await;
    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_users_token_is_made_once_and_renewed_once_when_refused() {
    let stage = ClientStage::new(&USER);
    stage.reply(stage::issued("made-1"));
    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
    stage.reply(refusal(401, "APIG.0307", None));
    stage.reply(stage::issued("made-2"));
    stage.reply(answer(201, ROW));
    create(&stage, &stage.account).await.unwrap();
    let tokens: Vec<_> = stage
        .sent()
        .iter()
        .map(|sent| {
            sent.headers
                .get("x-auth-token")
                .map(|token| token.to_str().unwrap().to_owned())
        })
        .collect();
    let some = |token: &str| Some(token.to_owned());
    assert_eq!(
        tokens,
        [None, some("made-1"), some("made-1"), None, some("made-2")]
    );

    stage.reply(refusal(401, "APIG.0307", None));
    stage.reply(stage::issued("made-3"));
    stage.reply(refusal(401, "APIG.0307", None));
    let failure = create(&stage, &stage.account).await.unwrap_err();
    assert_eq!(
        (failure.class, stage.sent().len()),
        (Class::Credential, 8),
        "and no third time"
    );
}

/// Whoever answers 5xx may have carried it out, whatever code stands in the answer.
#[tokio::test(start_paused = true)]
async fn a_change_that_may_have_happened_is_not_made_once_more() {
    let late = Some("Wed, 25 Nov 2026 12:20:00 GMT");
    for status in [500, 502, 503] {
        for code in ["APIG.0301", "APIG.0307", "LIVE.100011002", "IAM.0062"] {
            let stage = ClientStage::new(&USER);
            stage.reply(stage::issued("made-1"));
            stage.reply(refusal(status, code, late));
            let failure = create(&stage, &stage.account).await.unwrap_err();
            assert_eq!(failure.class, Class::Credential);
            assert!(failure.may_have_changed(), "{status} {code}");
            assert_eq!(stage.sent().len(), 2, "a login and one POST");
            // The next call is not refused for the same token.
            stage.reply(stage::issued("made-2"));
            stage.reply(answer(201, ROW));
            create(&stage, &stage.account).await.unwrap();
            assert_eq!(stage.sent()[3].headers["x-auth-token"], "made-2");

            stage.reply(refusal(status, code, late));
            stage.reply(stage::issued("made-3"));
            stage.reply(answer(200, r#"{"total":0}"#));
            list(&stage, &stage.account).await.unwrap();
        }
    }
}
