//! Reads the `CustomResourceDefinition` that is installed: an older one silently prunes fields of the status, a missing one makes
//! every call fail, and one that is being deleted means that the user uninstalls. Never writes it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition,
};
use kube::Resource as _;
use kube::api::Api;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::client::call_opt;
use super::error::ClusterError;
use super::outline::{Outline, Unread};
use crate::api::{SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION};

/// Name of the CRD.
pub const CRD_NAME: &str = "recordingcallbacks.live.huaweicloud.com";

const REMEDY: &str = "run recording-callback-operator crd | kubectl apply --server-side -f -";

/// How often the CRD is read: a person may install it, delete it, or go back to an older one.
const INTERVAL: Duration = Duration::from_secs(10);

/// What is installed.
#[derive(Debug)]
pub enum CrdState {
    /// Nothing.
    Missing,
    /// A schema that lacks fields we write. `found` is its version as it stands there.
    TooOld {
        /// The annotation's value, if there is one.
        found: Option<String>,
    },
    /// It is being deleted, and all objects with it.
    Terminating,
    /// The API server does not serve it yet, or never will.
    NotEstablished {
        /// The API server's words.
        message: String,
    },
    /// It can be used.
    Usable,
    /// It could not be read, which says nothing about it.
    Unreadable(ClusterError),
}

impl CrdState {
    /// Well, or what is wrong and what to do.
    pub fn readiness(&self) -> Result<(), String> {
        match self {
            Self::Usable => Ok(()),
            Self::Missing => Err(format!("{CRD_NAME} is not installed: {REMEDY}")),
            Self::TooOld { found: None } => Err(format!(
                "{CRD_NAME} has no schema version, this operator needs {SCHEMA_VERSION}: {REMEDY}"
            )),
            Self::TooOld { found: Some(found) } => Err(format!(
                "{CRD_NAME} has schema version {found:?}, this operator needs {SCHEMA_VERSION}: {REMEDY}"
            )),
            Self::Terminating => Err(format!(
                "{CRD_NAME} is being deleted: objects are let go, their callbacks stay; to install again, {REMEDY} when it is gone"
            )),
            Self::NotEstablished { message } => Err(format!(
                "{CRD_NAME} is not served by the API server: {message}"
            )),
            Self::Unreadable(error) if error.is_forbidden() => Err(format!(
                "{error}; allow get on customresourcedefinitions.apiextensions.k8s.io, resourceName {CRD_NAME}"
            )),
            Self::Unreadable(error) => Err(error.to_string()),
        }
    }
}

/// The CRD without its schema, which is long, and read again and again.
type CrdOutline = Outline<CustomResourceDefinition, Unread, CrdStatus>;

#[derive(Debug, Clone, Deserialize)]
struct CrdStatus {
    conditions: Option<Vec<CustomResourceDefinitionCondition>>,
}

/// Reads the CRD.
#[derive(Clone)]
pub struct CrdCheck {
    /// `None` where it is not to be read.
    api: Option<Api<CrdOutline>>,
    /// What was last read of it.
    known: Arc<watch::Sender<KnownCrd>>,
}

/// What the work hangs on.
#[derive(Clone, Copy)]
struct KnownCrd {
    /// Whether the schema holds all that is written.
    fits: bool,
    /// Whether it is being deleted.
    is_going: bool,
}

impl CrdCheck {
    /// Reads with this client.
    pub fn new(client: kube::Client) -> Self {
        Self::of(Some(Api::all(client)))
    }

    /// Reads nothing, for who has no right to: the CRD is taken for usable, and that it is being deleted is not noticed.
    pub fn off() -> Self {
        Self::of(None)
    }

    fn of(api: Option<Api<CrdOutline>>) -> Self {
        Self {
            api,
            known: Arc::new(watch::Sender::new(KnownCrd {
                fits: true,
                is_going: false,
            })),
        }
    }

    /// What is installed now.
    pub async fn read(&self) -> CrdState {
        let Some(api) = &self.api else {
            return CrdState::Usable;
        };
        let state = match call_opt("read the CRD", api.get(CRD_NAME)).await {
            Ok(Some(crd)) => judge(&crd),
            Ok(None) => CrdState::Missing,
            Err(error) => CrdState::Unreadable(error),
        };
        self.known.send_modify(|known| {
            // What can't be read goes on as it was.
            if !matches!(state, CrdState::Unreadable(_)) {
                known.fits = !matches!(state, CrdState::TooOld { .. });
                known.is_going = matches!(state, CrdState::Terminating);
            }
        });
        state
    }

    /// Waits while the schema is an older one, which would drop parts of a status without a word.
    pub async fn fits(&self) {
        // The sender lives as long as this value.
        let _ = self.known.subscribe().wait_for(|known| known.fits).await;
    }

    /// Whether it is being deleted, as whoever read it last has seen.
    pub fn is_going(&self) -> bool {
        self.known.borrow().is_going
    }

    /// Waits until it is being deleted, as whoever read it last has seen.
    pub async fn going(&self) {
        let _ = self
            .known
            .subscribe()
            .wait_for(|known| known.is_going)
            .await;
    }

