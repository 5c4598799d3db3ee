//! A world for one run: how it must end, judged by the cloud's rows and changes and by what the API server holds.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kube::ResourceExt as _;
use live_simulator::{
    KnownCredential, LoggedCause, LoggedChange, LoggedOperation, RowPatch, SimulatorSettings,
    StoredRow,
};
use recording_callback_operator::api::{
    FINALIZER, PENDING_OPERATION, RecordingCallback, status::Status,
};
use serde_json::Value;

use crate::support::{
    operator::OperatorProcess,
    proxy::ApiProxy,
    trap::Trap,
    world::{AK, OperatorWorld, PROJECT, SK, condition},
};

/// The object under test, and its place.
pub(super) const NAME: &str = "push";
pub(super) const DOMAIN: &str = "push.example.com";
pub(super) const APP: &str = "live";

/// A project that the credentials may use, too.
pub(super) const OTHER_PROJECT: &str = "fedcba9876543210fedcba9876543210";

/// Settle time and a bound: within this a restarted process has found its way, on a machine that is busy with all the other worlds.
pub(super) const RECOVERY: Duration = Duration::from_secs(6 + 60);

/// How often the end is judged: many worlds wait at the same time.
const POLL: Duration = Duration::from_millis(300);

/// A world behind a trap.
pub(super) struct CrashFixture {
    pub(super) world: OperatorWorld,
    pub(super) trap: Arc<Trap>,
    pub(super) proxy: ApiProxy,
    /// Rows of others, which nobody may touch.
    pub(super) foreign: Mutex<Vec<StoredRow>>,
    /// How many rows of ours there may be at one time: one, save where the cloud makes a second one after the settle time.
    pub(super) at_once: usize,
}

/// How a run must end.
#[derive(Clone, Debug)]
pub(super) enum CrashEnd {
    /// The cloud holds the spec in exactly one row, the object knows it, and nothing is left to do.
    Held(HeldCallback),
    /// Neither the object nor a row of it is there.
    Gone,
    /// Somebody else's row is in the way: told, and untouched. Beside it there is our row, if there was one.
    Conflict {
        /// Whether a row of ours is there, too.
        own: bool,
        /// The row that the object holds, if that is known.
        id: Option<String>,
    },
}

/// What the one row is like.
#[derive(Clone, Debug)]
pub(super) struct HeldCallback {
    pub(super) url: String,
    pub(super) key: Option<&'static str>,
    /// The row that it must be, if that is known.
    pub(super) id: Option<String>,
    /// Whether it was there before; `None` where nobody can tell.
    pub(super) adopted: Option<bool>,
    /// Where it is.
    pub(super) project: &'static str,
    /// Whether the record tells of every POST; not where somebody wiped it.
    pub(super) recorded: bool,
}

impl CrashFixture {
    /// Rows of others lie beside the place from the start.
    pub(super) async fn new(settings: SimulatorSettings) -> Self {
        let world = OperatorWorld::with(settings).await;
        let credential = KnownCredential::new(AK, SK, PROJECT).project(OTHER_PROJECT, "other");
        world.cloud.add_credential(credential);
        let trap = Trap::before(&world.cloud);
        let fixture = Self {
            proxy: ApiProxy::start(Arc::clone(&trap)).await,
            trap,
            foreign: Mutex::default(),
            at_once: 1,
            world,
        };
        fixture.intrude(DOMAIN, "*", "https://elsewhere.example.com/record");
        fixture.intrude("other.example.com", APP, "https://hooks.example.com/record");
        fixture
    }

    /// Starts the operator with the proxy between it and the API server.
    pub(super) async fn operator(&self) -> OperatorProcess {
        self.operator_with(&[]).await
    }

    /// The same with more flags.
    pub(super) async fn operator_with(&self, more: &[&str]) -> OperatorProcess {
        let flags = self.world.flags_with(more);
        OperatorProcess::start_at(self.proxy.url(), &flags).await
    }

