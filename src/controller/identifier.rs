//! Ids of attempts: ULIDs, so that they sort by time and, as long as there is randomness, never repeat. The order counts where nothing better
//! is known: of two records of an object the one whose newest attempt has the greater id is the newer one.

use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new id.
pub(super) fn new(now: Timestamp) -> String {
    let mut random = [0_u8; 10];
    // Without randomness the time alone must do; ids are compared within one object only.
    let _ = SystemRandom::new().fill(&mut random);
    let time = u128::try_from(now.as_millisecond()).unwrap_or_default();
    let random = random
        .iter()
        .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    encode((time << 80) | random)
}

/// 26 characters of 5 bits each, the highest first.
fn encode(number: u128) -> String {
    (0..26)
        .rev()
        .filter_map(|place| ALPHABET.get(usize::try_from((number >> (5 * place)) & 31).ok()?))
        .map(|letter| char::from(*letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ulids_that_sort_by_time() {
        let at = |second| new(Timestamp::from_second(second).unwrap());
        let (old, young) = (at(1_764_000_000), at(1_764_000_001));
        assert_eq!(old.len(), 26);
        assert!(old < young && old.starts_with("01"), "{old} {young}");
        assert_ne!(at(1_764_000_000), at(1_764_000_000));
    }
}
