//! Tries, pauses and ends of deliveries, and what becomes of the commands that are run.

use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::lock::lock;

/// Fails so often, and remembers when it was tried.
struct Failing {
    times: usize,
    is_final: bool,
    began: Instant,
    tried: Mutex<Vec<u64>>,
}

impl Destination for Failing {
    fn hand_over(&self, _: Vec<u8>) -> BoxFuture<'_, Result<(), DeliveryError>> {
        let mut tried = lock(&self.tried);
        tried.push(self.began.elapsed().as_secs());
        let error = DeliveryError {
            problem: "no".to_owned(),
            is_final: self.is_final,
        };
        let result = if tried.len() > self.times {
            Ok(())
        } else {
            Err(error)
        };
        Box::pin(async move { result })
    }
}

async fn tried(times: usize, is_final: bool) -> (Vec<u64>, Vec<String>) {
    let destination = Arc::new(Failing {
        times,
        is_final,
        began: Instant::now(),
        tried: Mutex::default(),
    });
    let (given, worker) = deliveries(Arc::clone(&destination) as Arc<dyn Destination>);
    given.give("one", b"{}".to_vec()).unwrap();
    drop(given);
    let given_up = Mutex::new(Vec::new());
    worker
        .run(&endless(), |name: &&str, problem| {
            lock(&given_up).push(format!("{name}: {problem}"));
        })
        .await;
    let tried = lock(&destination.tried).clone();
    (tried, given_up.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_is_tried_again_and_given_up_aloud() {
    assert_eq!(tried(0, false).await, (vec![0], vec![]));
    assert_eq!(tried(2, false).await, (vec![0, 1, 3], vec![]));
    let given_up = vec!["one: no (try 5)".to_owned()];
    assert_eq!(tried(9, false).await, (vec![0, 1, 3, 7, 15], given_up));
    assert_eq!(
        tried(9, true).await,
        (vec![0], vec!["one: no (try 1)".to_owned()])
    );
}

fn endless() -> DeliveryEnd {
    DeliveryEnd {
        last_try: Stop::new(),
        now: Stop::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_what_failed_is_tried_once_more_and_each_that_is_lost_is_named() {
    let destination = Arc::new(Failing {
        times: 99,
        is_final: false,
        began: Instant::now(),
        tried: Mutex::default(),
    });
    let (given, worker) = deliveries(Arc::clone(&destination) as Arc<dyn Destination>);
    given.give("one", b"{}".to_vec()).unwrap();
    let given_up = Mutex::new(Vec::new());
    let end = endless();
    let gave_up = |name: &&str, problem: &str| lock(&given_up).push(format!("{name}: {problem}"));
    let ended = async {
        // Amid the pause after the third try.
        sleep(Duration::from_secs(5)).await;
        end.last_try.request();
        given.give("two", b"{}".to_vec()).unwrap();
        drop(given);
    };
    tokio::join!(worker.run(&end, gave_up), ended);
    assert_eq!(*lock(&destination.tried), [0, 1, 3, 5, 5]);
    let mut given_up = given_up.into_inner().unwrap();
    given_up.sort();
    let words = [
        "one: no (try 4), and the receiver ended",
        "two: no (try 1), and the receiver ended",
    ];
    assert_eq!(given_up, words);
}

/// Never has it.
struct NeverDelivered;

impl Destination for NeverDelivered {
    fn hand_over(&self, _: Vec<u8>) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_or_waits_when_all_ends_is_named() {
    let (given, worker) = deliveries(Arc::new(NeverDelivered));
    let all: Vec<usize> = (0..3 * AT_ONCE).collect();
    for number in &all {
        given.give(*number, b"{}".to_vec()).unwrap();
    }
    let given_up = Mutex::new(Vec::new());
    let end = endless();
    let gave_up = |number: &usize, problem: &str| {
        assert_eq!(problem, ENDED);
        lock(&given_up).push(*number);
    };
    let ended = async {
        sleep(Duration::from_secs(9)).await;
        end.now.request();
    };
    // Who gives them in may still be there.
    tokio::join!(worker.run(&end, gave_up), ended);
    let mut given_up = given_up.into_inner().unwrap();
    given_up.sort_unstable();
    assert_eq!(given_up, all);
    assert!(given.give(99, b"{}".to_vec()).is_err());
}

#[tokio::test]
async fn no_more_waits_than_there_is_memory_for() {
    let (given, _worker) = deliveries(Arc::new(CommandDestination {
        command: "true".to_owned(),
        say: silent(),
    }));
    let large = || vec![b' '; WAITING_BYTES / 2];
    assert!(given.give((), large()).is_ok() && given.give((), large()).is_ok());
    assert!(given.give((), vec![b' ']).is_err());
}

fn silent() -> Say {
    Arc::new(|_| {})
}

/// Whether a process runs: one that has ended and is waited for by nobody does not.
fn runs(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let state = stat.ok().and_then(|stat| {
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.chars().next()
    });
    state.is_some_and(|state| state != 'Z')
}

#[tokio::test]
async fn a_command_that_is_given_up_leaves_nothing_behind_that_it_started() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("pid");
    let (part, whole) = (directory.path().join("part"), file.display());
    let command = format!(
        "sleep 600 >&- 2>&- & echo $! >{part}; mv {part} {whole}; wait",
        part = part.display()
    );
    let silent = silent();
    let mut running = Box::pin(execute(&command, b"{}", &silent));
    let process = loop {
        tokio::select! {
            ended = &mut running => panic!("{ended:?}"),
            () = sleep(Duration::from_millis(10)) => {}
        }
        if let Ok(process) = std::fs::read_to_string(&file) {
            break process.trim().to_owned();
        }
    };
    assert!(runs(&process));
    drop(running);
    let gone = async {
        while runs(&process) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_mins(1), gone).await.unwrap();
}

#[tokio::test]
async fn what_a_command_leaves_behind_at_its_end_is_left() {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("pid");
    let command = format!("sleep 600 >&2 & echo $! >{}", file.display());
    assert!(execute(&command, b"{}", &silent()).await.unwrap().success());
    let process = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert!(runs(&process));
    let killed = Command::new("kill").arg(&process).status().await;
    assert!(killed.unwrap().success());
}
