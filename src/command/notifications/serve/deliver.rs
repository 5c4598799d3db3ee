//! What is done with a notification that was taken: it is handed to a command or to a URL, again until that has it. Live has had its
//! answer by then.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, header};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::child_output::said;
use crate::command::notifications::watched::Say;
use crate::platform::clock::Wall;
use crate::platform::transport::{
    Deadline, HttpTransport, Request, Transport as _, TransportError,
};

/// How often it is tried.
const ATTEMPTS: u32 = 5;
/// Before the second try; twice as long before each other one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long one try may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(1);
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// So many are handed on at once.
const AT_ONCE: usize = 8;
/// So many bytes, and notifications, may wait.
const WAITING_BYTES: usize = 16 * 1024 * 1024;
const WAITING: usize = 10_000;

/// Why a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryError {
    /// In words.
    pub(super) problem: String,
    /// No other try can do better.
    pub(super) is_final: bool,
}

/// Who gets the notifications.
pub(super) trait Destination: Send + Sync + 'static {
    /// One try.
    fn hand_over(&self, notification: Vec<u8>) -> BoxFuture<'_, Result<(), DeliveryError>>;
}

/// A command for sh.
pub(super) struct CommandDestination {
    /// Its words.
    pub(super) command: String,
    /// Tells what it prints: stdout has the notifications.
    pub(super) say: Say,
}

impl Destination for CommandDestination {
    fn hand_over(&self, notification: Vec<u8>) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(async move {
            let ran = timeout(
                COMMAND_LIMIT,
                execute(&self.command, &notification, &self.say),
            )
            .await;
            match ran {
                Ok(Ok(status)) if status.success() => Ok(()),
                Ok(Ok(status)) => Err(again(format!("the command ended with {status}"))),
                Ok(Err(error)) => Err(again(format!("the command can't be run: {error}"))),
                Err(_) => Err(again("the command took more than a minute".to_owned())),
            }
        })
    }
}

async fn execute(command: &str, input: &[u8], say: &Say) -> io::Result<ExitStatus> {
    let (output, errors) = said(Arc::clone(say))?;
    let mut child = Command::new("sh")
        .args(["-c", command])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors)
        .kill_on_drop(true)
        .spawn()?;
    // Ends before the child that leads it, so that its number is nobody else's yet.
    let group = ProcessGroup::led_by(&child);
    if let Some(mut stdin) = child.stdin.take() {
        // A command may leave its input unread.
        let _ = stdin.write_all(input).await;
        let _ = stdin.write_all(b"\n").await;
    }
    let ended = child.wait().await;
    group.let_go();
    ended
}

/// What a command started with all that this started, too: killed with this, unless the command has ended by itself.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn led_by(child: &Child) -> Self {
        let number = child.id().and_then(|number| i32::try_from(number).ok());
        Self(number.and_then(Pid::from_raw))
    }

    /// What it leaves behind is on purpose.
    fn let_go(mut self) {
        self.0 = None;
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error is that nothing of it is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A URL.
pub(super) struct UrlDestination {
    /// Goes by the environment's proxies and certificates.
    pub(super) transport: HttpTransport,
    /// Dates the deadlines.
    pub(super) wall: Wall,
    /// Absolute.
    pub(super) url: String,
}

impl Destination for UrlDestination {
    fn hand_over(&self, notification: Vec<u8>) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            let request = Request {
                method: Method::POST,
                url: self.url.clone(),
                headers,
                body: Some(notification.into()),
            };
            let deadline = Deadline::after(&self.wall, REQUEST_LIMIT);
            let status = match self.transport.send(request, deadline).await {
                Ok(response) => response.status,
                Err(TransportError::Unreadable { status, .. }) => status,
                Err(TransportError::NotSent(problem) | TransportError::AfterHandOver(problem)) => {
                    return Err(again(problem));
                }
            };
            let may_change = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            if status.is_success() {
                return Ok(());
            }
            Err(DeliveryError {
                problem: format!("it was answered {status}"),
                is_final: !may_change,
            })
        })
    }
}

fn again(problem: String) -> DeliveryError {
    DeliveryError {
        problem,
        is_final: false,
    }
}

/// A notification on its way.
struct Delivery<N> {
    notification: N,
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

/// Where notifications are given in.
pub(super) struct Deliveries<N> {
    queue: mpsc::Sender<Delivery<N>>,
    memory: Arc<Semaphore>,
}

/// Hands on what is given in.
pub(super) struct DeliveryWorker<N> {
    queue: mpsc::Receiver<Delivery<N>>,
    destination: Arc<dyn Destination>,
}

/// The two ends of a queue.
pub(super) fn deliveries<N>(
    destination: Arc<dyn Destination>,
) -> (Deliveries<N>, DeliveryWorker<N>) {
    let (sender, queue) = mpsc::channel(WAITING);
    let given = Deliveries {
        queue: sender,
        memory: Arc::new(Semaphore::new(WAITING_BYTES)),
    };
    (given, DeliveryWorker { queue, destination })
}

impl<N> Deliveries<N> {
    /// Gives one in, unless too many wait.
    pub(super) fn give(&self, notification: N, bytes: Vec<u8>) -> Result<(), ()> {
        let size = u32::try_from(bytes.len()).map_err(drop)?;
        let memory = Arc::clone(&self.memory).try_acquire_many_owned(size);
        let delivery = Delivery {
            notification,
            bytes,
            _memory: memory.map_err(drop)?,
        };
        self.queue.try_send(delivery).map_err(drop)
    }
}

impl<N: Clone + Send + 'static> DeliveryWorker<N> {
    /// Works until nothing more can come and all is handed on or given up, which `gave_up` is told of.
    pub(super) async fn run(mut self, gave_up: impl Fn(&N, &str)) {
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                next = self.queue.recv(), if under_way.len() < AT_ONCE => {
                    let Some(delivery) = next else { break };
                    let destination = Arc::clone(&self.destination);
                    under_way.spawn(async move {
                        let done = deliver(destination.as_ref(), &delivery.bytes).await;
                        (delivery.notification, done)
                    });
                }
                Some(done) = under_way.join_next() => report(done, &gave_up),
            }
        }
        while let Some(done) = under_way.join_next().await {
            report(done, &gave_up);
        }
    }
}

fn report<N>(
    done: Result<(N, Result<(), String>), tokio::task::JoinError>,
    gave_up: &impl Fn(&N, &str),
) {
    if let Ok((notification, Err(problem))) = done {
        gave_up(&notification, &problem);
    }
}

/// Tries until it has it, or gives up with the last problem.
async fn deliver(destination: &dyn Destination, bytes: &[u8]) -> Result<(), String> {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let Err(error) = destination.hand_over(bytes.to_vec()).await else {
            return Ok(());
        };
        if error.is_final || attempt == ATTEMPTS {
            return Err(format!("{} (try {attempt})", error.problem));
        }
        sleep(pause).await;
        pause *= 2;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
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
            .run(|name: &&str, problem| lock(&given_up).push(format!("{name}: {problem}")))
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
        let told = std::fs::read_to_string(format!("/proc/{process}/stat"));
        let state = told.ok().and_then(|told| {
            let (_, rest) = told.rsplit_once(") ")?;
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
        let silent = silent();
        assert!(execute(&command, b"{}", &silent).await.unwrap().success());
        let process = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        assert!(runs(&process));
        let killed = Command::new("kill").arg(&process).status().await;
        assert!(killed.unwrap().success());
    }
}
