//! Who stands in whose way of those that call one project through several addresses, and of all others: held against what is found when
//! all are asked.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::row::Row;
use crate::plan::ownership::{Candidate, find_owner};

const ID: &str = "e2fe84de";
const ALIAS: &str = "https://live.other.myhuaweicloud.com";
/// So long a claim counts of which nothing shows.
const RECENT: Duration = Duration::from_secs(90);

/// Where an object of these tests calls: at home, in another project, at home with its region spelled differently, through an alias.
fn address(number: usize) -> Target {
    let home = target(if number == 1 { "its own" } else { "theirs" });
    match number {
        2 => Target {
            region: "cn-north4".to_owned(),
            ..home
        },
        3 => Target {
            endpoint: ALIAS.to_owned(),
            ..home
        },
        _ => home,
    }
}

/// A row of this id.
fn row() -> [Row; 1] {
    [Row {
        id: ID.to_owned(),
        place: Place::new("push.example.com", "live"),
        content: ReportedContent::default(),
        create_time: None,
        update_time: None,
    }]
}

/// What is known of the place: nothing, or that one's own callback is gone, or what lies there.
fn sight(number: usize, row: &[Row]) -> Sight<'_> {
    Sight {
        rows: if number == 2 { row } else { &[] },
        is_gone: number == 1,
    }
}

/// The owner, when all are asked.
fn owner_among_all(index: &Index, uid: &str, target: &Target, seen: usize) -> Option<String> {
    let tables = index.lock();
    let home = (target.project_id.clone(), target.endpoint.clone());
    let at = |address: &ProjectAddress| {
        let wants = |it: &&IndexEntry| !it.observes && !it.let_go;
        let all = tables.entries.values().map(|it| &**it).filter(wants);
        let all = all.filter(|it| {
            it.project.as_deref() == Some(address) || (*it.uid == *uid && *address == home)
        });
        let all = all.map(|it| it.as_candidate(address, SETTLE));
        find_owner(&all.collect::<Vec<_>>()).cloned()
    };
    let own = tables.entries.get(uid).unwrap();
    let wants = !own.observes && !own.let_go;
    let here = at(&home);
    if let Some(here) = &here
        && *here.uid != *uid
    {
        return Some(here.name.clone());
    }
    let holds = own.id.is_some() && wants;
    if holds && (own.deleting || seen != 1 && !own.open) {
        return None;
    }
    let elsewhere = [HOME, ALIAS].map(|endpoint| (home.0.clone(), endpoint.to_owned()));
    let elsewhere = elsewhere.iter().filter(|address| **address != home);
    let owners = elsewhere.filter_map(|address| {
        // The one that asks is recorded there itself.
        at(address).filter(|owner| *owner.uid != *uid)
    });
    let counts = |owner: &Candidate| {
        let entry = &tables.entries[&owner.uid];
        let is_young = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() < RECENT);
        let is_claimed =
            is_young(entry.held_since) || is_young(entry.attempt.as_ref().map(|it| it.1));
        (owner.holds || owner.open)
            && ((entry.id.as_deref() == Some(ID) && seen == 2) || is_claimed)
    };
    let first = owners.filter(counts).min_by_key(Candidate::standing)?;
    let own = here.map(|own| Candidate {
        holds: false,
        ..own
    });
    let stands_before = |own: Candidate| {
        own.standing()
            .is_some_and(|own| own < first.standing().unwrap())
    };
    let is_own = own.is_some_and(stands_before);
    (!is_own).then_some(first.name)
}

/// Something that happens to one of a few objects of one place, which calls there.
fn happens(index: &Index, version: u64, uid: &str, what: u32, at: usize) -> Option<Arc<Place>> {
    let mut object = object(uid, version, (at > 0).then_some("one"));
    if let Some(annotations) = &mut object.metadata.annotations {
        let record = json!({"uid": uid, "target": address(at), "attempts": [{"id": "one", "at": "2026-11-25T02:00:00Z", "signType": "MD5"}]});
        annotations.insert(crate::api::PENDING_OPERATION.to_owned(), record.to_string());
    }
    let created = 100 + i64::from(uid.as_bytes()[0]) * if at > 0 { 1 } else { -1 };
    object.metadata.creation_timestamp = Some(Timestamp::from_second(created).unwrap().into());
    let with_id = |id: Option<&str>| {
        let status = json!({ "callbackID": id, "target": address(at) });
        serde_json::from_value(status).unwrap()
    };
    match what {
        0 => return index.remove(uid),
        1 => index.note_look(uid, &address(at)),
        2 => index.note_failed_look(uid),
        3 => object.status = Some(with_id(Some(ID))),
        4 => object.status = Some(with_id(None)),
        5 => object.spec.management_policy = Some(observe()),
        6 | 7 => {
            let finalizers: &[&str] = if what == 6 { &[FINALIZER] } else { &["other"] };
            object.metadata = kube::api::ObjectMeta {
                deletion_timestamp: holder(1, &[], None).metadata.deletion_timestamp,
                finalizers: Some(finalizers.iter().map(ToString::to_string).collect()),
                ..object.metadata
            };
        }
        8 => object.status = Some(with_id(Some("another"))),
        _ => {}
    }
    index.put(&object)
}

