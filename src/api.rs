//! The `RecordingCallback` resource, on the wire.

pub mod status;
