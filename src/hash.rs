//! What stands for a value in memory, to tell another from it: of what tenants write, no more is kept than that. Never zero, so that an
//! option of it takes no more room.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::num::NonZeroU64;

/// The hash of a value, the same as long as this process lives.
pub(crate) fn hash(value: &(impl Hash + ?Sized)) -> NonZeroU64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    NonZeroU64::MIN | hasher.finish()
}
