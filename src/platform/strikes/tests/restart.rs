//! What a process believes of the refusals that another one met.

use crate::platform::strikes::tests::*;

#[tokio::test(start_paused = true)]
async fn a_restart_forgets_no_stop() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    advance(MINUTES_5).await;
    strikes.inherit(&key, Duration::from_mins(3));
    let stopped = call(&strikes, &key, Refused).await.unwrap_err();
    let failure = stopped.failure(Operation::List);
    assert_eq!(failure.class, Class::Credential);
    assert_eq!(failure.retry_after, Some(Duration::from_mins(2)));
    assert!(
        failure.message.starts_with("not sent: "),
        "{}",
        failure.message
    );
    advance(Duration::from_mins(2)).await;
    assert_eq!(call(&strikes, &key, Accepted).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_before_a_restart_counts_for_the_whole_key() {
    let strikes = Strikes::new();
    advance(MINUTES_5).await;
    let wrong: Vec<_> = (0..3)
        .map(|n| pair("TESTAK", &format!("wrong-{n}")))
        .collect();
    for key in &wrong[..2] {
        strikes.inherit(key, Duration::from_mins(1));
    }
    assert!(call(&strikes, &wrong[2], Refused).await.is_err());
    advance(Duration::from_mins(4)).await;
    call(&strikes, &wrong[2], Refused).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_process_believes_itself_more_than_what_it_inherits() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    call(&strikes, &key, Refused).await.unwrap();
    strikes.inherit(&key, Duration::ZERO);
    assert_eq!(strikes.stopped(&key), None);
    strikes.inherit(&pair("TESTAK", "two"), MINUTES_5);
    assert_eq!(strikes.stopped(&pair("TESTAK", "two")), None);
}

#[test]
fn only_live_itself_vouches_for_a_credential() {
    let verdict = |class, code: Option<&str>| {
        let mut failure = failures::failure_before_sending(Operation::List, class, "");
        failure.code = code.map(str::to_owned);
        failure.http_status = Some(400);
        CredentialVerdict::of::<()>(&Err(failure))
    };
    assert_eq!(CredentialVerdict::of(&Ok(())), Accepted);
    assert_eq!(verdict(Class::Credential, Some("APIG.0301")), Refused);
    assert_eq!(verdict(Class::Rejected, Some("LIVE.100011001")), Accepted);
    assert_eq!(verdict(Class::Permission, Some("LIVE.100011003")), Accepted);
    assert_eq!(verdict(Class::Rejected, Some("APIG.0101")), Unknown);
    assert_eq!(verdict(Class::ClockSkew, Some("APIG.0303")), Unknown);
    assert_eq!(verdict(Class::CloudDown, None), Unknown);
    for (status, says) in [
        (401, Refused),
        (499, Refused),
        (500, Unknown),
        (502, Unknown),
    ] {
        let mut failure = failures::failure_before_sending(Operation::List, Class::Credential, "");
        failure.http_status = Some(status);
        assert_eq!(CredentialVerdict::of_failure(&failure), says, "{status}");
    }
    let held_back = failures::failure_before_sending(Operation::List, Class::Credential, "");
    let verdict = CredentialVerdict::of_failure(&held_back);
    assert_eq!(verdict, Unknown, "it is counted already");
}

#[tokio::test(start_paused = true)]
async fn one_that_settled_an_object_has_a_try_of_its_own_after_a_restart() {
    let strikes = Strikes::new();
    advance(MINUTES_5).await;
    for wrong in ["wrong-1", "wrong-2"] {
        strikes.inherit(&pair("TESTAK", wrong), Duration::ZERO);
    }
    let (good, rotten) = (pair("TESTAK", "good"), pair("TESTAK", "rotten"));
    assert!(strikes.stopped(&good).is_some());
    let late = pair("TESTAK", "wrong-3");
    for settled in [&good, &rotten, &pair("TESTAK", "wrong-1"), &late] {
        strikes.vouch(settled);
    }
    strikes.inherit(&late, Duration::ZERO);
    assert!(strikes.stopped(&late).is_some(), "in whatever order");
    call(&strikes, &good, Unknown).await.unwrap();
    call(&strikes, &good, Accepted).await.unwrap();
    call(&strikes, &good, Accepted).await.unwrap();
    call(&strikes, &rotten, Refused).await.unwrap();
    assert!(call(&strikes, &rotten, Refused).await.is_err());
    strikes.vouch(&rotten);
    assert!(call(&strikes, &rotten, Refused).await.is_err());
    let refused_itself = pair("TESTAK", "wrong-1");
    assert!(call(&strikes, &refused_itself, Refused).await.is_err());
}
