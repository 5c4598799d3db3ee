//! Reads a project that has more callbacks than the cloud lists in one go: as far as that goes, then by the domains and the apps that were
//! seen, until all are found. What was read is kept, so that what ended the reading costs no more than the call that it ended.

mod kept_reading;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

pub(super) use self::kept_reading::KeptReading;
use crate::command::command_cloud::CommandCloud;
use crate::command::output::print_message;
use crate::live::answer::{PAGE, Page};
use crate::plan::facts::GetResult;
use crate::plan::facts::row::Row;
use crate::platform::account::Account;
use crate::terms::failure::{Class, Failure};

/// The largest offset that the cloud takes, in whole pages.
const LAST_OFFSET: u32 = 4_000;
/// How often a call is made again that found the cloud busy or unreachable, and how long to wait before the first of them; twice as long
/// before each other one.
const REPETITIONS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Which callbacks a list is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::command) enum ListFilter {
    /// All of the project.
    All,
    /// Those of an ingest domain.
    Domain(String),
    /// Those of an app, and others: the cloud's filter is inexact. Each is a callback of the project all the same.
    App(String),
}

/// What a reading needs of the world.
pub(in crate::command) trait PageSource: Sync {
    /// One page.
    fn page<'a>(
        &'a self,
        filter: &'a ListFilter,
        offset: u32,
    ) -> BoxFuture<'a, Result<Page, Failure>>;

    /// The callback of an id.
    fn by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, GetResult>;

    /// So much is read, and so many calls are left at most.
    fn report(&self, reading: &Reading, calls_left: usize);
}

/// What was read of a project so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::command) struct Reading {
    /// How many callbacks the project has, by the cloud's word.
    total: u64,
    rows: BTreeMap<String, Row>,
    /// The lists that were read to their end, or as far as the cloud lists.
    done: BTreeSet<ListFilter>,
    /// Where the list goes on that was begun.
    next_offset: u32,
    /// What objects of the cluster held when it was begun.
    #[serde(default)]
    held: BTreeSet<String>,
}

impl Reading {
    /// One that is begun while objects hold these callbacks.
    pub(super) fn begun(held: &BTreeSet<String>) -> Self {
        let held = held.clone();
        Self {
            held,
            ..Self::default()
        }
    }

    /// How many callbacks were found.
    pub(super) fn found(&self) -> u64 {
        self.rows.len() as u64
    }

    /// How many there are.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The callbacks, in an order that is always the same.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.values().cloned().collect()
    }

    /// The list to read next, and how many are left: the whole one, then by domain or by app, whichever are fewer.
    fn next(&self, known: &BTreeSet<String>) -> Option<(ListFilter, usize)> {
        if !self.done.contains(&ListFilter::All) {
            return Some((ListFilter::All, (LAST_OFFSET / PAGE) as usize));
        }
        let domains = self.rows.values().map(|row| row.place.domain());
        let domains = domains.chain(known.iter().map(String::as_str));
        let domains = self.left(domains, ListFilter::Domain);
        let apps = self.left(
            self.rows.values().map(|row| row.place.app()),
            ListFilter::App,
        );
        let is_by_app = domains.is_empty() || (!apps.is_empty() && apps.len() < domains.len());
        let fewer = if is_by_app { apps } else { domains };
        let count = fewer.len();
        Some((fewer.into_iter().next()?, count))
    }

    /// The lists by these words that are not read yet.
    fn left<'a>(
        &self,
        words: impl Iterator<Item = &'a str>,
        filter: fn(String) -> ListFilter,
    ) -> Vec<ListFilter> {
        let words: BTreeSet<&str> = words.collect();
        let filters = words.into_iter().map(str::to_owned).map(filter);
        filters
            .filter(|filter| !self.done.contains(filter))
            .collect()
    }

    fn add(&mut self, filter: &ListFilter, page: &Page) {
        if *filter == ListFilter::All {
            self.total = page.total;
        }
        let is_last = page.total <= u64::from(self.next_offset + PAGE);
        if is_last || self.next_offset >= LAST_OFFSET {
            self.done.insert(filter.clone());
            self.next_offset = 0;
        } else {
            self.next_offset += PAGE;
        }
        let rows = page.rows.iter();
        self.rows
            .extend(rows.map(|row| (row.id.clone(), row.clone())));
    }
}

