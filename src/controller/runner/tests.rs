//! Reconciles in virtual time.

use std::sync::Mutex;

use futures::stream;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;

/// How long a reconcile takes here.
const LONG: Duration = Duration::from_secs(10);

/// When each reconcile began, and of which object.
type BegunReconciles = Arc<Mutex<Vec<(u64, String)>>>;

struct RunnerWorld {
    began: Instant,
    begun: BegunReconciles,
    wanted: mpsc::UnboundedSender<ObjectRef<RecordingCallback>>,
    writer: Writer<RecordingCallback>,
    stop: Stop,
    work: tokio::task::JoinHandle<()>,
}

fn object(name: &str) -> RecordingCallback {
    let mut object = RecordingCallback::new(name, crate::api::RecordingCallbackSpec::default());
    object.metadata.namespace = Some("media".to_owned());
    object
}

impl RunnerWorld {
    /// Its reconciles take long, and then ask to be made again after so long, if at all.
    fn begin(again: Option<Duration>) -> Self {
        let (store, writer) = reflector::store();
        let (wanted, mut inbox) = mpsc::unbounded_channel();
        let (began, noted, stop) = (Instant::now(), BegunReconciles::default(), Stop::new());
        let note = Arc::clone(&noted);
        let reconcile = move |object: Arc<RecordingCallback>| {
            let name = object.metadata.name.clone().unwrap();
            note.lock().unwrap().push((began.elapsed().as_secs(), name));
            async move {
                sleep(LONG).await;
                again
            }
        };
        let inbox: ObjectRefs = stream::poll_fn(move |cx| inbox.poll_recv(cx)).boxed();
        let streams = [stream::pending().boxed(), inbox];
        let order = stop.clone();
        let work = tokio::spawn(async move { run(streams, &store, &order, reconcile).await });
        Self {
            began,
            begun: noted,
            wanted,
            writer,
            stop,
            work,
        }
    }

    /// These objects are there, and all are known.
    fn list(&mut self, names: &[&str]) {
        self.writer.apply_watcher_event(&watcher::Event::Init);
        for name in names {
            let listed = watcher::Event::InitApply(object(name));
            self.writer.apply_watcher_event(&listed);
        }
        self.writer.apply_watcher_event(&watcher::Event::InitDone);
    }

    fn want(&self, name: &str) {
        self.wanted
            .send(ObjectRef::from_obj(&object(name)))
            .unwrap();
    }

    fn begun(&self) -> Vec<(u64, String)> {
        self.begun.lock().unwrap().clone()
    }
}

fn at(second: u64, name: &str) -> (u64, String) {
    (second, name.to_owned())
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_before_all_objects_are_known_and_what_is_not_there_never_does() {
    let mut world = RunnerWorld::begin(None);
    world.want("a");
    world.want("gone");
    sleep(LONG).await;
    assert_eq!(world.begun(), []);
    world.list(&["a"]);
    sleep(LONG).await;
    assert_eq!(world.begun(), [at(10, "a")]);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_wanted_while_it_is_reconciled_is_reconciled_again_after_that() {
    let mut world = RunnerWorld::begin(None);
    world.list(&["a", "b"]);
    world.want("a");
    sleep(Duration::from_secs(1)).await;
    for name in ["a", "b", "a"] {
        world.want(name);
    }
    sleep(LONG * 9).await;
    let expected = [at(0, "a"), at(1, "b"), at(10, "a")];
    assert_eq!(world.begun(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_is_made_again_when_it_asks_for_that_or_earlier_when_something_changes() {
    let mut world = RunnerWorld::begin(Some(Duration::from_mins(1)));
    world.list(&["a"]);
    world.want("a");
    sleep(Duration::from_secs(90)).await;
    world.want("a");
    sleep(Duration::from_secs(80)).await;
    let expected = [at(0, "a"), at(70, "a"), at(90, "a"), at(160, "a")];
    assert_eq!(world.begun(), expected);
}

#[tokio::test(start_paused = true)]
async fn after_the_order_to_stop_none_begins_and_those_under_way_end() {
    let mut world = RunnerWorld::begin(Some(Duration::ZERO));
    world.list(&["a", "b"]);
    world.want("a");
    sleep(Duration::from_secs(4)).await;
    world.stop.request();
    sleep(Duration::from_secs(1)).await;
    let _ = world.wanted.send(ObjectRef::from_obj(&object("b")));
    world.work.await.unwrap();
    assert_eq!(world.began.elapsed(), LONG);
    assert_eq!(world.begun.lock().unwrap().clone(), [at(0, "a")]);
}
