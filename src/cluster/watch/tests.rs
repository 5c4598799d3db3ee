//! Watches in virtual time, against an API server that answers by script.

mod failures;

use std::collections::VecDeque;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::client::{Body, DynBody};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tower::{BoxError, Layer as _, service_fn};

use std::sync::MutexGuard;

use super::*;
use crate::cluster::limits::Limits;

/// How it fares a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WatchFault {
    Hang,
    Refuse(u16),
    /// A page of something on the way, which has many lines.
    Page,
}

#[derive(Default)]
struct WatchWorld {
    /// Name, UID and version of each object.
    objects: BTreeMap<String, (String, u64)>,
    version: u64,
    /// What befalls the next lists, and the next watches.
    faults: (VecDeque<WatchFault>, VecDeque<WatchFault>),
    /// The open watch.
    events: Option<mpsc::UnboundedSender<Bytes>>,
    lists: usize,
    watches: usize,
    /// The status of the answer to who reads the namespace.
    namespace: u16,
}

#[derive(Clone, Default)]
struct WatchServer(Arc<Mutex<WatchWorld>>);

impl WatchServer {
    fn world(&self) -> MutexGuard<'_, WatchWorld> {
        self.0.lock().unwrap()
    }

    /// Writes an object, and tells the watch of it or not.
    fn write(&self, name: &str, uid: &str, version: u64, is_delivered: bool) {
        let mut world = self.world();
        world.version = version;
        let object = (uid.to_owned(), version);
        world.objects.insert(name.to_owned(), object);
        let line = json!({ "type": "MODIFIED", "object": object_of(name, uid, version) });
        if let Some(events) = world.events.as_ref().filter(|_| is_delivered) {
            events.send(format!("{line}\n").into()).unwrap();
        }
    }

    fn delete_untold(&self, name: &str) {
        self.world().objects.remove(name);
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<Box<DynBody>>, BoxError> {
        if request.uri().path() == "/api/v1/namespaces/media" {
            let code = self.world().namespace;
            let namespace = json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {} });
            let status = json!({ "kind": "Status", "status": "Failure", "message": "", "reason": if code == 404 { "NotFound" } else { "" }, "code": code });
            return Ok(whole(code, if code == 200 { &namespace } else { &status }));
        }
        let is_watch = request.uri().query().unwrap().contains("watch=true");
        let is_metadata = format!("{:?}", request.headers()).contains("PartialObjectMetadataList");
        let fault = {
            let mut world = self.world();
            let count = if is_watch {
                &mut world.watches
            } else {
                &mut world.lists
            };
            *count += 1;
            let faults = if is_watch {
                &mut world.faults.1
            } else {
                &mut world.faults.0
            };
            faults.pop_front()
        };
        match fault {
            Some(WatchFault::Hang) => return std::future::pending().await,
            Some(WatchFault::Refuse(code)) => {
                let refusal = json!({ "kind": "Status", "status": "Failure", "message": "forbidden", "reason": "", "code": code });
                return Ok(whole(code, &refusal));
            }
            Some(WatchFault::Page) => {
                let page = Full::new(Bytes::from("<p>Please log in.</p>\n".repeat(20)));
                let page: Box<DynBody> = Box::new(page.map_err(BoxError::from));
                let answer = Response::builder().header("content-type", "text/html");
                return Ok(answer.body(page).unwrap());
            }
            None => {}
        }
        let mut world = self.world();
        if is_watch {
            let (sender, mut events) = mpsc::unbounded_channel();
            world.events = Some(sender);
            let frames = stream::poll_fn(move |cx| events.poll_recv(cx));
            let frames = frames.map(|line| Ok::<_, BoxError>(Frame::data(line)));
            let body: Box<DynBody> = Box::new(StreamBody::new(frames));
            return Ok(Response::new(body));
        }
        let items: Vec<Value> = world
            .objects
            .iter()
            .map(|(name, (uid, version))| object_of(name, uid, *version))
            .collect();
        let kind = if is_metadata {
            "PartialObjectMetadataList"
        } else {
            "RecordingCallbackList"
        };
        let list = json!({
            "kind": kind, "apiVersion": "v1", "items": items,
            "metadata": { "resourceVersion": world.version.to_string() },
        });
        Ok(whole(200, &list))
    }

    fn watched(&self) -> Watched {
        let server = self.clone();
        let service = service_fn(move |request| server.clone().answer(request));
        let client = Client::new(Limits::default().layer(service), "media");
        Watched::new(client, "media", Some("tier=gold"))
    }
}

