//! A cluster, a cloud and the operator between them, in virtual time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::FromArgMatches as _;
use http::Method;
use jiff::Timestamp;
use live_simulator::{Cloud, KnownCredential, KnownUser, SimulatorSettings, StoredRow};
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::cloud::{Made, Road};
use super::life::Life;
use super::object::{ACCOUNT, HOOKS, NAMESPACE, PROJECT, key};
use super::server::{MemoryApiServer, StoreKey};
use super::story::EventStory;
use super::trouble::Troubled;
use crate::admin::{Check, Health};
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::lease::Leadership;
use crate::config::RunConfig;
use crate::controller::context::{Context, Listed, StartConditions};
use crate::controller::externals::Externals;
use crate::controller::lead;
use crate::metrics::Metrics;
use crate::stop::Stop;

/// How finely a wait looks whether it may end.
const STEP: Duration = Duration::from_millis(500);

thread_local! {
    /// When the virtual time of this thread's world began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The wall clock of everybody here: it goes with tokio's paused time.
pub(super) fn wall() -> Timestamp {
    let began = BEGAN.get().unwrap_or_else(Instant::now);
    let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    noon.saturating_add(began.elapsed()).unwrap()
}

/// All of it. Dropped with its process.
pub(super) struct ControllerWorld {
    pub(super) server: MemoryApiServer,
    pub(super) road: Road,
    pub(super) story: EventStory,
    config: RunConfig,
    leadership: Leadership,
    /// Those of the newest process.
    metrics: Arc<Metrics>,
    process: Option<Process>,
    /// Whose Lease another process has taken.
    former: Option<Process>,
}

struct Process {
    life: Life,
    stop: Stop,
    work: JoinHandle<()>,
}

impl ControllerWorld {
    /// A world with the usual Secrets, whose operator does not run yet.
    pub(super) fn new(trouble: &Arc<dyn Troubled>) -> Self {
        BEGAN.set(Some(Instant::now()));
        let story = EventStory::begin();
        let server = MemoryApiServer::new(Arc::clone(trouble), story.clone());
        // No answer comes in no time at all.
        let settings = SimulatorSettings {
            latency_ms: 5,
            ..SimulatorSettings::default()
        };
        let stranger = Cloud::with_clock(settings.clone(), wall);
        let cloud = Cloud::with_clock(settings, wall);
        for access_key in ["AKFIRST", "AKSECOND"] {
            let secret_key = format!("{access_key}-secret");
            for cloud in [&cloud, &stranger] {
                cloud.add_credential(KnownCredential::new(access_key, &secret_key, PROJECT));
            }
        }
        cloud.add_user(KnownUser::new(
            "company",
            "operator",
            "not-easy-to-guess",
            PROJECT,
        ));
        let road = Road::new(cloud, stranger, Arc::clone(trouble), story.clone());
        let world = Self {
            server,
            road,
            story,
            config: config(),
            leadership: Leadership::always(),
            metrics: no_metrics(false),
            process: None,
            former: None,
        };
        world.secret(ACCOUNT, &account("AKFIRST"));
        world.secret(HOOKS, &[("sign", SIGN_KEY), ("other", OTHER_SIGN_KEY)]);
        world
    }

    pub(super) fn cloud(&self) -> &Cloud {
        &self.road.cloud
    }

    /// Changes the operator's flags; before it starts.
    pub(super) fn configure(&mut self, change: impl FnOnce(&mut RunConfig)) {
        change(&mut self.config);
    }

    /// The operator's Lease holds for so long, and nobody renews it; before it starts.
    pub(super) fn led_for(&mut self, limit: Duration) {
        self.leadership = Leadership::held_until(Instant::now() + limit);
    }

    pub(super) fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The operator starts.
    pub(super) fn start(&mut self) {
        self.story.log("the operator starts");
        let life = Life::begin();
        let (config, kube) = (self.config.clone(), self.server.client(&life));
        let leadership = self.leadership.clone();
        let outside = self.outside(&life);
        let (ended, stop) = (life.clone(), Stop::new());
        let asked = stop.clone();
        self.metrics = no_metrics(config.read_only);
        let metrics = Arc::clone(&self.metrics);
        let work = tokio::spawn(async move {
            let health = Arc::new(Health::new(&config.namespaces));
            let crd = CrdCheck::new(kube);
            // Followed by whoever calls `lead`.
            health.set(Check::Crd, Ok(()));
            let work = lead(&config, outside, &health, metrics, leadership, asked, crd);
            tokio::select! {
                result = work => result.unwrap(),
                () = ended.ended() => {}
            }
        });
        self.process = Some(Process { life, stop, work });
    }

    fn outside(&self, life: &Life) -> Externals {
        Externals {
            kube: self.server.client(life),
            cloud: self.road.way(life),
            direct: self.road.way(life),
            wall: Arc::new(wall),
        }
    }

    /// What the reconciles of a process share that does nothing by itself.
    pub(super) fn idle(&self) -> Context {
        let life = Life::begin();
        let (leftovers, _) = unbounded_channel();
        let outside = self.outside(&life);
        let gates = StartConditions {
            listed: watch::channel(Listed::All).1,
            crd: CrdCheck::new(outside.kube.clone()),
        };
        let (metrics, leadership) = (Arc::clone(&self.metrics), self.leadership.clone());
        let stop = Stop::new();
        Context::new(
            &self.config,
            &outside,
            metrics,
            leadership,
            stop,
            leftovers,
            gates,
        )
    }

    /// The samples of a metric that the newest process tells.
    pub(super) fn samples(&self, metric: &str) -> Vec<String> {
        let page = self.metrics.encode();
        let is_named = |line: &&str| {
            let rest = line.strip_prefix(&format!("recording_callback_{metric}"));
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let named = page.lines().filter(is_named);
        named.map(str::to_owned).collect()
    }

    /// What the newest process tells by a metric without labels.
    pub(super) fn figure(&self, metric: &str) -> String {
        let (page, name) = (
            self.metrics.encode(),
            format!("recording_callback_{metric} "),
        );
        let told = page.lines().find_map(|line| line.strip_prefix(&name));
        told.unwrap_or_else(|| panic!("no {metric} in {page}"))
            .to_owned()
    }

    /// The operator is killed.
    pub(super) async fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            self.story.log("the operator is killed");
            process.life.end();
            process.work.await.unwrap();
        }
    }

    /// The operator is asked to stop, as by SIGTERM.
    pub(super) fn drain(&self) {
        if let Some(process) = &self.process {
            self.story.log("the operator is asked to stop");
            process.stop.request();
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        let process = self.process.as_ref();
        process.is_none_or(|process| process.work.is_finished())
    }

    /// Another process takes the Lease that has ended. The former one goes on beside it until it notices.
    pub(super) fn fail_over(&mut self) {
        self.story.log("another process leads");
        self.former = self.process.take();
        self.leadership = Leadership::always();
        self.start();
    }

    /// The process that leads no more ends.
    pub(super) async fn end_former(&mut self) {
        if let Some(process) = self.former.take() {
            self.story.log("the former leader ends");
            process.life.end();
            process.work.await.unwrap();
        }
    }

    /// Whether it died of something that befell it.
    pub(super) fn is_dead(&self) -> bool {
        self.process
            .as_ref()
            .is_none_or(|process| process.life.is_over())
    }

    pub(super) async fn restart(&mut self) {
        self.kill().await;
        self.start();
    }

    pub(super) async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    /// Waits until something is so, at most so long.
    pub(super) async fn until(&self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let end = Instant::now() + limit;
        while !is_so(self) {
            if Instant::now() >= end {
                return false;
            }
            sleep(STEP).await;
        }
        true
    }

    pub(super) fn object(&self, name: &str) -> Option<Value> {
        self.server.object(&key(name))
    }

    /// Applies a spec: creates the object, or gives it this one.
    pub(super) fn apply(&self, name: &str, spec: &Value) {
        self.story.log(format!("somebody applies {name}: {spec}"));
        let is_there = self
            .server
            .edit(&key(name), |object| object["spec"] = spec.clone());
        if !is_there {
            self.server.create(&key(name), spec);
        }
    }

    /// Merges a change into an object, as `kubectl patch --type merge` does.
    pub(super) fn merge(&self, name: &str, change: &Value) {
        self.story.log(format!("somebody changes {name}: {change}"));
        self.server
            .edit(&key(name), |object| json_patch::merge(object, change));
    }

    pub(super) fn delete(&self, name: &str) {
        self.story.log(format!("somebody deletes {name}"));
        self.server.delete(&key(name));
    }

    /// Takes an object away by force: it goes without having been let go.
    pub(super) fn take_away(&self, object: &StoreKey) {
        self.story
            .log(format!("somebody takes {} away by force", object.1));
        self.server.edit(object, |object| {
            object["metadata"]["finalizers"] = Value::Null;
        });
        self.server.delete(object);
    }

    pub(super) fn secret(&self, name: &str, values: &[(&str, &str)]) {
        self.secret_in(NAMESPACE, name, values);
    }

    /// Writes a Secret of any namespace.
    pub(super) fn secret_in(&self, namespace: &str, name: &str, values: &[(&str, &str)]) {
        let shown: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        self.story
            .log(format!("somebody writes the Secret {name} with {shown:?}"));
        let values: BTreeMap<String, String> = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let key = (namespace.to_owned(), name.to_owned());
        self.server.set_secret(&key, Some(values));
    }

    pub(super) fn no_secret(&self, name: &str) {
        self.story
            .log(format!("somebody deletes the Secret {name}"));
        self.server.set_secret(&key(name), None);
    }

    /// The rows at the cloud of a domain.
    pub(super) fn rows(&self, domain: &str) -> Vec<StoredRow> {
        let rows = self.cloud().rows().into_iter();
        rows.filter(|row| row.publish_domain == domain).collect()
    }

    pub(super) fn calls(&self) -> Vec<Made> {
        self.road.made()
    }

    /// How many calls were made by this method.
    pub(super) fn count(&self, method: &Method) -> usize {
        let calls = self.calls().into_iter();
        calls.filter(|made| made.call.method == *method).count()
    }
}

pub(super) const SIGN_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const OTHER_SIGN_KEY: &str = "zyxwvutsrqponmlkjihgfedcba9876543210";

/// The values of a Secret for an access key.
pub(super) fn account(access_key: &str) -> [(&str, &str); 4] {
    let secret_key = match access_key {
        "AKFIRST" => "AKFIRST-secret",
        _ => "AKSECOND-secret",
    };
    [
        ("ak", access_key),
        ("sk", secret_key),
        ("project_id", PROJECT),
        ("region", "cn-north-4"),
    ]
}

/// The values of a Secret for a user, for whom IAM makes tokens.
pub(super) fn user() -> [(&'static str, &'static str); 5] {
    [
        ("username", "operator"),
        ("password", "not-easy-to-guess"),
        ("domain_name", "company"),
        ("project_id", PROJECT),
        ("region", "cn-north-4"),
    ]
}

fn no_metrics(read_only: bool) -> Arc<Metrics> {
    Arc::new(Metrics::new(|_| "other", read_only))
}

fn config() -> RunConfig {
    let command = <RunConfig as clap::Args>::augment_args(clap::Command::new("run"));
    let matches = command.try_get_matches_from(["run"]).unwrap();
    RunConfig::from_arg_matches(&matches).unwrap()
}
