//! What an operator is in the middle of when it is killed.

use live_simulator::{SimulatorSettings, settings::Contract};
use serde_json::{Value, json};

use super::fixture::{APP, CrashEnd, CrashFixture, DOMAIN, HeldCallback, NAME};
use crate::support::world::PROJECT;

pub(super) const URL: &str = "https://hooks.example.com/record";
pub(super) const EDITED: &str = "https://hooks.example.com/edited";
const KEY: &str = "testkeytestkeytestkeytestkey0001";
const NEXT_KEY: &str = "testkeytestkeytestkeytestkey0002";

/// A change that is brought about in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CrashScene {
    Create,
    /// The cloud's first contract: an empty answer, so that a look must find the id.
    CreateWithoutId,
    CreateWithKey,
    Update,
    RotateKey,
    Adopt,
    Delete,
}

impl CrashScene {
    pub(super) const ALL: [Self; 7] = [
        Self::Create,
        Self::CreateWithoutId,
        Self::CreateWithKey,
        Self::Update,
        Self::RotateKey,
        Self::Adopt,
        Self::Delete,
    ];

    /// The cloud that it takes place in.
    pub(super) fn settings(self, uniqueness: bool) -> SimulatorSettings {
        let contract = if self == Self::CreateWithoutId {
            Contract::Original
        } else {
            Contract::Modern
        };
        SimulatorSettings {
            uniqueness,
            contract,
            ..SimulatorSettings::default()
        }
    }

    /// Makes what is there before. Whether an operator has to see to it first.
    pub(super) async fn prepare(self, fixture: &CrashFixture, spec: Value) -> bool {
        let world = &fixture.world;
        if matches!(self, Self::CreateWithKey | Self::RotateKey) {
            world.put_secret("hooks", &[("sign", KEY.to_owned())]).await;
        }
        match self {
            Self::Create | Self::CreateWithoutId | Self::CreateWithKey => false,
            Self::Adopt => {
                fixture.intrude(DOMAIN, APP, "https://former.example.com/record");
                // It is there to be taken over.
                fixture.foreign.lock().unwrap().pop();
                false
            }
            Self::Update | Self::RotateKey | Self::Delete => {
                world.create(NAME, self.spec(spec)).await;
                true
            }
        }
    }

    /// What sets it off.
    pub(super) async fn act(self, fixture: &CrashFixture, spec: Value) {
        let world = &fixture.world;
        match self {
            Self::Create | Self::CreateWithoutId | Self::CreateWithKey | Self::Adopt => {
                world.create(NAME, self.spec(spec)).await;
            }
            Self::Update => {
                let edit = json!({ "spec": { "notifyCallbackURL": EDITED } });
                world.patch(NAME, edit).await;
            }
            Self::RotateKey => {
                world
                    .put_secret("hooks", &[("sign", NEXT_KEY.to_owned())])
                    .await;
            }
            Self::Delete => world.delete(NAME).await,
        }
    }

    /// How it must end.
    pub(super) fn end(self, fixture: &CrashFixture) -> CrashEnd {
        if self == Self::Delete {
            return CrashEnd::Gone;
        }
        let former = fixture
            .world
            .cloud
            .mutations()
            .into_iter()
            .find(|mutation| {
                (
                    mutation.row.publish_domain.as_str(),
                    mutation.row.app.as_str(),
                ) == (DOMAIN, APP)
            });
        CrashEnd::Held(HeldCallback {
            url: if self == Self::Update { EDITED } else { URL }.to_owned(),
            key: match self {
                Self::CreateWithKey => Some(KEY),
                Self::RotateKey => Some(NEXT_KEY),
                Self::Create
                | Self::CreateWithoutId
                | Self::Update
                | Self::Adopt
                | Self::Delete => None,
            },
            // The first row that was ever there is the one that stays.
            id: former.map(|mutation| mutation.row.id),
            adopted: Some(self == Self::Adopt),
            project: PROJECT,
            recorded: true,
        })
    }

    fn spec(self, mut spec: Value) -> Value {
        match self {
            Self::CreateWithKey | Self::RotateKey => {
                spec["signKeySecretRef"] = json!({ "name": "hooks", "key": "sign" });
            }
            Self::Adopt => spec["adoptionPolicy"] = json!("Always"),
            Self::Create | Self::CreateWithoutId | Self::Update | Self::Delete => {}
        }
        spec
    }
}