fn whole(code: u16, body: &Value) -> Response<Box<DynBody>> {
    let body = Full::new(Bytes::from(body.to_string())).map_err(BoxError::from);
    let body: Box<DynBody> = Box::new(body);
    Response::builder().status(code).body(body).unwrap()
}

fn object_of(name: &str, uid: &str, version: u64) -> Value {
    json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": { "name": name, "namespace": "media", "uid": uid, "resourceVersion": version.to_string() },
        // One can't be read: it is compared like any other.
        "spec": if name == "odd" { json!("odd") } else { json!({ "publishDomain": "push.example.com", "app": "live" }) },
    })
}

/// Follows a watch: what it has brought, when it was listed, when it failed and whether that was a refusal.
struct Followed {
    server: WatchServer,
    watched: Arc<Watched>,
    begun: Instant,
    lists: Arc<Mutex<Vec<u64>>>,
    failures: Arc<Mutex<Vec<(u64, bool)>>>,
    missed: Arc<Mutex<Vec<Missed>>>,
}

impl Followed {
    fn new(server: WatchServer) -> Self {
        let watched = Arc::new(server.watched());
        let followed = Self {
            watched: Arc::clone(&watched),
            server,
            begun: Instant::now(),
            lists: Arc::default(),
            failures: Arc::default(),
            missed: Arc::default(),
        };
        let begun = followed.begun;
        let (lists, failures) = (Arc::clone(&followed.lists), Arc::clone(&followed.failures));
        let mut events = watched.events();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let now = begun.elapsed().as_secs();
                match event {
                    Ok(watcher::Event::InitDone) => lists.lock().unwrap().push(now),
                    Ok(_) => {}
                    Err(error) => failures.lock().unwrap().push((now, is_refusal(&error))),
                }
            }
        });
        let missed = Arc::clone(&followed.missed);
        tokio::spawn(async move {
            watched
                .compare(move |found| missed.lock().unwrap().push(found))
                .await;
        });
        followed
    }

    fn lists(&self) -> Vec<u64> {
        self.lists.lock().unwrap().clone()
    }

    fn failures(&self) -> Vec<(u64, bool)> {
        self.failures.lock().unwrap().clone()
    }

    /// What was found to be missed: how many objects, and whether versions went back.
    fn missed(&self) -> Vec<(usize, bool)> {
        let missed = self.missed.lock().unwrap();
        missed
            .iter()
            .map(|missed| (missed.objects, missed.went_back))
            .collect()
    }
}

/// A watch of three objects that has listed them.
async fn settled() -> Followed {
    let server = WatchServer::default();
    for (version, name) in [(10, "one"), (20, "two"), (30, "odd")] {
        server.write(name, name, version, false);
    }
    let followed = Followed::new(server);
    minutes(1).await;
    assert_eq!(followed.lists(), [0]);
    followed
}

