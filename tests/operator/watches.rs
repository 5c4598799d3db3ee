//! Watches of several namespaces, one of which is in trouble; and objects that want nothing any more.

mod taken_over;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kube::api::{Patch, PatchParams};
use live_simulator::LoggedOperation;
use recording_callback_operator::api::FINALIZER;
use serde_json::{Value, json};

use crate::support::{
    eventually,
    operator::OperatorProcess,
    proxy::{ApiProxy, Harm, HarmedAnswer, HarmedCalls, StreamOrder},
    trap::Trap,
    world::{LIMIT, OperatorWorld, condition},
};

/// The longest call in flight, and the longest pause after it.
const HEALED: Duration = Duration::from_mins(1);

/// How often watches are compared with lists.
const COMPARED: Duration = Duration::from_mins(10);

/// Two namespaces that one operator serves.
struct Two {
    sound: OperatorWorld,
    ill: OperatorWorld,
    proxy: ApiProxy,
}

impl Two {
    async fn new() -> Self {
        Self::of(OperatorWorld::new().await, OperatorWorld::new().await).await
    }

    async fn of(sound: OperatorWorld, ill: OperatorWorld) -> Self {
        Self {
            sound,
            ill,
            proxy: ApiProxy::start(Arc::<Trap>::default()).await,
        }
    }

    fn flags(&self) -> Vec<String> {
        let both =
            |of: &dyn Fn(&OperatorWorld) -> String| [of(&self.sound), of(&self.ill)].join(",");
        let namespaces = both(&|world| world.namespace.name().to_owned());
        let endpoints = both(&|world| world.cloud.endpoint());
        self.sound.flags_with(&[
            &format!("--namespaces={namespaces}"),
            &format!("--allowed-endpoints={endpoints}"),
        ])
    }

    /// The flags of one of several operators, of which one acts as long as it holds the Lease.
    fn replica_flags(&self, lease: Duration) -> Vec<String> {
        let mut flags = self.flags();
        flags.retain(|flag| !flag.starts_with("--leader-elect"));
        flags.extend([
            "--leader-elect=true".to_owned(),
            format!("--lease-namespace={}", self.sound.namespace.name()),
            format!("--lease-duration={}s", lease.as_secs()),
        ]);
        flags
    }

    /// Makes an object in each, which is served by then.
    async fn settle(&self) {
        for (world, name) in [(&self.sound, "push"), (&self.ill, "other")] {
            world.create(name, json!({})).await;
            world.ready(name).await;
        }
    }

    /// Edits both objects.
    async fn edit(&self) {
        let url = json!({ "spec": { "notifyCallbackURL": "https://hooks.example.com/other" } });
        for (world, name) in [(&self.sound, "push"), (&self.ill, "other")] {
            world.patch(name, url.clone()).await;
        }
    }

    /// What befalls every call of this kind in the namespace that is ill, before it arrives.
    fn harm(&self, calls: HarmedCalls, answer: HarmedAnswer) {
        self.proxy.harm(self.every(calls).before(answer));
    }

    /// The same when it has arrived.
    fn harm_after(&self, calls: HarmedCalls, answer: HarmedAnswer) {
        self.proxy.harm(self.every(calls).after(answer));
    }

    fn every(&self, calls: HarmedCalls) -> Harm {
        let harm = Harm::to(calls).within(self.ill.namespace.name());
        harm.times(usize::MAX)
    }

    /// The line of the metric that says how a namespace's watch stands.
    fn metric(world: &OperatorWorld, is_up: bool) -> String {
        format!(
            r#"recording_callback_watch_up{{namespace="{}"}} {}"#,
            world.namespace.name(),
            u8::from(is_up)
        )
    }

