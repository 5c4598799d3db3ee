//! The connections of a receiver: HTTP/1.1 and HTTP/2, with or without TLS. Whoever can reach it must not keep Live's notifications from
//! it: connections are counted, and one that has no request under way for 10 s is ended. What was accepted is answered, at the end too.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::activity::Activity;
use super::tls::TlsFiles;
use crate::stop::Stop;

/// So many connections are open at once.
pub(super) const MOST: usize = 200;
/// How long a connection may have no request under way: for the handshake, the head of a request, between two.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Who has no request under way for so long gives its place to another one when there are too many.
const SPARE: Duration = Duration::from_secs(1);
/// How long one that is to end may take to say so.
const FAREWELL: Duration = Duration::from_secs(1);
/// Before the next look when no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Requests that a connection of HTTP/2 may have under way: their bodies are held in memory.
const STREAMS: u32 = 8;
/// The largest head of a request.
const HEAD: u32 = 32 * 1024;

/// Answers a request.
pub(super) trait Answers: Send + Sync + 'static {
    /// Never fails: what is wrong with a request is an answer, too.
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// Serves until it is asked to stop, and then until all is answered that was accepted.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<TlsFiles>,
    answers: Arc<impl Answers>,
    stop: Stop,
) {
    let mut open = OpenConnections::default();
    let begin = |open: &mut OpenConnections, stream: TcpStream| {
        let activity = Arc::new(Activity::new());
        let acceptor = tls.as_ref().map(TlsFiles::acceptor);
        let (answers, stop) = (Arc::clone(&answers), stop.clone());
        let of_task = Arc::clone(&activity);
        let task = async move {
            let Some(acceptor) = acceptor else {
                return converse(stream, answers, &of_task, &stop).await;
            };
            if let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await {
                converse(stream, answers, &of_task, &stop).await;
            }
        };
        open.add(task, activity);
    };
    loop {
        let accepted = async {
            open.make_room().await;
            listener.accept().await
        };
        tokio::select! {
            () = stop.requested() => break,
            accepted = accepted => match accepted {
                Ok((stream, _)) => begin(&mut open, stream),
                Err(_) => sleep(PAUSE).await,
            },
        }
    }
    // Who has connected already would be refused by the closing of the listener.
    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        begin(&mut open, stream);
    }
    drop(listener);
    open.end().await;
}

/// The connections that are open.
#[derive(Default)]
struct OpenConnections {
    tasks: JoinSet<()>,
    oldest_first: VecDeque<(AbortHandle, Arc<Activity>)>,
}

impl OpenConnections {
    fn add(&mut self, task: impl Future<Output = ()> + Send + 'static, activity: Arc<Activity>) {
        let handle = self.tasks.spawn(task);
        self.oldest_first.push_back((handle, activity));
    }

    /// Waits until all have ended. One that had to make room is no error.
    async fn end(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Waits until there may be one more, and ends the oldest that is idle if none ends by itself.
    async fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|(task, _)| !task.is_finished());
        while self.tasks.len() >= MOST {
            let is_spare = |activity: &Activity| activity.idle().is_some_and(|idle| idle >= SPARE);
            let spare = self
                .oldest_first
                .iter()
                .position(|(_, activity)| is_spare(activity));
            if let Some((task, _)) = spare.and_then(|spare| self.oldest_first.remove(spare)) {
                task.abort();
            }
            tokio::select! {
                _ = self.tasks.join_next() => {}
                () = sleep(PAUSE) => {}
            }
        }
    }
}

/// Answers the requests of a connection until it ends, is idle for too long, or all is to end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answers: Arc<impl Answers>,
    activity: &Arc<Activity>,
    stop: &Stop,
) {
    let of_requests = Arc::clone(activity);
    let service = service_fn(move |request| {
        let (answers, activity) = (Arc::clone(&answers), Arc::clone(&of_requests));
        async move {
            let _under_way = activity.begin();
            Ok::<_, Infallible>(answers.answer(request).await)
        }
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = activity.idle_for(PATIENCE) => {}
        () = last_call(activity, stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ = connection => {}
        () = activity.idle_for(PATIENCE + FAREWELL) => {}
    }
}

/// All is to end. Who has connected and said nothing yet gets a moment to say it.
async fn last_call(activity: &Activity, stop: &Stop) {
    stop.requested().await;
    let _ = timeout(FAREWELL, activity.first_request()).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD)
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE);
    builder
}

#[cfg(test)]
mod tests;
