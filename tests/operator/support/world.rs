//! One test's world: a namespace of the real control plane, a simulated cloud, the credentials for it, and the operator.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::{
    ByteString,
    api::{core::v1::Secret, events::v1::Event},
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher::watch_object},
};
use live_simulator::{
    KnownCredential, LoggedCall, LoggedCause, LoggedChange, LoggedOperation, Simulator,
    SimulatorSettings,
};
use recording_callback_operator::api::{
    RecordingCallback,
    status::{Condition, Status},
};
use serde_json::{Value, json};

use super::{
    Namespace, account,
    chart::{Chart, LABEL},
    eventually,
    operator::OperatorProcess,
    proxy::ApiProxy,
    right::GrantedRight,
    secrets,
    story::WorldStory,
};

/// What a test waits for comes within this.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

pub(crate) const AK: &str = "AKTESTEXAMPLE0000001";
pub(crate) const SK: &str = "sk-test-example-not-a-secret-0000000001";
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// Everything that one test needs.
pub(crate) struct OperatorWorld {
    /// The first to go: it tells what happened where the test fails.
    story: WorldStory,
    pub(crate) namespace: Namespace,
    pub(crate) cloud: Simulator,
    /// The chart, where it is installed for this world alone; else `install.yaml` serves all.
    release: Option<Release>,
}

/// A chart's account and flags, and the proxy that sees what the API server refuses to it.
struct Release {
    kubeconfig: String,
    flags: Vec<String>,
    proxy: ApiProxy,
}

impl OperatorWorld {
    /// A namespace with credentials for a fresh cloud.
    pub(crate) async fn new() -> Self {
        Self::with(SimulatorSettings::default()).await
    }

    /// The same with a cloud of these settings.
    pub(crate) async fn with(settings: SimulatorSettings) -> Self {
        let cloud = Simulator::start(settings).unwrap();
        cloud.add_credential(KnownCredential::new(AK, SK, PROJECT));
        Self::on(cloud).await
    }

    /// The same with a cloud that knows the credentials.
    pub(crate) async fn on(cloud: Simulator) -> Self {
        let world = Self::at(Namespace::new().await, cloud);
        world.story.watches().await;
        world.put_secret("huaweicloud", &world.credentials()).await;
        world
    }

    /// The same in a namespace that holds nothing, be it that it is not there yet.
    pub(crate) fn at(namespace: Namespace, cloud: Simulator) -> Self {
        Self {
            story: WorldStory::begin(namespace.name(), &cloud),
            namespace,
            cloud,
            release: None,
        }
    }

    /// Installs the chart for this world alone: its operators have the chart's account, rules and flags.
    pub(crate) async fn install(&mut self, chart: &Chart) {
        let token = chart.install(&self.namespace).await;
        let proxy = ApiProxy::start(Arc::default()).await;
        self.release = Some(Release {
            kubeconfig: account::kubeconfig_with(&token, Some(proxy.url())),
            flags: chart.flags(),
            proxy,
        });
    }

    /// The rights that the operators of the chart lacked so far.
    pub(crate) fn refused(&self) -> Vec<GrantedRight> {
        let refused = |release: &Release| release.proxy.refused();
        self.release.iter().flat_map(refused).collect()
    }

