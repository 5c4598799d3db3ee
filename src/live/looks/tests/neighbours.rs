//! Accounts of one project: the trouble of one is not the others', nor is that of many.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{LooksAccount, acquire_create, ask, ask_now, cloud::LooksCloud, place};
use crate::live::looks::{Looks, WaitForSweeps};
use crate::platform::quota::{Lane, Quota};

/// Another account of the same project: its looks, and the project as it sees that.
fn other(account: &LooksAccount) -> (Arc<Looks>, Arc<LooksCloud>) {
    let cloud = LooksCloud::with((0..150).map(place));
    let (bucket, barrier) = (
        Quota::new(270).bucket("OTHER"),
        Arc::clone(&account.barrier),
    );
    let lister = Arc::<LooksCloud>::clone(&cloud);
    let room = Arc::clone(&account.room);
    (
        Looks::new(lister, bucket, barrier, room, Default::default),
        cloud,
    )
}

/// So many domains ask that it takes a sweep.
fn ask_for_many(looks: &Arc<Looks>) -> Vec<JoinHandle<()>> {
    let asks = (1000..1010).map(|number| {
        let (looks, ask) = (Arc::clone(looks), ask_now(&place(number)));
        tokio::spawn(async move { drop(looks.look(ask).await) })
    });
    asks.collect()
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_not_answered_holds_up_no_create_of_another_account() {
    for (silent_from, patience) in [(0, 3), (100, 25)] {
        let account = LooksAccount::new(LooksCloud::with((0..150).map(place)));
        let (other, cloud) = other(&account);
        other.look(ask(&place(1))).await.unwrap();
        sleep(Duration::from_secs(5)).await;
        cloud.falls_silent(silent_from);
        let asks = ask_for_many(&other);
        sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        let limit = Duration::from_secs(patience);
        let create = acquire_create(&account.looks, "media");
        assert!(timeout(limit, create).await.is_ok(), "{silent_from}");
        // It was held up, though: else nothing is shown here.
        assert!(began.elapsed() > Duration::from_secs(1), "{silent_from}");
        for ask in asks {
            ask.abort();
        }
    }
}

/// Whoever names a project may have no right to it, nor a login that ever ends; and whoever makes up one such login makes up many.
#[tokio::test(start_paused = true)]
async fn accounts_that_the_cloud_has_never_answered_hold_up_no_create() {
    let account = LooksAccount::new(LooksCloud::with((0..150).map(place)));
    let mut asks = Vec::new();
    for _ in 0..30 {
        let (other, cloud) = other(&account);
        cloud.falls_silent(0);
        asks.extend(ask_for_many(&other));
        sleep(Duration::from_millis(200)).await;
        let limit = Duration::from_millis(10);
        let create = acquire_create(&account.looks, "media");
        assert!(timeout(limit, create).await.is_ok());
    }
    for ask in asks {
        ask.abort();
    }
}

/// However many there are, and though some of them may list the project.
#[tokio::test(start_paused = true)]
async fn a_create_waits_for_no_more_than_so_many_sweeps() {
    let account = LooksAccount::new(LooksCloud::with((0..150).map(place)));
    let barrier = Arc::clone(&account.barrier);
    let sweeps = tokio::spawn(async move {
        let mut asks = Vec::new();
        for _ in 0..100 {
            let of_barrier = LooksAccount {
                barrier: Arc::clone(&barrier),
                ..LooksAccount::new(LooksCloud::with([]))
            };
            let (other, cloud) = other(&of_barrier);
            other.look(ask(&place(1))).await.unwrap();
            cloud.falls_silent(100);
            asks.push(ask_for_many(&other));
            sleep(Duration::from_secs(3)).await;
        }
        asks
    });
    sleep(Duration::from_secs(5)).await;
    assert!(!account.barrier.is_open(&WaitForSweeps::default()));
    for _ in 0..3 {
        let (began, mark) = (Instant::now(), account.barrier.mark());
        let limit = Duration::from_secs(41);
        let create = acquire_create(&account.looks, "media");
        assert!(timeout(limit, create).await.is_ok());
        // It was held up, though; and what was read meanwhile proves no place free.
        assert!(began.elapsed() > Duration::from_secs(20));
        assert!(!account.barrier.was_quiet_since(mark));
    }
    sweeps.abort();
}

/// Who names many projects has many sweeps of many pages under way.
#[tokio::test(start_paused = true)]
async fn sweeps_of_one_namespace_leave_every_other_turn_to_that_of_another() {
    let account = LooksAccount::new(LooksCloud::with([]));
    let sweep = |namespace: &'static str| {
        let cloud = LooksCloud::with((0..1000).map(place));
        let (bucket, barrier) = (account.bucket.clone(), Arc::clone(&account.barrier));
        let room = Arc::clone(&account.room);
        let looks = Looks::new(cloud, bucket, barrier, room, Default::default);
        let turn = (Lane::Urgent, namespace);
        tokio::spawn(async move { looks.sweep(Instant::now(), turn).await.unwrap().total })
    };
    let crowd: Vec<_> = (0..10).map(|_| sweep("crowd")).collect();
    sleep(Duration::from_millis(1)).await;
    let began = Instant::now();
    assert_eq!(sweep("one").await.unwrap(), 1000);
    let took = began.elapsed();
    // It takes 10 calls. All of them together take 25 seconds.
    assert!(took < Duration::from_secs(10), "{took:?}");
    for sweep in crowd {
        sweep.await.unwrap();
    }
}
