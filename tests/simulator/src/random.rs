//! Identifiers that cannot be guessed.

use ring::rand::SecureRandom;
use ring::rand::SystemRandom;

use crate::sign;

/// So many random bytes, in hexadecimal.
pub(crate) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    // A machine without randomness yields zeros, which the first duplicate id makes obvious.
    let _ = SystemRandom::new().fill(&mut buffer);
    sign::to_hex(&buffer)
}
