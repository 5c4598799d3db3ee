//! The objects of 50 projects and 20 identities, beside each other: they are created while one identity is throttled, one refused,
//! one endpoint silent and the operator killed; then they rest, drift, and are taken over by another process. What is counted is what
//! docs/scaling.md tells.
//!
//! `SIMULATED` says how many they are. Of fewer the quota is as much smaller, so that it is as short for them.

mod fleet;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use live_simulator::{KnownCredential, RowPatch};
use serde_json::json;

use self::fleet::{Fleet, IDENTITIES, PROJECTS};
use self::traffic::{TrafficCount, TrafficMeter};
use super::chance::SeededChance;
use super::object::{ACCOUNT, ready, verdict};
use super::server::StoreKey;
use super::trouble::Troubled;
use super::world::ControllerWorld;

const USUAL: usize = 500;
/// Two for what has just left or gets the next token, and two for the turns that go to the others.
const FEW: usize = 4;
/// Whose calls the cloud answers with 429 for a while.
const THROTTLED: usize = 3;
/// Whose access key the cloud does not know.
const REFUSED: usize = 5;
/// Whose endpoint does not answer for a while.
const SILENT: usize = fleet::ELSEWHERE;
const MINUTE: Duration = Duration::from_mins(1);
/// The longest time between two sweeps, and a little.
const SWEPT: Duration = Duration::from_secs(12 * 60 + 20);
/// After a write nothing counts as settled for so long.
const SETTLED: Duration = Duration::from_mins(2);
/// The API server remembers so many changes.
const REMEMBERED: usize = 5_000;

struct Simulation {
    world: ControllerWorld,
    traffic: Arc<TrafficMeter>,
    fleet: Fleet,
    /// Calls a minute of each identity.
    quota: usize,
}

#[tokio::test(start_paused = true)]
async fn of_fifty_projects_none_waits_for_what_befalls_another() {
    let simulated = std::env::var("SIMULATED").ok();
    let total = simulated.map_or(USUAL, |text| text.parse().expect("SIMULATED"));
    let mut simulation = Simulation::begin(total);
    simulation.creates_in_trouble().await;
    simulation.ends_to_create().await;
    simulation.rests().await;
    simulation.finds_drift().await;
    simulation.restarts().await;
    simulation.uses_the_repaired_credential().await;
    simulation.world.kill().await;
}

fn add_credential(world: &ControllerWorld, identity: usize) {
    let (access_key, mut projects) = (fleet::access_key(identity), fleet::projects(identity));
    let first = fleet::id(projects.next().unwrap());
    let known = KnownCredential::new(&access_key, &format!("{access_key}-secret"), &first);
    let known = projects.fold(known, |known, project| {
        known.project(&fleet::id(project), &format!("cn-north-4_{project}"))
    });
    world.cloud().add_credential(known);
}

/// The identities that nothing befalls.
fn untroubled() -> impl Iterator<Item = usize> {
    (0..IDENTITIES).filter(|identity| ![THROTTLED, REFUSED, SILENT].contains(identity))
}

/// The projects whose credential works.
fn working() -> impl Iterator<Item = usize> {
    (0..PROJECTS).filter(|project| fleet::identity(*project) != REFUSED)
}

/// What was counted since then, of each of these.
fn since(before: &[usize], now: &[usize], of: impl Iterator<Item = usize>) -> Vec<usize> {
    of.map(|each| now[each] - before[each]).collect()
}

impl Simulation {
    fn begin(total: usize) -> Self {
        let traffic = Arc::new(TrafficMeter::new());
        let trouble: Arc<dyn Troubled> = traffic.clone();
        let mut world = ControllerWorld::new(&trouble);
        let quota = (270 * total / 100_000).clamp(27, 270);
        let per_minute = u32::try_from(quota).unwrap();
        world.configure(|config| config.requests_per_minute = per_minute);
        world.cloud().settings(|settings| {
            settings.calls_per_minute = Some(per_minute * 10 / 9);
            settings.calls_per_minute_per_operation = Some(per_minute * 10 / 9);
        });
        world.server.remember(REMEMBERED);
        let fleet = Fleet { total };
        for identity in (0..IDENTITIES).filter(|identity| *identity != REFUSED) {
            add_credential(&world, identity);
        }
        for project in 0..PROJECTS {
            let identity = fleet::identity(project);
            let (access_key, project_id) = (fleet::access_key(identity), fleet::id(project));
            let values = [
                ("ak", access_key.as_str()),
                ("sk", &format!("{access_key}-secret")),
                ("project_id", &project_id),
                ("region", fleet::region(identity)),
            ];
            world.secret_in(&fleet::namespace(project), ACCOUNT, &values);
            for (number, key) in fleet.keys(project).enumerate() {
                world.server.create(&key, &fleet::spec(project, number));
            }
        }
        Self {
            world,
            traffic,
            fleet,
            quota,
        }
    }

    /// How long the largest identity has to create at least.
    fn longest(&self) -> Duration {
        let calls = u32::try_from(self.fleet.size_of(0)).unwrap();
        MINUTE * calls / u32::try_from(self.quota).unwrap()
    }

