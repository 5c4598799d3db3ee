//! Looks in virtual time, against a cloud in memory.

mod cloud;
mod crowd;
mod faults;
mod liar;
mod neighbours;
mod random;
mod room;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use self::cloud::LooksCloud;
use super::kept::LIST_KEPT;
use super::{
    CreateBarrier, CreateInFlight, ListRoom, LookRequest, LookResult, Looks, Proof, WaitForSweeps,
};
use crate::plan::facts::place::Place;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::{Bucket, Lane, Quota, Token};
use crate::terms::failure::Failure;

const MINUTE: Duration = Duration::from_mins(1);

/// The right to make a create, as its worker takes it.
async fn acquire_create(looks: &Looks, namespace: &str) -> (Token, CreateInFlight) {
    let mut waited = WaitForSweeps::default();
    loop {
        let token = looks
            .create_token(Lane::Create, namespace, &mut waited)
            .await;
        if let Some(creating) = looks.try_pass(&waited) {
            return (token, creating);
        }
    }
}

/// An account of a cloud, ready to go at full speed.
struct LooksAccount {
    cloud: Arc<LooksCloud>,
    bucket: Bucket,
    barrier: Arc<CreateBarrier>,
    room: Arc<ListRoom>,
    looks: Arc<Looks>,
}

impl LooksAccount {
    fn new(cloud: Arc<LooksCloud>) -> Self {
        Self::knowing(cloud, &[])
    }

    fn knowing(cloud: Arc<LooksCloud>, domains: &[&str]) -> Self {
        Self::in_room(ListRoom::new(|| 0), cloud, domains)
    }

    fn in_room(room: Arc<ListRoom>, cloud: Arc<LooksCloud>, domains: &[&str]) -> Self {
        let domains: BTreeSet<_> = domains.iter().map(|domain| (*domain).to_owned()).collect();
        let (bucket, barrier) = (Quota::new(270).bucket("AK"), CreateBarrier::new());
        let lister = Arc::<LooksCloud>::clone(&cloud);
        let (of_project, of_all) = (Arc::clone(&barrier), Arc::clone(&room));
        let looks = Looks::new(lister, bucket.clone(), of_project, of_all, move || {
            domains.clone()
        });
        Self {
            cloud,
            bucket,
            barrier,
            room,
            looks,
        }
    }

    /// Looks in the background, as a task.
    fn look(&self, ask: LookRequest) -> JoinHandle<Result<LookResult, Failure>> {
        let looks = Arc::clone(&self.looks);
        tokio::spawn(async move { looks.look(ask).await })
    }

    async fn look_at_all(
        &self,
        asks: impl IntoIterator<Item = LookRequest>,
    ) -> Vec<Result<LookResult, Failure>> {
        let looks = asks.into_iter().map(|ask| self.looks.look(ask));
        join_all(looks).await
    }
}

/// A place of one of many domains.
fn place(number: usize) -> Place {
    Place::new(&format!("push{number}.example.com"), "live")
}

/// What a create asks: a look at most a minute old that is worth a first create.
fn ask(place: &Place) -> LookRequest {
    LookRequest {
        place: place.clone(),
        not_before: Instant::now() - MINUTE,
        proof: Proof::Absence,
        lane: Lane::Create,
        namespace: "media".to_owned(),
        budget: CallBudget::default(),
    }
}