    /// The values of a good credentials Secret.
    pub(crate) fn credentials(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ak", AK.to_owned()),
            ("sk", SK.to_owned()),
            ("project_id", PROJECT.to_owned()),
            ("region", "cn-north-4".to_owned()),
            ("live_endpoint", self.cloud.endpoint()),
        ]
    }

    /// The same with another secret key.
    pub(crate) fn credentials_with(&self, sk: &str) -> Vec<(&'static str, String)> {
        let mut values = self.credentials();
        sk.clone_into(&mut values[1].1);
        values
    }

    /// Starts the operator for this namespace, with times that suit a test.
    pub(crate) async fn operator(&self) -> OperatorProcess {
        self.operator_with(&[]).await
    }

    /// The same with more flags.
    pub(crate) async fn operator_with(&self, more: &[&str]) -> OperatorProcess {
        let flags = self.flags_with(more);
        match &self.release {
            Some(release) => OperatorProcess::start_as(&release.kubeconfig, &flags).await,
            None => OperatorProcess::start(&flags).await,
        }
    }

    /// The flags of an operator for this world.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut flags = match &self.release {
            Some(release) => {
                let own = ["--lease-duration=10s".to_owned()];
                release.flags.iter().cloned().chain(own).collect()
            }
            None => vec![
                format!("--namespaces={}", self.namespace.name()),
                "--leader-elect=false".to_owned(),
            ],
        };
        flags.extend([
            format!("--allowed-endpoints={}", self.cloud.endpoint()),
            "--request-timeout=1s".to_owned(),
            "--settle-time=6s".to_owned(),
            "--secret-poll-interval=1s".to_owned(),
        ]);
        flags
    }

    /// The same with more flags, each in place of one of that name.
    pub(crate) fn flags_with(&self, more: &[&str]) -> Vec<String> {
        let name = |flag: &str| flag.split('=').next().map(str::to_owned);
        let mut flags = self.flags();
        flags.retain(|flag| more.iter().all(|other| name(other) != name(flag)));
        flags.extend(more.iter().map(|flag| (*flag).to_owned()));
        flags
    }

    /// Creates or replaces a Secret.
    pub(crate) async fn put_secret(&self, name: &str, values: &[(&str, String)]) {
        for (name, value) in values {
            secrets::remember_named(name, value);
        }
        self.story.log(format!("writes the Secret {name}"));
        let data = values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.clone().into_bytes())));
        let mut secret = Secret {
            data: Some(data.collect()),
            ..Secret::default()
        };
        secret.metadata.name = Some(name.to_owned());
        let api: Api<Secret> = Api::namespaced(self.namespace.client(), self.namespace.name());
        if api.get_opt(name).await.unwrap().is_some() {
            api.replace(name, &PostParams::default(), &secret)
                .await
                .unwrap();
        } else {
            api.create(&PostParams::default(), &secret).await.unwrap();
        }
    }

    /// Deletes a Secret.
    pub(crate) async fn delete_secret(&self, name: &str) {
        self.story.log(format!("deletes the Secret {name}"));
        let api: Api<Secret> = Api::namespaced(self.namespace.client(), self.namespace.name());
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Creates an object: domain, app, URL and credentials, and whatever else the test wants in the spec.
    pub(crate) async fn create(&self, name: &str, spec: Value) -> RecordingCallback {
        let mut full = json!({
            "publishDomain": format!("{name}.example.com"),
            "app": "live",
            "notifyCallbackURL": "https://hooks.example.com/record",
            "credentialsSecretRef": { "name": "huaweicloud" },
        });
        full.as_object_mut()
            .unwrap()
            .extend(spec.as_object().cloned().unwrap_or_default());
        self.story.log(format!("creates {name}"));
        let object = serde_json::from_value(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": { "name": name, "labels": { LABEL: self.namespace.name() } },
            "spec": full,
        }));
        self.namespace
            .callbacks()
            .create(&PostParams::default(), &object.unwrap())
            .await
            .unwrap()
    }

    /// Merges a change into an object, and gives the object that this leads to.
    pub(crate) async fn patch(&self, name: &str, change: Value) -> RecordingCallback {
        self.story.log(format!("patches {name}: {change}"));
        let callbacks = self.namespace.callbacks();
        callbacks
            .patch(name, &PatchParams::default(), &Patch::Merge(change))
            .await
            .unwrap()
    }

    /// Deletes an object without waiting.
    pub(crate) async fn delete(&self, name: &str) {
        self.story.log(format!("deletes {name}"));
        self.namespace
            .callbacks()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// The object as it is now.
    pub(crate) async fn get(&self, name: &str) -> Option<RecordingCallback> {
        self.namespace.callbacks().get_opt(name).await.unwrap()
    }

    /// The status, once it is as the test wants it.
    pub(crate) async fn status(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Status) -> bool,
    ) -> Status {
        let found = async {
            loop {
                let status = self.get(name).await.and_then(|object| object.status);
                let seen = status.inspect(|status| super::kstatus::check(name, status));
                if let Some(status) = seen.filter(|status| is_so(status)) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        self.in_time(name, what, Box::pin(found)).await
    }

    /// The status that comes in time; how things are instead is in the story.
    async fn in_time(&self, name: &str, what: &str, found: impl Future<Output = Status>) -> Status {
        let found = tokio::time::timeout(LIMIT, found).await.ok();
        found.unwrap_or_else(|| panic!("{name}: not within {LIMIT:?}: {what}"))
    }

    /// The status, once Ready is True for the present generation.
    pub(crate) async fn ready(&self, name: &str) -> Status {
        let generation = self.get(name).await.unwrap().metadata.generation;
        self.status(name, "Ready is True", |status| {
            status.observed_generation == generation
                && condition(status, "Ready").is_some_and(|ready| ready.status == "True")
        })
        .await
    }

    /// The status, once Ready has this reason. Each version of the object is looked at: a reason may last for a few
    /// milliseconds only.
    pub(crate) async fn reason(&self, name: &str, reason: &str) -> Status {
        let versions = watch_object(self.namespace.callbacks(), name).default_backoff();
        let found = async {
            let mut versions = pin!(versions);
            loop {
                // The watch goes on after an error: the definition may change under it.
                let version = versions.next().await.unwrap().ok().flatten();
                let Some(status) = version.and_then(|object| object.status) else {
                    continue;
                };
                super::kstatus::check(name, &status);
                if condition(&status, "Ready").is_some_and(|ready| ready.reason == reason) {
                    return status;
                }
            }
        };
        self.in_time(name, reason, Box::pin(found)).await
    }

    /// Waits until the object is gone.
    pub(crate) async fn gone(&self, name: &str) {
        eventually(&format!("{name} is gone"), LIMIT, async || {
            self.get(name).await.is_none().then_some(())
        })
        .await;
    }

    /// The calls of the five operations, in order, each with the status of its answer.
    pub(crate) fn calls(&self) -> Vec<(LoggedOperation, Option<u16>)> {
        let live = self
            .cloud
            .calls()
            .into_iter()
            .filter(|call: &LoggedCall| call.operation.is_live());
        live.map(|call| (call.operation, call.status)).collect()
    }

    /// What happened to a row by calls; what the test itself did to it is left out.
    pub(crate) fn changes(&self, id: &str) -> Vec<LoggedChange> {
        let mutations = self.cloud.mutations().into_iter();
        mutations
            .filter(|mutation| mutation.row.id == id && mutation.cause != LoggedCause::OutOfBand)
            .map(|mutation| mutation.change)
            .collect()
    }

    /// The events about an object, in the order in which they were first published.
    async fn published(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.namespace.client(), self.namespace.name());
        let mut events = events.list(&ListParams::default()).await.unwrap().items;
        events.sort_by_key(|event| event.event_time.clone());
        let about = |event: &Event| {
            let object = event.regarding.as_ref();
            object.is_some_and(|object| object.name.as_deref() == Some(name))
        };
        events.into_iter().filter(about).collect()
    }

    /// The reasons of the events about an object.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let events = self.published(name).await.into_iter();
        events.filter_map(|event| event.reason).collect()
    }

    /// The note of an event with this reason, once there is one.
    pub(crate) async fn event(&self, name: &str, reason: &str) -> String {
        eventually(&format!("{name}: an event {reason}"), LIMIT, async || {
            let events = self.published(name).await.into_iter();
            let mut wanted = events.filter(|event| event.reason.as_deref() == Some(reason));
            wanted.next()?.note
        })
        .await
    }

    /// How often the cloud, IAM included, was asked for this.
    pub(crate) fn count(&self, operation: LoggedOperation) -> usize {
        let calls = self.cloud.calls().into_iter();
        calls.filter(|call| call.operation == operation).count()
    }

    /// Asks for a look at an object.
    pub(crate) async fn ask(&self, name: &str, token: &str) {
        let annotation = "live.huaweicloud.com/reconcile-requested-at";
        let asked = json!({ "metadata": { "annotations": { annotation: token } } });
        self.patch(name, asked).await;
    }

    /// The status, once the look that is asked for now is answered.
    pub(crate) async fn asked(&self, name: &str, token: &str) -> Status {
        self.ask(name, token).await;
        self.status(name, "the look is answered", |status| {
            status.last_handled_reconcile_at.as_deref() == Some(token)
        })
        .await
    }

    /// How often the object was written: its distinct versions, as a watch that began with `first` saw them.
    pub(crate) async fn writes_since(&self, object: &RecordingCallback) -> usize {
        let versions = super::versions::since(&self.namespace, object).await;
        versions.len()
    }
}

/// A condition of a status.
pub(crate) fn condition<'a>(status: &'a Status, type_: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == type_)
}
