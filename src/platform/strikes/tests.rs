//! The rules of strikes in virtual time, and that no order of events breaks them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use proptest::prelude::*;
use tokio::time::advance;

use crate::platform::credentials::CredentialSet;
use crate::platform::strikes::CredentialVerdict::{Accepted, Refused, Unknown};
use crate::platform::strikes::*;

mod restart;

const MINUTES_5: Duration = Duration::from_mins(5);

fn credential(pairs: &[(&str, &str)]) -> Credential {
    let data: BTreeMap<_, _> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect();
    CredentialSet::read(&data).unwrap().credential
}

fn pair(ak: &str, sk: &str) -> Credential {
    credential(&[("ak", ak), ("sk", sk)])
}

async fn call(
    strikes: &Strikes,
    credential: &Credential,
    verdict: CredentialVerdict,
) -> Result<(), Stopped> {
    strikes
        .enter(credential)
        .await
        .map(|pass| pass.end(verdict))
}

/// Whether entering would wait.
async fn waits(strikes: &Strikes, credential: &Credential) -> bool {
    tokio::time::timeout(Duration::from_millis(1), strikes.enter(credential))
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn a_new_credential_makes_one_call_at_a_time_until_it_is_accepted() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    let first = strikes.enter(&key).await.unwrap();
    assert!(waits(&strikes, &key).await);
    assert!(!waits(&strikes, &pair("OTHER", "one")).await);
    let (second, ()) = tokio::join!(strikes.enter(&key), async {
        first.end(Unknown);
    });
    assert!(
        waits(&strikes, &key).await,
        "an unknown verdict proves nothing"
    );
    second.unwrap().end(Accepted);
    let _many = [
        strikes.enter(&key).await.unwrap(),
        strikes.enter(&key).await.unwrap(),
    ];
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_lets_the_next_one_in() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    drop(strikes.enter(&key).await.unwrap());
    assert!(!waits(&strikes, &key).await);
}

#[tokio::test(start_paused = true)]
async fn two_refusals_stop_a_credential_for_five_minutes() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    call(&strikes, &key, Refused).await.unwrap();
    assert_eq!(strikes.stopped(&key), None);
    call(&strikes, &key, Refused).await.unwrap();
    let until = Instant::now() + MINUTES_5;
    assert_eq!(call(&strikes, &key, Refused).await, Err(Stopped { until }));
    assert_eq!(strikes.stopped(&key), Some(Stopped { until }));
    let repaired = pair("TESTAK", "repaired");
    call(&strikes, &repaired, Accepted).await.unwrap();
    advance(MINUTES_5).await;
    call(&strikes, &key, Refused).await.unwrap();
    call(&strikes, &key, Refused).await.unwrap();
    assert!(call(&strikes, &key, Refused).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_puts_one_that_has_worked_to_the_proof() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    call(&strikes, &key, Accepted).await.unwrap();
    call(&strikes, &key, Refused).await.unwrap();
    let probe = strikes.enter(&key).await.unwrap();
    assert!(waits(&strikes, &key).await);
    probe.end(Accepted);
    call(&strikes, &key, Refused).await.unwrap();
    assert_eq!(
        strikes.stopped(&key),
        None,
        "the refusals before do not count"
    );
}