    /// Waits until objects can be served, be it that they are let go since the CRD is being deleted.
    pub async fn served(&self) {
        while !matches!(self.read().await, CrdState::Usable | CrdState::Terminating) {
            sleep(INTERVAL).await;
        }
    }

    /// Keeps telling how the CRD stands, and the log when that changes; never ends.
    pub async fn follow(&self, report: impl Fn(Result<(), String>)) {
        let mut before = Ok(());
        loop {
            let readiness = self.read().await.readiness();
            report(readiness.clone());
            if readiness != before {
                match &readiness {
                    Ok(()) => info!("{CRD_NAME} can be used now"),
                    Err(text) => warn!("{text}"),
                }
                before = readiness;
            }
            sleep(INTERVAL).await;
        }
    }
}

fn judge(crd: &CrdOutline) -> CrdState {
    if crd.meta().deletion_timestamp.is_some() {
        return CrdState::Terminating;
    }
    let annotations = crd.meta().annotations.as_ref();
    let found = annotations
        .and_then(|all| all.get(SCHEMA_VERSION_ANNOTATION))
        .cloned();
    let version: Option<u32> = found.as_ref().and_then(|text| text.parse().ok());
    if version.is_none_or(|version| version < SCHEMA_VERSION) {
        return CrdState::TooOld { found };
    }
    let conditions = crd.status.as_ref().and_then(|it| it.conditions.as_deref());
    let conditions = conditions.unwrap_or_default();
    let is = |kind: &str, status: &str| {
        conditions
            .iter()
            .find(|condition| condition.type_ == kind && condition.status == status)
    };
    if is("Established", "True").is_some() {
        return CrdState::Usable;
    }
    let reason = is("NamesAccepted", "False").or_else(|| is("Established", "False"));
    let message = reason.and_then(|condition| condition.message.clone());
    CrdState::NotEstablished {
        message: message.unwrap_or_else(|| "not yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tower::BoxError;

    use super::*;

    fn crd(version: Option<&str>, conditions: &serde_json::Value) -> serde_json::Value {
        let mut crd = json!({
            "metadata": {"name": CRD_NAME, "annotations": {}},
            "spec": {"group": "", "names": {"kind": "", "plural": ""}, "scope": "", "versions": []},
            "status": {"conditions": conditions},
        });
        if let Some(version) = version {
            crd["metadata"]["annotations"][SCHEMA_VERSION_ANNOTATION] = json!(version);
        }
        crd
    }

    fn read(crd: &serde_json::Value) -> CrdOutline {
        serde_json::from_str(&crd.to_string()).unwrap()
    }

    fn established() -> serde_json::Value {
        json!([{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}])
    }

    #[test]
    fn an_older_schema_is_not_used_and_the_way_to_a_newer_is_named() {
        for version in [None, Some("0"), Some("one"), Some("")] {
            let text = judge(&read(&crd(version, &established())))
                .readiness()
                .unwrap_err();
            assert!(
                text.contains("operator crd | kubectl apply --server-side"),
                "{version:?} said {text}"
            );
        }
        for version in ["1", "2"] {
            assert!(matches!(
                judge(&read(&crd(Some(version), &established()))),
                CrdState::Usable
            ));
        }
    }

    #[test]
    fn a_crd_that_is_being_deleted_is_told_before_all_else() {
        let mut crd = crd(None, &established());
        crd["metadata"]["deletionTimestamp"] = json!("2026-11-25T02:00:00Z");
        assert!(matches!(judge(&read(&crd)), CrdState::Terminating));
    }

    #[test]
    fn a_crd_that_is_not_served_says_why() {
        let taken = json!([
            {"type": "NamesAccepted", "status": "False", "message": "\"rcb\" is already in use"},
            {"type": "Established", "status": "False", "message": "not all names are accepted"},
        ]);
        let text = judge(&read(&crd(Some("1"), &taken)))
            .readiness()
            .unwrap_err();
        assert!(text.contains("\"rcb\" is already in use"), "{text}");
        for nothing in [json!([]), json!(null)] {
            let crd = crd(Some("1"), &nothing);
            let text = judge(&read(&crd)).readiness().unwrap_err();
            assert!(text.contains("not yet"), "{text}");
        }
    }

    #[tokio::test]
    async fn what_cant_be_read_leaves_the_gate_as_it_was() {
        let served = |version| (200, crd(Some(version), &established()).to_string());
        let broken = || (500, String::new());
        let answers = [
            (served("0"), false),
            (broken(), false),
            (served("1"), true),
            (broken(), true),
            (served("0"), false),
        ];
        let (script, passes): (VecDeque<_>, Vec<_>) = answers.into_iter().unzip();
        let script = Mutex::new(script);
        let service = tower::service_fn(move |_: Request<Body>| {
            let (status, body) = script.lock().unwrap().pop_front().unwrap();
            let answer = Response::builder().status(status);
            let answer = answer.body(Body::from(body.into_bytes())).unwrap();
            std::future::ready(Ok::<_, BoxError>(answer))
        });
        let check = CrdCheck::new(kube::Client::new(service, "default"));
        for (number, expected) in passes.into_iter().enumerate() {
            check.read().await;
            let passes = check.fits().now_or_never().is_some();
            assert_eq!(passes, expected, "after read {number}");
        }
    }
}