/// Goes on with a reading until all is found or nothing is left to ask for. `keep` gets it after each page. It is complete when as many
/// were found as there are.
pub(super) async fn read(
    source: &impl PageSource,
    known: &BTreeSet<String>,
    reading: &mut Reading,
    keep: impl Fn(&Reading),
) -> Result<(), Failure> {
    while let Some((filter, left)) = reading.next(known) {
        let is_whole = filter == ListFilter::All;
        match page(source, &filter, reading.next_offset).await {
            Ok(page) => reading.add(&filter, &page),
            // The cloud does not know the domain, or not any more: it has nothing there.
            Err(failure) if failure.class == Class::Rejected && !is_whole => {
                reading.done.insert(filter);
                reading.next_offset = 0;
            }
            Err(failure) => return Err(failure),
        }
        keep(reading);
        let left = if is_whole {
            left.saturating_sub((reading.next_offset / PAGE) as usize)
        } else {
            left.saturating_sub(1)
        };
        source.report(reading, left);
        if reading.done.contains(&ListFilter::All) && reading.found() >= reading.total {
            break;
        }
    }
    // It took a while: how many there are now is asked once more.
    reading.total = page(source, &ListFilter::All, 0).await?.total;
    Ok(())
}

/// Looks again at what was read of callbacks that objects let go meanwhile, before a reading goes on: with its object a callback is mostly
/// gone. `held` are those that objects hold now.
pub(super) async fn look_again(
    source: &impl PageSource,
    held: &BTreeSet<String>,
    reading: &mut Reading,
) -> Result<(), Failure> {
    let let_go: Vec<String> = reading.held.difference(held).cloned().collect();
    for id in let_go {
        if reading.rows.contains_key(&id) {
            match source.by_id(&id).await {
                GetResult::Gone => drop(reading.rows.remove(&id)),
                GetResult::Unknown(failure) => return Err(failure),
                GetResult::Row(_) | GetResult::Unasked => {}
            }
        }
        reading.held.remove(&id);
    }
    Ok(())
}

/// One page, asked for again while the cloud is busy or can't be reached.
async fn page(source: &impl PageSource, filter: &ListFilter, offset: u32) -> Result<Page, Failure> {
    let mut pause = FIRST_PAUSE;
    for _ in 0..REPETITIONS {
        match source.page(filter, offset).await {
            Err(failure) if failure.class.passes_by_itself() => {
                let seconds = pause.as_secs();
                print_message(&format!("{}: asked again in {seconds} s", failure.message));
                sleep(pause).await;
                pause *= 2;
            }
            answered => return answered,
        }
    }
    source.page(filter, offset).await
}

/// A project of the cloud.
pub(super) struct CloudProject<'a> {
    /// Calls seldom.
    pub(super) cloud: &'a CommandCloud,
    /// Whose project it is.
    pub(super) account: &'a Account,
}

impl PageSource for CloudProject<'_> {
    fn page<'a>(
        &'a self,
        filter: &'a ListFilter,
        offset: u32,
    ) -> BoxFuture<'a, Result<Page, Failure>> {
        let page = self.cloud.page_of(self.account, filter, offset, PAGE);
        Box::pin(async move { Ok(page.await?.value) })
    }

    fn by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, GetResult> {
        Box::pin(self.cloud.get_by_id(self.account, id))
    }

    fn report(&self, reading: &Reading, calls_left: usize) {
        let project = &self.account.target.project_id;
        let progress = self.cloud.progress();
        progress.read_slowly(project, reading.found(), reading.total(), calls_left);
    }
}

#[cfg(test)]
mod tests;