#[tokio::test(start_paused = true)]
async fn all_secrets_of_one_key_are_refused_four_times_at_most() {
    let strikes = Strikes::new();
    let wrong: Vec<_> = (0..6)
        .map(|n| pair("TESTAK", &format!("wrong-{n}")))
        .collect();
    let good = pair("TESTAK", "good");
    call(&strikes, &good, Accepted).await.unwrap();
    call(&strikes, &wrong[0], Refused).await.unwrap();
    let first = Instant::now();
    advance(Duration::from_mins(1)).await;
    for key in &wrong[1..4] {
        call(&strikes, key, Refused).await.unwrap();
    }
    let until = first + MINUTES_5;
    assert_eq!(
        call(&strikes, &wrong[4], Refused).await,
        Err(Stopped { until })
    );
    assert_eq!(
        call(&strikes, &good, Accepted).await,
        Ok(()),
        "it has worked"
    );
    assert_eq!(
        call(&strikes, &pair("OTHER", "wrong"), Refused).await,
        Ok(())
    );
    advance(Duration::from_mins(4)).await;
    call(&strikes, &wrong[4], Refused).await.unwrap();
    assert!(call(&strikes, &wrong[5], Refused).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_count_as_the_refusals_that_they_may_become() {
    let strikes = Strikes::new();
    let keys: Vec<_> = (0..5)
        .map(|n| pair("TESTAK", &format!("wrong-{n}")))
        .collect();
    let mut under_way = Vec::new();
    for key in &keys[..4] {
        under_way.push(strikes.enter(key).await.unwrap());
    }
    assert!(waits(&strikes, &keys[4]).await);
    under_way.pop().unwrap().end(Accepted);
    assert!(!waits(&strikes, &keys[4]).await);
}

#[tokio::test(start_paused = true)]
async fn users_and_tokens_are_stopped_too() {
    let user = |password: &str| {
        credential(&[
            ("username", "user"),
            ("password", password),
            ("domain_name", "domain"),
        ])
    };
    for key in [user("wrong"), credential(&[("token", "test-token")])] {
        let strikes = Strikes::new();
        call(&strikes, &key, Refused).await.unwrap();
        call(&strikes, &key, Refused).await.unwrap();
        assert!(call(&strikes, &key, Refused).await.is_err());
        assert!(call(&strikes, &user("other"), Refused).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pass_does_not_outlive_what_becomes_of_its_credential() {
    let (strikes, key) = (Strikes::new(), pair("TESTAK", "one"));
    call(&strikes, &key, Accepted).await.unwrap();
    let passes = [
        strikes.enter(&key).await.unwrap(),
        strikes.enter(&key).await.unwrap(),
    ];
    let [first, second] = passes;
    assert!(first.holds() && second.holds());
    first.end(Refused);
    assert!(!second.holds(), "it would not be the only one");
    drop(second);
    let probe = strikes.enter(&key).await.unwrap();
    assert!(probe.holds());
    call_at_once(&strikes, &key);
    assert!(!probe.holds(), "it is stopped");
}

/// Another call that was under way is refused.
fn call_at_once(strikes: &Strikes, credential: &Credential) {
    let who = CredentialId::of(credential);
    let mut ledger = strikes.ledger();
    ledger.leave(&who, false, Refused, Instant::now());
}

#[tokio::test(start_paused = true)]
async fn no_number_of_other_credentials_makes_one_in_use_forgotten() {
    let (strikes, good) = (Arc::new(Strikes::new()), pair("TESTAK", "good"));
    let _in_use = strikes.in_use(&good);
    call(&strikes, &good, Accepted).await.unwrap();
    for day in 0..3 {
        for number in 0..1_500 {
            let other = pair(&format!("OTHER{number}"), &format!("{day}"));
            call(&strikes, &other, Accepted).await.unwrap();
        }
        advance(Duration::from_hours(24)).await;
        call(&strikes, &good, Unknown).await.unwrap();
    }
    for wrong in 0..4 {
        let wrong = pair("TESTAK", &format!("wrong-{wrong}"));
        call(&strikes, &wrong, Refused).await.unwrap();
    }
    call(&strikes, &good, Accepted).await.unwrap();
    let kept = strikes.ledger().credentials();
    assert_eq!(kept, 5, "only those of the last half hour");
}

#[tokio::test(start_paused = true)]
async fn what_an_account_has_is_known_until_that_is_over() {
    let (strikes, key) = (Arc::new(Strikes::new()), pair("TESTAK", "one"));
    let [first, second] = [strikes.in_use(&key), strikes.in_use(&key)];
    let other = pair("OTHER", "one");
    call(&strikes, &key, Accepted).await.unwrap();
    call(&strikes, &key, Refused).await.unwrap();
    drop(first);
    advance(Duration::from_hours(72)).await;
    call(&strikes, &other, Unknown).await.unwrap();
    call(&strikes, &key, Refused).await.unwrap();
    assert!(strikes.stopped(&key).is_some(), "by the second refusal");
    drop(second);
    advance(Duration::from_hours(1)).await;
    call(&strikes, &other, Unknown).await.unwrap();
    assert_eq!(strikes.ledger().credentials(), 1);
}

/// Somebody writes another value into each of many Secrets, again and again, and each is refused.
#[tokio::test(start_paused = true)]
async fn values_that_are_written_anew_are_known_for_half_an_hour() {
    const SECRETS: usize = 50;
    let strikes = Strikes::new();
    let mut most = 0;
    for minute in 0..120 {
        for secret in 0..SECRETS {
            let value = pair(&format!("TESTAK{secret}M{minute}"), "wrong");
            call(&strikes, &value, Refused).await.unwrap();
        }
        advance(Duration::from_mins(1)).await;
        most = most.max(strikes.ledger().credentials());
    }
    assert!(most <= SECRETS * 32, "{most} were known at once");
}

#[tokio::test(start_paused = true)]
async fn thousands_of_credentials_are_looked_through_a_few_times_only() {
    let strikes = Arc::new(Strikes::new());
    let (mut held, mut looked) = (Vec::new(), BTreeSet::new());
    for number in 0..4_096 {
        let key = pair(&format!("TESTAK{number}"), "one");
        held.push(strikes.in_use(&key));
        call(&strikes, &key, Accepted).await.unwrap();
        looked.insert(strikes.ledger().tidied_at());
    }
    assert!(looked.len() <= 14, "{} times", looked.len());
}

/// How often somebody was woken.
#[derive(Default)]
struct WakeCounter(AtomicUsize);

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_call_wakes_nobody_who_waits_for_another_principal() {
    const WAITING: usize = 100;
    let (strikes, key, other) = (Strikes::new(), pair("TESTAK", "one"), pair("OTHER", "one"));
    let probe = strikes.enter(&key).await.unwrap();
    let counter = Arc::new(WakeCounter::default());
    let waker = Waker::from(Arc::clone(&counter));
    let mut context = Context::from_waker(&waker);
    let mut waiting: Vec<_> = (0..WAITING)
        .map(|_| Box::pin(strikes.enter(&key)))
        .collect();
    for _ in 0..50 {
        // Whoever was woken asks and waits again.
        for waits in &mut waiting {
            assert!(waits.as_mut().poll(&mut context).is_pending());
        }
        call(&strikes, &other, Accepted).await.unwrap();
    }
    assert_eq!(counter.0.load(Ordering::Relaxed), 0);
    probe.end(Accepted);
    assert_eq!(counter.0.load(Ordering::Relaxed), WAITING);
    for waits in &mut waiting {
        assert!(waits.as_mut().poll(&mut context).is_ready());
    }
    assert!(lock(&strikes.waiting).is_empty());
}

/// More refusals than all credentials of one key may have in 5 minutes.
fn is_too_many(refusals: &[Instant]) -> bool {
    refusals
        .windows(5)
        .any(|five| five[4].duration_since(five[0]) < MINUTES_5)
}

proptest! {
    #[test]
    fn no_order_of_calls_locks_a_key(
        steps in proptest::collection::vec((0_usize..8, 0_u64..120, any::<bool>()), 1..200),
    ) {
        let mut ledger = Ledger::default();
        let start = Instant::now();
        let mut now = start;
        let keys: Vec<_> = (0..8).map(|n| CredentialId::of(&pair("TESTAK", &n.to_string()))).collect();
        let mut under_way: Vec<(usize, bool)> = Vec::new();
        let mut refused = Vec::new();
        for (key, seconds, ends) in steps {
            now += Duration::from_secs(seconds);
            if ends && !under_way.is_empty() {
                let (key, probe) = under_way.remove(key % under_way.len());
                ledger.leave(&keys[key], probe, Refused, now);
                refused.push(now);
            } else if let Admission::Go { probe } = ledger.enter(&keys[key], now) {
                prop_assert!(probe && !under_way.contains(&(key, true)));
                under_way.push((key, probe));
            }
        }
        prop_assert!(!is_too_many(&refused));
    }
}
