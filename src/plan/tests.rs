//! The decisions against a small world: a cloud, an object, a process that can die between any two effects.

mod drift;
mod given;
mod histories;
mod levels;
mod model;
mod observing;
mod opened;
mod ownership;
mod pauses;
mod readdressed;
mod recorded;
mod remembered;
mod rules;
mod scenarios;
mod suspended;
mod told;
mod values;
mod verdicts;
mod waits;
mod whose;
mod world;
mod written;
