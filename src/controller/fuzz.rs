//! Secrets and objects that nobody would write, read and decided on as the controller does it.

mod secret;
mod stored;
