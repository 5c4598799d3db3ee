//! The whole controller in virtual time: an API server and a cloud in memory, everything between them as it is in the program.
//!
//! Elsewhere the parts are real. Here they can't be: a seed runs through hours, and there are thousands of seeds. What only a
//! real API server tells is left to `tests/operator`.

mod adversary;
mod any_answers;
mod applied;
mod at_rest;
mod bystanders;
mod chance;
mod cloud;
mod crowd;
mod emptied;
mod fail_over;
mod forced;
mod frugal;
mod ghosts;
mod gone;
mod half_done;
mod in_use;
mod keys;
mod left;
mod lies;
mod life;
mod no_room;
mod object;
mod observed;
mod oracles;
mod outage;
mod overtaken;
mod pages;
mod patience;
mod queued;
mod readdressed;
mod recalled;
mod refused;
mod relists;
mod replaced;
mod restored;
mod rewrites;
mod scenario;
mod script;
mod server;
mod settling;
mod shares;
mod simulation;
mod story;
mod strayed;
mod stubborn;
mod transitions;
mod trouble;
mod unaskable;
mod uninstalled;
mod unkept;
mod unrecorded;
mod unwritten;
mod world;
