//! One scenario of the adversary test: what people do while everybody lies, by a seed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use live_simulator::settings::{AbsentUrl, Contract, Duplicate, IdsFrom, Omitted};
use live_simulator::{RowPatch, StoredRow};
use serde_json::{Value, json};

use super::adversary::Adversary;
use super::chance::SeededChance;
use super::object::{ACCOUNT, HOOKS, PROJECT, domain, key, spec};
use super::oracles;
use super::server::WatchDelivery;
use super::trouble::Troubled;
use super::world::{ControllerWorld, OTHER_SIGN_KEY, SIGN_KEY, account, user, wall};

/// So long after the last lie all is as declared.
const HEALED_WITHIN: Duration = Duration::from_mins(15);
/// How often is swept in a short course; in a long one as usual.
const OFTEN: Duration = Duration::from_mins(2);
/// How finely a wait for the end of all trouble looks.
const STEP: Duration = Duration::from_secs(5);
const URLS: &[&str] = &[
    "https://hooks.example.com/record",
    "https://hooks.example.com/other",
    "http://plain.example.com",
];
const EVENTS: &[&[&str]] = &[
    &["RECORD_FILE_COMPLETE"],
    &["RECORD_NEW_FILE_START", "RECORD_FILE_COMPLETE"],
    &["RECORD_OVER"],
];

/// A course under way.
pub(super) struct AdversaryScenario {
    pub(super) world: ControllerWorld,
    pub(super) adversary: Arc<Adversary>,
    pub(super) names: Vec<&'static str>,
    /// Rows that are nobody's here.
    pub(super) foreign: Vec<StoredRow>,
    /// A row of somebody else's at the place of an object, which it may take over.
    pub(super) adoptable: Option<StoredRow>,
    /// How often is swept.
    resync: Duration,
    edits: usize,
    beginnings: usize,
    /// Since when the operator runs and the API server is well.
    well_since: Timestamp,
    chance: SeededChance,
}

/// Runs the course of a seed to its end; what is wrong, with the whole story.
pub(super) async fn run(seed: u64) -> Result<(), String> {
    let mut scenario = AdversaryScenario::of(seed);
    let problem = match scenario.live_through().await {
        Ok(()) => return Ok(()),
        Err(problem) => problem,
    };
    let phases: Vec<String> = scenario
        .adversary
        .phases()
        .iter()
        .map(|phase| format!("  {phase:?}"))
        .collect();
    Err(format!(
        "seed {seed}: {problem}\n{}\n{}",
        phases.join("\n"),
        scenario.world.story.whole()
    ))
}

impl AdversaryScenario {
    fn of(seed: u64) -> Self {
        let adversary = Arc::new(Adversary::of(seed));
        let trouble: Arc<dyn Troubled> = adversary.clone();
        let mut world = ControllerWorld::new(&trouble);
        if !adversary.is_long() {
            world.configure(|config| config.resync_interval = OFTEN);
        }
        let resync = world.config().resync_interval;
        let mut chance = SeededChance::of(seed, "course", 0);
        let honest = adversary.is_honest();
        world.cloud().settings(|settings| {
            settings.uniqueness = !honest || chance.one_in(2);
            settings.contract =
                *chance.pick(&[Contract::Modern, Contract::Modern, Contract::Original]);
            settings.duplicate = *chance.pick(&[Duplicate::BadRequest, Duplicate::Conflict]);
            settings.write_times = chance.one_in(2);
            settings.reverse_events = chance.one_in(4);
            settings.absent_url =
                *chance.pick(&[AbsentUrl::Omitted, AbsentUrl::Null, AbsentUrl::Empty]);
            settings.list_lag_ms = *chance.pick(&[0, 0, 3_000, 12_000]);
            settings.latency_ms = *chance.pick(&[5, 200, 2_000]);
            settings.clock_offset_s = *chance.pick(&[0, 0, 0, -120, 120]);
            settings.ids = *SeededChance::of(seed, "ids", 0).pick(&[
                IdsFrom::Chance,
                IdsFrom::Chance,
                IdsFrom::Chance,
                IdsFrom::Place,
            ]);
            settings.update_omitted_key =
                *SeededChance::of(seed, "omitted key", 0).pick(&[Omitted::Keep, Omitted::Reset]);
        });
        if adversary.relists() {
            world.server.set_page(1);
        }
        if chance.one_in(3) {
            world.server.set_delivery(WatchDelivery {
                delay: Duration::from_secs(5),
                coalesces: chance.one_in(2),
                ..WatchDelivery::default()
            });
        }
        let foreign = vec![
            world
                .cloud()
                .insert_row(PROJECT, "foreign.example.com", "live", &RowPatch::default()),
            world
                .cloud()
                .insert_row(PROJECT, &domain("a"), "other", &RowPatch::default()),
            world
                .cloud()
                .insert_row(PROJECT, &domain("b"), "*", &RowPatch::default()),
        ];
        let adoptable = chance.one_in(5).then(|| {
            let url = Some((*chance.pick(URLS)).to_owned());
            let fields = RowPatch {
                notify_callback_url: url,
                ..RowPatch::default()
            };
            // It is there to be seen, and before anything else.
            world.cloud().settings(|settings| {
                settings.uniqueness = true;
                settings.list_lag_ms = 0;
            });
            world
                .cloud()
                .insert_row(PROJECT, &domain("a"), "live", &fields)
        });
        if chance.one_in(3) {
            world.secret(ACCOUNT, &user());
        }
        let count = usize::try_from(1 + chance.below(3)).unwrap();
        Self {
            world,
            adversary,
            names: ["a", "b", "c"][..count].to_vec(),
            foreign,
            adoptable,
            resync,
            edits: 0,
            beginnings: 0,
            well_since: wall(),
            chance,
        }
    }

