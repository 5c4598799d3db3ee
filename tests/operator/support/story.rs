//! What happened in a world, in the order of time: what its test did, each write of its objects, the calls and rows of its cloud, and
//! what its operators said. Printed when the test fails. Reads only; no test depends on it. A write stands where the watch told of it,
//! which on a busy machine is after what it led to.

mod render;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    runtime::{WatchStreamExt as _, watcher},
};
use live_simulator::Cloud;
use recording_callback_operator::api::RecordingCallback;
use serde_json::Value;
use tokio::{
    runtime::Runtime,
    sync::watch::{Receiver, Sender, channel},
    task::AbortHandle,
    time::timeout,
};

use super::{connect_to, kubeconfig};

/// Of a longer story the end is printed.
const MOST: usize = 300;
/// How long a failing test asks for what was missed, and a world waits for its watch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Watches for all worlds, on a thread of its own: a test that blocks its thread holds up no line, and so no order.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().unwrap()
});
/// The stories that go on, by namespace.
static STORIES: Mutex<BTreeMap<String, Arc<Mutex<StoryLines>>>> = Mutex::new(BTreeMap::new());

thread_local! {
    static PRINTED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// One thing that happened.
struct StoryLine {
    at: Timestamp,
    who: &'static str,
    what: String,
}

#[derive(Default)]
struct StoryLines {
    lines: Vec<StoryLine>,
    /// The objects as they were seen last.
    seen: BTreeMap<String, Value>,
}

/// The story of a world, which is told when this value goes while its test fails.
pub(crate) struct WorldStory {
    namespace: String,
    began: Timestamp,
    cloud: Cloud,
    shared: Arc<Mutex<StoryLines>>,
    watch: AbortHandle,
    /// Whether the watch tells of each write from now on.
    watching: Receiver<bool>,
}

impl WorldStory {
    /// It begins now.
    pub(crate) fn begin(namespace: &str, cloud: &Cloud) -> Self {
        let shared = Arc::<Mutex<StoryLines>>::default();
        let (watched, lines) = (namespace.to_owned(), Arc::clone(&shared));
        let (listed, watching) = channel(false);
        let watch = RUNTIME.spawn(async move { watch(&watched, &lines, &listed).await });
        lock(&STORIES).insert(namespace.to_owned(), Arc::clone(&shared));
        Self {
            namespace: namespace.to_owned(),
            began: present(),
            cloud: cloud.clone(),
            shared,
            watch: watch.abort_handle(),
            watching,
        }
    }

    /// Waits until no write is missed, as far as the API server allows.
    pub(crate) async fn watches(&self) {
        let mut watching = self.watching.clone();
        drop(timeout(PATIENCE, watching.wait_for(|now| *now)).await);
    }

    /// The test does something.
    pub(crate) fn log(&self, what: impl Into<String>) {
        lock(&self.shared).log(present(), "test", what.into());
    }

    fn text(&self) -> String {
        let mut lines = std::mem::take(&mut lock(&self.shared).lines);
        lines.extend(render::of_cloud(&self.cloud));
        lines.extend(missed(&self.namespace, &self.shared));
        lines.sort_by_key(|line| line.at);
        let heading = format!("--- what happened in {}", self.namespace);
        format!(
            "{heading}, in the order of time:\n{}",
            page(self.began, &lines)
        )
    }
}

impl Drop for WorldStory {
    fn drop(&mut self) {
        self.watch.abort();
        lock(&STORIES).remove(&self.namespace);
        if std::thread::panicking() {
            let text = self.text();
            eprintln!("{text}");
            PRINTED.set(Some(text));
        }
    }
}

impl StoryLines {
    fn log(&mut self, at: Timestamp, who: &'static str, what: String) {
        self.lines.push(StoryLine { at, who, what });
    }

    /// An object as it is now.
    fn saw(&mut self, object: &RecordingCallback) {
        let name = object.name_any();
        let now = serde_json::to_value(object).unwrap();
        let before = self.seen.insert(name.clone(), now.clone());
        for change in render::changes(&before.unwrap_or_default(), &now) {
            self.log(present(), "object", format!("{name} {change}"));
        }
    }

    fn lost(&mut self, name: &str) {
        if self.seen.remove(name).is_some() {
            self.log(present(), "object", format!("{name} is gone"));
        }
    }
}

/// An operator of a test that fails ends: what it said belongs to the story of the world whose namespace its flags name, else it is
/// printed. The whole log is kept.
pub(crate) fn of_operator(flags: &[String], log: &str) {
    let lines = render::of_log(log);
    let name = format!("operator-{}-{}.log", std::process::id(), present());
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let whole = match fs::write(&kept, log) {
        Ok(()) => format!("an operator's whole log is kept in {}", kept.display()),
        Err(error) => format!("an operator's whole log can't be kept: {error}"),
    };
    let mut words = flags.iter().flat_map(|flag| flag.split(['=', ',']));
    let world = words.find_map(|word| lock(&STORIES).get(word).cloned());
    if let Some(story) = world {
        let mut story = lock(&story);
        story.lines.extend(lines);
        story.log(present(), "test", whole);
    } else {
        let began = lines.first().map_or(Timestamp::UNIX_EPOCH, |line| line.at);
        eprintln!("--- an operator said:\n{}  {whole}", page(began, &lines));
    }
}

/// The story that was printed last on this thread.
pub(crate) fn printed() -> Option<String> {
    PRINTED.take()
}

/// Tells every version of the objects of a namespace, whatever becomes of the API server; never ends.
async fn watch(namespace: &str, shared: &Mutex<StoryLines>, listed: &Sender<bool>) {
    let callbacks: Api<RecordingCallback> =
        Api::namespaced(connect_to(kubeconfig()).await, namespace);
    let mut events = watcher(callbacks, watcher::Config::default())
        .default_backoff()
        .boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                lock(shared).saw(&object);
            }
            Ok(watcher::Event::Delete(object)) => lock(shared).lost(&object.name_any()),
            Ok(watcher::Event::InitDone) => drop(listed.send(true)),
            Ok(watcher::Event::Init) | Err(_) => {}
        }
    }
}

