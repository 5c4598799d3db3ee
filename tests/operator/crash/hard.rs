//! What happens between the kill and the restart, where looking before creating is not enough.

use kube::ResourceExt as _;
use live_simulator::SimulatorSettings;
use recording_callback_operator::api::{
    FINALIZER, PENDING_OPERATION, RECONCILE_REQUESTED_AT, RecordingCallback,
};
use serde_json::{Value, json};

use super::{
    fixture::{APP, CrashEnd, CrashFixture, DOMAIN, HeldCallback, NAME, OTHER_PROJECT},
    scene::{EDITED, URL},
};
use crate::support::world::{PROJECT, condition};

/// What goes on around the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HardCase {
    Nothing,
    /// `adoptionPolicy: Never`: what the dead process made must not be taken for somebody else's.
    AdoptNever,
    Edited,
    /// The same under `adoptionPolicy: Never`.
    EditedNever,
    Deleted,
    /// Lists show what was created only after 3 s.
    ListLag,
    /// Deleted while lists do not show yet what was created.
    DeletedUnderLag,
    /// Somebody else makes the same row.
    ForeignSame,
    /// Somebody else makes another row at the same place.
    ForeignOther,
    /// The credentials go, and come back.
    SecretGone,
    /// The credentials name another project, and then the former one.
    OtherProject,
    /// Annotations and finalizers are replaced by none.
    Wiped,
}

impl HardCase {
    pub(super) const HARD: [Self; 10] = [
        Self::AdoptNever,
        Self::EditedNever,
        Self::Deleted,
        Self::ListLag,
        Self::DeletedUnderLag,
        Self::ForeignSame,
        Self::ForeignOther,
        Self::SecretGone,
        Self::OtherProject,
        Self::Wiped,
    ];

    /// The cloud of this case.
    pub(super) fn settings(self, settings: SimulatorSettings) -> SimulatorSettings {
        let lags = matches!(self, Self::ListLag | Self::DeletedUnderLag);
        SimulatorSettings {
            list_lag_ms: if lags { 3000 } else { 0 },
            ..settings
        }
    }

    /// What it adds to the spec.
    pub(super) fn spec(self) -> Value {
        if matches!(self, Self::AdoptNever | Self::EditedNever) {
            json!({ "adoptionPolicy": "Never" })
        } else {
            json!({})
        }
    }

    /// Happens while no process runs. `end` is how it would end without this.
    pub(super) async fn meanwhile(self, fixture: &CrashFixture, end: CrashEnd) -> CrashEnd {
        let world = &fixture.world;
        let CrashEnd::Held(held) = end else {
            return end;
        };
        match self {
            Self::Nothing | Self::AdoptNever | Self::ListLag => CrashEnd::Held(held),
            Self::Edited | Self::EditedNever => {
                let edit = json!({ "spec": { "notifyCallbackURL": EDITED } });
                world.patch(NAME, edit).await;
                let url = EDITED.to_owned();
                CrashEnd::Held(HeldCallback { url, ..held })
            }
            Self::Deleted | Self::DeletedUnderLag => {
                world.delete(NAME).await;
                CrashEnd::Gone
            }
            Self::ForeignSame => foreign(fixture, URL, held).await,
            Self::ForeignOther => {
                foreign(fixture, "https://foreign.example.com/record", held).await
            }
            Self::SecretGone => {
                world.delete_secret("huaweicloud").await;
                CrashEnd::Held(held)
            }
            Self::OtherProject => other_project(fixture, held).await,
            Self::Wiped => wiped(fixture, held).await,
        }
    }

    /// Happens once a process runs again.
    pub(super) async fn afterwards(self, fixture: &CrashFixture, end: &CrashEnd) {
        let world = &fixture.world;
        let ready = is_ready(fixture).await;
        if matches!(self, Self::ForeignSame | Self::ForeignOther) && ready {
            // A settled object is looked at by the next sweep, or when somebody asks.
            let ask = json!({ "metadata": { "annotations": { RECONCILE_REQUESTED_AT: "now" } } });
            world.patch(NAME, ask).await;
        }
        if self == Self::SecretGone {
            if !ready {
                world.reason(NAME, "CredentialsMissing").await;
            }
            world.put_secret("huaweicloud", &world.credentials()).await;
        }
        let stays = matches!(end, CrashEnd::Held(held) if held.project == PROJECT);
        if self == Self::OtherProject && stays {
            world.reason(NAME, "TargetChanged").await;
            world.put_secret("huaweicloud", &world.credentials()).await;
        }
    }
}

/// Somebody else makes a row at the place, where the cloud lets him.
async fn foreign(fixture: &CrashFixture, url: &str, held: HeldCallback) -> CrashEnd {
    let own = fixture.rows().pop();
    if own.is_some() && fixture.world.cloud.settings(|settings| settings.uniqueness) {
        return CrashEnd::Held(held);
    }
    let row = fixture.intrude(DOMAIN, APP, url);
    if own.is_some() || url != URL {
        // Of two that say the same, made in one second, either may be taken for our own.
        let id = own.as_ref().map(|own| own.id.clone());
        return CrashEnd::Conflict {
            own: own.is_some(),
            id: id.filter(|_| url != URL),
        };
    }
    // It is what the object wants, so it is the one: taken for our own by the record where there is one, else adopted.
    fixture.foreign.lock().unwrap().pop();
    CrashEnd::Held(HeldCallback {
        id: Some(row.id),
        adopted: Some(!knows_home(fixture).await),
        ..held
    })
}

/// The Secret names another project: only an object that made nothing yet may go there.
async fn other_project(fixture: &CrashFixture, held: HeldCallback) -> CrashEnd {
    let mut values = fixture.world.credentials();
    for (name, value) in &mut values {
        if *name == "project_id" {
            OTHER_PROJECT.clone_into(value);
        }
    }
    fixture.world.put_secret("huaweicloud", &values).await;
    let project = if knows_home(fixture).await {
        held.project
    } else {
        OTHER_PROJECT
    };
    CrashEnd::Held(HeldCallback { project, ..held })
}

/// Nobody puts it back: with the record goes the knowledge whose the row is, unless the status holds its id: then the
/// row is found, and adopted.
async fn wiped(fixture: &CrashFixture, held: HeldCallback) -> CrashEnd {
    let object = fixture.world.get(NAME).await.unwrap();
    let is_ours = object.status.unwrap_or_default().callback_id.is_some();
    wipe(fixture).await;
    CrashEnd::Held(HeldCallback {
        adopted: Some(!is_ours && !fixture.rows().is_empty()),
        recorded: false,
        ..held
    })
}

/// Annotation and finalizer go. The object as it is then.
pub(super) async fn wipe(fixture: &CrashFixture) -> RecordingCallback {
    let wiped =
        json!({ "metadata": { "annotations": { PENDING_OPERATION: null }, "finalizers": null } });
    fixture.world.patch(NAME, wiped).await
}

/// Whether the object tells where its row is or may be.
async fn knows_home(fixture: &CrashFixture) -> bool {
    let object = fixture.world.get(NAME).await.unwrap();
    object.annotations().contains_key(PENDING_OPERATION)
        && object.finalizers().contains(&FINALIZER.to_owned())
}

async fn is_ready(fixture: &CrashFixture) -> bool {
    let status = fixture
        .world
        .get(NAME)
        .await
        .and_then(|object| object.status);
    status.is_some_and(|status| {
        condition(&status, "Ready").is_some_and(|ready| ready.status == "True")
    })
}
