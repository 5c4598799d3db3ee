//! Many at once: what they cost, who goes first, and that creates and sweeps keep out of each other's way.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{LooksAccount, MINUTE, acquire_create, ask, ask_now, cloud::LooksCloud, place};
use crate::fuzz::cases;
use crate::live::looks::room::ListRoom;
use crate::live::looks::{LookRequest, Looks, Proof};
use crate::plan::facts::place::Place;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::{Bucket, Lane};

/// Creates as the controller does: a look at most a minute old, a token, and looks again when the token took too long.
async fn create(looks: Arc<Looks>, cloud: Arc<LooksCloud>, place: Place, namespace: String) {
    loop {
        let ask = LookRequest {
            namespace: namespace.clone(),
            ..ask(&place)
        };
        let seen = looks.look(ask).await.unwrap();
        assert!(
            seen.rows.is_empty() && seen.proves_absence,
            "{place}: {seen:?}"
        );
        let (token, creating) = acquire_create(&looks, &namespace).await;
        if seen.begun.elapsed() <= MINUTE {
            cloud.post(token, &place).await;
            looks.void_place(&place);
            drop(creating);
            return;
        }
    }
}

async fn create_all(account: &LooksAccount, places: Vec<Place>, namespaces: usize) {
    let creates = places.into_iter().enumerate().map(|(number, place)| {
        let namespace = format!("namespace{}", number % namespaces);
        let (looks, cloud) = (Arc::clone(&account.looks), Arc::clone(&account.cloud));
        tokio::spawn(create(looks, cloud, place, namespace))
    });
    for create in creates.collect::<Vec<_>>() {
        create.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_creates_cost_at_most_1050_calls() {
    let apps = |domains: usize| {
        move |number: usize| {
            Place::new(
                &format!("push{}.example.com", number % domains),
                &format!("app{number}"),
            )
        }
    };
    let crowds = [
        (1000, 1),
        (1000, 100),
        (1000, 700),
        (64, 10),
        (2, 1),
        (1, 5),
    ];
    for (domains, namespaces) in cases(crowds, 3) {
        let held = (1000..1500).map(|number| Place::new("other.example.com", &number.to_string()));
        let account = LooksAccount::new(LooksCloud::with(held));
        let start = Instant::now();
        create_all(&account, (0..1000).map(apps(domains)).collect(), namespaces).await;
        let (calls, took) = (account.cloud.calls(), start.elapsed());
        let case = format!("{domains} domains, {namespaces} namespaces");
        println!("{} calls in {took:?}: {case}", calls.len());
        let posts = calls.iter().filter(|call| call.starts_with("POST")).count();
        assert_eq!(posts, 1000, "{case}");
        assert!(calls.len() <= 1050, "{} calls, {case}", calls.len());
        assert!(account.cloud.busiest_minute() <= 280, "{case}");
        assert!(
            took < Duration::from_secs(1050 * 60 / 270 + 5),
            "{took:?}, {case}"
        );
        assert_eq!(account.cloud.rows().len(), 1500);
        account.cloud.assert_sweeps_and_creates_were_apart();
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_create_beside_a_sweep_in_the_background_does_not_wait_for_it() {
    let account = LooksAccount::new(LooksCloud::with((0..3000).map(place)));
    let looks = Arc::clone(&account.looks);
    let sweep =
        tokio::spawn(async move { looks.sweep(Instant::now(), (Lane::Background, "")).await });
    sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    create_all(&account, vec![place(9000)], 1).await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    let sweep = sweep.await.unwrap().unwrap();
    assert_eq!(
        sweep.total, 3001,
        "read anew after the create, which moved the total"
    );
    assert_eq!(sweep.rows.len(), 3001);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_beside_creates_is_no_proof_of_absence_but_one_that_creates_wait_for_is() {
    let account = LooksAccount::new(LooksCloud::with((0..300).map(place)));
    account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    let presence = LookRequest {
        proof: Proof::Presence,
        ..ask(&place(9000))
    };
    assert!(!account.looks.look(presence).await.unwrap().proves_absence);
    assert_eq!(account.cloud.calls().len(), 3);
    assert!(
        account
            .looks
            .look(ask(&place(9000)))
            .await
            .unwrap()
            .proves_absence
    );
    assert_eq!(account.cloud.calls()[3..], ["push9000.example.com 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_for_creates_waits_for_those_on_their_way_and_stops_new_ones() {
    let account = LooksAccount::new(LooksCloud::with((0..300).map(place)));
    let cloud = Arc::clone(&account.cloud);
    account.looks.look(ask(&place(5000))).await.unwrap();
    let before = cloud.calls().len();
    sleep(MINUTE).await;
    let (token, creating) = acquire_create(&account.looks, "media").await;
    let waiting: Vec<_> = (0..4)
        .map(|number| account.look(ask(&place(number))))
        .collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cloud.calls().len(), before, "a create is on its way");
    cloud.post(token, &place(9000)).await;
    drop(creating);
    // Another credential of the same project has looks of its own, and the same gate.
    let other = Looks::new(
        Arc::<LooksCloud>::clone(&cloud),
        account.bucket.clone(),
        Arc::clone(&account.barrier),
        Arc::clone(&account.room),
        BTreeSet::new,
    );
    sleep(Duration::from_millis(10)).await;
    let has_begun = cloud.calls().len() - before;
    assert_eq!(has_begun, 2, "the sweep has begun");
    let start = Instant::now();
    drop(acquire_create(&other, "media").await);
    assert!(
        start.elapsed() >= Duration::from_millis(380),
        "four pages, {:?}",
        start.elapsed()
    );
    for look in waiting {
        assert!(look.await.unwrap().unwrap().proves_absence);
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_sweep_for_creates_runs_it_gets_the_tokens_and_no_create_does() {
    let account = LooksAccount::new(LooksCloud::with((0..3900).map(place)));
    account.looks.look(ask(&place(5000))).await.unwrap();
    let creates: Vec<_> = (9000..9090)
        .map(|number| {
            let (looks, cloud) = (Arc::clone(&account.looks), Arc::clone(&account.cloud));
            tokio::spawn(async move {
                let (token, creating) = acquire_create(&looks, "media").await;
                cloud.post(token, &place(number)).await;
                drop(creating);
            })
        })
        .collect();
    sleep(Duration::from_secs(5)).await;
    let start = Instant::now();
    let asks = (0..1000).map(|number| LookRequest {
        lane: Lane::Urgent,
        ..ask_now(&place(number))
    });
    for seen in account.look_at_all(asks).await {
        assert!(seen.unwrap().proves_absence);
    }
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "40 pages took {:?}",
        start.elapsed()
    );
    account.cloud.assert_sweeps_and_creates_were_apart();
    for create in creates {
        timeout(MINUTE, create).await.unwrap().unwrap();
    }
}

/// Fills the queue of a lane.
fn queue(bucket: &Bucket, lane: Lane, waiters: usize) {
    for _ in 0..waiters {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.acquire(lane, "media").await.spend().accepted() });
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_goes_in_the_highest_lane_of_those_who_wait_for_it() {
    for (lane, at_least, at_most) in [(Lane::Background, 3, 30), (Lane::Urgent, 0, 1)] {
        let account = LooksAccount::new(LooksCloud::with([]));
        queue(&account.bucket, Lane::Create, 500);
        sleep(Duration::from_millis(1)).await;
        let background = account.look(LookRequest {
            lane: Lane::Background,
            ..ask(&place(1))
        });
        sleep(Duration::from_millis(1)).await;
        let start = Instant::now();
        let raises = account.look(LookRequest {
            lane,
            ..ask(&place(1))
        });
        background.await.unwrap().unwrap();
        raises.await.unwrap().unwrap();
        let took = start.elapsed().as_secs();
        assert!((at_least..=at_most).contains(&took), "{lane:?}: {took} s");
        assert_eq!(account.cloud.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_has_begun_is_raised_too() {
    let account = LooksAccount::new(LooksCloud::with((0..1000).map(place)));
    let looks = Arc::clone(&account.looks);
    let start = Instant::now();
    let sweep = tokio::spawn(async move { looks.sweep(start, (Lane::Background, "")).await });
    sleep(Duration::from_millis(10)).await;
    queue(&account.bucket, Lane::Create, 500);
    let urgent = LookRequest {
        proof: Proof::Presence,
        lane: Lane::Urgent,
        not_before: start,
        ..ask(&place(1))
    };
    assert_eq!(account.looks.look(urgent).await.unwrap().rows.len(), 1);
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(sweep.await.unwrap().unwrap().rows.len(), 1000);
    assert_eq!(account.cloud.calls().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_nobody_waits_for_any_more_is_not_made() {
    let account = LooksAccount::new(LooksCloud::with((0..1000).map(place)));
    let spent = account.bucket.acquire(Lane::Urgent, "media").await.spend();
    let leaves = account.look(ask_now(&place(1)));
    let stays = account.look(ask_now(&place(1)));
    let alone = account.look(ask_now(&place(2)));
    sleep(Duration::from_millis(1)).await;
    leaves.abort();
    alone.abort();
    spent.accepted();
    stays.await.unwrap().unwrap();
    sleep(MINUTE).await;
    assert_eq!(account.cloud.calls(), ["push1.example.com 0"]);
    let looks = Arc::clone(&account.looks);
    let sweep =
        tokio::spawn(async move { looks.sweep(Instant::now(), (Lane::Background, "")).await });
    sleep(Duration::from_millis(250)).await;
    sweep.abort();
    sleep(MINUTE).await;
    assert!(
        account.cloud.calls().len() < 5,
        "{:?}",
        account.cloud.calls()
    );
    assert_eq!(
        account
            .looks
            .sweep(Instant::now(), (Lane::Urgent, ""))
            .await
            .unwrap()
            .total,
        1000
    );
}

#[tokio::test(start_paused = true)]
async fn who_joins_a_look_that_another_can_not_pay_for_looks_at_its_own_cost() {
    let held = (0..1000).map(|number| Place::new("push.example.com", &number.to_string()));
    let account = LooksAccount::new(LooksCloud::with(held));
    let place = Place::new("push.example.com", "7");
    let look = |calls: u32| {
        account.look(LookRequest {
            budget: CallBudget::limited_to(calls),
            ..ask_now(&place)
        })
    };
    let looks = [look(3), look(9), look(3), look(9)];
    let mut found = Vec::new();
    for look in looks {
        found.push(look.await.unwrap());
    }
    let refused = found[0].as_ref().unwrap_err();
    assert!(refused.message.contains("used up"), "{refused:?}");
    for answered in &found[1..] {
        assert_eq!(answered.as_ref().unwrap().rows.len(), 1, "{answered:?}");
    }
    let calls = account.cloud.calls();
    assert_eq!(calls.len(), 1 + 10, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_not_paid_for_ends_with_its_first_page() {
    let account = LooksAccount::new(LooksCloud::with((0..450).map(place)));
    assert_eq!(account.looks.pages(), None);
    let sweep = |calls: u32| {
        let budget = CallBudget::limited_to(calls);
        let looks = Arc::clone(&account.looks);
        async move {
            looks
                .sweep_within(Instant::now(), (Lane::Background, ""), budget)
                .await
        }
    };
    assert!(sweep(3).await.is_err());
    assert_eq!(account.cloud.calls().len(), 1);
    assert_eq!(account.looks.pages(), Some(5));
    assert_eq!(sweep(4).await.unwrap().rows.len(), 450);
    assert_eq!(account.cloud.calls().len(), 1 + 5);
}

/// Neither when it is found to be so large, nor later.
#[tokio::test(start_paused = true)]
async fn a_look_at_a_project_too_large_to_be_listed_costs_no_call_for_each_domain_that_is_known() {
    let domains: Vec<_> = (0..4_001)
        .map(|number| place(number).domain().to_owned())
        .collect();
    let domains: Vec<_> = domains.iter().map(String::as_str).collect();
    let cloud = LooksCloud::with((0..4_001).map(place));
    let account = LooksAccount::in_room(ListRoom::new(|| 0), cloud, &domains);
    account.cloud.refuse_domain(place(9_010).domain());
    for begun in [1, 0] {
        let before = account.cloud.calls().len();
        let asks = (9_000..9_040).map(|number| ask_now(&place(number)));
        let seen = account.look_at_all(asks).await;
        assert_eq!(seen.iter().filter(|seen| seen.is_err()).count(), 1);
        let calls = account.cloud.calls().len() - before;
        assert_eq!(calls, begun + 40);
    }
}
