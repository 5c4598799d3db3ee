//! The Secrets in use, read one by one and kept while they are young. Tells whose objects a change concerns.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::error::Error;
use crate::cluster::secret::{Secrets, Values};

/// Namespace and name of a Secret.
pub(super) type Name = (String, String);

/// The Secrets in use.
pub(super) struct Cache {
    secrets: Secrets,
    /// How long a Secret that was read is not read again.
    young_for: Duration,
    read: Mutex<HashMap<Name, Read>>,
}

struct Read {
    values: Option<Values>,
    at: Instant,
}

impl Cache {
    /// A cache of Secrets that are young for so long.
    pub(super) fn new(secrets: Secrets, young_for: Duration) -> Self {
        Self {
            secrets,
            young_for,
            read: Mutex::default(),
        }
    }

    /// The values of a Secret, read now unless that was done lately; `None` when there is no such Secret.
    pub(super) async fn get(&self, name: &Name) -> Result<Option<Values>, Error> {
        if let Some(read) = self.lock().get(name)
            && read.at.elapsed() < self.young_for
        {
            return Ok(read.values.clone());
        }
        self.read(name).await
    }

    /// The values of a Secret as they are now.
    pub(super) async fn read(&self, name: &Name) -> Result<Option<Values>, Error> {
        let values = self.secrets.read(&name.0, &name.1).await?;
        self.lock().insert(
            name.clone(),
            Read {
                values: values.clone(),
                at: Instant::now(),
            },
        );
        Ok(values)
    }

    /// Reads a Secret anew. Whether one of its values changed since it was last read.
    pub(super) async fn changed(&self, name: &Name) -> Result<bool, Error> {
        let before = self.lock().get(name).map(|read| read.values.clone());
        let now = self.read(name).await?;
        Ok(before.is_none_or(|before| before != now))
    }

    /// Forgets what is no longer in use.
    pub(super) fn retain(&self, used: &BTreeSet<Name>) {
        self.lock().retain(|name, _| used.contains(name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
