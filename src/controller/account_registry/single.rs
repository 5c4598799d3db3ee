//! What was read of Secrets, each value once: an object keeps it as long as it lives or waits, and how many objects name one Secret, each with
//! another project or region, is for a tenant to say, as is how long its values are. Reads nothing.

use std::sync::{Arc, Mutex};

use crate::controller::weak_registry::WeakRegistry;
use crate::live::sign_key::SignKey;
use crate::lock::lock;
use crate::platform::credentials::Credential;

/// The credentials and sign keys that are held anywhere.
#[derive(Default)]
pub(super) struct SingleCopies {
    credentials: Mutex<WeakRegistry<String, Credential>>,
    sign_keys: Mutex<WeakRegistry<String, SignKey>>,
}

impl SingleCopies {
    /// The copy of this credential that is held already, or this one; and what stands for it.
    pub(super) fn credential(&self, read: Arc<Credential>) -> (Arc<Credential>, String) {
        let digest = read.digest("single");
        let held = lock(&self.credentials).get_or_make(digest.clone(), || read);
        (held, digest)
    }

    /// The copy of this sign key that is held already, or this one.
    pub(super) fn sign_key(&self, read: SignKey) -> Arc<SignKey> {
        let digest = read.digest("single");
        lock(&self.sign_keys).get_or_make(digest, || Arc::new(read))
    }
}