fn ask_now(place: &Place) -> LookRequest {
    LookRequest {
        not_before: Instant::now(),
        ..ask(place)
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_create_costs_one_list_and_a_look_of_the_last_minute_none() {
    let account = LooksAccount::new(LooksCloud::with((0..500).map(place)));
    let seen = account.looks.look(ask(&place(7000))).await.unwrap();
    assert!(seen.rows.is_empty() && seen.proves_absence);
    assert_eq!(account.cloud.calls(), ["push7000.example.com 0"]);
    sleep(Duration::from_secs(59)).await;
    assert_eq!(account.looks.look(ask(&place(7000))).await.unwrap(), seen);
    assert_eq!(account.cloud.calls().len(), 1);
    sleep(Duration::from_secs(2)).await;
    assert!(account.looks.look(ask(&place(7000))).await.unwrap().begun > seen.begun);
    assert_eq!(account.cloud.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn rows_are_dropped_when_they_are_of_no_use_though_nobody_asks_again() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    let swept = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await;
    let swept = Arc::downgrade(&swept.unwrap());
    sleep(LIST_KEPT / 2).await;
    account.looks.look(ask_now(&place(7000))).await.unwrap();
    assert_eq!(
        swept.strong_count(),
        1,
        "whoever asks now is answered by it"
    );
    sleep(LIST_KEPT / 2).await;
    assert_eq!(swept.strong_count(), 0);
    assert!(account.looks.lock().is_forgetting, "there is a list still");
    sleep(LIST_KEPT / 2 + MINUTE / 60).await;
    assert!(!account.looks.lock().is_forgetting);
    // And so again.
    let swept = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await;
    let swept = Arc::downgrade(&swept.unwrap());
    sleep(LIST_KEPT + MINUTE / 60).await;
    assert_eq!(swept.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_look_is_dated_by_its_own_first_answer_less_the_time_that_that_took() {
    let account = LooksAccount::new(LooksCloud::with((0..150).map(place)));
    let seen = account.looks.look(ask(&place(7000))).await.unwrap();
    assert_eq!(seen.dated, None);
    account.cloud.date_answers();
    sleep(MINUTE).await;
    let seen = account.looks.look(ask_now(&place(7000))).await.unwrap();
    let way = Duration::from_millis(100);
    assert_eq!(seen.dated, Some(seen.at - way));
    let swept = account
        .looks
        .sweep(Instant::now(), (Lane::Urgent, ""))
        .await;
    let swept = swept.unwrap();
    assert_eq!((swept.rows.len(), swept.dated), (150, Some(swept.at - way)));
}

#[tokio::test(start_paused = true)]
async fn rows_are_matched_exactly() {
    let wanted = Place::new("push.example.com", "live");
    let others = [
        Place::new("push.example.com", "*"),
        Place::new("push.example.com", "Live"),
        Place::new("push.example.com.cn", "live"),
    ];
    let cloud = LooksCloud::with(others);
    let account = LooksAccount::new(Arc::clone(&cloud));
    assert!(
        account
            .looks
            .look(ask(&wanted))
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    cloud.add(&Place::new("PUSH.example.com", "live"));
    let seen = account.looks.look(ask_now(&wanted)).await.unwrap();
    assert_eq!(
        seen.rows.iter().map(|row| &row.place).collect::<Vec<_>>(),
        [&wanted]
    );
}

#[tokio::test(start_paused = true)]
async fn few_domains_are_listed_and_many_are_swept() {
    let account = LooksAccount::new(LooksCloud::with((0..450).map(place)));
    account
        .look_at_all((0..3).map(|number| ask(&place(number))))
        .await;
    assert_eq!(
        account.cloud.calls().len(),
        3,
        "the size is unknown: as if of three pages"
    );
    account
        .look_at_all((10..14).map(|number| ask(&place(number))))
        .await;
    let sweep = ["* 0", "* 100", "* 200", "* 300", "* 400"];
    assert_eq!(account.cloud.calls()[3..], sweep);
    account
        .look_at_all((10..15).map(|number| ask_now(&place(number))))
        .await;
    assert_eq!(
        account.cloud.calls().len(),
        8 + 5,
        "five domains of a project of five pages"
    );
    account
        .look_at_all((10..16).map(|number| ask_now(&place(number))))
        .await;
    assert_eq!(account.cloud.calls()[13..], sweep);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_for_one_domain_cost_what_one_costs() {
    let places: Vec<_> = (0..1000)
        .map(|app| Place::new("push.example.com", &format!("app{app}")))
        .collect();
    let account = LooksAccount::new(LooksCloud::with(places[..50].to_vec()));
    let seen = account.look_at_all(places.iter().map(ask)).await;
    assert_eq!(
        seen.iter()
            .filter(|seen| seen.as_ref().unwrap().rows.len() == 1)
            .count(),
        50
    );
    assert_eq!(account.cloud.calls(), ["push.example.com 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_a_thousand_settled_objects_costs_ten_calls() {
    let account = LooksAccount::new(LooksCloud::with((0..1000).map(place)));
    let start = Instant::now();
    let sweep = account
        .looks
        .sweep(start, (Lane::Background, ""))
        .await
        .unwrap();
    assert!(sweep.complete && sweep.total == 1000 && sweep.rows.len() == 1000);
    assert_eq!(sweep.at_place(&place(421)).len(), 1);
    let settled = (0..1000).map(|number| LookRequest {
        not_before: start,
        proof: Proof::Presence,
        ..ask(&place(number))
    });
    for seen in account.look_at_all(settled).await {
        assert_eq!(seen.unwrap().rows.len(), 1);
    }
    assert_eq!(account.cloud.calls().len(), 10);
    let newest = account.looks.newest_sweep().unwrap();
    assert!(Arc::ptr_eq(&newest, &sweep));
}

#[tokio::test(start_paused = true)]
async fn our_own_write_voids_what_was_seen_of_that_place_only() {
    let (written, other) = (
        Place::new("push.example.com", "a"),
        Place::new("push.example.com", "b"),
    );
    let account = LooksAccount::new(LooksCloud::with([]));
    account.looks.look(ask(&written)).await.unwrap();
    account.looks.void_place(&written);
    account.cloud.add(&written);
    account.looks.look(ask(&other)).await.unwrap();
    assert_eq!(account.cloud.calls().len(), 1);
    assert_eq!(
        account.looks.look(ask(&written)).await.unwrap().rows.len(),
        1
    );
    assert_eq!(account.cloud.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_voids_a_look_that_is_under_way() {
    let (written, other) = (
        Place::new("push.example.com", "a"),
        Place::new("push.example.com", "b"),
    );
    let account = LooksAccount::new(LooksCloud::with([]));
    let looks = [account.look(ask(&written)), account.look(ask(&other))];
    sleep(cloud::WAY + Duration::from_millis(1)).await;
    account.looks.void_place(&written);
    account.cloud.add(&written);
    let [written, other] = looks;
    assert_eq!(written.await.unwrap().unwrap().rows.len(), 1);
    assert!(other.await.unwrap().unwrap().rows.is_empty());
    assert_eq!(account.cloud.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_comes_during_a_look_is_answered_by_it_if_it_began_late_enough() {
    let account = LooksAccount::new(LooksCloud::with([]));
    let first = account.look(ask(&place(1)));
    sleep(cloud::WAY).await;
    let early_enough = account.look(ask(&place(1)));
    let too_late = account.look(ask_now(&place(1)));
    let asked = Instant::now();
    let first = first.await.unwrap().unwrap();
    assert_eq!(early_enough.await.unwrap().unwrap(), first);
    assert!(first.begun < asked);
    assert!(too_late.await.unwrap().unwrap().begun >= asked);
    assert_eq!(account.cloud.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_look_asked_for_later_waits_until_then() {
    let account = LooksAccount::new(LooksCloud::with([]));
    let later = Instant::now() + Duration::from_secs(30);
    let seen = account
        .looks
        .look(LookRequest {
            not_before: later,
            ..ask(&place(1))
        })
        .await
        .unwrap();
    assert!(seen.begun >= later);
    assert_eq!(account.cloud.calls().len(), 1);
}
