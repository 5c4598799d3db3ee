//! The quota in virtual time: hours of calls in milliseconds.

mod bound;
mod random;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, future::join_all};
use tokio::time::{Instant, sleep, timeout};

use crate::platform::quota::*;

const MINUTE: Duration = Duration::from_mins(1);

fn bucket() -> Bucket {
    Quota::new(270).bucket("https://live.example.com AK")
}

/// Spends what can be had at this moment: a millisecond brings no new token.
async fn at_once(bucket: &Bucket) -> usize {
    let mut tokens = 0;
    while let Ok(token) = timeout(Duration::from_millis(1), bucket.acquire(Lane::Urgent, "a")).await
    {
        token.spend().accepted();
        tokens += 1;
    }
    tokens
}

/// Lines up in the background; the order in which tokens are granted is the order of the log.
struct Line {
    bucket: Bucket,
    log: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Line {
    fn new(bucket: &Bucket) -> Self {
        Self {
            bucket: bucket.clone(),
            log: Arc::default(),
        }
    }

    async fn up(&self, lane: Lane, namespace: &str, name: String) {
        let (bucket, log, namespace) = (
            self.bucket.clone(),
            Arc::clone(&self.log),
            namespace.to_owned(),
        );
        tokio::spawn(async move {
            let token = bucket.acquire(lane, &namespace).await;
            log.lock().unwrap().push((name, Instant::now()));
            token.spend().accepted();
        });
        tokio::task::yield_now().await;
    }

    fn served(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|(name, _)| name.clone())
            .collect()
    }

