//! What objects declare: from the wire to the types of decisions, and which objects want the same place. No I/O.

pub mod index;
pub mod parse;

#[cfg(test)]
mod released;
