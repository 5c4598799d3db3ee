//! Replicas in virtual time, against an API server that has one Lease and keeps to versions as the real one does.

use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::{BoxError, service_fn};

use super::*;

const LEASE: u64 = 15;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseFault {
    None,
    /// No effect, no answer.
    Hang,
    /// The effect, and no answer.
    HangAfter,
    Forbid,
}

/// What a campaign told last.
#[derive(Clone, Default)]
struct RecordedLease(Arc<Mutex<Newest>>);

#[derive(Default)]
struct Newest {
    lease: Option<Result<(), String>>,
    waits: bool,
}

impl RecordedLease {
    fn lease(&self) -> Result<(), String> {
        self.0.lock().unwrap().lease.clone().unwrap()
    }

    fn waits(&self) -> bool {
        self.0.lock().unwrap().waits
    }
}

impl LeaseObserver for RecordedLease {
    fn lease(&self, result: Result<(), String>) {
        self.0.lock().unwrap().lease = Some(result);
    }

    fn waits(&self) {
        self.0.lock().unwrap().waits = true;
    }

    fn acts(&self, _: bool) {
        self.0.lock().unwrap().waits = false;
    }
}

#[derive(Default)]
struct LeaseWorld {
    lease: Option<Value>,
    version: u64,
    calls: Vec<(&'static str, Method)>,
    /// By replica: how its connections fare, the first and the ones after.
    faults: Vec<(&'static str, LeaseFault, LeaseFault)>,
}

#[derive(Clone, Default)]
struct LeaseServer(Arc<Mutex<LeaseWorld>>);

impl LeaseServer {
    fn world(&self) -> MutexGuard<'_, LeaseWorld> {
        self.0.lock().unwrap()
    }

    fn fault(&self, replica: &'static str, first: LeaseFault, later: LeaseFault) {
        let mut world = self.world();
        world.faults.retain(|(name, _, _)| *name != replica);
        world.faults.push((replica, first, later));
    }

    fn holder(&self) -> Option<String> {
        Some(
            self.world().lease.as_ref()?["spec"]["holderIdentity"]
                .as_str()?
                .to_owned(),
        )
    }

    fn calls(&self, replica: &str, method: &Method) -> usize {
        let world = self.world();
        world
            .calls
            .iter()
            .filter(|(name, m)| *name == replica && m == method)
            .count()
    }

    fn overwrite(&self, holder: &str) {
        let mut world = self.world();
        world.version += 1;
        world.lease = Some(json!({
            "metadata": {"name": "operator", "resourceVersion": world.version.to_string()},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
        }));
    }

    async fn answer(
        &self,
        replica: &'static str,
        is_first: bool,
        request: Request<Body>,
    ) -> (u16, Value) {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let fault = {
            let mut world = self.world();
            world.calls.push((replica, head.method.clone()));
            let fault = world.faults.iter().find(|(name, _, _)| *name == replica);
            fault.map_or(
                LeaseFault::None,
                |(_, first, later)| if is_first { *first } else { *later },
            )
        };
        match fault {
            LeaseFault::Hang => return std::future::pending().await,
            LeaseFault::Forbid => return status(403, "Forbidden"),
            LeaseFault::None | LeaseFault::HangAfter => {}
        }
        let answer = self.world().apply(&head.method, &body);
        if fault == LeaseFault::HangAfter {
            std::future::pending().await
        } else {
            answer
        }
    }

    fn start(&self, replica: &'static str) -> (Leadership, RecordedLease) {
        let settings = LeaseSettings {
            namespace: "media".into(),
            name: "operator".into(),
            identity: replica.into(),
            duration: Duration::from_secs(LEASE),
        };
        let recorded = RecordedLease::default();
        let (server, connections) = (self.clone(), Mutex::new(0));
        let connect = move || {
            let mut count = connections.lock().unwrap();
            *count += 1;
            let (server, is_first) = (server.clone(), *count == 1);
            let service = service_fn(move |request| {
                let server = server.clone();
                async move {
                    let (code, body) = server.answer(replica, is_first, request).await;
                    let body = Full::new(Bytes::from(body.to_string()));
                    Ok::<_, BoxError>(Response::builder().status(code).body(body).unwrap())
                }
            });
            Ok(kube::Client::new(service, "media"))
        };
        let leadership = Leadership::campaign(settings, connect, recorded.clone());
        (leadership.unwrap(), recorded)
    }
}

impl LeaseWorld {
    fn apply(&mut self, method: &Method, body: &[u8]) -> (u16, Value) {
        if method == Method::GET {
            return self
                .lease
                .clone()
                .map_or_else(|| status(404, "NotFound"), |lease| (200, lease));
        }
        let mut new: Value = serde_json::from_slice(body).unwrap();
        match (&self.lease, method == Method::POST) {
            (Some(_), true) => return status(409, "AlreadyExists"),
            (None, false) => return status(404, "NotFound"),
            (Some(old), false)
                if old["metadata"]["resourceVersion"] != new["metadata"]["resourceVersion"] =>
            {
                return status(409, "Conflict");
            }
            _ => {}
        }
        self.version += 1;
        new["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(new.clone());
        (200, new)
    }
}

fn status(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "status": "Failure", "message": reason, "reason": reason, "code": code}),
    )
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