    async fn live_through(&mut self) -> Result<(), String> {
        self.world.start();
        for name in self.names.clone() {
            let spec = self.any_spec(name);
            self.world.apply(name, &spec);
        }
        let end = self.adversary.end();
        while self.world.story.age() < end {
            let left = end.saturating_sub(self.world.story.age());
            let pause = Duration::from_millis(self.chance.below(if self.adversary.is_long() {
                400_000
            } else {
                80_000
            }))
            .min(left);
            self.world.pass(pause).await;
            self.revive().await?;
            if self.adversary.leaves_the_server_alone()
                && let Some(unreported) = oracles::unreported(self, self.well_since)
            {
                return Err(unreported);
            }
            if self.world.story.age() < end {
                self.begin_anew().await;
                self.act().await;
            }
        }
        self.adversary.finish();
        self.settle_secrets();
        self.revive().await?;
        self.world.story.log("the lies are over");
        let healed = self.heals().await;
        self.revive().await?;
        if !healed {
            let wrong = oracles::wrong(self).unwrap_or_default();
            return Err(format!("15 min after the last lie {wrong}"));
        }
        // Two sweeps: what they find is told once.
        self.world.pass(self.resync * 5 / 2).await;
        oracles::whole_course(self)?;
        if let Some(wrong) = oracles::wrong(self) {
            return Err(format!("some time after the last lie {wrong}"));
        }
        let before = oracles::effects(self);
        self.world.pass(self.resync * 5 / 2).await;
        oracles::silence(self, &before)
    }

    /// All watches begin anew, with a list in pages: what happens next happens while that is under way.
    async fn begin_anew(&mut self) {
        if self.adversary.relists() && self.chance.one_in(2) {
            self.world.story.log("all watches are too old");
            self.world.server.expire();
            let moment = Duration::from_millis(self.chance.below(8_000));
            self.world.pass(moment).await;
        }
    }

    /// How often somebody changed something.
    pub(super) fn edits(&self) -> usize {
        self.edits
    }

    /// How often the operator began anew, or an object did.
    pub(super) fn beginnings(&self) -> usize {
        self.beginnings
    }

    /// Starts the operator again if something killed it.
    async fn revive(&mut self) -> Result<(), String> {
        if self.adversary.ran_away() {
            self.world.kill().await;
            return Err("calls without end".to_owned());
        }
        if self.world.is_dead() {
            self.well_since = wall();
            self.beginnings += 1;
            self.world.restart().await;
        }
        Ok(())
    }

    async fn heals(&self) -> bool {
        let end = self.world.story.age() + HEALED_WITHIN;
        while oracles::wrong(self).is_some() {
            if self.world.story.age() > end {
                return false;
            }
            self.world.pass(STEP).await;
        }
        true
    }