    /// How often the log says this of the namespace that is ill.
    fn count_logged(&self, operator: &OperatorProcess, text: &str) -> usize {
        let name = format!(r#""namespace":"{}""#, self.ill.namespace.name());
        let output = operator.output();
        let lines = output.lines();
        lines
            .filter(|line| line.contains(&name) && line.contains(text))
            .count()
    }

    /// Waits until the one that is ill is named everywhere, and the other nowhere.
    async fn is_named(&self, operator: &OperatorProcess, cause: &str, within: Duration) {
        let (sound, ill) = (self.sound.namespace.name(), self.ill.namespace.name());
        eventually("readiness names it", within, async || {
            let (code, body) = operator.get("/readyz").await?;
            let line = |name: &str| {
                let mut lines = body.lines();
                lines.find_map(|line| line.strip_prefix(&format!("watch of {name}: ")))
            };
            let is = line(ill)?.contains(cause) && line(ill) != Some("ok") && code == 503;
            (is && line(sound) == Some("ok")).then_some(())
        })
        .await;
        operator.counts(&Self::metric(&self.ill, false)).await;
        operator.counts(&Self::metric(&self.sound, true)).await;
        eventually("the log names it", LIMIT, async || {
            (self.count_logged(operator, "can't be watched") > 0).then_some(())
        })
        .await;
    }

    /// Waits until all is well again.
    async fn is_well(&self, operator: &OperatorProcess) {
        eventually("readiness comes back", HEALED, async || {
            (operator.get("/readyz").await?.0 == 200).then_some(())
        })
        .await;
        operator.counts(&Self::metric(&self.ill, true)).await;
        eventually("the log says so", LIMIT, async || {
            (self.count_logged(operator, "watched again") > 0).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_namespace_that_is_refused_later_is_named_while_the_others_are_served() {
    let two = Two::new().await;
    let operator = OperatorProcess::start_at(two.proxy.url(), &two.flags()).await;
    two.settle().await;
    for calls in [HarmedCalls::List, HarmedCalls::Watch] {
        two.harm(calls, HarmedAnswer::error(403, "Forbidden"));
    }
    two.proxy.watches(StreamOrder::End);
    two.is_named(&operator, "Forbidden", LIMIT).await;
    two.edit().await;
    two.sound.ready("push").await;
    assert_eq!(two.ill.count(LoggedOperation::Update), 0);

    two.proxy.calm();
    two.ill.ready("other").await;
    assert_eq!(two.ill.count(LoggedOperation::Update), 1);
    two.is_well(&operator).await;
}

#[tokio::test]
async fn watches_that_end_at_once_are_asked_for_ever_more_slowly() {
    let two = Two::new().await;
    let _operator = OperatorProcess::start_at(two.proxy.url(), &two.flags()).await;
    let watches = || {
        let seen = two.proxy.seen().into_iter();
        seen.filter(|seen| seen.calls == HarmedCalls::Watch).count()
    };
    let before = watches();
    let over = Instant::now() + Duration::from_secs(5);
    while Instant::now() < over {
        two.proxy.watches(StreamOrder::End);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let asked = watches() - before;
    assert!(asked <= 2 * 4, "{asked} in five seconds, by two watches");
    two.ill.create("other", json!({})).await;
    two.ill.ready("other").await;
}

/// Long: nothing is compared before ten minutes are over.
#[tokio::test]
async fn what_a_watch_loses_is_found_by_the_comparison() {
    let two = Two::new().await;
    let operator = OperatorProcess::start_at(two.proxy.url(), &two.flags()).await;
    two.settle().await;
    two.proxy.watches(StreamOrder::Lose);
    two.edit().await;
    let updated = async || {
        let updates = [&two.sound, &two.ill].map(|world| world.count(LoggedOperation::Update));
        (updates == [1, 1]).then_some(())
    };
    eventually("both edits are sent", COMPARED + LIMIT, updated).await;
    two.sound.ready("push").await;
    two.ill.ready("other").await;
    assert_eq!(two.count_logged(&operator, "a watch has missed changes"), 1);
    operator
        .counts("recording_callback_watch_missed_total 2")
        .await;
}

/// Puts another's finalizer on an object.
async fn hold(world: &OperatorWorld, name: &str) {
    let finalizers = json!({ "metadata": { "finalizers": [FINALIZER, "example.com/other"] } });
    world.patch(name, finalizers).await;
}

fn same_place() -> Value {
    json!({ "publishDomain": "push.example.com" })
}

/// What becomes of this while an operator runs, and what when it comes about while none does.
async fn with_and_without_an_operator(scenario: impl AsyncFn(bool)) {
    tokio::join!(Box::pin(scenario(true)), Box::pin(scenario(false)));
}

#[tokio::test]
async fn an_object_that_was_let_go_and_is_held_by_others_is_in_nobodys_way() {
    with_and_without_an_operator(async |runs| {
        let world = OperatorWorld::new().await;
        let mut operator = world.operator().await;
        world.create("push", json!({})).await;
        let first = world.ready("push").await.callback_id;
        hold(&world, "push").await;
        world.create("second", same_place()).await;
        world.reason("second", "Duplicate").await;

        if !runs {
            operator.kill().await;
        }
        world.delete("push").await;
        if !runs {
            operator = world.operator().await;
        }
        let second = world.ready("second").await.callback_id;
        assert_ne!(first, second);
        assert!(world.get("push").await.is_some(), "another holds it still");
        let rows: Vec<_> = world.cloud.rows().into_iter().map(|row| row.id).collect();
        assert_eq!(rows, Vec::from_iter(second));
        assert_eq!(world.count(LoggedOperation::Delete), 1);

        let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        let callbacks = world.namespace.callbacks();
        callbacks
            .patch_metadata("push", &PatchParams::default(), &none)
            .await
            .unwrap();
        world.gone("push").await;
        assert_eq!(world.cloud.rows().len(), 1);
        drop(operator);
    })
    .await;
}

#[tokio::test]
async fn an_object_that_left_the_selector_is_in_nobodys_way() {
    with_and_without_an_operator(async |runs| {
        let world = OperatorWorld::new().await;
        let selector = ["--label-selector=tier=gold"];
        let mut operator = world.operator_with(&selector).await;
        let tier = |tier: &str| json!({ "metadata": { "labels": { "tier": tier } } });
        world.create("push", json!({})).await;
        world.patch("push", tier("gold")).await;
        let id = world.ready("push").await.callback_id;
        world.create("second", same_place()).await;
        world.patch("second", tier("gold")).await;
        world.reason("second", "Duplicate").await;

        if !runs {
            operator.kill().await;
        }
        world.patch("push", tier("none")).await;
        if !runs {
            operator = world.operator_with(&selector).await;
        }
        let status = world.ready("second").await;
        assert_eq!((status.callback_id, status.adopted), (id, Some(true)));
        assert_eq!(world.cloud.mutations().len(), 1, "the create");
        let left = world.get("push").await.unwrap().status.unwrap();
        assert!(condition(&left, "Ready").is_some(), "nobody touches it");
        drop(operator);
    })
    .await;
}
