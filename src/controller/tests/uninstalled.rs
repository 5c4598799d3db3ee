//! The product is uninstalled: every object goes soon, whatever its state, and its callback stays.

use std::time::Duration;

use super::object::{ACCOUNT, HOOKS, domain};
use super::server::StoredCrd;
use super::transitions::states::{self, STATES, StartState};
use super::world::ControllerWorld;

/// So long an object may take that nothing is under way for.
const SOON: Duration = Duration::from_secs(15);
/// And one whose POST may still happen: its deadline, and the settle time.
const LATER: Duration = Duration::from_mins(1);

/// What else is wrong with the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    Nothing,
    Credentials,
    SignKey,
    /// The operator was started anew, and remembers nothing.
    Memory,
}

#[tokio::test(start_paused = true)]
async fn every_object_goes_whatever_its_state() {
    for state in STATES {
        for lack in [
            Lack::Nothing,
            Lack::Credentials,
            Lack::SignKey,
            Lack::Memory,
        ] {
            let (mut world, _sky) = states::reach(state).await.unwrap();
            lack.befall(&mut world).await;
            let rows = world.rows(&domain("push")).len();
            world.server.set_crd(StoredCrd::Terminating);
            world.delete("owner");
            world.delete("push");
            let limit = if state == StartState::DuringPost {
                LATER
            } else {
                SOON
            };
            let gone = world
                .until(limit, |world| world.object("push").is_none())
                .await;
            assert!(gone, "{state:?} without {lack:?}\n{}", world.story.whole());
            let left = world.rows(&domain("push")).len();
            assert!(
                left >= rows,
                "{state:?} without {lack:?}\n{}",
                world.story.whole()
            );
            world.kill().await;
        }
    }
}

impl Lack {
    async fn befall(self, world: &mut ControllerWorld) {
        match self {
            Self::Nothing => return,
            Self::Credentials => world.no_secret(ACCOUNT),
            Self::SignKey => world.no_secret(HOOKS),
            Self::Memory => world.restart().await,
        }
        world.pass(Duration::from_secs(1)).await;
    }
}
