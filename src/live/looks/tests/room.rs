//! What lists take in memory, of all accounts together: as much as there is room for, whatever clouds tell.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use super::{LooksAccount, MINUTE, ask_now, cloud::LooksCloud, place};
use crate::live::looks::ListRoom;
use crate::live::looks::room::{OF_LIST, ROOM, footprint};
use crate::plan::facts::place::Place;
use crate::platform::quota::Lane;
use crate::terms::failure::Class;

const KIB: usize = 1 << 10;
/// What an answer may take on its way.
const ANSWER: usize = 1 << 20;

/// Rows of one domain, with values of this length.
fn heavy(domain: &str, rows: usize, bytes: usize) -> Vec<Place> {
    let app = |number: usize| format!("{}-{number}", "x".repeat(bytes));
    (0..rows)
        .map(|number| Place::new(domain, &app(number)))
        .collect()
}

/// An account whose list takes a megabyte and a half.
fn heavy_account(room: &Arc<ListRoom>) -> LooksAccount {
    let rows = heavy("heavy.example.com", 150, 10 * KIB);
    LooksAccount::in_room(Arc::clone(room), LooksCloud::with(rows), &[])
}

/// A sweep of a thousand objects is answered and kept, whatever others hold, and costs ten calls.
async fn sweeps_as_if_alone(account: &LooksAccount) {
    let before = account.cloud.calls().len();
    let looks = &account.looks;
    let sweep = looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    assert_eq!(sweep.rows.len(), 1000);
    assert_eq!(account.cloud.calls().len() - before, 10);
    let kept = looks.newest_sweep().unwrap();
    assert!(Arc::ptr_eq(&kept, &sweep));
}