    async fn until_served(&self, count: usize) {
        while self.log.lock().unwrap().len() < count {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn starts_with_one_token_goes_on_at_the_rate_and_saves_up_a_burst() {
    let bucket = bucket();
    assert_eq!(at_once(&bucket).await, 1);
    let start = Instant::now();
    for _ in 0..270 {
        bucket.acquire(Lane::Create, "a").await.spend().accepted();
    }
    let took = start.elapsed();
    assert!(
        took.abs_diff(MINUTE) < Duration::from_millis(300),
        "270 calls took {took:?}"
    );
    sleep(MINUTE * 60).await;
    assert_eq!(at_once(&bucket).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_delete_or_an_edit_among_a_thousand_creates_gets_one_of_the_next_two_tokens() {
    let bucket = bucket();
    let line = Line::new(&bucket);
    for number in 0..1000 {
        line.up(Lane::Create, "a", format!("create {number}")).await;
    }
    for round in 0..40 {
        let before = line.served().len();
        line.up(Lane::Urgent, "a", format!("delete {round}")).await;
        line.until_served(before + 2).await;
        let next = &line.served()[before..before + 2];
        assert!(
            next.contains(&format!("delete {round}")),
            "round {round}: {next:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn every_twentieth_token_goes_to_the_lowest_lane_that_waits() {
    let bucket = bucket();
    let line = Line::new(&bucket);
    for number in 0..100 {
        line.up(Lane::Create, "a", format!("create {number}")).await;
        line.up(Lane::Background, "a", "sweep".to_owned()).await;
    }
    line.until_served(100).await;
    let served = line.served();
    // The lane waits since the first create had its token.
    for (place, name) in (0..).zip(&served) {
        assert_eq!(
            name == "sweep",
            place > 0 && place % 20 == 0,
            "token {place} went to {name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns_and_are_served_in_order_within() {
    let bucket = bucket();
    let line = Line::new(&bucket);
    for number in 0..1000 {
        line.up(Lane::Create, "big", format!("big {number}")).await;
    }
    for number in 0..3 {
        line.up(Lane::Create, "small", format!("small {number}"))
            .await;
        line.up(Lane::Create, "other", format!("other {number}"))
            .await;
    }
    line.until_served(20).await;
    let served = line.served();
    for name in ["small", "other", "big"] {
        let of_name: Vec<_> = served
            .iter()
            .filter(|served| served.starts_with(name))
            .collect();
        let in_order: Vec<_> = (0..of_name.len())
            .map(|number| format!("{name} {number}"))
            .collect();
        assert_eq!(of_name, in_order.iter().collect::<Vec<_>>());
    }
    let last_small = served
        .iter()
        .rposition(|name| !name.starts_with("big"))
        .unwrap();
    assert!(
        last_small < 11,
        "two namespaces of three wait for one of a thousand: {served:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_begun_goes_first_in_its_lane_only() {
    let bucket = bucket();
    assert_eq!(at_once(&bucket).await, 1);
    let line = Line::new(&bucket);
    line.up(Lane::Create, "a", "create".to_owned()).await;
    line.up(Lane::Urgent, "a", "delete".to_owned()).await;
    let page = bucket.acquire_next(Lane::Create, "a").await;
    page.spend().accepted();
    assert_eq!(line.served(), ["delete"]);
    line.until_served(2).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_of_several_namespaces_goes_in_the_turn_that_comes_first() {
    let bucket = bucket();
    assert_eq!(at_once(&bucket).await, 1);
    let line = Line::new(&bucket);
    for (namespace, waiters) in [("a", 20), ("b", 2)] {
        for _ in 0..waiters {
            line.up(Lane::Background, namespace, String::new()).await;
        }
    }
    let soonest = |namespaces: &[_]| bucket.soonest(Lane::Background, namespaces.to_vec());
    assert_eq!((soonest(&["a", "b"]), soonest(&[])), (Some("b"), None));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_gives_up_leaves_the_queue_and_costs_nothing() {
    let bucket = bucket();
    assert_eq!(at_once(&bucket).await, 1);
    let waiting: Vec<_> = (0..100)
        .map(|_| Box::pin(bucket.acquire(Lane::Create, "a")))
        .collect();
    let mut waiting = join_all(waiting);
    assert!((&mut waiting).now_or_never().is_none());
    assert!(bucket.estimate(Lane::Create, "a") > Duration::from_secs(22));
    drop(waiting);
    assert!(bucket.estimate(Lane::Create, "a") < Duration::from_millis(250));
    sleep(MINUTE).await;
    assert_eq!(at_once(&bucket).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_back_goes_to_who_waits_at_once() {
    let bucket = bucket();
    let held = bucket.acquire(Lane::Create, "a").await;
    let line = Line::new(&bucket);
    line.up(Lane::Create, "a", "create".to_owned()).await;
    drop(held);
    let now = Instant::now();
    line.until_served(1).await;
    assert_eq!(line.log.lock().unwrap()[0].1, now);
}

#[tokio::test(start_paused = true)]
async fn a_token_tells_how_long_it_was_waited_for() {
    let bucket = bucket();
    assert_eq!(
        bucket.acquire(Lane::Create, "a").await.waited(),
        Duration::ZERO
    );
    let second = bucket.acquire(Lane::Create, "a");
    let third = bucket.acquire(Lane::Create, "a");
    assert!(futures::join!(second, third).1.waited() > Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_together_slow_down_once_together() {
    let bucket = bucket();
    sleep(MINUTE).await;
    let calls = join_all((0..10).map(|_| bucket.acquire(Lane::Create, "a"))).await;
    let mut calls: Vec<_> = calls.into_iter().map(Token::spend).collect();
    let accepted_late = calls.split_off(5);
    for call in calls {
        sleep(Duration::from_millis(20)).await;
        call.throttled(None);
    }
    assert_eq!(bucket.limit(), 135);
    for call in accepted_late {
        call.accepted();
    }
    assert_eq!(
        bucket.limit(),
        135,
        "sent before the slow-down, it says nothing of the new rate"
    );
}

#[tokio::test(start_paused = true)]
async fn pauses_as_long_as_the_cloud_asks_but_no_shorter_than_2_seconds() {
    for (asked, pause) in [(None, 2), (Some(1), 2), (Some(30), 30), (Some(600), 600)] {
        let bucket = bucket();
        let call = bucket.acquire(Lane::Create, "a").await.spend();
        call.throttled(asked.map(Duration::from_secs));
        let estimate = bucket.estimate(Lane::Urgent, "a");
        let start = Instant::now();
        drop(bucket.acquire(Lane::Urgent, "a").await);
        let waited = start.elapsed();
        assert!(
            waited >= Duration::from_secs(pause),
            "asked {asked:?}, waited {waited:?}"
        );
        assert!(
            waited <= Duration::from_secs(pause + 1),
            "asked {asked:?}, waited {waited:?}"
        );
        assert!(waited.abs_diff(estimate) <= Duration::from_millis(1));
    }
}

#[tokio::test(start_paused = true)]
async fn slows_down_to_a_sixteenth_and_grows_back_slowly() {
    let bucket = bucket();
    for limit in [135, 67, 33, 16, 16] {
        bucket
            .acquire(Lane::Create, "a")
            .await
            .spend()
            .throttled(None);
        assert_eq!(bucket.limit(), limit);
    }
    let start = Instant::now();
    while bucket.limit() < 270 {
        bucket.acquire(Lane::Create, "a").await.spend().accepted();
        assert!(
            start.elapsed() < MINUTE * 5,
            "still {} a minute",
            bucket.limit()
        );
    }
    assert!(
        start.elapsed() > MINUTE * 2,
        "full speed after {:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn an_identity_has_one_bucket_also_when_nobody_holds_it_for_a_while() {
    let quota = Quota::new(270);
    assert_eq!(at_once(&quota.bucket("one")).await, 1);
    assert_eq!(at_once(&quota.bucket("two")).await, 1);
    assert_eq!(
        at_once(&quota.bucket("one")).await,
        0,
        "a bucket just used is not forgotten"
    );
    sleep(MINUTE * 10).await;
    assert_eq!(at_once(&quota.bucket("three")).await, 1);
    assert_eq!(
        quota.buckets.lock().unwrap().len(),
        1,
        "one and two are forgotten"
    );
}

#[tokio::test(start_paused = true)]
async fn what_nobody_holds_is_forgotten_though_it_was_throttled() {
    const MANY: usize = 1_000;
    let quota = Quota::new(270);
    let throttled = async |identity: &str| {
        let bucket = quota.bucket(identity);
        let token = bucket.acquire(Lane::Create, "a").await;
        token.spend().throttled(None);
        bucket
    };
    let held = throttled("held").await;
    for number in 0..MANY {
        drop(throttled(&format!("gone {number}")).await);
    }
    let last = format!("gone {}", MANY - 1);
    assert_eq!(quota.bucket(&last).limit(), 135, "it may come back");
    sleep(MINUTE * 6).await;
    for number in 0..=2 * MANY {
        drop(quota.bucket(&format!("new {number}")));
    }
    let kept = quota.buckets.lock().unwrap().len();
    assert!(kept <= 3, "{kept} are kept");
    assert_eq!(quota.bucket(&last).limit(), 270);
    assert_eq!((held.limit(), quota.bucket("held").limit()), (135, 135));
}

/// A crowd that waited for something else comes back all at once.
#[tokio::test(start_paused = true)]
async fn who_gave_a_token_back_waits_in_the_turn_of_its_namespace() {
    let bucket = Quota::new(60).bucket("test");
    let budget = CallBudget::limited_to(1);
    let token = bucket.acquire(Lane::Create, "crowd").await;
    let next = token.charged_to(&budget).give_back();
    assert_eq!(at_once(&bucket).await, 1, "it went to others");
    let crowd = join_all((0..20).map(|_| async {
        let token = next.in_turn().await;
        assert_eq!(token.lane(), Lane::Create);
        token.spend().accepted();
    }));
    let began = Instant::now();
    let one = async {
        sleep(Duration::from_millis(1)).await;
        drop(bucket.acquire(Lane::Create, "one").await);
        began.elapsed()
    };
    let first = async {
        sleep(Duration::from_millis(1)).await;
        assert!(next.first().await.budget().spend(1));
        began.elapsed()
    };
    let ((one, first), _) = futures::join!(async { futures::join!(one, first) }, crowd);
    assert!(first < Duration::from_secs(2), "{first:?}");
    assert!(one < Duration::from_secs(4), "{one:?}");
    assert!(!budget.spend(1), "it is charged to whom the former was");
}

/// What is handed over comes to the cloud a little later, the first calls, which have to connect, later than others.
#[tokio::test(start_paused = true)]
async fn no_minute_of_the_cloud_has_more_calls_though_some_are_longer_on_their_way() {
    let began = Instant::now();
    let mut rate = Rate::new(270, began);
    let (mut now, mut spent) = (began + Duration::from_secs(10), Vec::new());
    while spent.len() < 600 {
        match rate.ready(now) {
            Ok(()) => {
                rate.take();
                rate.spend(now);
                spent.push(now);
            }
            Err(later) => now = later,
        }
    }
    let on_the_way = Duration::from_millis(400);
    let is_apart = |calls: &[Instant]| calls[280] - calls[0] > Duration::from_mins(1) + on_the_way;
    assert!(spent.windows(281).all(is_apart));
}
