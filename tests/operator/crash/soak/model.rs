//! What the world of a soak must come to: which objects there are, and what each wants.

use std::{collections::BTreeMap, time::Duration};

use kube::{ResourceExt, api::ListParams};
use live_simulator::{KnownCredential, LoggedCause, LoggedChange, RowPatch, StoredRow};
use recording_callback_operator::api::{FINALIZER, RecordingCallback};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    crash::fixture::CrashFixture,
    support::{
        chance::Dice,
        world::{PROJECT, condition},
    },
};

/// The access keys, each with a quota of its own, and the Secrets that hold them.
pub(super) const KEYS: [(&str, &str, &str); 3] = [
    (
        "one",
        "AKTESTSOAK0000000001",
        "sk-test-example-not-a-secret-soak-000001",
    ),
    (
        "two",
        "AKTESTSOAK0000000002",
        "sk-test-example-not-a-secret-soak-000002",
    ),
    (
        "three",
        "AKTESTSOAK0000000003",
        "sk-test-example-not-a-secret-soak-000003",
    ),
];

/// In the order of the alphabet.
const EVENTS: [&str; 3] = [
    "RECORD_FILE_COMPLETE",
    "RECORD_NEW_FILE_START",
    "RECORD_OVER",
];

/// What there is to be.
pub(super) struct Model {
    names: Vec<String>,
    wanted: BTreeMap<String, SoakWanted>,
    /// Which sign key is the present one.
    key: usize,
    /// How many changes there were, of any kind.
    changes: usize,
}

/// What one object wants.
struct SoakWanted {
    url: String,
    events: Vec<&'static str>,
    signed: bool,
    /// Somebody changed it at the cloud: once, since who does so again and again is given way to.
    meddled: bool,
}

impl Model {
    /// No object, and what all of them need.
    pub(super) async fn new(objects: usize, fixture: &CrashFixture) -> Self {
        let world = &fixture.world;
        for (secret, ak, sk) in KEYS {
            world
                .cloud
                .add_credential(KnownCredential::new(ak, sk, PROJECT));
            let mut values = world.credentials();
            values.retain(|(name, _)| !["ak", "sk"].contains(name));
            values.extend([("ak", ak.to_owned()), ("sk", sk.to_owned())]);
            world.put_secret(secret, &values).await;
        }
        let model = Self {
            names: (0..objects)
                .map(|number| format!("push-{number}"))
                .collect(),
            wanted: BTreeMap::new(),
            key: 0,
            changes: 0,
        };
        model.put_key(fixture).await;
        model
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        format!("{} changes, {} objects", self.changes, self.wanted.len())
    }

    /// Something changes.
    pub(super) async fn change(&mut self, chance: &mut Dice, fixture: &CrashFixture) {
        self.changes += 1;
        let index = chance.below(self.names.len());
        let name = self.names[index].clone();
        if !self.wanted.contains_key(&name) {
            return self.create(&name, index, chance, fixture).await;
        }
        match chance.below(20) {
            0..5 => {
                self.wanted.remove(&name);
                fixture.world.delete(&name).await;
            }
            5..9 => self.meddle(&name, chance, fixture).await,
            9 => {
                self.key += 1;
                self.put_key(fixture).await;
            }
            _ => self.edit(&name, chance, fixture).await,
        }
    }

    async fn create(
        &mut self,
        name: &str,
        index: usize,
        chance: &mut Dice,
        fixture: &CrashFixture,
    ) {
        if fixture.world.get(name).await.is_some() {
            return; // the one before it is still being deleted
        }
        let wanted = SoakWanted::by(chance, self.changes, None);
        let (secret, ..) = KEYS[index % KEYS.len()];
        let mut spec = wanted.spec();
        spec["credentialsSecretRef"] = json!({ "name": secret });
        fixture.world.create(name, spec).await;
        self.wanted.insert(name.to_owned(), wanted);
    }

    async fn edit(&mut self, name: &str, chance: &mut Dice, fixture: &CrashFixture) {
        let before = self.wanted.get_mut(name).unwrap();
        let wanted = SoakWanted::by(chance, self.changes, Some(before));
        let edit = json!({ "spec": wanted.spec() });
        *before = wanted;
        fixture.world.patch(name, edit).await;
    }

    /// Somebody changes or deletes a callback by hand, one that a status holds: another one, once changed, can't be told from
    /// a foreign one, and is a Conflict.
    async fn meddle(&mut self, name: &str, chance: &mut Dice, fixture: &CrashFixture) {
        let wanted = self.wanted.get_mut(name).unwrap();
        let object = fixture.world.get(name).await;
        let held = object.and_then(|object| object.status?.callback_id);
        let cloud = &fixture.world.cloud;
        let Some(row) = held.and_then(|id| cloud.row(&id)) else {
            return;
        };
        if std::mem::replace(&mut wanted.meddled, true) {
            return;
        }
        if chance.below(2) == 0 {
            cloud.delete_row(&row.id);
        } else {
            let edit = RowPatch {
                notify_callback_url: Some("https://meddler.example.com/record".to_owned()),
                ..RowPatch::default()
            };
            cloud.edit_row(&row.id, &edit);
        }
    }

    async fn put_key(&self, fixture: &CrashFixture) {
        let values = [("sign", self.sign_key())];
        fixture.world.put_secret("hooks", &values).await;
    }

    fn sign_key(&self) -> String {
        format!("testkeytestkeytestkeytestkey{:04}", self.key)
    }

