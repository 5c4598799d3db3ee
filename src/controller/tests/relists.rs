//! All watches have to begin anew, with a list in pages, and objects change, come and go while that is under way: each change is acted on
//! soon, long before watches are compared with lists.
//!
//! `RELISTS_SHARE` says of how many courses one is tried, 1 is all, beside `TEST_EXTENT`.

use std::time::Duration;

use serde_json::json;

use super::object::{domain, key, spec, verdict};
use super::script::{Script, settle};
use super::trouble::{CallFate, Verb};
use super::world::ControllerWorld;
use crate::fuzz::{extent, print_extent};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// One more, which comes while they are listed, in the middle of them.
const NEW: &str = "bb";
/// How long a page of one object takes.
const PAGE: Duration = Duration::from_secs(2);
/// The list, after a pause; what of it was broken off; and the settle time.
const SOON: Duration = Duration::from_secs(90);
const OTHER: &str = "https://hooks.example.com/other";
const FEW: usize = 46;
const USUAL: usize = 11;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListedChange {
    Edited,
    Deleted,
    /// Gone by force, and another one has its name.
    Replaced,
    Wiped,
    Suspended,
    /// Nothing but that it is listed.
    Nothing,
}

const CHANGES: [ListedChange; 6] = [
    ListedChange::Edited,
    ListedChange::Deleted,
    ListedChange::Replaced,
    ListedChange::Wiped,
    ListedChange::Suspended,
    ListedChange::Nothing,
];

/// What becomes of the one that is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NewObject {
    /// It comes when the others change.
    Comes,
    /// It comes when the list begins, and goes by force when the others change.
    Goes,
    /// Then another one gets its name.
    GoesAndComes,
}

const NEW_OBJECTS: [NewObject; 3] = [NewObject::Comes, NewObject::Goes, NewObject::GoesAndComes];
/// So much later, when the list is whole.
const COMES_AGAIN: Duration = Duration::from_secs(40);

/// How the list that is under way ends: well, or at its page of that number. The new one is on the third.
const ENDS: [Option<(usize, u16)>; 5] = [
    None,
    Some((1, 410)),
    Some((2, 500)),
    Some((4, 500)),
    Some((4, 410)),
];

impl ListedChange {
    fn happen(self, world: &ControllerWorld, name: &str) {
        let edited = json!({"spec": {"notifyCallbackURL": OTHER}});
        match self {
            Self::Edited => world.merge(name, &edited),
            Self::Deleted => world.delete(name),
            Self::Replaced => {
                world.take_away(&key(name));
                let mut other = spec(name);
                other["notifyCallbackURL"] = json!(OTHER);
                world.apply(name, &other);
            }
            Self::Wiped => {
                let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
                world.merge(name, &wiped);
            }
            Self::Suspended => world.merge(name, &json!({"spec": {"suspend": true}})),
            Self::Nothing => {}
        }
    }

    /// Whether it was acted on.
    fn is_done(self, world: &ControllerWorld, name: &str) -> bool {
        let rows = world.rows(&domain(name));
        let Some(object) = world.object(name) else {
            return self == Self::Deleted && rows.is_empty();
        };
        let [row] = rows.as_slice() else {
            return false;
        };
        let (status, reason) = verdict(&object);
        let is_held = status == "True" && object["status"]["callbackID"] == row.id.as_str();
        let is_other = row.notify_callback_url.as_deref() == Some(OTHER);
        match self {
            Self::Edited | Self::Replaced => is_held && is_other,
            Self::Deleted => false,
            Self::Wiped => is_held && object["metadata"]["finalizers"].is_array(),
            Self::Suspended => reason == "Suspended",
            Self::Nothing => is_held,
        }
    }
}

/// The list begins, and at this moment of it every object changes, each in another way.
async fn lived(first: usize, moment: Duration, end: Option<(usize, u16)>, new: NewObject) {
    let change_of = |number: usize| CHANGES[(first + number) % CHANGES.len()];
    let (script, mut world) = Script::with_world();
    world.start();
    for name in NAMES {
        world.apply(name, &spec(name));
    }
    settle(&world, NAMES[0], &spec(NAMES[0])).await;
    let mut pages = 0;
    script.server(move |call| {
        if call.verb != Verb::List {
            return CallFate::Served;
        }
        pages += 1;
        match end {
            Some((at, 410)) if at == pages => CallFate::Refused(410, "Expired"),
            Some((at, code)) if at == pages => CallFate::Refused(code, "InternalError"),
            _ => CallFate::Late(PAGE),
        }
    });
    world.server.set_page(1);
    world.story.log("all watches are too old");
    world.server.expire();
    if new != NewObject::Comes {
        world.apply(NEW, &spec(NEW));
    }
    world.pass(moment).await;
    for (number, name) in NAMES.into_iter().enumerate() {
        change_of(number).happen(&world, name);
    }
    if new == NewObject::Comes {
        world.apply(NEW, &spec(NEW));
    } else {
        world.take_away(&key(NEW));
    }
    if new == NewObject::GoesAndComes {
        world.pass(COMES_AGAIN).await;
        world.apply(NEW, &spec(NEW));
    }
    let end_of_new = if new == NewObject::Goes {
        ListedChange::Deleted
    } else {
        ListedChange::Nothing
    };
    let all_done = |world: &ControllerWorld| {
        let mut names = NAMES.into_iter().enumerate();
        names.all(|(number, name)| change_of(number).is_done(world, name))
            && end_of_new.is_done(world, NEW)
    };
    let is_done = world.until(SOON, all_done).await;
    world.pass(Duration::from_mins(1)).await;
    let changes: Vec<_> = (0..NAMES.len()).map(change_of).collect();
    assert!(
        is_done && all_done(&world),
        "{changes:?} after {moment:?}, {end:?}, {new:?}\n{}",
        world.story.whole()
    );
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_changes_while_a_list_is_under_way_is_acted_on_soon() {
    let share = extent("RELISTS_SHARE", FEW, USUAL);
    let mut count = 0;
    let seconds = 0..=10_u64;
    let courses = seconds.flat_map(|second| {
        let firsts = 0..CHANGES.len();
        firsts.flat_map(move |first| ENDS.map(|end| (first, second, end)))
    });
    let courses = courses.flat_map(|course| NEW_OBJECTS.map(|new| (course, new)));
    for ((first, second, end), new) in courses.step_by(share) {
        count += 1;
        let moment = Duration::from_millis(second * 1_000 + 500);
        Box::pin(lived(first, moment, end, new)).await;
    }
    print_extent(&format!("{count} lists under way"));
}
