//! Kubernetes, as far as the operator needs it. Knows nothing of the cloud.

pub mod client;
pub mod container;
pub mod crd_check;
pub mod error;
pub mod event;
pub mod in_flight;
pub mod lease;
pub mod limits;
pub mod object;
pub mod observer;
pub mod operator_deployments;
mod outline;
pub mod packed;
mod path;
pub mod pods;
pub mod pulse;
pub mod raw;
pub mod rehearsal;
pub mod rights;
pub mod secret;
pub mod stored;
pub mod three_way;
pub mod watch;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// What time it is, for people who read it in a Lease or an event; nobody judges by it.
#[expect(clippy::disallowed_methods, reason = "decides nothing")]
fn stamp() -> MicroTime {
    MicroTime(Timestamp::now())
}
