//! The states that an object may be in when something changes, and how each ends.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::json;

use super::expected::Circumstances;
use super::table::{full, more_secrets};
use crate::controller::tests::object::{PROJECT, domain, key, verdict};
use crate::controller::tests::trouble::{
    CloudCall, CloudCallFate, Troubled, TroubledAnswer, reply,
};
use crate::controller::tests::world::ControllerWorld;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller::tests) enum StartState {
    Settled,
    Suspended,
    Observed,
    ReadOnly,
    WaitingForQuota,
    Failing,
    Conflict,
    Duplicate,
    TargetChanged,
    Terminating,
    DuringPost,
}

pub(in crate::controller::tests) const STATES: [StartState; 11] = [
    StartState::Settled,
    StartState::Suspended,
    StartState::Observed,
    StartState::ReadOnly,
    StartState::WaitingForQuota,
    StartState::Failing,
    StartState::Conflict,
    StartState::Duplicate,
    StartState::TargetChanged,
    StartState::Terminating,
    StartState::DuringPost,
];

/// What a state does to calls of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Weather {
    #[default]
    Fair,
    /// Changes are refused.
    Refusing,
    /// POSTs take their time.
    Slow,
    /// Deletes fail.
    Undeletable,
}

/// The weather of a world.
#[derive(Default)]
pub(in crate::controller::tests) struct Sky(Mutex<Weather>);

impl Sky {
    fn set(&self, weather: Weather) {
        *self.0.lock().unwrap() = weather;
    }
}

impl Troubled for Sky {
    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let weather = *self.0.lock().unwrap();
        let refused = |status, body: &'static str| CloudCallFate {
            carried_out: false,
            answer: TroubledAnswer::Reply(reply(status, body)),
            ..CloudCallFate::default()
        };
        match (weather, &call.method) {
            (Weather::Refusing, &Method::POST | &Method::PUT) => refused(
                400,
                r#"{"error_code":"LIVE.103011016","error_msg":"domain not ready"}"#,
            ),
            (Weather::Undeletable, &Method::DELETE) => refused(503, ""),
            (Weather::Slow, &Method::POST) => CloudCallFate {
                after: Duration::from_secs(10),
                ..CloudCallFate::default()
            },
            _ => CloudCallFate::default(),
        }
    }
}

/// A world whose object `push` is in this state.
pub(in crate::controller::tests) async fn reach(
    state: StartState,
) -> Result<(ControllerWorld, Arc<Sky>), String> {
    let sky = Arc::<Sky>::default();
    let trouble: Arc<dyn Troubled> = sky.clone();
    Ok((reach_under(state, &sky, &trouble).await?, sky))
}

/// The same in a world where more may befall than this sky does.
pub(in crate::controller::tests) async fn reach_under(
    state: StartState,
    sky: &Sky,
    trouble: &Arc<dyn Troubled>,
) -> Result<ControllerWorld, String> {
    let mut world = ControllerWorld::new(trouble);
    more_secrets(&world);
    let mut spec = full();
    match state {
        StartState::WaitingForQuota => world.configure(|config| config.requests_per_minute = 2),
        StartState::Failing => sky.set(Weather::Refusing),
        StartState::DuringPost => sky.set(Weather::Slow),
        StartState::Conflict => {
            let url = Some("https://foreign.example.com/".to_owned());
            let row = RowPatch {
                notify_callback_url: url,
                ..RowPatch::default()
            };
            world
                .cloud()
                .insert_row(PROJECT, &domain("push"), "live", &row);
        }
        StartState::Duplicate => {
            world.server.create(&key("owner"), &spec);
            world.pass(Duration::from_secs(1)).await;
        }
        StartState::Observed => spec["managementPolicy"] = json!("Manage"),
        StartState::Settled
        | StartState::Suspended
        | StartState::ReadOnly
        | StartState::TargetChanged
        | StartState::Terminating => {}
    }
    world.start();
    if state == StartState::Duplicate {
        is(&world, "owner", "Available").await?;
    }
    world.apply("push", &spec);
    match state {
        StartState::Settled => is(&world, "push", "Available").await?,
        StartState::Suspended => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"suspend": true}}));
            is(&world, "push", "Suspended").await?;
        }
        StartState::Observed => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
            is(&world, "push", "ObserveOnly").await?;
        }
        StartState::ReadOnly => {
            is(&world, "push", "Available").await?;
            world.kill().await;
            world.configure(|config| config.read_only = true);
            world.start();
            world.pass(Duration::from_secs(5)).await;
        }
        StartState::WaitingForQuota => is(&world, "push", "RateLimited").await?,
        StartState::Failing => is(&world, "push", "RequestRejected").await?,
        StartState::Conflict => is(&world, "push", "Conflict").await?,
        StartState::Duplicate => is(&world, "push", "Duplicate").await?,
        StartState::TargetChanged => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"region": "cn-south-1"}}));
            is(&world, "push", "TargetChanged").await?;
        }
        StartState::Terminating => {
            is(&world, "push", "Available").await?;
            sky.set(Weather::Undeletable);
            world.delete("push");
            is(&world, "push", "CloudUnavailable").await?;
        }
        StartState::DuringPost => {
            let posts = |world: &ControllerWorld| {
                world
                    .calls()
                    .iter()
                    .any(|made| made.call.method == Method::POST)
            };
            if !world.until(Duration::from_secs(30), posts).await {
                return Err("no POST".to_owned());
            }
            world.pass(Duration::from_secs(3)).await;
        }
    }
    world.story.log(format!("the state is {state:?}"));
    Ok(world)
}