    /// Somebody else makes a row.
    pub(super) fn intrude(&self, domain: &str, app: &str, url: &str) -> StoredRow {
        let fields = RowPatch {
            notify_callback_url: Some(url.to_owned()),
            ..RowPatch::default()
        };
        let row = self.world.cloud.insert_row(PROJECT, domain, app, &fields);
        self.foreign.lock().unwrap().push(row.clone());
        row
    }

    /// The rows at the object's place, those of others included.
    pub(super) fn rows(&self) -> Vec<StoredRow> {
        let rows = self.world.cloud.rows().into_iter();
        rows.filter(|row| row.publish_domain == DOMAIN && row.app == APP)
            .collect()
    }

    /// Waits until the end is reached.
    pub(super) async fn converges(&self, end: &CrashEnd) {
        self.converges_within(RECOVERY, end).await;
    }

    /// The same with another bound.
    pub(super) async fn converges_within(&self, limit: Duration, end: &CrashEnd) {
        let mut last = String::new();
        let reached = tokio::time::timeout(limit, async {
            while let Err(why) = self.judge(end).await {
                last = why;
                tokio::time::sleep(POLL).await;
            }
        });
        let reached = reached.await.is_ok();
        assert!(
            reached,
            "not within {limit:?}: {end:?}: {last}\nrows {:#?}",
            self.rows()
        );
        self.check_history();
    }

    /// The end has lasted.
    pub(super) async fn still(&self, end: &CrashEnd) {
        self.judge(end).await.unwrap();
        self.check_history();
    }

    /// Never more rows of ours at a time than may be, and no row of others touched by a call.
    fn check_history(&self) {
        let mut alive: Vec<String> = Vec::new();
        for mutation in self.world.cloud.mutations() {
            let LoggedCause::Call(_) = mutation.cause else {
                continue;
            };
            let row = mutation.row;
            let is_foreign = self.foreign.lock().unwrap().iter().any(|f| f.id == row.id);
            assert!(!is_foreign, "a row of somebody else was touched: {row:#?}");
            match mutation.change {
                LoggedChange::Created => alive.push(row.id),
                LoggedChange::Updated => {}
                LoggedChange::Deleted => alive.retain(|id| *id != row.id),
            }
            assert!(alive.len() <= self.at_once, "at once: {alive:?}");
        }
    }

    async fn judge(&self, end: &CrashEnd) -> Result<(), String> {
        let object = self.world.get(NAME).await;
        let foreign = self.foreign.lock().unwrap().clone();
        for row in &foreign {
            same(
                "a row of others",
                &self.world.cloud.row(&row.id),
                &Some(row.clone()),
            )?;
        }
        let own: Vec<StoredRow> = self
            .rows()
            .into_iter()
            .filter(|row| foreign.iter().all(|foreign| foreign.id != row.id))
            .collect();
        match (end, object) {
            (CrashEnd::Gone, None) => same("rows", &own.len(), &0),
            (CrashEnd::Gone, Some(_)) => Err("the object is still there".to_owned()),
            (_, None) => Err("the object is gone".to_owned()),
            (CrashEnd::Held(held), Some(object)) => self.judge_held(held, &object, &own),
            (CrashEnd::Conflict { own: wanted, id }, Some(object)) => {
                same("rows", &own.len(), &usize::from(*wanted))?;
                let status = object.status.unwrap_or_default();
                let reason = condition(&status, "Ready").map(|ready| ready.reason.as_str());
                same("reason", &reason, &Some("Conflict"))?;
                let held = status.callback_id;
                let known = self.rows().iter().any(|row| Some(&row.id) == held.as_ref());
                same("callbackID is known", &known, wanted)?;
                if id.is_some() {
                    same("callbackID", &held, id)?;
                }
                Ok(())
            }
        }
    }

