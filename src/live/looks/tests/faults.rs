//! A cloud that fails, refuses, or changes while it is read.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{LooksAccount, ask, ask_now, cloud::LooksCloud, place};
use crate::live::looks::{LookRequest, Proof};
use crate::plan::facts::place::Place;
use crate::platform::call_budget::CallBudget;
use crate::platform::quota::Lane;
use crate::terms::failure::Class;

#[tokio::test(start_paused = true)]
async fn a_failed_look_fails_all_who_wait_for_it_with_one_call() {
    let account = LooksAccount::new(LooksCloud::with([]));
    let failure = account.cloud.fails_next(Class::CloudDown);
    let one_domain = (0..100).map(|app| Place::new("push.example.com", &app.to_string()));
    for seen in account
        .look_at_all(one_domain.map(|place| ask(&place)))
        .await
    {
        assert_eq!(seen.unwrap_err(), failure);
    }
    assert_eq!(account.cloud.calls().len(), 1);
    let failure = account.cloud.fails_next(Class::Overloaded);
    for seen in account
        .look_at_all((0..100).map(|number| ask(&place(number))))
        .await
    {
        assert_eq!(seen.unwrap_err(), failure);
    }
    assert_eq!(account.cloud.calls().len(), 2);
    assert!(account.looks.newest_sweep().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_fails_the_whole_sweep() {
    let account = LooksAccount::new(LooksCloud::with((0..500).map(place)));
    let cloud = Arc::clone(&account.cloud);
    let looks = account.look_at_all((0..100).map(|number| ask(&place(number))));
    let fails = async {
        sleep(Duration::from_millis(300)).await;
        cloud.fails_next(Class::CloudDown)
    };
    let (seen, failure) = futures::join!(looks, fails);
    assert!(seen.iter().all(|seen| seen.as_ref() == Err(&failure)));
    assert!(account.cloud.calls().len() < 5);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_total_moved_is_repeated() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    let mut pages = 0;
    let newcomer = account.cloud.row(&place(9000));
    account.cloud.before_each_page(move |rows| {
        pages += 1;
        if pages == 2 {
            rows.push(newcomer.clone());
        }
    });
    let sweep = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    assert_eq!((sweep.total, sweep.rows.len()), (251, 251));
    assert_eq!(
        account.cloud.calls(),
        ["* 0", "* 100", "* 0", "* 100", "* 200"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_a_row_slipped_out_of_is_repeated() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    let mut pages = 0;
    account.cloud.before_each_page(move |rows| {
        pages += 1;
        // The order changes between two pages: the total does not tell.
        if pages == 2 {
            rows.swap(0, 150);
        }
    });
    let sweep = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    assert_eq!(sweep.rows.len(), 250);
    assert_eq!(account.cloud.calls().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_never_holds_still_is_a_failure_that_says_so() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    account.cloud.before_each_page(|rows| drop(rows.pop()));
    for seen in account
        .look_at_all((0..50).map(|number| ask(&place(number))))
        .await
    {
        let failure = seen.unwrap_err();
        assert_eq!(failure.class, Class::CloudDown);
        assert!(
            failure.message.contains("changed while it was read"),
            "{}",
            failure.message
        );
    }
    assert_eq!(account.cloud.calls().len(), 6, "three times two pages");
    assert!(
        account.looks.newest_sweep().is_none(),
        "an incomplete sweep is never used"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_refused_with_its_filter_is_repeated_without_once_for_all() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    account.cloud.refuse_filters();
    let seen = account
        .look_at_all((0..3).map(|number| ask(&place(number))))
        .await;
    assert!(seen.into_iter().all(|seen| seen.unwrap().rows.len() == 1));
    let calls = account.cloud.calls();
    let filtered = calls.iter().filter(|call| !call.starts_with('*')).count();
    assert_eq!(filtered, 3, "{calls:?}");
    assert!(calls.len() <= 9, "{calls:?}");
    let seen = account.looks.look(ask_now(&place(9000))).await.unwrap();
    assert!(seen.rows.is_empty() && seen.proves_absence);
}

/// The sweep of a domain whose filter is refused is made for the look at that domain, and charged to it.
#[tokio::test(start_paused = true)]
async fn a_list_without_its_filter_is_paid_by_who_looks() {
    for (calls, made, is_seen) in [(0, 1, false), (1, 2, false), (2, 2, false), (3, 4, true)] {
        let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
        account.cloud.refuse_filters();
        let budget = CallBudget::limited_to(calls);
        let poor = account.look(LookRequest {
            budget: budget.clone(),
            ..ask(&place(9))
        });
        let poor = poor.await.unwrap();
        assert_eq!(account.cloud.calls().len(), made, "{calls} may be made");
        assert_eq!(poor.is_ok(), is_seen, "{poor:?}");
        assert!(!budget.spend(1) || calls == 2, "{calls}");
        if let Err(failure) = poor {
            assert!(failure.message.contains("for one object"), "{failure:?}");
        }
    }
}

/// Who joined such a look is not told that another may make no more calls.
#[tokio::test(start_paused = true)]
async fn who_joined_a_look_that_was_not_paid_for_makes_its_own() {
    let account = LooksAccount::new(LooksCloud::with((0..250).map(place)));
    account.cloud.refuse_filters();
    let poor = account.look(LookRequest {
        budget: CallBudget::limited_to(0),
        ..ask(&place(9))
    });
    let rich = account.look(ask(&place(9)));
    assert!(poor.await.unwrap().is_err());
    assert_eq!(rich.await.unwrap().unwrap().rows.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_project_of_more_than_4000_is_swept_by_the_domains_that_are_known() {
    let place = |number: usize| {
        Place::new(
            &format!("push{}.example.com", number % 50),
            &format!("app{number}"),
        )
    };
    let known = [
        "push1.example.com",
        "push2.example.com",
        "unknown.example.com",
    ];
    let account = LooksAccount::knowing(LooksCloud::with((0..4500).map(place)), &known);
    account.cloud.refuse_domain("unknown.example.com");
    let sweep = account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    assert_eq!(
        (sweep.total, sweep.rows.len(), sweep.complete),
        (4500, 180, false)
    );
    assert_eq!(account.cloud.calls().len(), 1 + 3);
    assert!(sweep.covers("push1.example.com") && !sweep.covers("unknown.example.com"));
    assert!(
        account
            .looks
            .look(ask(&place(9001)))
            .await
            .unwrap()
            .proves_absence
    );
    assert_eq!(
        account.cloud.calls().len(),
        4,
        "the sweep has listed that domain"
    );
    assert_eq!(
        account.looks.look(ask(&place(7))).await.unwrap().rows.len(),
        1
    );
    assert_eq!(account.cloud.calls()[4..], ["push7.example.com 0"]);
    let many = (10..40).map(|number| ask(&place(number)));
    assert!(
        account
            .look_at_all(many)
            .await
            .iter()
            .all(|seen| seen.as_ref().unwrap().rows.len() == 1)
    );
    let refused = account
        .looks
        .look(ask(&Place::new("unknown.example.com", "live")))
        .await;
    assert_eq!(refused.unwrap_err().class, Class::Rejected);
}

#[tokio::test(start_paused = true)]
async fn who_is_taken_along_in_a_sweep_that_is_refused_its_domain_is_told_so() {
    let crowded = |number: usize| Place::new("push.example.com", &format!("app{number}"));
    let mut places: Vec<_> = (0..4_001).map(crowded).collect();
    places.push(place(1));
    let account = LooksAccount::new(LooksCloud::with(places));
    for number in 10..15 {
        let domain = place(number).domain().to_owned();
        account.cloud.refuse_domain(&domain);
    }
    let asks = (10..15).chain([1]).map(|number| ask_now(&place(number)));
    let sweep = account.looks.sweep(Instant::now(), (Lane::Urgent, ""));
    let both = futures::future::join(sweep, account.look_at_all(asks));
    let both = tokio::time::timeout(Duration::from_mins(1), both).await;
    let (swept, mut looked) = both.expect("it ends");
    swept.unwrap();
    let there = looked.pop().unwrap().unwrap();
    assert_eq!(there.rows.len(), 1);
    for seen in looked {
        assert_eq!(seen.unwrap_err().class, Class::Rejected);
    }
    let calls = account.cloud.calls();
    assert!(calls.len() <= 20, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_domain_too_large_to_be_listed_is_a_failure_that_says_so() {
    let places = (0..4001).map(|app| Place::new("push.example.com", &app.to_string()));
    let account = LooksAccount::new(LooksCloud::with(places));
    let failure = account
        .looks
        .look(ask(&Place::new("push.example.com", "x")))
        .await
        .unwrap_err();
    assert!(failure.message.contains("4001"), "{}", failure.message);
    assert_eq!(account.cloud.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_small_project_proves_absence_in_one_page_whoever_asked() {
    let account = LooksAccount::new(LooksCloud::with((0..100).map(place)));
    account
        .looks
        .sweep(Instant::now(), (Lane::Background, ""))
        .await
        .unwrap();
    let seen = account.looks.look(ask(&place(9000))).await.unwrap();
    assert!(seen.proves_absence && account.cloud.calls().len() == 1);
    assert!(Proof::Absence > Proof::Presence);
}