async fn is(world: &ControllerWorld, name: &str, reason: &str) -> Result<(), String> {
    let so = world.until(Duration::from_mins(3), |world| {
        world
            .object(name)
            .is_some_and(|object| verdict(&object).1 == reason)
    });
    if so.await {
        return Ok(());
    }
    Err(format!("{name} never became {reason}"))
}

impl StartState {
    /// What stands between an object in this state and its being held.
    pub(in crate::controller::tests) fn circumstances(
        self,
        world: &ControllerWorld,
    ) -> Circumstances {
        Circumstances {
            read_only: self == Self::ReadOnly,
            // Until its owner is gone, which may not be able to go.
            is_duplicate: world.object("owner").is_some(),
            foreign_row: self == Self::Conflict,
            settled: false,
        }
    }

    /// Whether nothing may be changed at the cloud as long as it lasts.
    pub(in crate::controller::tests) fn keeps_still(self) -> bool {
        matches!(
            self,
            Self::Suspended | Self::Observed | Self::ReadOnly | Self::TargetChanged
        )
    }

    /// What may be told beside while it lasts.
    pub(in crate::controller::tests) fn tells(self) -> &'static [&'static str] {
        match self {
            Self::WaitingForQuota => &["RateLimited", "Creating"],
            Self::Failing => &["RequestRejected"],
            Self::DuringPost => &["Creating", "OutcomeUnknown"],
            Self::Terminating => &["CloudUnavailable", "Deleting"],
            Self::Settled
            | Self::Suspended
            | Self::Observed
            | Self::ReadOnly
            | Self::Conflict
            | Self::Duplicate
            | Self::TargetChanged => &[],
        }
    }

    /// So many calls and writes a change may cause while it lasts, within minutes: a GET or look at a new account, a PUT, a look, and the
    /// tries of a refusal, each with its record and its outcome.
    pub(in crate::controller::tests) fn most(self, is_refused: bool) -> (usize, usize) {
        match self {
            _ if is_refused => Self::Failing.most(false),
            Self::Failing => (14, 18),
            Self::Terminating => (14, 8),
            Self::WaitingForQuota => (8, 10),
            Self::Settled
            | Self::Suspended
            | Self::Observed
            | Self::ReadOnly
            | Self::Conflict
            | Self::Duplicate
            | Self::TargetChanged
            | Self::DuringPost => (8, 8),
        }
    }

    /// Whether its end makes a new generation, at which everything is asked again.
    pub(in crate::controller::tests) fn ends_by_an_edit(self) -> bool {
        matches!(self, Self::Suspended | Self::Observed | Self::TargetChanged)
    }

    /// The state ends, by whatever made it.
    pub(in crate::controller::tests) async fn end(self, world: &mut ControllerWorld, sky: &Sky) {
        world.story.log(format!("{self:?} ends"));
        sky.set(Weather::Fair);
        match self {
            Self::Suspended => world.merge("push", &json!({"spec": {"suspend": false}})),
            Self::Observed => world.merge("push", &json!({"spec": {"managementPolicy": "Manage"}})),
            Self::ReadOnly => {
                world.kill().await;
                world.configure(|config| config.read_only = false);
                world.start();
            }
            Self::TargetChanged => world.merge("push", &json!({"spec": {"region": "cn-north-4"}})),
            Self::Duplicate => world.delete("owner"),
            Self::Conflict => {
                for row in world.rows(&domain("push")) {
                    let id = world.object("push").unwrap_or_default();
                    if id["status"]["callbackID"] != row.id.as_str() {
                        world.cloud().delete_row(&row.id);
                    }
                }
            }
            Self::Settled
            | Self::WaitingForQuota
            | Self::Failing
            | Self::Terminating
            | Self::DuringPost => {}
        }
    }
}