    fn judge_held(
        &self,
        held: &HeldCallback,
        object: &RecordingCallback,
        own: &[StoredRow],
    ) -> Result<(), String> {
        let [row] = own else {
            return Err(format!("{} rows", own.len()));
        };
        if let Some(id) = &held.id {
            same("id", &row.id, id)?;
        }
        same("url", &row.notify_callback_url, &Some(held.url.clone()))?;
        same(
            "events",
            &row.notify_event_subscription,
            &vec!["RECORD_FILE_COMPLETE".to_owned()],
        )?;
        same("sign type", &row.sign_type.as_str(), &"HMACSHA256")?;
        let key = row.key.as_ref().map(live_simulator::StoredSignKey::reveal);
        same("key", &key, &held.key)?;

        let status = object.status.clone().unwrap_or_default();
        same(
            "observedGeneration",
            &status.observed_generation,
            &object.metadata.generation,
        )?;
        same("callbackID", &status.callback_id, &Some(row.id.clone()))?;
        let conditions: Vec<_> = status
            .conditions
            .iter()
            .map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str()))
            .collect();
        same(
            "conditions",
            &conditions,
            &vec![("Ready", "True", "Available")],
        )?;
        same("failures", &status.failures.unwrap_or_default(), &0)?;
        same("nextAttemptTime", &status.next_attempt_time, &None)?;
        same(
            "finalizers",
            &object.finalizers(),
            &[FINALIZER.to_owned()].as_slice(),
        )?;
        if let Some(adopted) = held.adopted {
            same("adopted", &status.adopted, &Some(adopted))?;
            let policy = if adopted { "Retain" } else { "Delete" };
            same(
                "deletionPolicy",
                &status.deletion_policy.as_deref(),
                &Some(policy),
            )?;
        }
        let target = status
            .target
            .as_ref()
            .map(|target| target.project_id.as_str());
        same("target", &target, &Some(held.project))?;
        same("project", &row.project_id.as_str(), &held.project)?;
        let remote = status.remote.as_ref();
        same(
            "remote.id",
            &remote.and_then(|remote| remote.id.clone()),
            &Some(row.id.clone()),
        )?;
        let remote_url = remote.and_then(|remote| remote.notify_callback_url.clone());
        same("remote URL", &remote_url, &Some(held.url.clone()))?;
        let digest = held.key.map(|key| digest(&object.uid().unwrap(), key));
        let sent = status
            .sent
            .as_ref()
            .and_then(|sent| sent.key_digest.clone());
        same("keyDigest", &sent, &digest)?;
        if held.recorded {
            self.judge_record(object, &status)?;
        }
        Ok(())
    }

    /// The record is this object's and closed, and tells of at least as many attempts as there were POSTs.
    fn judge_record(&self, object: &RecordingCallback, status: &Status) -> Result<(), String> {
        let calls = self.world.cloud.calls();
        let posts = calls
            .iter()
            .filter(|call| call.operation == LoggedOperation::Create)
            .count();
        let Some(text) = object.annotations().get(PENDING_OPERATION) else {
            return same("POSTs without a record", &posts, &0);
        };
        let record: Value = serde_json::from_str(text).unwrap();
        same(
            "uid",
            &record["uid"].as_str(),
            &object.metadata.uid.as_deref(),
        )?;
        let attempts = record["attempts"].as_array().unwrap();
        if posts > attempts.len() {
            return Err(format!("{posts} POSTs and {} attempts", attempts.len()));
        }
        let newest = attempts.last().and_then(|attempt| attempt["id"].as_str());
        same(
            "closedOperation",
            &status.closed_operation.as_deref(),
            &newest,
        )
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, wanted: &T) -> Result<(), String> {
    if is == wanted {
        return Ok(());
    }
    Err(format!("{what} is {is:?}, not {wanted:?}"))
}

/// The digest of a sign key, as the status documents it.
fn digest(uid: &str, key: &str) -> String {
    let salt = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, uid.as_bytes());
    let tag = ring::hmac::sign(&salt, key.as_bytes());
    let hex: Vec<String> = tag.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex.concat()
}