/// What only the API server can tell: events, and versions of objects that the watch has not told yet.
fn missed(namespace: &str, shared: &Arc<Mutex<StoryLines>>) -> Vec<StoryLine> {
    let (sender, answer) = mpsc::channel();
    let (namespace, shared) = (namespace.to_owned(), Arc::clone(shared));
    RUNTIME.spawn(async move {
        let client = connect_to(kubeconfig()).await;
        let all = ListParams::default();
        let callbacks: Api<RecordingCallback> = Api::namespaced(client.clone(), &namespace);
        for object in callbacks.list(&all).await.into_iter().flatten() {
            lock(&shared).saw(&object);
        }
        let events: Api<Event> = Api::namespaced(client, &namespace);
        let events = events.list(&all).await.into_iter().flatten();
        let mut lines: Vec<_> = events
            .filter_map(|event| render::of_event(&event))
            .collect();
        lines.append(&mut lock(&shared).lines);
        drop(sender.send(lines));
    });
    answer.recv_timeout(PATIENCE).unwrap_or_default()
}

/// Lines for people, each with the time since the beginning.
fn page(began: Timestamp, lines: &[StoryLine]) -> String {
    let skipped = lines.len().saturating_sub(MOST);
    let mut text = String::new();
    if skipped > 0 {
        writeln!(text, "  ... {skipped} lines").unwrap();
    }
    for line in &lines[skipped..] {
        let millis = line.at.duration_since(began).as_millis().max(0);
        let (minutes, seconds) = (millis / 60_000, millis / 1_000 % 60);
        let StoryLine { who, what, .. } = line;
        writeln!(
            text,
            "  {minutes}:{seconds:02}.{:03}  {who:<8}  {what}",
            millis % 1_000
        )
        .unwrap();
    }
    text
}

/// The cloud and the operators date what they tell by this clock, too.
#[allow(clippy::disallowed_methods, reason = "this is the clock")]
fn present() -> Timestamp {
    Timestamp::now()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
