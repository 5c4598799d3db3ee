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
use crate::controller::tests::trouble::{Answer, CloudCall, Trouble, Turn, reply};
use crate::controller::tests::world::World;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller::tests) enum State {
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

pub(in crate::controller::tests) const STATES: [State; 11] = [
    State::Settled,
    State::Suspended,
    State::Observed,
    State::ReadOnly,
    State::WaitingForQuota,
    State::Failing,
    State::Conflict,
    State::Duplicate,
    State::TargetChanged,
    State::Terminating,
    State::DuringPost,
];

/// What a state does to calls of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Changes are refused.
    Refusing,
    /// POSTs take their time.
    Slow,
    /// Deletes fail.
    Undeletable,
}

/// The weather of a world.
pub(in crate::controller::tests) struct Sky(Mutex<Weather>);

impl Sky {
    pub(in crate::controller::tests) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Weather::Fair)))
    }

    fn set(&self, weather: Weather) {
        *self.0.lock().unwrap() = weather;
    }
}

impl Trouble for Sky {
    fn at_cloud(&self, call: &CloudCall) -> Turn {
        let weather = *self.0.lock().unwrap();
        let refused = |status, body: &'static str| Turn {
            carried_out: false,
            answer: Answer::Reply(reply(status, body)),
            ..Turn::default()
        };
        match (weather, &call.method) {
            (Weather::Refusing, &Method::POST | &Method::PUT) => refused(
                400,
                r#"{"error_code":"LIVE.103011016","error_msg":"domain not ready"}"#,
            ),
            (Weather::Undeletable, &Method::DELETE) => refused(503, ""),
            (Weather::Slow, &Method::POST) => Turn {
                after: Duration::from_secs(10),
                ..Turn::default()
            },
            _ => Turn::default(),
        }
    }
}

/// A world whose object `push` is in this state.
pub(in crate::controller::tests) async fn reach(state: State) -> Result<(World, Arc<Sky>), String> {
    let sky = Sky::new();
    let trouble: Arc<dyn Trouble> = sky.clone();
    let mut world = World::new(&trouble);
    more_secrets(&world);
    let mut spec = full();
    match state {
        State::WaitingForQuota => world.configure(|config| config.requests_per_minute = 2),
        State::Failing => sky.set(Weather::Refusing),
        State::DuringPost => sky.set(Weather::Slow),
        State::Conflict => {
            let url = Some("https://foreign.example.com/".to_owned());
            let row = RowPatch {
                notify_callback_url: url,
                ..RowPatch::default()
            };
            world
                .cloud()
                .insert_row(PROJECT, &domain("push"), "live", &row);
        }
        State::Duplicate => {
            world.server.create(&key("owner"), &spec);
            world.pass(Duration::from_secs(1)).await;
        }
        State::Observed => spec["managementPolicy"] = json!("Manage"),
        State::Settled
        | State::Suspended
        | State::ReadOnly
        | State::TargetChanged
        | State::Terminating => {}
    }
    world.start();
    if state == State::Duplicate {
        is(&world, "owner", "Available").await?;
    }
    world.apply("push", &spec);
    match state {
        State::Settled => is(&world, "push", "Available").await?,
        State::Suspended => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"suspend": true}}));
            is(&world, "push", "Suspended").await?;
        }
        State::Observed => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
            is(&world, "push", "ObserveOnly").await?;
        }
        State::ReadOnly => {
            is(&world, "push", "Available").await?;
            world.kill().await;
            world.configure(|config| config.read_only = true);
            world.start();
            world.pass(Duration::from_secs(5)).await;
        }
        State::WaitingForQuota => is(&world, "push", "RateLimited").await?,
        State::Failing => is(&world, "push", "RequestRejected").await?,
        State::Conflict => is(&world, "push", "Conflict").await?,
        State::Duplicate => is(&world, "push", "Duplicate").await?,
        State::TargetChanged => {
            is(&world, "push", "Available").await?;
            world.merge("push", &json!({"spec": {"region": "cn-south-1"}}));
            is(&world, "push", "TargetChanged").await?;
        }
        State::Terminating => {
            is(&world, "push", "Available").await?;
            sky.set(Weather::Undeletable);
            world.delete("push");
            is(&world, "push", "CloudUnavailable").await?;
        }
        State::DuringPost => {
            let posts = |world: &World| {
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
    world.story.tell(format!("the state is {state:?}"));
    Ok((world, sky))
}

async fn is(world: &World, name: &str, reason: &str) -> Result<(), String> {
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

impl State {
    /// What stands between an object in this state and its being held.
    pub(in crate::controller::tests) fn circumstances(self) -> Circumstances {
        Circumstances {
            read_only: self == Self::ReadOnly,
            is_duplicate: self == Self::Duplicate,
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

    /// Whether status and cloud are judged while it lasts.
    pub(in crate::controller::tests) fn is_judged(self) -> bool {
        !matches!(
            self,
            Self::WaitingForQuota | Self::Failing | Self::Terminating | Self::DuringPost
        )
    }

    /// Whether its end makes a new generation, at which everything is asked again.
    pub(in crate::controller::tests) fn ends_by_an_edit(self) -> bool {
        matches!(self, Self::Suspended | Self::Observed | Self::TargetChanged)
    }

    /// The state ends, by whatever made it.
    pub(in crate::controller::tests) async fn end(self, world: &mut World, sky: &Sky) {
        world.story.tell(format!("{self:?} ends"));
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