/// Whatever happens in whatever order, the owner is the one that is found when all are asked; and where it is another one, the others
/// are told, unless that is for a look or for time that passed: of these each learns by its own.
#[test]
fn the_owner_is_who_it_is_when_all_are_asked() {
    let uids = ["a", "b", "c", "d"];
    let step = (0..4_usize, 0..11_u32, 0..4_usize, 0..60_u64);
    let steps = prop::collection::vec(step, 1..40);
    let place = Place::new("push.example.com", "live");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in steps)| {
        runtime.block_on(async {
            let index = Index::new(SETTLE);
            let owners = |index: &Index| {
                let all = uids.iter().flat_map(|uid| (0..4).flat_map(move |at| (0..3).map(move |seen| (*uid, at, seen))));
                let all = all.filter(|(uid, ..)| index.has(uid));
                all.map(|who| (who, owner_among_all(index, who.0, &address(who.1), who.2))).collect::<HashMap<_, _>>()
            };
            for (version, (who, what, at, passed)) in (1..).zip(steps) {
                advance(Duration::from_secs(passed)).await;
                let before = owners(&index);
                let told = happens(&index, version, uids[who], what, at);
                let now = owners(&index);
                let others = now.iter().filter(|((uid, ..), _)| *uid != uids[who]);
                let is_other = others.filter(|(who, owner)| before.get(*who).is_some_and(|before| before != *owner)).count() > 0;
                let is_own_business = matches!(what, 1 | 2);
                assert!(told.is_some() || !is_other || is_own_business, "nobody is told: {before:?}, {now:?}");
                for ((uid, at, seen), owner) in now {
                    let found = index.owner_elsewhere(uid, &place, &address(at), sight(seen, &row()));
                    assert_eq!(found.map(|found| found.name), owner, "of {uid} at {at} who saw {seen}");
                }
            }
        });
    });
}

/// An object that holds this id, and calls through this address.
fn holds(uid: &str, id: &str, endpoint: &str, created: i64) -> RecordingCallback {
    let mut object = object(uid, 1, None);
    object.metadata.creation_timestamp = Some(Timestamp::from_second(created).unwrap().into());
    let target = Target {
        endpoint: endpoint.to_owned(),
        ..target("theirs")
    };
    let status = json!({ "callbackID": id, "target": target });
    object.status = Some(serde_json::from_value(status).unwrap());
    object
}

/// Who stands in the way of "victim", whether that is known for a while only, and whether it calls through another address.
fn in_the_way(index: &Index, seen: usize) -> Option<(String, bool, bool)> {
    let place = Place::new("push.example.com", "live");
    let owner = index.owner_elsewhere("victim", &place, &target("theirs"), sight(seen, &row()));
    owner.map(|owner| (owner.name, owner.unproven, owner.afar))
}

#[tokio::test(start_paused = true)]
async fn who_answers_at_another_address_keeps_a_place_for_a_while_or_by_what_is_seen() {
    let index = Index::new(SETTLE);
    index.put(&holds("stranger", ID, ALIAS, 1));
    index.put(&object("victim", 1, None));
    index.note_look("victim", &target("theirs"));
    let stranger = |unproven| Some(("media/stranger".to_owned(), unproven, true));
    for (seen, unproven) in [(0, true), (1, true), (2, false)] {
        assert_eq!(in_the_way(&index, seen), stranger(unproven));
    }
    advance(Duration::from_secs(89)).await;
    index.put(&holds("stranger", ID, ALIAS, 1));
    assert_eq!(in_the_way(&index, 1), stranger(true));
    advance(Duration::from_secs(1)).await;
    assert_eq!(in_the_way(&index, 1), None);
    assert_eq!(in_the_way(&index, 2), stranger(false), "it lies there");
    // Through its own address it keeps the place for good.
    index.put(&holds("third", "another", ALIAS, 2));
    let place = Place::new("push.example.com", "live");
    let owner = index.owner_elsewhere("third", &place, &address(3), sight(1, &[]));
    assert_eq!(
        owner.map(|owner| owner.name),
        Some("media/stranger".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_callback_gives_way_to_nobody_behind_another_address() {
    let index = Index::new(SETTLE);
    index.put(&holds("victim", ID, HOME, 2));
    index.put(&holds("stranger", ID, ALIAS, 1));
    for seen in [0, 2] {
        assert_eq!(in_the_way(&index, seen), None);
    }
    let stranger = Some(("media/stranger".to_owned(), true, true));
    assert_eq!(
        in_the_way(&index, 1),
        stranger,
        "it is gone, and would be made anew"
    );
    let mut going = holds("victim", ID, HOME, 2);
    going.metadata.deletion_timestamp = holder(1, &[], None).metadata.deletion_timestamp;
    going.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    index.put(&going);
    assert_eq!(in_the_way(&index, 1), None, "nothing is made for who goes");
}
