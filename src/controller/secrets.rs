//! The Secrets in use, read one by one and kept while they are young. Tells whose objects a change concerns.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::error::Error;
use crate::cluster::secret::{Secrets, Values};

/// Namespace and name of a Secret.
pub(super) type Name = (String, String);

/// The Secrets in use. Whoever reads one anew does not keep the others who use it from being told.
pub(super) struct Cache {
    secrets: Secrets,
    /// How long a Secret that was read is not read again.
    young_for: Duration,
    read: Mutex<HashMap<Name, Read>>,
}

struct Read {
    values: Option<Values>,
    at: Instant,
    /// What those who use it were last told of, or found at first.
    told: Option<Values>,
    /// Whether they were told at all by this process.
    is_told: bool,
}

/// A Secret as it is, and as its users know it.
pub(super) enum Change {
    /// Nobody has read it before.
    Unknown,
    /// From what somebody found who read it for himself to what it is. Others may have used it last when another process ran.
    First(Option<Values>, Option<Values>),
    /// From what its users were told to what it is.
    Between(Option<Values>, Option<Values>),
}

impl Change {
    /// Whether what somebody makes of the values changed, or may have.
    pub(super) fn concerns<T: PartialEq>(&self, make: impl Fn(&Values) -> T) -> bool {
        match self {
            Self::Unknown => true,
            Self::First(before, now) | Self::Between(before, now) => {
                before.as_ref().map(&make) != now.as_ref().map(&make)
            }
        }
    }
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
        let mut secrets = self.lock();
        let (told, is_told) = secrets.get(name).map_or_else(
            || (values.clone(), false),
            |read| (read.told.clone(), read.is_told),
        );
        let read = Read {
            values: values.clone(),
            at: Instant::now(),
            told,
            is_told,
        };
        secrets.insert(name.clone(), read);
        Ok(values)
    }

    /// Reads a Secret anew, to tell its users what changed since they were last told.
    pub(super) async fn change(&self, name: &Name) -> Result<Change, Error> {
        let is_known = self.lock().contains_key(name);
        let now = self.read(name).await?;
        let mut secrets = self.lock();
        let Some(read) = secrets.get_mut(name) else {
            return Ok(Change::Unknown);
        };
        let before = std::mem::replace(&mut read.told, now.clone());
        let was_told = std::mem::replace(&mut read.is_told, true);
        Ok(if was_told {
            Change::Between(before, now)
        } else if is_known {
            Change::First(before, now)
        } else {
            Change::Unknown
        })
    }

    /// Forgets what is no longer in use.
    pub(super) fn retain(&self, used: &BTreeSet<Name>) {
        self.lock().retain(|name, _| used.contains(name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
