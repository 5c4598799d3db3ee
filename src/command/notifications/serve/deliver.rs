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
use crate::platform::clock::WallClock;
use crate::platform::transport::{
    Deadline, HttpTransport, Request, Transport as _, TransportError,
};
use crate::stop::Stop;

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
    pub(super) wall: WallClock,
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
            if status.is_success() {
                return Ok(());
            }
            let is_temporary = matches!(status.as_u16(), 408 | 425 | 429);
            let redirects = if status.is_redirection() {
                ", and redirects are not followed: name the URL that takes notifications"
            } else {
                ""
            };
            Err(DeliveryError {
                problem: format!("it was answered {status}{redirects}"),
                is_final: status.is_client_error() && !is_temporary,
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

/// When deliveries end.
#[derive(Clone)]
pub(super) struct DeliveryEnd {
    /// What has failed is tried once more at once, and no more.
    pub(super) last_try: Stop,
    /// What is under way or waits is given up.
    pub(super) now: Stop,
}

impl<N: Clone + Send + 'static> DeliveryWorker<N> {
    /// Works until nothing more can come and all is handed on or given up, which `gave_up` is told of.
    pub(super) async fn run(mut self, end: &DeliveryEnd, gave_up: impl Fn(&N, &str)) {
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = end.now.requested() => break,
                Some(done) = under_way.join_next() => report(done, &gave_up),
                next = self.queue.recv(), if under_way.len() < AT_ONCE => {
                    let Some(delivery) = next else { break };
                    under_way.spawn(work(Arc::clone(&self.destination), delivery, end.clone()));
                }
            }
        }
        while let Some(done) = under_way.join_next().await {
            report(done, &gave_up);
        }
        // Only where the end has come something still waits.
        self.queue.close();
        while let Some(delivery) = self.queue.recv().await {
            gave_up(&delivery.notification, ENDED);
        }
    }
}

/// Why something is given up that might have been handed on later.
const ENDED: &str = "the receiver ended";

async fn work<N>(
    destination: Arc<dyn Destination>,
    delivery: Delivery<N>,
    end: DeliveryEnd,
) -> (N, Result<(), String>) {
    let done = tokio::select! {
        done = deliver(destination.as_ref(), &delivery.bytes, &end.last_try) => done,
        () = end.now.requested() => Err(ENDED.to_owned()),
    };
    (delivery.notification, done)
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
async fn deliver(
    destination: &dyn Destination,
    bytes: &[u8],
    last_try: &Stop,
) -> Result<(), String> {
    let mut pause = FIRST_PAUSE;
    let mut attempt = 1;
    loop {
        let is_last = last_try.is_requested();
        let Err(error) = destination.hand_over(bytes.to_vec()).await else {
            return Ok(());
        };
        let problem = error.problem;
        if error.is_final || attempt == ATTEMPTS {
            return Err(format!("{problem} (try {attempt})"));
        }
        if is_last {
            return Err(format!("{problem} (try {attempt}), and {ENDED}"));
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = last_try.requested() => {}
        }
        pause *= 2;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests;
