//! The values of a Secret as one read found them, and what was made of them as credentials: once, for all who refer to them, and kept as
//! long as they are. How many objects name one Secret is for a tenant to say, as is how long its values are. Reads nothing.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::cluster::secret::Values;
use crate::login::secret;
use crate::platform::credentials::{Credential, CredentialSet};

/// The values, and what was made of them.
pub(in crate::controller) struct ReadValues {
    values: Values,
    credentials: OnceLock<Result<ReadCredentials, String>>,
}

/// Credentials, and what stands for them.
pub(in crate::controller) struct ReadCredentials {
    pub(in crate::controller) set: CredentialSet<Arc<Credential>>,
    /// Stands for all that is said.
    pub(in crate::controller) whole: String,
    /// Stands for the credential alone.
    pub(in crate::controller) credential: String,
}

impl ReadValues {
    pub(super) fn new(values: Values) -> Self {
        Self {
            values,
            credentials: OnceLock::new(),
        }
    }

    /// They as credentials, or what is wrong with them. `share` gives the copy of a credential that is held already, and what stands for it.
    pub(in crate::controller) fn credentials(
        &self,
        share: impl FnOnce(Arc<Credential>) -> (Arc<Credential>, String),
    ) -> &Result<ReadCredentials, String> {
        self.credentials.get_or_init(|| {
            let set = secret::credentials(&self.values)?;
            let (whole, mut stands_for) = (set.digest(), String::new());
            let set = set.shared(|read| {
                let (held, digest) = share(Arc::new(read));
                stands_for = digest;
                held
            });
            Ok(ReadCredentials {
                set,
                whole,
                credential: stands_for,
            })
        })
    }
}

impl Deref for ReadValues {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

impl PartialEq for ReadValues {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for ReadValues {}
