//! The connections to the port of probes and metrics. Whoever can reach it must not decide how many descriptors and how much memory the
//! work has left, nor keep a probe from its answer: the connections are few, and a new one takes the place of the oldest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::panic::resume_unwind;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tracing::debug;

/// So many connections are open at once.
const MOST: usize = 64;
/// How long the head of a request may take, and a connection be idle.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Before the next try when no connection can be taken, as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the future is dropped, on a task of its own: however long is at work who drives this one, a probe is answered.
pub(super) async fn serve(listener: TcpListener, router: Router) -> Infallible {
    let mut own = JoinSet::new();
    own.spawn(accept(listener, router));
    if let Some(Err(ended)) = own.join_next().await
        && let Ok(panic) = ended.try_into_panic()
    {
        resume_unwind(panic);
    }
    // The runtime ends, and with it who waits.
    pending().await
}

/// Takes the connections, for ever.
async fn accept(listener: TcpListener, router: Router) -> Infallible {
    let mut tasks = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "no connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        while tasks.try_join_next().is_some() {}
        oldest_first.retain(|connection| !connection.is_finished());
        while tasks.len() >= MOST {
            // Not the newest one: a probe sends its request at once, and is answered before it is the oldest.
            if let Some(oldest) = oldest_first.pop_front() {
                oldest.abort();
            }
            tasks.join_next().await;
        }
        oldest_first.push_back(tasks.spawn(answer(stream, router.clone())));
    }
}

/// Answers the requests of a connection until it ends.
async fn answer(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    if let Err(error) = connection.await {
        debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use futures::future::join_all;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    const HALF: &str = "GET /livez HTTP/1.1\r\nHost: ";

    async fn served() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/livez", get(async || "ok"));
        tokio::spawn(async { serve(listener, router).await });
        address
    }

    async fn begin(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(HALF.as_bytes()).await.unwrap();
        stream
    }

    /// Ends the request and reads to the end. A connection that was closed gives nothing.
    async fn end(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        let sent = stream
            .write_all(b"probe\r\nConnection: close\r\n\r\n")
            .await;
        if sent.is_ok() {
            let _ = stream.read_to_string(&mut answer).await;
        }
        answer
    }

    #[tokio::test]
    async fn half_sent_heads_keep_nobody_from_an_answer_and_few_of_them_open() {
        let address = served().await;
        let mut half = Vec::new();
        for _ in 0..300 {
            half.push(begin(address).await);
        }
        let probe = end(begin(address).await).await;
        assert!(probe.starts_with("HTTP/1.1 200"), "{probe}");
        let answers = join_all(half.into_iter().map(end)).await;
        let open = answers
            .iter()
            .filter(|answer| answer.contains("200"))
            .count();
        assert_eq!(open, MOST - 1, "the newest; the probe took a place");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_ends_the_connection() {
        let address = served().await;
        let mut stream = begin(address).await;
        let began = Instant::now();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "");
        assert!(began.elapsed() >= HEAD_LIMIT);
    }
}