#[tokio::test(start_paused = true)]
async fn lists_of_all_accounts_together_are_kept_while_there_is_room() {
    let room = ListRoom::new(|| 0);
    let small = LooksCloud::with((0..1000).map(place));
    let small = LooksAccount::in_room(Arc::clone(&room), small, &[]);
    let heavy: Vec<_> = (0..30).map(|_| heavy_account(&room)).collect();
    for account in &heavy {
        let swept = account
            .looks
            .sweep(Instant::now(), (Lane::Background, ""))
            .await;
        assert_eq!(swept.unwrap().rows.len(), 150);
        assert!(room.taken() <= ROOM, "{}", room.taken());
    }
    let kept = heavy.iter().filter(|it| it.looks.newest_sweep().is_some());
    assert!((10..20).contains(&kept.count()));
    sweeps_as_if_alone(&small).await;
    assert!(room.taken() <= ROOM, "{}", room.taken());
    sleep(MINUTE * 2).await;
    assert_eq!(room.taken(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_read_for_long_gives_way_to_others() {
    let room = ListRoom::new(|| 0);
    let small = LooksCloud::with((0..1000).map(place));
    let small = LooksAccount::in_room(Arc::clone(&room), small, &[]);
    let mut sweeps = Vec::new();
    for _ in 0..40 {
        let account = heavy_account(&room);
        account.cloud.falls_silent(100);
        let looks = Arc::clone(&account.looks);
        sweeps.push(tokio::spawn(async move {
            drop(looks.sweep(Instant::now(), (Lane::Background, "")).await);
        }));
        sleep(Duration::from_millis(200)).await;
        assert!(room.taken() <= ROOM, "{}", room.taken());
    }
    assert!(room.taken() > ROOM / 2, "they hang");
    sweeps_as_if_alone(&small).await;
    for sweep in sweeps {
        sweep.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn who_gave_way_is_told_so_and_reads_again_later() {
    let room = ListRoom::new(|| 0);
    let rows = heavy("heavy.example.com", 130, 120 * KIB);
    let two = [rows.clone(), rows]
        .map(|rows| LooksAccount::in_room(Arc::clone(&room), LooksCloud::with(rows), &[]));
    let sweep = |account: &LooksAccount| {
        let looks = Arc::clone(&account.looks);
        async move { looks.sweep(Instant::now(), (Lane::Background, "")).await }
    };
    let told = join_all(two.iter().map(sweep)).await;
    assert!(room.taken() <= ROOM);
    // Who holds what was read keeps it from giving way.
    let failed: Vec<_> = told.into_iter().map(Result::err).collect();
    assert_eq!(failed.iter().flatten().count(), 1, "{failed:?}");
    for (account, failure) in two.iter().zip(failed) {
        let Some(failure) = failure else { continue };
        assert_eq!(failure.class, Class::CloudDown);
        assert!(failure.message.contains("no room"), "{failure:?}");
        assert!(failure.had_no_room, "it says nothing of the cloud");
        assert_eq!(sweep(account).await.unwrap().rows.len(), 130);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_no_callbacks_make_is_refused_and_so_are_many_domains_of_them() {
    let account = LooksAccount::new(LooksCloud::with(heavy("a.example.com", 300, 60 * KIB)));
    let place = Place::new("a.example.com", "live");
    let failure = account.looks.look(ask_now(&place)).await.unwrap_err();
    assert_eq!(failure.class, Class::Protocol, "{failure:?}");
    assert_eq!(account.room.taken(), 0);

    let domains: Vec<_> = (0..10)
        .map(|number| format!("push{number}.example.com"))
        .collect();
    let rows = domains
        .iter()
        .flat_map(|domain| heavy(domain, 50, 60 * KIB));
    let cloud = LooksCloud::with(rows);
    cloud.tells_total(5_000);
    let domains: Vec<_> = domains.iter().map(String::as_str).collect();
    let account = LooksAccount::in_room(ListRoom::new(|| 0), cloud, &domains);
    let swept = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await;
    assert!(swept.unwrap_err().message.contains("no room"));
    assert_eq!(account.room.taken(), 0);
}

/// The longest values that a spec may have.
#[test]
fn four_thousand_callbacks_are_less_than_a_list_may_take() {
    let mut row = LooksCloud::default().row(&Place::new(&"d".repeat(255), &"a".repeat(128)));
    row.content.url = Some("u".repeat(2048).into());
    row.content.events = Some(
        (0..4)
            .map(|number| format!("RECORD_FILE_COMPLETE_{number}"))
            .collect(),
    );
    row.content.sign_type = Some("HMACSHA256".to_owned());
    let takes = footprint(&row);
    assert!(takes > 255 + 128 + 2048 + 4 * 22 + 32 * 2);
    assert!(takes * 4_000 < OF_LIST, "{takes}");
    const { assert!(OF_LIST + ANSWER < ROOM) };
}

/// Each of the objects that want a place holds what was seen there.
#[tokio::test(start_paused = true)]
async fn of_one_place_the_oldest_rows_are_kept() {
    let wanted = Place::new("push.example.com", "live");
    let account = LooksAccount::new(LooksCloud::with(vec![wanted.clone(); 3_900]));
    let seen = account.looks.look(ask_now(&wanted)).await.unwrap();
    assert!((8..100).contains(&seen.rows.len()), "{}", seen.rows.len());
    assert!(seen.rows.iter().map(footprint).sum::<usize>() < 16 * KIB);
    assert!(seen.rows[0].id.ends_with("000"));
}

/// Who serves many objects has room for their lists, however many sweeps come together.
#[tokio::test(start_paused = true)]
async fn more_objects_have_more_room() {
    let room = ListRoom::new(|| 20_000);
    let accounts: Vec<_> = (0..30).map(|_| heavy_account(&room)).collect();
    for account in &accounts {
        account
            .looks
            .sweep(Instant::now(), (Lane::Background, ""))
            .await
            .unwrap();
    }
    let kept = accounts
        .iter()
        .filter(|it| it.looks.newest_sweep().is_some());
    assert_eq!(kept.count(), 30);
}
