//! The Secrets in use, read one by one and kept while they are young: each once, and of each only what is used.
//!
//! A read answers all who wait for it, and delays nobody else. What is found says how things are; nobody is told of changes here.

mod read_values;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(super) use self::read_values::{ReadCredentials, ReadValues};
use crate::cluster::error::ClusterError;
use crate::cluster::secret::{Keys, SecretClient, Values};
use crate::controller::weak_registry::WeakRegistry;
use crate::lock::lock;

/// At most so many reads are under way at once, since a Secret may have a megabyte.
const AT_ONCE: usize = 16;
/// And so many of one namespace: those of it that hang leave room for the others.
const OF_ONE_NAMESPACE: usize = 2;

/// How many bytes of the Secrets of one namespace are kept: who has many long ones there has to do with fewer, and nobody else.
const KEPT_OF_ONE_NAMESPACE: usize = 8 * 1024 * 1024;

/// Namespace and name of a Secret.
pub(super) type SecretName = (String, String);

/// Reads a Secret: the way to the API server.
pub(super) trait SecretReader: Send + Sync {
    /// What these keys have in a Secret, now.
    fn read<'a>(
        &'a self,
        name: &'a SecretName,
        keys: &'a Keys,
    ) -> BoxFuture<'a, Result<Option<Values>, ClusterError>>;
}

impl SecretReader for SecretClient {
    fn read<'a>(
        &'a self,
        name: &'a SecretName,
        keys: &'a Keys,
    ) -> BoxFuture<'a, Result<Option<Values>, ClusterError>> {
        self.read(&name.0, &name.1, keys).boxed()
    }
}

/// What became of reading a Secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretFound {
    /// It has these values.
    Values(Arc<ReadValues>),
    /// There is none of that name.
    Absent,
    /// It may not be read.
    Forbidden,
}

/// The Secrets in use.
pub(super) struct SecretCache {
    reader: Arc<dyn SecretReader>,
    /// How long a Secret that was read is not read again.
    young_for: Duration,
    places: Arc<Semaphore>,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    kept: HashMap<SecretName, CachedSecret>,
    editions: u64,
    places: WeakRegistry<String, Semaphore>,
    under_way: HashMap<SecretName, (ReadSpan, WeakShared<SharedRead>)>,
}

struct CachedSecret {
    found: SecretFound,
    span: ReadSpan,
    /// Another one as soon as a read finds something else; no two Secrets have the same.
    edition: u64,
}

/// What a read can tell: when it began, and the keys that it is about.
#[derive(Clone)]
struct ReadSpan {
    begun: Instant,
    keys: Keys,
}

type SharedRead = BoxFuture<'static, Result<SecretFound, ClusterError>>;

impl ReadSpan {
    fn serves(&self, keys: &Keys, not_before: Instant) -> bool {
        self.begun >= not_before && self.keys.is_superset(keys)
    }
}

impl SecretCache {
    /// A cache of Secrets that are young for so long.
    pub(super) fn new(reader: Arc<dyn SecretReader>, young_for: Duration) -> Self {
        Self {
            reader,
            young_for,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            table: Arc::default(),
        }
    }

    /// What these keys have in a Secret, read now unless that was done lately.
    pub(super) async fn get(
        &self,
        name: &SecretName,
        keys: &Keys,
    ) -> Result<SecretFound, ClusterError> {
        let now = Instant::now();
        let young = now.checked_sub(self.young_for);
        self.since(name, keys, young.unwrap_or(now)).await
    }

    /// What these keys have in a Secret by a read that begins now.
    pub(super) async fn refresh(
        &self,
        name: &SecretName,
        keys: &Keys,
    ) -> Result<SecretFound, ClusterError> {
        self.since(name, keys, Instant::now()).await
    }

    /// What these keys had in a Secret when it was last read.
    pub(super) fn known(&self, name: &SecretName, keys: &Keys) -> Option<SecretFound> {
        let table = lock(&self.table);
        let kept = table.kept.get(name)?;
        let knows = kept.span.keys.is_superset(keys);
        knows.then(|| kept.found.clone())
    }

    /// Stands for what these keys had in a Secret when it was last read: the same until something else is found.
    pub(super) fn edition(&self, name: &SecretName, keys: &Keys) -> Option<u64> {
        let table = lock(&self.table);
        let kept = table.kept.get(name)?;
        kept.span.keys.is_superset(keys).then_some(kept.edition)
    }

    /// Forgets what is no longer in use.
    pub(super) fn retain(&self, used: &BTreeMap<&SecretName, &Keys>) {
        let mut table = lock(&self.table);
        table.kept.retain(|name, kept| match used.get(name) {
            Some(keys) => {
                kept.forget_all_but(keys);
                true
            }
            None => false,
        });
        let is_awaited = |read: &(ReadSpan, WeakShared<SharedRead>)| read.1.upgrade().is_some();
        table.under_way.retain(|_, read| is_awaited(read));
    }

