//! The poll in virtual time: who is read when, whatever becomes of the others.

use std::sync::Mutex;

use tokio::time::sleep;

use crate::controller::secret_poll::*;
use crate::fuzz::cases;

const MINUTE: Duration = Duration::from_mins(1);
/// For how long it is polled.
const POLLED: Duration = Duration::from_secs(595);
const HANGS: Duration = Duration::from_secs(10);

/// Secrets, some of which hang, and the reads of them so far.
struct PollFixture {
    began: Instant,
    users: Vec<(SecretName, bool)>,
    hangs: fn(&SecretName) -> bool,
    reads: Mutex<Vec<(SecretName, Duration)>>,
}

fn name(namespace: &str, number: usize) -> SecretName {
    (namespace.to_owned(), format!("secret-{number}"))
}

/// So many Secrets of a namespace, which somebody waits for or not.
fn many(namespace: &str, count: usize, urgent: bool) -> Vec<(SecretName, bool)> {
    let names = (0..count).map(|number| name(namespace, number));
    names.map(|name| (name, urgent)).collect()
}

/// The times between one moment and the next.
fn pauses(times: &[Duration]) -> impl Iterator<Item = Duration> {
    let pairs = times.windows(2);
    pairs.map(|pair| pair[1].saturating_sub(pair[0]))
}

impl PollFixture {
    /// Polls for a while.
    async fn polled(
        users: Vec<(SecretName, bool)>,
        hangs: fn(&SecretName) -> bool,
        interval: Duration,
    ) -> Self {
        let fixture = Self {
            began: Instant::now(),
            users,
            hangs,
            reads: Mutex::default(),
        };
        let find_users = || {
            let users = fixture.users.iter().map(|(name, urgent)| {
                let used = UsedSecret {
                    urgent: *urgent,
                    ..UsedSecret::default()
                };
                (name.clone(), Arc::new(used))
            });
            users.collect()
        };
        let fixture_ref = &fixture;
        let read = |name: SecretName, _| async move {
            let at = fixture_ref.began.elapsed();
            fixture_ref.reads.lock().unwrap().push((name.clone(), at));
            let takes = if (fixture_ref.hangs)(&name) {
                HANGS
            } else {
                Duration::from_millis(5)
            };
            sleep(takes).await;
        };
        let polled = tokio::time::timeout(POLLED, poll(interval, find_users, read)).await;
        assert!(polled.is_err());
        fixture
    }

    /// When a Secret was read.
    fn reads_of(&self, wanted: &SecretName) -> Vec<Duration> {
        let reads = self.reads.lock().unwrap();
        let own = reads.iter().filter(|(name, _)| name == wanted);
        own.map(|(_, at)| *at).collect()
    }

    /// The longest time between two reads of a Secret, or since the beginning.
    fn longest_pause(&self, wanted: &SecretName) -> Duration {
        let reads = [vec![Duration::ZERO], self.reads_of(wanted)].concat();
        pauses(&reads).max().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn three_hundred_absent_secrets_of_one_namespace_hold_up_no_other() {
    for interval in cases([Duration::from_secs(1), MINUTE], 2) {
        let mut users = many("theirs", 300, true);
        users.extend(many("ours", 1, false));
        let fixture = PollFixture::polled(users, |_| false, interval).await;
        let pause = fixture.longest_pause(&name("ours", 0));
        assert!(pause <= interval + Duration::from_secs(1), "{pause:?}");
        let pause = fixture.longest_pause(&name("theirs", 299));
        assert!(pause <= interval + Duration::from_secs(35), "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_delays_only_its_own() {
    let mut users = many("theirs", 100, true);
    users.extend(many("ours", 2, false));
    let hangs = |name: &SecretName| name.0 == "theirs" || name.1 == "secret-1";
    let interval = Duration::from_secs(2);
    let fixture = PollFixture::polled(users, hangs, interval).await;
    let pause = fixture.longest_pause(&name("ours", 0));
    assert!(pause <= interval + Duration::from_secs(1), "{pause:?}");
    let pause = fixture.longest_pause(&name("ours", 1));
    assert!(pause <= HANGS + Duration::from_secs(1), "{pause:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_reads_begin_in_a_second_and_each_secret_is_read_every_interval() {
    let fixture = PollFixture::polled(many("media", 100, false), |_| false, MINUTE).await;
    for number in 0..100 {
        let reads = fixture.reads_of(&name("media", number));
        assert_eq!(reads.len(), 10, "{number}: {reads:?}");
    }
    let reads = fixture.reads.lock().unwrap();
    let times: Vec<Duration> = reads.iter().map(|(_, at)| *at).collect();
    assert!(pauses(&times).min().unwrap() >= SPACING);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_waits_for_goes_first_and_nothing_is_left_out() {
    let interval = Duration::from_secs(15);
    let mut users = many("media", 300, false);
    let urgent = name("media", 200);
    users[200].1 = true;
    let fixture = PollFixture::polled(users, |_| false, interval).await;
    // All are new at first.
    let longest = pauses(&fixture.reads_of(&urgent)).max().unwrap();
    assert!(longest <= interval + Duration::from_secs(1), "{longest:?}");
    let limit = interval * 2 + Duration::from_secs(5);
    for number in 0..300 {
        let pause = fixture.longest_pause(&name("media", number));
        assert!(pause <= limit, "{number}: {pause:?}");
    }
}
