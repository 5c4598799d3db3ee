//! That whoever comes to the board finds what is for it, and goes through nothing of all the others.

use std::future::pending;

use super::*;

const MANY: usize = 9_000;

fn want(number: usize) -> WantedLook {
    let place = Place::new(&format!("push{number}.example.com"), "live");
    WantedLook {
        scope: LookScope::Domain(place.domain().to_owned()),
        place: Some(place),
        not_before: Instant::now(),
        proof: Proof::Absence,
        lane: Lane::Create,
        namespace: "media".to_owned(),
        budget: CallBudget::default(),
    }
}

/// A board with so many looks that wait, and those who wait for them.
fn crowded() -> (Board, Vec<SharedLook>) {
    let mut board = Board::default();
    let looks = (0..MANY).map(|number| {
        let work = |handle: LookHandle, _| pending().map(move |()| drop(handle)).map(Ok).boxed();
        board.wait(&want(number), work)
    });
    let looks = looks.collect();
    (board, looks)
}

/// How many looks somebody who comes has to judge.
fn judged(board: &Board, want: &WantedLook) -> usize {
    let looks = want.scope.answered_by().flat_map(|scope| {
        let looks = board.under_way.get(scope);
        looks.into_iter().flat_map(BTreeMap::values)
    });
    looks.count()
}

#[tokio::test(start_paused = true)]
async fn only_what_has_ended_is_taken_off_however_many_wait() {
    let (mut board, mut looks) = crowded();
    assert_eq!(lock(&board.ended).len(), 0);
    looks.truncate(MANY - 3);
    assert_eq!(lock(&board.ended).len(), 3, "to go through");
    assert_eq!(board.domains_waiting(), MANY - 3);
    assert_eq!(lock(&board.ended).len(), 0);
    assert!(board.join(&want(MANY - 1)).is_none());
    assert!(board.join(&want(0)).is_some());
    drop(looks);
    assert_eq!(board.domains_waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_comes_judges_the_looks_of_its_scope_however_many_are_under_way() {
    let (mut board, looks) = crowded();
    for number in 0..MANY {
        board.start(want(number).scope);
    }
    assert_eq!(judged(&board, &want(7)), 1);
    assert!(board.join(&want(7)).is_some());
    assert_eq!(judged(&board, &want(MANY)), 0);
    board.start_sweep(|_| true, |_, _, _| pending().boxed());
    assert_eq!(judged(&board, &want(7)), 2);
    drop(looks);
    board.tidy();
    assert!(board.waiting.is_empty() && board.under_way.is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_many_writes_those_of_no_use_are_searched_for_seldom() {
    let mut board = Board::default();
    let look = board.wait(&want(0), |_, _| pending().boxed());
    board.start(want(0).scope);
    // It may see what every one of them made void.
    board.begin(1, &want(0).scope, Instant::now());
    let mut searches = 0;
    for number in 0..MANY {
        searches += usize::from(board.kept.has_many_writes());
        let place = Place::new("push.example.com", &number.to_string());
        board.wrote(&place);
        assert!(!board.kept.counts(1, &place));
    }
    assert!(searches < 12, "{searches}");
    drop(look);
}
