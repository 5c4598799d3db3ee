//! What every reconcile shares, built once, with the ways to look an object up, to wake it, and to hand on what it left; and what the
//! cloud's client tells of its calls. No call is made here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use tokio::sync::{mpsc, watch};

use super::deleted::DeletedIds;
use super::leftover::Leftover;
use super::memory::{Memories, ObjectMemory};
use super::store::{KeptObject, ObjectStore};
use super::triggers::Triggers;
use super::worker_slots::WorkerSlots;
use crate::api::RecordingCallback;
use crate::cluster::crd_check::CrdCheck;
use crate::cluster::event::EventPublisher;
use crate::cluster::lease::Leadership;
use crate::cluster::object::ObjectClient;
use crate::config::RunConfig;
use crate::controller::account_registry::AccountRegistry;
use crate::controller::externals::Externals;
use crate::controller::place_locks::PlaceLocks;
use crate::declared::index::Index;
use crate::declared::parse;
use crate::live::client::{CallMeter, Client};
use crate::metrics::Metrics;
use crate::plan::facts::PlanSettings;
use crate::plan::facts::place::Place;
use crate::platform::clock::{Clock, WallClock};
use crate::platform::quota::{Lane, Quota};
use crate::platform::transport::Deadline;
use crate::stop::Stop;
use crate::terms::failure::Operation;

/// What every reconcile shares.
pub(super) struct Context {
    pub(super) settings: PlanSettings,
    pub(super) request_timeout: Duration,
    pub(super) objects: ObjectClient,
    pub(super) events: EventPublisher,
    pub(super) crd: CrdCheck,
    pub(super) accounts: AccountRegistry,
    pub(super) clock: Arc<Clock>,
    wall: WallClock,
    pub(super) index: Arc<Index>,
    pub(super) memories: Arc<Memories>,
    pub(super) places: PlaceLocks,
    pub(super) deleted: DeletedIds,
    pub(super) metrics: Arc<Metrics>,
    pub(super) leadership: Leadership,
    pub(super) workers: WorkerSlots,
    pub(super) stop: Stop,
    pub(super) secret_poll_interval: Duration,
    /// Whether no object of the cluster is left to another operator.
    pub(super) serves_all: bool,
    /// Objects to reconcile.
    pub(super) triggers: Triggers,
    /// Callbacks whose objects are gone.
    leftovers: mpsc::UnboundedSender<Leftover>,
    listed: watch::Receiver<Listed>,
    stores: OnceLock<Vec<ObjectStore>>,
}

/// Which objects are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Listed {
    /// It is not known what there is.
    Nothing,
    /// All but those of namespaces that do not answer, or refuse.
    WhatCanBe,
    /// All.
    All,
}

/// What must be so before anything is done for an object.
pub(super) struct StartConditions {
    /// All objects are known that can be.
    pub(super) listed: watch::Receiver<Listed>,
    /// The CRD is not an older one.
    pub(super) crd: CrdCheck,
}

impl Context {
    /// Everything that reconciles share, from the configuration.
    pub(super) fn new(
        config: &RunConfig,
        outside: &Externals,
        metrics: Arc<Metrics>,
        leadership: Leadership,
        stop: Stop,
        leftovers: mpsc::UnboundedSender<Leftover>,
        conditions: StartConditions,
    ) -> Self {
        let (client, wall) = (&outside.kube, Arc::clone(&outside.wall));
        let clock = Arc::new(Clock::new(Arc::clone(&wall)));
        let (index, quota) = (
            Arc::new(Index::new(config.settle_time)),
            Arc::new(Quota::new(config.requests_per_minute)),
        );
        let cloud = Client::new(
            Arc::clone(&outside.cloud),
            Arc::clone(&clock),
            Arc::new(CallObserver(Arc::clone(&metrics))),
            config.request_timeout,
        );
        let memories = Arc::new(Memories::default());
        Self {
            settings: PlanSettings {
                settle_time: config.settle_time,
                stall_after: config.stall_after,
                read_only: config.read_only,
            },
            request_timeout: config.request_timeout,
            objects: ObjectClient::new(client.clone()),
            events: EventPublisher::new(client.clone(), config.host_name.clone()),
            crd: conditions.crd,
            accounts: AccountRegistry::new(
                config,
                outside,
                Arc::new(cloud),
                quota,
                Arc::clone(&clock),
                Arc::clone(&index),
                Arc::clone(&memories),
            ),
            clock,
            wall,
            index,
            memories,
            places: PlaceLocks::default(),
            deleted: DeletedIds::new(),
            stores: OnceLock::new(),
            metrics,
            leadership,
            workers: WorkerSlots::new(config.concurrency),
            stop,
            secret_poll_interval: config.secret_poll_interval,
            serves_all: config.namespaces.is_empty() && config.label_selector.is_none(),
            triggers: Triggers::new(&config.namespaces),
            leftovers,
            listed: conditions.listed,
        }
    }

