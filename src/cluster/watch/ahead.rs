//! Reads ahead: what an API server sends is waited for and read while what came before is worked on. A list of thousands of objects takes
//! half of the time so. Changes neither what comes nor its order.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A stream that is read in a task of its own, by so many items more than were asked for. It is read no more once it is dropped, and a panic
/// in it is one of who reads.
pub(super) fn read_ahead<T: Send + 'static>(
    mut items: BoxStream<'static, T>,
    most: usize,
) -> BoxStream<'static, T> {
    let (give, take) = mpsc::channel(most);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        while let Some(item) = items.next().await {
            if give.send(item).await.is_err() {
                return;
            }
        }
    });
    stream::unfold((take, reader), async |(mut take, mut reader)| {
        if let Some(item) = take.recv().await {
            return Some((item, (take, reader)));
        }
        let ended = reader.join_next().await?.err()?;
        match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_comes_next_is_read_while_nobody_asks_for_it_but_not_all() {
        let read = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&read);
        let source = stream::iter(0..1000).inspect(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut items = read_ahead(source.boxed(), 20);
        assert_eq!(items.next().await, Some(0));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let ahead = read.load(Ordering::Relaxed) - 1;
        assert!((20..=21).contains(&ahead), "{ahead}");
        let rest: Vec<i32> = items.collect().await;
        assert!(rest.into_iter().eq(1..1000));
    }

    #[tokio::test]
    #[should_panic(expected = "a mistake")]
    async fn a_panic_is_one_of_who_reads() {
        let source = stream::once(async { panic!("a mistake") });
        let mut items = read_ahead::<()>(source.boxed(), 20);
        let _ = items.next().await;
    }
}
