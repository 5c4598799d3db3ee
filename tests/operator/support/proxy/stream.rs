//! A watch that passes through and obeys orders.

use std::{collections::VecDeque, io, time::Duration};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::stream::{pending, unfold};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{broadcast, mpsc},
    time::{Instant, sleep_until},
};

/// What befalls a watch that is open.
#[derive(Clone, Debug)]
pub(crate) enum StreamOrder {
    /// It ends as the API server ends it after a while.
    End,
    /// Its connection breaks.
    Break,
    /// Nothing arrives any more, and the connection stays open.
    Freeze,
    /// What happens to objects does not arrive; that it is alive does.
    Lose,
    /// What comes arrives so much later.
    Lag(Duration),
    /// This line arrives, and then it ends.
    Say(String),
}

/// The body of a watch, which obeys the orders that come from now on.
pub(super) fn obeying<B>(body: B, orders: broadcast::Receiver<StreamOrder>) -> Body
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let (sender, receiver) = mpsc::channel(1);
    let body = body.map_err(|error| io::Error::other(error.to_string()));
    tokio::spawn(pipe(body, orders, sender));
    Body::from_stream(unfold(receiver, async |mut receiver| {
        Some((receiver.recv().await?, receiver))
    }))
}

/// The body of an answer that never comes.
pub(super) fn mute() -> Body {
    Body::from_stream(pending::<io::Result<Bytes>>())
}

/// What the API server sends: data, an error at last, or its end.
type StreamPart = Option<io::Result<Bytes>>;

async fn pipe(
    mut body: impl http_body::Body<Data = Bytes, Error = io::Error> + Unpin,
    mut orders: broadcast::Receiver<StreamOrder>,
    out: mpsc::Sender<io::Result<Bytes>>,
) {
    let (mut frozen, mut ended, mut lag) = (false, false, Duration::ZERO);
    let mut losing = false;
    let mut held: VecDeque<(Instant, StreamPart)> = VecDeque::new();
    loop {
        let due = held.front().map_or_else(Instant::now, |(due, _)| *due);
        let event = tokio::select! {
            () = out.closed() => return,
            order = orders.recv() => match order {
                Ok(StreamOrder::End) | Err(_) => return,
                Ok(StreamOrder::Break) => Err(io::Error::other("broken on purpose")),
                Ok(StreamOrder::Say(line)) => Ok(Bytes::from(format!("{line}\n"))),
                Ok(StreamOrder::Freeze) => {
                    frozen = true;
                    continue;
                }
                Ok(StreamOrder::Lose) => {
                    losing = true;
                    continue;
                }
                Ok(StreamOrder::Lag(wanted)) => {
                    lag = wanted;
                    continue;
                }
            },
            frame = body.frame(), if !frozen && !ended => {
                let part = frame.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()));
                ended = !matches!(part, Some(Ok(_)));
                if losing && matches!(&part, Some(Ok(data)) if !is_bookmark(data)) {
                    continue;
                }
                // The end waits its turn, too: what came right before it arrives.
                held.push_back((Instant::now() + lag, part));
                continue;
            }
            () = sleep_until(due), if !frozen && !held.is_empty() => match held.pop_front() {
                Some((_, Some(Ok(data)))) => {
                    if out.send(Ok(data)).await.is_err() {
                        return;
                    }
                    continue;
                }
                Some((_, Some(Err(error)))) => Err(error),
                Some((_, None)) | None => return,
            },
        };
        // It is the last.
        let _ = out.send(event).await;
        return;
    }
}

fn is_bookmark(data: &[u8]) -> bool {
    let mark = br#""type":"BOOKMARK""#;
    data.windows(mark.len()).any(|part| part == mark)
}

#[tokio::test]
async fn what_comes_right_before_the_end_arrives() {
    for _ in 0..20 {
        let (orders, receiver) = broadcast::channel(1);
        let passed = obeying(Body::from("an error, as the last line"), receiver);
        let arrived = to_bytes(passed, usize::MAX).await.unwrap();
        assert_eq!(arrived, "an error, as the last line");
        drop(orders);
    }
}