async fn minutes(count: u64) {
    sleep(Duration::from_mins(count)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_never_answered_is_given_up_and_tried_again() {
    let server = WatchServer::default();
    server.world().faults.0.extend([WatchFault::Hang; 3]);
    server.world().faults.1.extend([WatchFault::Hang; 2]);
    let followed = Followed::new(server.clone());
    minutes(5).await;
    assert_eq!(followed.lists(), [91], "the three took 30 s each");
    let times: Vec<u64> = followed.failures().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [30, 61, 91, 101, 111]);
    assert_eq!(server.world().watches, 3);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_asks_ever_more_slowly_and_is_served_soon_after_it_heals() {
    let server = WatchServer::default();
    server
        .world()
        .faults
        .0
        .extend([WatchFault::Refuse(403); 10]);
    let followed = Followed::new(server.clone());
    minutes(3).await;
    assert_eq!(followed.lists(), [105]);
    let at = [0, 1, 3, 7, 15, 30, 45, 60, 75, 90];
    assert_eq!(followed.failures(), at.map(|at| (at, true)));

    for (code, is) in [(404, true), (401, true), (500, false), (503, false)] {
        let server = WatchServer::default();
        server.world().faults.0.push_back(WatchFault::Refuse(code));
        let followed = Followed::new(server);
        minutes(1).await;
        assert_eq!(followed.failures(), [(0, is)], "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_in_place_of_a_watch_is_refused_as_a_whole() {
    let server = WatchServer::default();
    server.world().faults.1.extend([WatchFault::Page; 2]);
    let followed = Followed::new(server.clone());
    sleep(Duration::from_secs(30)).await;
    assert_eq!(server.world().watches, 3);
    assert!(server.world().events.is_some(), "an honest one is open");
    let times: Vec<u64> = followed.failures().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 1], "one failure for each page");
}

#[tokio::test(start_paused = true)]
async fn at_rest_a_watch_is_compared_with_one_list_and_nothing_is_missed() {
    let followed = settled().await;
    let server = &followed.server;
    for version in 40..70 {
        server.write("one", "one", version, true);
        minutes(1).await;
    }
    assert_eq!(followed.missed(), []);
    assert_eq!(followed.lists(), [0]);
    assert_eq!(
        server.world().lists,
        1 + 3,
        "the first, and three to compare"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_frozen_watch_did_not_bring_is_found_and_listed_anew() {
    type Change = fn(&WatchServer);
    let changes: [Change; 4] = [
        |server| server.write("one", "one", 50, false),
        |server| server.write("new", "new", 50, false),
        |server| server.write("one", "another", 50, false),
        |server| server.delete_untold("one"),
    ];
    for change in changes {
        let followed = settled().await;
        change(&followed.server);
        minutes(10).await;
        assert_eq!(followed.missed(), [(1, false)]);
        assert_eq!(followed.lists(), [0, 605]);
        assert_eq!(followed.watched.epoch().load(Ordering::Relaxed), 1);
        minutes(30).await;
        assert_eq!(followed.missed().len(), 1, "nothing more");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_a_moment_later_was_not_missed() {
    let followed = settled().await;
    sleep(Duration::from_secs(539)).await;
    followed.server.write("one", "one", 50, false);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(
        followed.server.world().lists,
        2,
        "the first look was before"
    );
    followed.server.write("one", "one", 50, true);
    minutes(10).await;
    assert_eq!(followed.missed(), []);
    assert_eq!(followed.lists(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_was_restored_is_told_by_its_versions() {
    let followed = settled().await;
    followed.server.write("one", "one", 5, false);
    minutes(10).await;
    assert_eq!(followed.missed(), [(1, true)]);
    assert_eq!(followed.lists(), [0, 605]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_at_once_begins_ever_more_slowly() {
    let followed = settled().await;
    let closing = followed.server.clone();
    let cut = tokio::spawn(async move {
        loop {
            closing.world().events = None;
            sleep(Duration::from_millis(50)).await;
        }
    });
    minutes(2).await;
    let watches = followed.server.world().watches;
    assert!((6..=10).contains(&watches), "{watches} in two minutes");
    cut.abort();
    let healed = timeout(Duration::from_secs(31), async {
        while followed.server.world().events.is_none() {
            sleep(Duration::from_millis(50)).await;
        }
    });
    healed.await.expect("it is watched again within 30 s");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_objects_is_looked_for() {
    let server = WatchServer::default();
    server.world().namespace = 404;
    let followed = Followed::new(server.clone());
    let reports: Arc<Mutex<Vec<(u64, bool)>>> = Arc::default();
    let (reporting, watched, begun) = (Arc::clone(&reports), followed.watched, followed.begun);
    tokio::spawn(async move {
        let report = |exists| {
            reporting
                .lock()
                .unwrap()
                .push((begun.elapsed().as_secs(), exists));
        };
        watched.look_for_namespace(report).await;
    });
    sleep(Duration::from_secs(30)).await;
    server.world().namespace = 403;
    minutes(1).await;
    server.world().namespace = 200;
    sleep(Duration::from_secs(20)).await;
    server.world().namespace = 500;
    server.write("one", "one", 10, true);
    sleep(Duration::from_secs(20)).await;
    let expected = [(0, false), (20, false), (100, true), (120, true)];
    assert_eq!(*reports.lock().unwrap(), expected);
}