/// How long until `future`, which must come within two minutes.
async fn elapsed(future: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    timeout(Duration::from_mins(2), future)
        .await
        .expect("within two minutes");
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_leads_frugally_and_a_standby_takes_over_at_once_when_it_lets_go() {
    let server = LeaseServer::default();
    let (a, _) = server.start("a");
    a.acquired().await;
    assert!(a.fresh());
    let (b, recorded) = server.start("b");
    seconds(63).await;
    assert!(a.fresh() && !b.fresh() && b.acquired().now_or_never().is_none());
    assert!(
        recorded.waits() && recorded.lease().is_ok(),
        "a standby is well"
    );
    assert_eq!(
        server.calls("a", &Method::PUT),
        12,
        "a renewal at each third of the duration"
    );
    assert_eq!(
        server.calls("a", &Method::GET),
        1,
        "who leads needs no look"
    );

    let release = a.release();
    let ((), taken) = tokio::join!(release, elapsed(b.acquired()));
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    assert!(!a.fresh() && b.fresh());
    assert_eq!(server.holder().as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_replaced_when_its_lease_has_run_out_and_not_before() {
    let server = LeaseServer::default();
    let (a, _) = server.start("a");
    a.acquired().await;
    let (b, _) = server.start("b");
    seconds(7).await;
    server.fault("a", LeaseFault::Hang, LeaseFault::Hang);
    let renewed = Instant::now() - Duration::from_secs(2);
    let stale = elapsed(async {
        while a.fresh() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(!b.fresh(), "never two at once");
    })
    .await;
    assert!(stale <= Duration::from_secs(13));
    elapsed(b.acquired()).await;
    let taken = renewed.elapsed();
    assert!(
        taken >= Duration::from_secs(LEASE) && taken <= Duration::from_secs(LEASE + 2),
        "{taken:?}"
    );
    assert!(a.lost().now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_hung_connection_costs_a_leader_nothing_whether_or_not_the_write_landed() {
    for fault in [LeaseFault::Hang, LeaseFault::HangAfter] {
        let server = LeaseServer::default();
        let (a, recorded) = server.start("a");
        a.acquired().await;
        server.fault("a", fault, LeaseFault::None);
        for _ in 0..600 {
            sleep(Duration::from_millis(100)).await;
            assert!(a.fresh(), "{fault:?}");
        }
        assert!(a.lost().now_or_never().is_none(), "{fault:?}");
        assert_eq!(recorded.lease(), Ok(()), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_overwritten_has_lost() {
    let server = LeaseServer::default();
    let (a, _) = server.start("a");
    a.acquired().await;
    server.overwrite("intruder");
    let noticed = elapsed(a.lost()).await;
    assert!(noticed <= Duration::from_secs(LEASE / 3 + 1), "{noticed:?}");
    assert!(!a.fresh());
    a.release().await;
    assert_eq!(
        server.holder().as_deref(),
        Some("intruder"),
        "nothing of others is released"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_deletes_is_made_again() {
    let server = LeaseServer::default();
    let (a, _) = server.start("a");
    a.acquired().await;
    server.world().lease = None;
    seconds(10).await;
    assert!(a.fresh());
    assert_eq!(server.holder().as_deref(), Some("a"));
}

#[tokio::test(start_paused = true)]
async fn of_many_that_begin_at_once_one_leads() {
    let server = LeaseServer::default();
    let replicas = ["a", "b", "c", "d"].map(|name| server.start(name).0);
    seconds(5).await;
    assert_eq!(replicas.iter().filter(|replica| replica.fresh()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_told_and_heals() {
    let server = LeaseServer::default();
    server.fault("a", LeaseFault::Forbid, LeaseFault::Forbid);
    let (a, recorded) = server.start("a");
    seconds(3).await;
    let text = recorded.lease().unwrap_err();
    assert!(text.contains("get, create and update on leases"), "{text}");
    server.fault("a", LeaseFault::None, LeaseFault::None);
    assert!(elapsed(a.acquired()).await < Duration::from_secs(3));
    assert_eq!(recorded.lease(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_meets_its_own_late_write_still_lets_go() {
    let server = LeaseServer::default();
    let (a, _) = server.start("a");
    a.acquired().await;
    server.fault("a", LeaseFault::HangAfter, LeaseFault::HangAfter);
    seconds(6).await; // a renewal landed and was not answered
    server.fault("a", LeaseFault::None, LeaseFault::None);
    a.release().await;
    assert_eq!(server.holder().as_deref(), Some(""));
}

#[test]
fn identities_differ() {
    assert_ne!(identity("pod"), identity("pod"));
    assert!(identity("pod").starts_with("pod_"));
}
