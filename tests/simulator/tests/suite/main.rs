//! Tests of the simulator as its users meet it: over sockets, with a client of their own.

mod api;
mod client;