    fn any_spec(&mut self, name: &str) -> Value {
        let mut spec = spec(name);
        if name == "c" && self.chance.one_in(3) {
            spec["publishDomain"] = domain("a").into();
        }
        self.edit(&mut spec);
        if self.chance.one_in(3) {
            spec["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
        }
        if self.chance.one_in(3) {
            spec["adoptionPolicy"] =
                (*self.chance.pick(&["Never", "IfIdentical", "Always"])).into();
        }
        if self.chance.one_in(4) {
            spec["deletionPolicy"] = (*self.chance.pick(&["Delete", "Retain"])).into();
        }
        spec
    }

    fn edit(&mut self, spec: &mut Value) {
        let chance = &mut self.chance;
        spec["notifyCallbackURL"] = (*chance.pick(URLS)).into();
        if chance.one_in(2) {
            spec["notifyEventSubscription"] = json!(chance.pick(EVENTS));
        }
        if chance.one_in(4) {
            spec["signType"] = (*chance.pick(&["MD5", "HMACSHA256"])).into();
        }
    }

    /// One thing that somebody does.
    async fn act(&mut self) {
        self.edits += 1;
        let name = *self.chance.pick(&self.names);
        let world = &self.world;
        let Some(object) = world.object(name) else {
            if self.chance.one_in(2) {
                let spec = self.any_spec(name);
                self.world.apply(name, &spec);
            }
            return;
        };
        match self.chance.below(14) {
            0..=3 => {
                let mut spec = object["spec"].clone();
                self.edit(&mut spec);
                self.world.apply(name, &spec);
            }
            4 => {
                let values = *self.chance.pick(&[
                    SIGN_KEY,
                    OTHER_SIGN_KEY,
                    "cccccccccccccccccccccccccccccccccccc",
                ]);
                world.secret(HOOKS, &[("sign", values), ("other", OTHER_SIGN_KEY)]);
            }
            5 => {
                let reference = *self.chance.pick(&["sign", "other"]);
                let mut reference = json!({"name": HOOKS, "key": reference});
                if self.edits.is_multiple_of(3) {
                    reference = Value::Null;
                }
                world.merge(name, &json!({"spec": {"signKeySecretRef": reference}}));
            }
            6 => match self.chance.below(3) {
                0 => world.secret(ACCOUNT, &account("AKFIRST")),
                1 => world.secret(ACCOUNT, &account("AKSECOND")),
                _ => world.secret(ACCOUNT, &user()),
            },
            7 => {
                let suspend = object["spec"]["suspend"] != true;
                world.merge(name, &json!({"spec": {"suspend": suspend}}));
            }
            8 => {
                let token = format!("{:?}", world.story.age());
                let name_of = crate::api::RECONCILE_REQUESTED_AT;
                world.merge(
                    name,
                    &json!({"metadata": {"annotations": {name_of: token}}}),
                );
            }
            9 => {
                self.beginnings += 1;
                world.delete(name);
            }
            10 => {
                let wiped = json!({"metadata": {"annotations": null, "finalizers": null}});
                world.merge(name, &wiped);
            }
            11 => {
                self.well_since = wall();
                self.beginnings += 1;
                self.world.restart().await;
            }
            12 => {
                let url = Some("https://drift.example.com/".to_owned());
                let patch = RowPatch {
                    notify_callback_url: url,
                    ..RowPatch::default()
                };
                self.at_the_cloud(&object, |world, id| {
                    drop(world.cloud().edit_row(id, &patch));
                });
            }
            _ => self.at_the_cloud(&object, |world, id| drop(world.cloud().delete_row(id))),
        }
    }

    /// Somebody else's hand at the cloud, on the callback of an object.
    fn at_the_cloud(&self, object: &Value, act: impl Fn(&ControllerWorld, &str)) {
        let id = object["status"]["callbackID"].as_str().unwrap_or_default();
        if self.foreign.iter().all(|row| row.id != id) {
            self.world
                .story
                .log(format!("somebody changes or deletes {id} at the cloud"));
            act(&self.world, id);
        }
    }

    fn settle_secrets(&self) {
        if self.world.server.secret(&key(ACCOUNT)).is_none() {
            self.world.secret(ACCOUNT, &account("AKFIRST"));
        }
    }
}