    /// Waits until all objects are known that can be, since who owns a place can't be told before, and while a status would lose
    /// fields.
    pub(super) async fn wait_until_ready(&self) {
        // An error means that the controller has ended.
        let mut listed = self.listed.clone();
        let _ = listed.wait_for(|listed| *listed > Listed::Nothing).await;
        self.crd.fits().await;
    }

    /// Whether the objects of every namespace that is served are known.
    pub(super) fn knows_all(&self) -> bool {
        *self.listed.borrow() == Listed::All
    }

    /// Until when a change may be handed over and waited for that may take so long from now. The Lease may end while it waits for a
    /// login, and then another process acts.
    pub(super) fn deadline(&self, limit: Duration) -> Deadline {
        Deadline::after(&self.wall, limit).with_right_until(self.leadership.valid_until())
    }

    /// Says where the objects are that the watches bring.
    pub(super) fn store_in(&self, stores: &[ObjectStore]) {
        // Said once, when the watches begin.
        let _ = self.stores.set(stores.to_vec());
    }

    /// The object as a watch brought it last, or as a later write of ours returned it.
    pub(super) fn newest(
        &self,
        object: &ObjectRef<RecordingCallback>,
    ) -> Option<Arc<RecordingCallback>> {
        let mut all = self.stores.get().into_iter().flatten();
        let stored = all.find_map(|store| store.get(object))?;
        let newer = |memory: &mut ObjectMemory| memory.newer_than(stored.version);
        let later = self.memories.with(&stored.uid, newer);
        Some(later.unwrap_or_else(|| stored.unpack()))
    }

    /// The version of an object that a watch brought last.
    pub(super) fn brought(&self, object: &RecordingCallback) -> Option<u64> {
        let name = ObjectRef::from_obj(object);
        let mut all = self.stores.get().into_iter().flatten();
        let stored = all.find_map(|store| store.get(&name))?;
        (*stored.uid == *parse::uid(object)).then_some(stored.version)
    }

    /// Takes note of an object that a write or read of our own returned.
    pub(super) fn update(&self, object: &RecordingCallback) {
        self.tell_others(self.index.update(object), &parse::uid(object));
    }

    /// Takes note of an object as it is now, and wakes those that want its place when that changes whose it is.
    pub(super) fn index_object(&self, object: &RecordingCallback) {
        self.tell_others(self.index.put(object), &parse::uid(object));
    }

    /// An object is gone, or no longer ours to serve: who wants its place is told.
    pub(super) fn unindex(&self, uid: &str) {
        self.tell_others(self.index.remove(uid), uid);
    }

    fn tell_others(&self, at: Option<Arc<Place>>, uid: &str) {
        if let Some(place) = at {
            self.triggers.others_at(&place, uid);
        }
    }

    /// Has a callback deleted whose object is gone.
    pub(super) fn clear_away(&self, leftover: Leftover) {
        // An error means that the controller has ended: the process can do no more for it.
        let _ = self.leftovers.send(leftover);
    }

    /// Has an object reconciled, although it did not change itself.
    pub(super) fn trigger(&self, object: &KeptObject) {
        self.triggers.object(&object.name);
    }
}

/// Counts the calls of the cloud's client.
struct CallObserver(Arc<Metrics>);

impl CallMeter for CallObserver {
    fn waited(&self, lane: Lane, wait: Duration) {
        self.0.quota_waited(lane.as_str(), wait);
    }

    fn call(
        &self,
        operation: Operation,
        status: Option<u16>,
        code: Option<&'static str>,
        elapsed: Duration,
    ) {
        self.0.api_request(operation, status, code, elapsed);
    }
}
