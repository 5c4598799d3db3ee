//! A strict simulator of the recording-callback API of Huawei Cloud Live, and of the parts of IAM
//! that its clients need. It verifies signatures and tokens with code of its own, keeps the
//! documented limits, quotas and error codes, and makes every undocumented behaviour a switch.
//!
//! ```
//! use live_simulator::{KnownCredential, LoggedOperation, ScriptedFault, Simulator, SimulatorSettings};
//!
//! let simulator = Simulator::start(SimulatorSettings::default())?;
//! simulator.add_credential(KnownCredential::new("AKTEST", "SKTEST", "0123456789abcdef0123456789abcdef"));
//! simulator.fault(ScriptedFault::on(LoggedOperation::Create).nth(2).lose_reply());
//! assert!(simulator.endpoint().starts_with("http://127.0.0.1:"));
//! assert!(simulator.rows().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

pub use auth::KnownCredential;
pub use auth::KnownProject;
pub use auth::Rights;
pub use cloud::CallPhase;
pub use cloud::Cloud;
pub use cloud::TimedOut;
pub use exchange::Delivery;
pub use exchange::ExchangeScheme;
pub use faults::ScriptedAnswer;
pub use faults::ScriptedFault;
pub use faults::ScriptedPayload;
pub use faults::ScriptedReply;
pub use identities::KnownUser;
pub use log::Counters;
pub use log::LoggedCall;
pub use log::LoggedCause;
pub use log::LoggedChange;
pub use log::LoggedOperation;
pub use log::Mutation;
pub use refusal::CloudRefusal;
pub use rules::RecordRule;
pub use simulator::Listen;
pub use simulator::Simulator;
pub use store::RowPatch;
pub use store::StoredRow;
pub use store::StoredSignKey;
pub use workload::Metadata;
pub use workload::Workload;

pub mod settings;

pub use settings::SimulatorSettings;

mod api;
mod auth;
mod cloud;
mod control;
mod exchange;
mod faults;
mod iam;
mod identities;
mod log;
mod notify;
mod quota;
mod random;
mod refusal;
mod reply;
mod route;
mod rules;
mod server;
mod sign;
mod simulator;
mod store;
mod tls;
mod validate;
mod wire;
mod workload;