    /// Waits until the world is as it must be.
    pub(super) async fn comes_true(&self, fixture: &CrashFixture, limit: Duration) {
        let begun = Instant::now();
        while let Err(why) = self.judge(fixture).await {
            assert!(begun.elapsed() < limit, "not within {limit:?}: {why}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Exactly one callback for each object, with its values, none for what is gone, those of others untouched, and each status says so.
    pub(super) async fn judge(&self, fixture: &CrashFixture) -> Result<(), String> {
        let callbacks = fixture.world.namespace.callbacks();
        let objects = callbacks.list(&ListParams::default()).await.unwrap().items;
        let names: Vec<String> = objects.iter().map(ResourceExt::name_any).collect();
        let wanted: Vec<String> = self.wanted.keys().cloned().collect();
        if names != wanted {
            return Err(format!("there are {names:?}, not {wanted:?}"));
        }
        let foreign = fixture.foreign.lock().unwrap().clone();
        for row in &foreign {
            if fixture.world.cloud.row(&row.id).as_ref() != Some(row) {
                return Err(format!("{row:?} of others is not what it was"));
            }
        }
        let mut rows = fixture.world.cloud.rows();
        rows.retain(|row| foreign.iter().all(|foreign| foreign.id != row.id));
        if rows.len() != objects.len() {
            return Err(format!("{} objects and {rows:#?}", objects.len()));
        }
        for object in &objects {
            let wanted = &self.wanted[&object.name_any()];
            self.judge_one(wanted, object, &rows).map_err(|why| {
                format!(
                    "{why}: {:#?}\n{rows:#?}",
                    (object.annotations(), &object.status)
                )
            })?;
        }
        check_history(fixture, &foreign);
        Ok(())
    }

    fn judge_one(
        &self,
        wanted: &SoakWanted,
        object: &RecordingCallback,
        rows: &[StoredRow],
    ) -> Result<(), String> {
        let domain = domain(&object.name_any());
        let mut own = rows.iter().filter(|row| row.publish_domain == domain);
        let row = own.next().ok_or("it has no callback")?;
        let status = object.status.as_ref().ok_or("it has no status")?;
        let conditions: Vec<_> = status
            .conditions
            .iter()
            .map(|condition| {
                (
                    condition.type_.as_str(),
                    condition.status.as_str(),
                    condition.reason.as_str(),
                )
            })
            .collect();
        let mut events = row.notify_event_subscription.clone();
        events.sort();
        let key = row.key.as_ref().map(|key| key.reveal().to_owned());
        let message = condition(status, "Ready").map(|ready| ready.message.clone());
        let checks = [
            ("url", row.notify_callback_url.as_ref() == Some(&wanted.url)),
            ("events", events == wanted.events),
            ("key", key == wanted.signed.then(|| self.sign_key())),
            ("id", status.callback_id.as_ref() == Some(&row.id)),
            (
                "generation",
                status.observed_generation == object.metadata.generation,
            ),
            ("conditions", conditions == [("Ready", "True", "Available")]),
            (
                "message",
                message.is_some_and(|message| !message.is_empty()),
            ),
            ("adopted", status.adopted == Some(false)),
            (
                "deletionPolicy",
                status.deletion_policy.as_deref() == Some("Delete"),
            ),
            ("failures", status.failures.unwrap_or_default() == 0),
            ("nextAttemptTime", status.next_attempt_time.is_none()),
            ("finalizer", object.finalizers() == [FINALIZER]),
        ];
        let wrong: Vec<&str> = checks
            .iter()
            .filter(|(_, right)| !right)
            .map(|(what, _)| *what)
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{}: {wrong:?}", object.name_any()))
        }
    }
}

/// Never more than one callback at a place, and none of others touched by a call.
fn check_history(fixture: &CrashFixture, foreign: &[StoredRow]) {
    let mut alive: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mutation in fixture.world.cloud.mutations() {
        let row = &mutation.row;
        if foreign.iter().any(|foreign| foreign.id == row.id) {
            assert_eq!(
                mutation.cause,
                LoggedCause::OutOfBand,
                "of somebody else: {row:#?}"
            );
            continue;
        }
        let here = alive.entry(row.publish_domain.clone()).or_default();
        match mutation.change {
            LoggedChange::Created => here.push(row.id.clone()),
            LoggedChange::Updated => {}
            LoggedChange::Deleted => here.retain(|id| *id != row.id),
        }
        assert!(here.len() <= 1, "at once: {here:?}");
    }
}

fn domain(name: &str) -> String {
    format!("{name}.example.com")
}

impl SoakWanted {
    /// Something new. A key stays: the cloud has no way to take it off a callback.
    fn by(chance: &mut Dice, number: usize, before: Option<&Self>) -> Self {
        let first = chance.below(EVENTS.len());
        let last = first + 1 + chance.below(EVENTS.len() - first);
        Self {
            url: format!("https://hooks.example.com/record/{number}"),
            events: EVENTS[first..last].to_vec(),
            signed: chance.below(4) == 0 || before.is_some_and(|before| before.signed),
            meddled: before.is_some_and(|before| before.meddled),
        }
    }

    fn spec(&self) -> Value {
        let key = json!({ "name": "hooks", "key": "sign" });
        json!({
            "notifyCallbackURL": self.url,
            "notifyEventSubscription": self.events,
            "signKeySecretRef": if self.signed { key } else { Value::Null },
        })
    }
}
