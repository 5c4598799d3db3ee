//! Readings of a project of 5,000 callbacks, in virtual time.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::lock::lock;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::place::Place;
use crate::terms::failure::Operation;
use crate::terms::target::Target;

/// A cloud that lists as the real one does, and fails at some calls.
struct FakeProject {
    rows: Vec<Row>,
    fails_at: Vec<usize>,
    calls: Mutex<Vec<ListFilter>>,
    asked_by_id: Mutex<Vec<String>>,
}

impl PageSource for FakeProject {
    fn page<'a>(
        &'a self,
        filter: &'a ListFilter,
        offset: u32,
    ) -> BoxFuture<'a, Result<Page, Failure>> {
        let mut calls = lock(&self.calls);
        let number = calls.len();
        calls.push(filter.clone());
        let fits = |row: &&Row| match filter {
            ListFilter::All => true,
            ListFilter::Domain(domain) => row.place.domain() == domain,
            ListFilter::App(app) => row.place.app() == app || row.place.app() == "*",
        };
        let fitting: Vec<&Row> = self.rows.iter().filter(fits).collect();
        assert!(offset <= 4096);
        let rows = fitting.iter().skip(offset as usize).take(PAGE as usize);
        let page = Page {
            total: fitting.len() as u64,
            rows: rows.map(|row| (*row).clone()).collect(),
        };
        let failure = Failure::new(Operation::List, Class::Throttled, "busy".to_owned());
        let answer = if self.fails_at.contains(&number) {
            Err(failure)
        } else {
            Ok(page)
        };
        Box::pin(async move { answer })
    }

    fn by_id<'a>(&'a self, id: &'a str) -> BoxFuture<'a, GetResult> {
        lock(&self.asked_by_id).push(id.to_owned());
        let row = self.rows.iter().find(|row| row.id == id).cloned();
        Box::pin(async move { row.map_or(GetResult::Gone, GetResult::Row) })
    }

    fn report(&self, reading: &Reading, _: usize) {
        assert!(reading.total() == 5_000 && reading.found() <= 5_000);
    }
}

/// 5,000 callbacks of 200 domains, those of a domain side by side or all in turn.
fn project(is_grouped: bool, fails_at: &[usize]) -> FakeProject {
    let row = |number: usize| {
        let (domain, app) = if is_grouped {
            (number / 25, number % 25)
        } else {
            (number % 200, number / 200)
        };
        Row {
            id: format!("{number:032x}"),
            place: Place::new(&format!("push{domain}.example.com"), &format!("app{app}")),
            content: ReportedContent::default(),
            create_time: None,
            update_time: None,
        }
    };
    FakeProject {
        rows: (0..5_000).map(row).collect(),
        fails_at: fails_at.to_vec(),
        calls: Mutex::default(),
        asked_by_id: Mutex::default(),
    }
}

async fn read_all(project: &FakeProject, reading: &mut Reading) -> Result<(), Failure> {
    read(project, &BTreeSet::new(), reading, |_| {}).await
}

#[tokio::test(start_paused = true)]
async fn all_of_5000_callbacks_are_found_whatever_their_order() {
    let mut found = Vec::new();
    for is_grouped in [true, false] {
        let project = project(is_grouped, &[]);
        let mut reading = Reading::default();
        read_all(&project, &mut reading).await.unwrap();
        assert_eq!((reading.found(), reading.total()), (5_000, 5_000));
        let calls = lock(&project.calls).len();
        assert!(calls <= 41 + 2 * 25 + 2, "{calls}");
        let mut places: Vec<Place> = reading.rows().into_iter().map(|row| row.place).collect();
        places.sort();
        found.push(places);
    }
    assert!(found[0] == found[1]);
}

