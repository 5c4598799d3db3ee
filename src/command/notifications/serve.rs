//! `serve-notifications`: a receiver that verifies what comes, prints it, and hands it on. Keeps nothing.

mod activity;
mod body;
mod child_output;
mod connections;
mod deliver;
mod lines;
mod objects;
mod receive;
mod seen;
mod tls;

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::FusedFuture as _;
use tokio::time::timeout;

use self::body::BodyReader;
use self::deliver::{
    CommandDestination, DeliveryEnd, DeliveryWorker, Destination, UrlDestination, deliveries,
};
use self::lines::{Lines, lines};
use self::objects::ComparedObjects;
use self::receive::{Receiver, not_printed};
use self::seen::SeenNotifications;
use self::tls::TlsFiles;
use super::expected::Expected;
use super::verdict::summary;
use super::watched::Say;
use crate::admin;
use crate::cluster::client::Prompts;
use crate::command::output::printable;
use crate::command::{CommandOutput, ExitStatus, cluster_access, now};
use crate::config::notifications::ServeArgs;
use crate::live::notification::Notification;
use crate::lock::lock;
use crate::platform::clock::WallClock;
use crate::platform::transport::HttpTransport;
use crate::stop::Stop;

/// How long what is under way may take to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(8);
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Receives until it is asked to stop. All that is told meanwhile is told by a thread of its own.
pub async fn run(args: ServeArgs) -> anyhow::Result<CommandOutput> {
    let (messages, mut all_written) = lines(io::stderr())?;
    let received = receive(args, Arc::new(messages)).await;
    let _ = timeout(LAST_WORDS, all_written.ended()).await;
    received
}

async fn receive(args: ServeArgs, messages: Arc<Lines>) -> anyhow::Result<CommandOutput> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let say = say(&messages);
    let expected = Expected::read(&args.signature, Arc::clone(&say))?;
    if !expected.has_keys() {
        say("no --key-file is given: nothing is verified");
    }
    let tls = match (&args.tls_cert_file, &args.tls_key_file) {
        (Some(certificate), Some(key)) => Some(TlsFiles::read(certificate, key, Arc::clone(&say))?),
        _ => None,
    };
    let (printed, mut all_printed) = lines(io::stdout())?;
    let (deliveries, worker) = destination(&args, Arc::clone(&say))?
        .map(deliveries)
        .unzip();
    let seen = Arc::new(Mutex::new(SeenNotifications::default()));
    let receiver = Arc::new(Receiver {
        expected,
        objects: compared_objects(&args).await?,
        deliveries,
        format: args.output,
        printed,
        messages: Arc::clone(&messages),
        seen: Arc::clone(&seen),
        bodies: BodyReader::new(),
    });
    let listener = admin::bind(args.listen)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    say(&format!(
        "receiving at {scheme}://{}",
        listener.local_addr()?
    ));
    let served = connections::serve(listener, tls, receiver, stop.clone());
    let end = DeliveryEnd {
        last_try: stop.clone(),
        now: Stop::new(),
    };
    let handed_on = work(worker, seen, Arc::clone(&messages), end.clone());
    let mut handed_on = pin!(handed_on.fuse());
    let overdue = async {
        stop.requested().await;
        let _ = timeout(DRAIN_LIMIT, stop.forced()).await;
    };
    let is_done = tokio::select! {
        ((), lost, ()) = async { tokio::join!(served, handed_on.as_mut(), all_printed.ended()) } => lost == 0,
        () = overdue => false,
    };
    if !handed_on.is_terminated() {
        // Each that is lost is named.
        end.now.request();
        handed_on.await;
    }
    let left_out = all_printed.left_out();
    if !is_done {
        say("error: ended before all was answered, handed on and printed");
    }
    if left_out > 0 {
        say(&not_printed(left_out));
    }
    Ok(CommandOutput {
        text: String::new(),
        exit: ExitStatus::of(is_done && left_out == 0),
    })
}

/// Gives what is said to the thread that tells it. Where nobody reads that, it is lost, and nobody waits for it.
fn say(messages: &Arc<Lines>) -> Say {
    let messages = Arc::clone(messages);
    Arc::new(move |words| {
        let _ = messages.give(printable(words));
    })
}

/// Who gets what is taken.
fn destination(args: &ServeArgs, say: Say) -> anyhow::Result<Option<Arc<dyn Destination>>> {
    if let Some(command) = &args.exec {
        return Ok(Some(Arc::new(CommandDestination {
            command: command.clone(),
            say,
        })));
    }
    let Some(url) = &args.forward else {
        return Ok(None);
    };
    let wall: WallClock = Arc::new(now);
    Ok(Some(Arc::new(UrlDestination {
        transport: HttpTransport::new(Arc::clone(&wall))?,
        wall,
        url: url.to_string(),
    })))
}

/// The objects that notifications are compared with, where that is asked for.
async fn compared_objects(args: &ServeArgs) -> anyhow::Result<Option<ComparedObjects>> {
    if args.namespace.is_none() && !args.all_namespaces {
        return Ok(None);
    }
    let access = cluster_access(&args.cluster)?
        .logged_in(Prompts::Shown)
        .await?;
    let client = access.client()?;
    Ok(Some(ComparedObjects::new(client, args.namespace.clone())))
}

/// Hands on what is taken until nothing more comes, and counts what the end keeps from that.
async fn work(
    worker: Option<DeliveryWorker<Arc<Notification>>>,
    seen: Arc<Mutex<SeenNotifications>>,
    messages: Arc<Lines>,
    end: DeliveryEnd,
) -> usize {
    let lost = Cell::new(0);
    let Some(worker) = worker else {
        return lost.get();
    };
    let gave_up = |notification: &Arc<Notification>, problem: &str| {
        let said = summary(notification.fields());
        let _ = messages.give(format!("error: not handed on: {said}: {problem}"));
        // It may come again, and is new then.
        lock(&seen).forget(notification);
        if end.last_try.is_requested() {
            lost.set(lost.get() + 1);
        }
    };
    worker.run(&end, gave_up).await;
    lost.get()
}