    fn report(&self, what: &str) {
        let minutes = self.world.story.age().as_secs_f64() / 60.0;
        println!("{minutes:6.1} min  {what}");
    }

    /// How many objects of these projects say so of themselves.
    fn saying(&self, of: impl Fn(usize) -> bool, status: &str, reason: &str) -> usize {
        self.world.server.count(|(namespace, _), object| {
            let ready = ready(object);
            fleet::of_namespace(namespace).is_some_and(&of)
                && ready["status"] == status
                && ready["reason"] == reason
                && verdict(object).0 == status
        })
    }

    async fn creates_in_trouble(&mut self) {
        let longest = self.longest();
        self.world.start();
        self.world.pass(longest / 10).await;
        self.traffic.befalls(|befallen| {
            befallen.silent.insert(SILENT);
            befallen.throttled.insert(THROTTLED);
        });
        self.world.pass(longest / 20).await;
        self.edits_go_first().await;
        self.world.pass(longest / 20).await;
        let throttled = self.traffic.count().throttled[THROTTLED];
        let minutes = longest.as_secs_f64() / 10.0 / 60.0;
        self.report(&format!(
            "{throttled} calls of the throttled identity in {minutes:.1} minutes"
        ));
        self.traffic.befalls(|befallen| befallen.throttled.clear());

        self.world.restart().await;
        self.world.pass(longest / 10).await;
        self.traffic.befalls(|befallen| befallen.silent.clear());
        self.each_had_its_share();
    }

    /// Edits an object of each identity that still has others to create.
    async fn edits_go_first(&self) {
        let url = "https://hooks.example.com/other";
        for identity in untroubled() {
            let mut keys = fleet::projects(identity).flat_map(|project| self.fleet.keys(project));
            let is_ready = |key: &StoreKey| {
                let object = self.world.server.object(key).unwrap();
                (verdict(&object).0 == "True").then_some(object)
            };
            let (key, object) = keys
                .find_map(|key| is_ready(&key).map(|object| (key, object)))
                .unwrap();
            let id = object["status"]["callbackID"].as_str().unwrap();
            self.traffic.edited(identity, id);
            self.world.server.edit(&key, |object| {
                object["spec"]["notifyCallbackURL"] = json!(url);
            });
        }
        let is_sent = |_: &ControllerWorld| self.traffic.waited().iter().all(Option::is_some);
        assert!(self.world.until(MINUTE, is_sent).await, "an edit waits");
        let most = self.traffic.waited().into_iter().flatten().max().unwrap();
        self.report(&format!("an edit beside creates waits for {most} calls"));
        assert!(most <= FEW, "{most}");
    }

    /// All of them still have objects to create.
    fn each_had_its_share(&self) {
        let calls = self.traffic.count().calls;
        let minutes = self.world.story.age().as_secs_f64() / 60.0;
        let quota = f64::from(u32::try_from(self.quota).unwrap());
        let shares = untroubled().map(|identity| {
            let made = f64::from(u32::try_from(calls[identity]).unwrap());
            made / (quota * minutes)
        });
        let least = shares.fold(f64::MAX, f64::min);
        self.report(&format!(
            "each identity used at least {least:.2} of its quota"
        ));
        assert!(least > 0.9, "{calls:?}");
    }

    async fn ends_to_create(&self) {
        let wanted: usize = working().map(|project| self.fleet.size(project)).sum();
        let is_working = |project| fleet::identity(project) != REFUSED;
        let end = self.world.story.age() + self.longest() + 20 * MINUTE;
        let mut made = 0;
        while made < wanted {
            made = self.saying(is_working, "True", "Available");
            assert!(self.world.story.age() < end, "{made} of {wanted}");
            self.world.pass(MINUTE / 2).await;
        }
        let count = self.traffic.count();
        let (calls, writes): (usize, usize) = (count.calls.iter().sum(), count.writes.iter().sum());
        let answers = self.world.cloud().counters();
        self.report(&format!(
            "{wanted} are created: {calls} calls, {writes} writes"
        ));
        self.report(&format!(
            "{:?} {:?}",
            answers.by_operation, answers.by_status
        ));
        assert_eq!(answers.by_status.get(&429), None, "too many calls");
        assert_eq!(self.world.cloud().rows().len(), wanted);

        let is_refused = |project| fleet::identity(project) == REFUSED;
        let reported = self.saying(is_refused, "False", "CredentialsRejected");
        assert_eq!(reported, self.fleet.size_of(REFUSED), "they say so");
        let tries = count.calls[REFUSED];
        self.report(&format!(
            "{tries} calls with the credential that is refused"
        ));
    }

    /// What changed since then: nothing at the cloud, no object that is settled; and no sweep took more calls than it may.
    fn is_quiet_since(&self, before: &TrafficCount) -> TrafficCount {
        let now = self.traffic.count();
        let changes = since(&before.changes, &now.changes, 0..PROJECTS);
        assert_eq!(changes, [0; PROJECTS], "calls that change something");
        let writes = since(&before.writes, &now.writes, working());
        assert!(writes.iter().all(|writes| *writes == 0), "{writes:?}");
        self.sweeps_are_short(before, &now);
        now
    }