    /// What a read shows that began then or later. One that is under way is waited for: it may do, and two would tell no more.
    async fn since(
        &self,
        name: &SecretName,
        keys: &Keys,
        not_before: Instant,
    ) -> Result<SecretFound, ClusterError> {
        loop {
            let (span, outcome) = {
                let mut table = lock(&self.table);
                if let Some(kept) = table.kept.get(name)
                    && kept.span.serves(keys, not_before)
                {
                    return Ok(kept.found.clone());
                }
                self.join(&mut table, name, keys)
            };
            let outcome = outcome.await;
            if span.serves(keys, not_before) {
                return outcome;
            }
        }
    }

    /// The read that is under way, or a new one.
    fn join(
        &self,
        table: &mut Table,
        name: &SecretName,
        keys: &Keys,
    ) -> (ReadSpan, Shared<SharedRead>) {
        if let Some((span, outcome)) = table.under_way.get(name)
            && let Some(outcome) = outcome.upgrade()
        {
            return (span.clone(), outcome);
        }
        let known = table.kept.get(name).map(|kept| &kept.span.keys);
        let span = ReadSpan {
            begun: Instant::now(),
            keys: known.into_iter().flatten().chain(keys).cloned().collect(),
        };
        let places = [table.places_of(&name.0), Arc::clone(&self.places)];
        let outcome = read(
            places,
            Arc::clone(&self.reader),
            Arc::clone(&self.table),
            name.clone(),
            span.clone(),
        );
        let outcome = outcome.boxed().shared();
        if let Some(weak) = outcome.downgrade() {
            table.under_way.insert(name.clone(), (span.clone(), weak));
        }
        (span, outcome)
    }
}

impl Table {
    /// The places for reads of a namespace.
    fn places_of(&mut self, namespace: &str) -> Arc<Semaphore> {
        let make = || Arc::new(Semaphore::new(OF_ONE_NAMESPACE));
        self.places.get_or_make(namespace.to_owned(), make)
    }

    /// Keeps what a read found, and gives it as it is kept: what was found before stays, with all that was made of it.
    fn keep(&mut self, name: SecretName, found: SecretFound, span: ReadSpan) -> SecretFound {
        let known = self.kept.get_mut(&name);
        let same = known.filter(|kept| kept.found == found && kept.span.keys == span.keys);
        if let Some(kept) = same {
            kept.span = span;
            return kept.found.clone();
        }
        self.editions += 1;
        let secret = CachedSecret {
            found: found.clone(),
            span,
            edition: self.editions,
        };
        self.kept.insert(name, secret);
        found
    }

    /// How many bytes of this Secret there is room for beside the others of its namespace.
    fn room_for(&self, name: &SecretName) -> usize {
        let others = self.kept.iter();
        let others = others.filter(|(other, _)| other.0 == name.0 && *other != name);
        let sizes = others.map(|(_, kept)| match &kept.found {
            SecretFound::Values(values) => values.size(),
            SecretFound::Absent | SecretFound::Forbidden => 0,
        });
        KEPT_OF_ONE_NAMESPACE.saturating_sub(sizes.sum())
    }
}

impl CachedSecret {
    fn forget_all_but(&mut self, keys: &Keys) {
        if self.span.keys.is_subset(keys) {
            return;
        }
        self.span.keys.retain(|key| keys.contains(key));
        if let SecretFound::Values(values) = &self.found {
            let values = ReadValues::new(values.only(keys));
            self.found = SecretFound::Values(Arc::new(values));
        }
    }
}

/// One read, whose answer is kept unless a younger one has come before it.
async fn read(
    places: [Arc<Semaphore>; 2],
    reader: Arc<dyn SecretReader>,
    table: Arc<Mutex<Table>>,
    name: SecretName,
    span: ReadSpan,
) -> Result<SecretFound, ClusterError> {
    let [of_namespace, of_all] = places;
    // Nobody closes them: there is no error.
    let held = (of_namespace.acquire().await, of_all.acquire().await);
    let read = reader.read(&name, &span.keys).await;
    drop(held);
    let mut table = lock(&table);
    let found = match read {
        Ok(Some(values)) => {
            let values = values.within(table.room_for(&name));
            Ok(SecretFound::Values(Arc::new(ReadValues::new(values))))
        }
        Ok(None) => Ok(SecretFound::Absent),
        Err(error) if error.is_forbidden() => Ok(SecretFound::Forbidden),
        Err(error) => Err(error),
    };
    let own = |(read, _): &mut (ReadSpan, _)| read.begun == span.begun;
    if table.under_way.get_mut(&name).is_some_and(own) {
        table.under_way.remove(&name);
    }
    let is_newest = |kept: &CachedSecret| kept.span.begun <= span.begun;
    match found {
        Ok(found) if table.kept.get(&name).is_none_or(is_newest) => {
            Ok(table.keep(name, found, span))
        }
        found => found,
    }
}

#[cfg(test)]
mod tests;