#[tokio::test(start_paused = true)]
async fn domains_are_gone_through_where_they_are_fewer() {
    let mut project = project(true, &[]);
    for (number, row) in project.rows.iter_mut().enumerate() {
        row.place = Place::new(
            &format!("push{}.example.com", number % 40),
            &format!("app{number}"),
        );
    }
    let mut reading = Reading::default();
    read_all(&project, &mut reading).await.unwrap();
    assert_eq!(reading.found(), 5_000);
    let calls = lock(&project.calls).clone();
    let by_domain = calls
        .iter()
        .filter(|filter| matches!(filter, ListFilter::Domain(_)))
        .count();
    assert_eq!(by_domain, calls.len() - 41 - 1, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn what_ended_a_reading_costs_no_more_than_its_call() {
    // Throttled for a while: asked again.
    let busy = project(true, &[3, 4, 60]);
    let mut reading = Reading::default();
    read_all(&busy, &mut reading).await.unwrap();
    assert_eq!(reading.found(), 5_000);
    let undisturbed = lock(&busy.calls).len() - 3;

    // Down for longer: what was read is kept, and read no second time.
    let directory = tempfile::TempDir::new().unwrap();
    let target = Target {
        region: "cn-north-4".to_owned(),
        project_id: "p1".to_owned(),
        endpoint: "https://live.example.com".to_owned(),
    };
    let kept = KeptReading::of(Some(directory.path()), &target);
    let now = "2026-11-25T02:00:00Z".parse::<Timestamp>().unwrap();
    let down = project(true, &[50, 51, 52, 53, 54]);
    let mut reading = Reading::default();
    let keep = |reading: &Reading| assert!(kept.keep(now, reading));
    let failure = read(&down, &BTreeSet::new(), &mut reading, keep).await;
    assert_eq!(failure.unwrap_err().class, Class::Throttled);
    let (begun, mut resumed) = kept.load(now + SignedDuration::from_mins(59)).unwrap();
    assert_eq!((begun, &resumed), (now, &reading));
    read_all(&down, &mut resumed).await.unwrap();
    assert_eq!(resumed.found(), 5_000);
    assert_eq!(lock(&down.calls).len(), undisturbed + 5);
    assert!(kept.load(now + SignedDuration::from_mins(61)).is_none());
    kept.forget();
    assert!(kept.load(now).is_none());
    assert!(!KeptReading::of(None, &target).keep(now, &reading));
}

#[tokio::test(start_paused = true)]
async fn what_objects_let_go_while_a_reading_stood_still_is_looked_at_again() {
    let id = |number: usize| format!("{number:032x}");
    let held: BTreeSet<String> = (0..5).map(id).collect();
    let mut project = project(true, &[3, 4, 5, 6, 7]);
    let mut reading = Reading::begun(&held);
    read_all(&project, &mut reading).await.unwrap_err();
    assert_eq!(reading.found(), 300);
    // One is deleted with its callback, one keeps its callback, a third was not read yet.
    let mut now: BTreeSet<String> = held.iter().skip(2).cloned().collect();
    now.remove(&id(4));
    reading.held.insert(id(4_999));
    project.rows.remove(0);
    project.rows.push(Row {
        id: id(5_000),
        ..project.rows[4_998].clone()
    });
    look_again(&project, &now, &mut reading).await.unwrap();
    assert_eq!(*lock(&project.asked_by_id), [id(0), id(1), id(4)]);
    read_all(&project, &mut reading).await.unwrap();
    let found: BTreeSet<String> = reading.rows().into_iter().map(|row| row.id).collect();
    assert!(!found.contains(&id(0)) && found.contains(&id(1)));
    assert!(found.contains(&id(5_000)), "it does not count as found");
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_found_is_known_to_be_missing() {
    let mut project = project(true, &[]);
    for (number, row) in project.rows.iter_mut().enumerate() {
        // Nothing that is listed leads to the last ones.
        let (domain, app) = match number {
            0..4_120 => (
                format!("push{}", number / 103),
                format!("app{}", number % 103),
            ),
            4_999 => ("known".to_owned(), "last".to_owned()),
            _ => (
                format!("other{}", number / 100),
                format!("other{}", number % 100),
            ),
        };
        row.place = Place::new(&format!("{domain}.example.com"), &app);
    }
    let mut reading = Reading::default();
    let known = BTreeSet::from(["known.example.com".to_owned()]);
    read(&project, &known, &mut reading, |_| {}).await.unwrap();
    assert_eq!((reading.found(), reading.total()), (4_121, 5_000));
}