    /// Where calls had no answer, each process looks once at what had several attempts: those lists are no sweep's.
    fn sweeps_are_short(&self, before: &TrafficCount, now: &TrafficCount) {
        let sweeps = since(&before.sweeps, &now.sweeps, working());
        assert!(sweeps.iter().all(|sweeps| *sweeps > 0), "{sweeps:?}");
        for project in working().filter(|project| fleet::identity(*project) != SILENT) {
            let (pages, most) = (now.longest[project], self.fleet.calls_of_sweep(project));
            assert!(
                pages <= most,
                "{pages} calls, not {most}: {}",
                self.calls_of(project)
            );
        }
    }

    /// The newest calls of a project.
    fn calls_of(&self, project: usize) -> String {
        let calls = self.world.calls().into_iter().rev();
        let own = calls.filter(|made| fleet::named_by(&made.call.url) == Some(project));
        let reported =
            own.map(|made| format!("\n{:?} {} {}", made.at, made.call.method, made.call.url));
        reported.take(10).collect()
    }

    async fn rests(&self) {
        self.world.pass(SETTLED).await;
        self.traffic.measure_lists();
        let before = self.traffic.count();
        self.world.pass(SWEPT).await;
        let now = self.is_quiet_since(&before);
        let calls: usize = since(&before.calls, &now.calls, 0..IDENTITIES).iter().sum();
        let of_one: usize = working()
            .map(|project| self.fleet.calls_of_sweep(project))
            .sum();
        self.report(&format!(
            "at rest: {calls} calls in {SWEPT:?}, {of_one} for a sweep, no write"
        ));
    }

    /// Somebody changes a callback of each project at the cloud.
    async fn finds_drift(&self) {
        let before = self.traffic.count();
        let mut chance = SeededChance::of(1, "drift", self.fleet.total);
        let url = Some("https://drift.example.com/".to_owned());
        let drift = RowPatch {
            notify_callback_url: url.clone(),
            ..RowPatch::default()
        };
        let mut drifted = Vec::new();
        for project in working() {
            let size = u64::try_from(self.fleet.size(project)).unwrap();
            let number = usize::try_from(chance.below(size)).unwrap();
            let object = self.world.server.object(&fleet::key(project, number));
            let id = object.unwrap()["status"]["callbackID"].clone();
            let id = id.as_str().unwrap().to_owned();
            self.world.cloud().edit_row(&id, &drift).unwrap();
            drifted.push(id);
        }
        let began = self.world.story.age();
        let is_repaired = |world: &ControllerWorld| {
            let is_as_was = |id: &String| world.cloud().row(id).unwrap().notify_callback_url != url;
            drifted.iter().all(is_as_was)
        };
        assert!(self.world.until(SWEPT, is_repaired).await, "drift is left");
        let took = self.world.story.age().saturating_sub(began);
        self.report(&format!("drift in each project is repaired after {took:?}"));
        self.world.pass(SETTLED).await;
        let now = self.traffic.count();
        let changes = since(&before.changes, &now.changes, working());
        assert!(changes.iter().all(|changes| *changes == 1), "{changes:?}");
        let writes = since(&before.writes, &now.writes, working());
        assert!(writes.iter().all(|writes| *writes <= 2), "{writes:?}");
    }

    async fn restarts(&mut self) {
        self.traffic.measure_lists();
        let before = self.traffic.count();
        self.world.restart().await;
        self.world.pass(SWEPT).await;
        let now = self.is_quiet_since(&before);
        let calls: usize = since(&before.calls, &now.calls, 0..IDENTITIES).iter().sum();
        self.report(&format!(
            "after a restart: {calls} calls in {SWEPT:?}, no write"
        ));
    }

    async fn uses_the_repaired_credential(&self) {
        let before = self.traffic.count();
        add_credential(&self.world, REFUSED);
        let wanted = self.fleet.size_of(REFUSED);
        let minutes = u32::try_from(wanted / self.quota + 10).unwrap();
        self.world.pass(MINUTE * minutes).await;
        let is_refused = |project| fleet::identity(project) == REFUSED;
        let made = self.saying(is_refused, "True", "Available");
        assert_eq!(made, wanted, "in {minutes} minutes");
        assert_eq!(self.world.cloud().rows().len(), self.fleet.total);
        let now = self.traffic.count();
        let changes: usize = since(&before.changes, &now.changes, 0..PROJECTS)
            .iter()
            .sum();
        assert_eq!(changes, wanted, "each is created once");
        let throttled = self.world.cloud().counters().by_status.get(&429).copied();
        assert_eq!(throttled, None);
        let calls: usize = now.calls.iter().sum();
        self.report(&format!(
            "{} are settled, {calls} calls in all",
            self.fleet.total
        ));
    }
}
