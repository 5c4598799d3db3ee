//! A cloud in memory with 100 ms of latency, which logs every call and can misbehave.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::live::answer::{Answer, Page};
use crate::live::looks::Lister;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::place::Place;
use crate::plan::facts::row::Row;
use crate::platform::quota::Token;
use crate::terms::failure::{Class, Failure, Operation};

/// Each way takes that long.
pub(super) const WAY: Duration = Duration::from_millis(50);

/// Something out of band, done just before a page is read.
type Mischief = Box<dyn FnMut(&mut Vec<Row>) + Send>;

#[derive(Default)]
pub(super) struct LooksCloud {
    rows: Mutex<Vec<Row>>,
    /// When each call was handed over, and what it was.
    log: Mutex<Vec<(Instant, String)>>,
    failures: Mutex<VecDeque<Failure>>,
    mischief: Mutex<Option<Mischief>>,
    unknown_domains: Mutex<BTreeSet<String>>,
    refuses_filters: Mutex<bool>,
    is_dated: AtomicBool,
    /// How many callbacks it says that the project has, instead of the truth.
    told_total: Mutex<Option<u64>>,
    /// From this offset on nothing is answered.
    silent_from: Mutex<Option<u32>>,
    ids: AtomicUsize,
}

impl LooksCloud {
    pub(super) fn with(places: impl IntoIterator<Item = Place>) -> Arc<Self> {
        let cloud = Arc::new(Self::default());
        for place in places {
            cloud.add(&place);
        }
        cloud
    }

    pub(super) fn add(&self, place: &Place) {
        let row = self.row(place);
        self.rows.lock().unwrap().push(row);
    }

    pub(super) fn row(&self, place: &Place) -> Row {
        Row {
            id: format!("{:032x}", self.ids.fetch_add(1, SeqCst)),
            place: place.clone(),
            content: ReportedContent::default(),
            create_time: None,
            update_time: None,
        }
    }

    pub(super) fn fails_next(&self, class: Class) -> Failure {
        let failure = Failure {
            operation: Operation::List,
            class,
            http_status: Some(500),
            code: Some("LIVE.100011009".to_owned()),
            message: "not today".to_owned(),
            request_id: Some("request-1".to_owned()),
            retry_after: None,
            had_no_room: false,
            before_sending: false,
        };
        self.failures.lock().unwrap().push_back(failure.clone());
        failure
    }

    pub(super) fn before_each_page(&self, mischief: impl FnMut(&mut Vec<Row>) + Send + 'static) {
        *self.mischief.lock().unwrap() = Some(Box::new(mischief));
    }

    /// The project is told to have so many callbacks.
    pub(super) fn tells_total(&self, total: u64) {
        *self.told_total.lock().unwrap() = Some(total);
    }

    /// Answers have a `Date` from now on.
    pub(super) fn date_answers(&self) {
        self.is_dated.store(true, SeqCst);
    }

    /// Pages from this offset on are never answered.
    pub(super) fn falls_silent(&self, from: u32) {
        *self.silent_from.lock().unwrap() = Some(from);
    }

    pub(super) fn refuse_filters(&self) {
        *self.refuses_filters.lock().unwrap() = true;
    }

    pub(super) fn refuse_domain(&self, domain: &str) {
        self.unknown_domains
            .lock()
            .unwrap()
            .insert(domain.to_owned());
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap()
            .iter()
            .map(|(_, call)| call.clone())
            .collect()
    }

    pub(super) fn rows(&self) -> Vec<Row> {
        self.rows.lock().unwrap().clone()
    }

    /// The most calls that any minute held.
    pub(super) fn busiest_minute(&self) -> usize {
        let log = self.log.lock().unwrap();
        let minute = Duration::from_mins(1);
        let from = |first: usize| {
            log[first..]
                .iter()
                .take_while(|(at, _)| *at - log[first].0 <= minute)
                .count()
        };
        (0..log.len()).map(from).max().unwrap_or_default()
    }

    pub(super) async fn post(&self, token: Token, place: &Place) {
        self.log
            .lock()
            .unwrap()
            .push((Instant::now(), format!("POST {place}")));
        let call = token.spend();
        sleep(WAY).await;
        let free = self.rows().iter().all(|row| row.place != *place);
        assert!(free, "{place} is created twice");
        self.add(place);
        sleep(WAY).await;
        call.accepted();
    }

    /// Fails if a create was in flight while the project was swept.
    pub(super) fn assert_sweeps_and_creates_were_apart(&self) {
        let log = self.log.lock().unwrap();
        for (before, after) in log.iter().zip(log.iter().skip(1)) {
            let in_flight = after.0 - before.0 < WAY * 2;
            let sweep_goes_on = after.1.starts_with('*') && !after.1.ends_with(" 0");
            if before.1.starts_with("POST") && after.1.starts_with('*') {
                assert!(!in_flight && !sweep_goes_on, "{before:?} beside {after:?}");
            }
        }
    }

    fn read(&self, domain: Option<&str>, offset: u32, limit: u32) -> Result<Page, Failure> {
        if let Some(failure) = self.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        let refused = domain.is_some_and(|domain| {
            *self.refuses_filters.lock().unwrap()
                || self.unknown_domains.lock().unwrap().contains(domain)
        });
        if refused {
            return Err(Failure {
                operation: Operation::List,
                class: Class::Rejected,
                http_status: Some(400),
                code: Some("LIVE.100011001".to_owned()),
                message: "Request Illegal".to_owned(),
                request_id: None,
                retry_after: None,
                had_no_room: false,
                before_sending: false,
            });
        }
        assert!(
            offset <= 4096 && (1..=100).contains(&limit),
            "offset {offset}, limit {limit}"
        );
        let mut rows = self.rows.lock().unwrap();
        if let Some(mischief) = self.mischief.lock().unwrap().as_mut() {
            mischief(&mut rows);
        }
        let listed: Vec<_> = rows
            .iter()
            .filter(|row| domain.is_none_or(|domain| row.place.domain() == domain))
            .cloned()
            .collect();
        let (offset, limit) = (
            usize::try_from(offset).unwrap(),
            usize::try_from(limit).unwrap(),
        );
        let page = listed.iter().skip(offset).take(limit).cloned().collect();
        let told = self.told_total.lock().unwrap().filter(|_| domain.is_none());
        Ok(Page {
            total: told.unwrap_or(u64::try_from(listed.len()).unwrap()),
            rows: page,
        })
    }
}

impl Lister for LooksCloud {
    fn page<'a>(
        &'a self,
        token: Token,
        domain: Option<&'a str>,
        offset: u32,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer<Page>, Failure>> {
        async move {
            let silent_from = *self.silent_from.lock().unwrap();
            if silent_from.is_some_and(|from| offset >= from) {
                return std::future::pending().await;
            }
            let call = format!("{} {offset}", domain.unwrap_or("*"));
            self.log.lock().unwrap().push((Instant::now(), call));
            let call = token.spend();
            sleep(WAY).await;
            let page = self.read(domain, offset, limit);
            sleep(WAY).await;
            call.accepted();
            let at = Timestamp::from_second(1_764_000_000).unwrap();
            let date = self.is_dated.load(SeqCst).then_some(at);
            page.map(|value| Answer {
                value,
                http_status: 200,
                request_id: None,
                at,
                date,
            })
        }
        .boxed()
    }
}
