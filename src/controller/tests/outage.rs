//! The cloud can't be asked for a while, just when a settled object has to be looked at again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;

use super::object::{domain, key, spec, verdict};
use super::trouble::{CloudCall, CloudCallFate, Troubled, TroubledAnswer, reply};
use super::world::ControllerWorld;

/// As often as 2 s doubling to 2 min come round in the 10 minutes of an outage.
const FEW: usize = 12;
const OUTAGE: Duration = Duration::from_mins(10);

#[derive(Default)]
struct Outage {
    is_down: AtomicBool,
    /// So many POSTs get lost.
    lost: AtomicUsize,
}

impl Troubled for Outage {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let fails = |answer| CloudCallFate {
            carried_out: false,
            answer,
            ..CloudCallFate::default()
        };
        let take = |left: usize| left.checked_sub(1);
        if call.method == Method::GET && self.is_down.load(Ordering::SeqCst) {
            return fails(TroubledAnswer::Reply(reply(503, "")));
        }
        let (order, lost) = (Ordering::SeqCst, &self.lost);
        if call.method == Method::POST && lost.fetch_update(order, order, take).is_ok() {
            return fails(TroubledAnswer::Broken);
        }
        CloudCallFate::default()
    }
}

async fn settles(world: &ControllerWorld, limit: Duration) {
    let is_settled = |world: &ControllerWorld| {
        let object = world.object("push");
        object.is_some_and(|object| verdict(&object).0 == "True")
            && world.rows(&domain("push")).len() == 1
    };
    let is_settled = world.until(limit, is_settled).await;
    assert!(is_settled, "{}", world.story.whole());
}

/// The cloud goes down, and the object that owes a look stays as it was.
async fn lasts(world: &ControllerWorld, weather: &Outage) {
    weather.is_down.store(true, Ordering::SeqCst);
    let (calls, versions) = (world.calls().len(), world.server.history().len());
    world.pass(OUTAGE).await;
    let ours = |domain: &Option<String>| domain.as_deref() == Some("push.example.com");
    let calls = world.calls().split_off(calls);
    let calls = calls.iter().filter(|made| ours(&made.call.domain)).count();
    let written = world.server.history().split_off(versions);
    let story = world.story.whole();
    assert!((4..=FEW).contains(&calls), "{calls} calls\n{story}");
    let writes = written.iter().filter(|(_, name, _)| *name == key("push"));
    assert!(writes.count() <= FEW, "{story}");
    for (_, _, object) in &written {
        assert_eq!(verdict(object).0, "True", "{story}");
    }
    weather.is_down.store(false, Ordering::SeqCst);
    settles(world, Duration::from_mins(4)).await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_was_put_off_is_tried_ever_more_seldom_while_the_cloud_is_down() {
    let weather = Arc::new(Outage::default());
    let trouble: Arc<dyn Troubled> = weather.clone();
    let mut world = ControllerWorld::new(&trouble);
    world.configure(|config| config.resync_interval = Duration::from_secs(10));
    world.start();
    world.apply("push", &spec("push"));
    settles(&world, Duration::from_secs(30)).await;
    let id = world.rows(&domain("push"))[0].id.clone();
    world.cloud().delete_row(&id);
    // A sweep sees that it is gone, too soon after the create to count.
    world.pass(Duration::from_secs(16)).await;
    lasts(&world, &weather).await;
    assert_ne!(world.rows(&domain("push"))[0].id, id);
}

#[tokio::test(start_paused = true)]
async fn a_second_look_at_several_attempts_is_tried_ever_more_seldom_while_the_cloud_is_down() {
    let weather = Arc::new(Outage::default());
    weather.lost.store(1, Ordering::SeqCst);
    let trouble: Arc<dyn Troubled> = weather.clone();
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    world.apply("push", &spec("push"));
    settles(&world, Duration::from_mins(2)).await;
    lasts(&world, &weather).await;
}
