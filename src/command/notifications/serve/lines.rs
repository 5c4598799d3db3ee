//! Lines for stdout or stderr, written by a thread of their own: who reads them may stall, which keeps nothing else back.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

/// So many lines, and bytes of them, may wait.
const WAITING: usize = 10_000;
const WAITING_BYTES: usize = 16 * 1024 * 1024;

/// A line that waits.
struct QueuedLine {
    text: String,
    _memory: OwnedSemaphorePermit,
}

/// Where lines are given in.
pub(super) struct Lines {
    queue: mpsc::Sender<QueuedLine>,
    memory: Arc<Semaphore>,
    left_out: Arc<AtomicUsize>,
}

/// What becomes of them.
pub(super) struct LinesWritten {
    end: oneshot::Receiver<()>,
    left_out: Arc<AtomicUsize>,
}

/// Writes to `out` what is given in, each line at once. Who does not read any more gets no more.
pub(super) fn lines(out: impl Write + Send + 'static) -> io::Result<(Lines, LinesWritten)> {
    let (queue, waiting) = mpsc::channel(WAITING);
    let (at_end, end) = oneshot::channel();
    thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || {
            write(waiting, out);
            // Nobody may wait for it.
            let _ = at_end.send(());
        })?;
    let left_out = Arc::new(AtomicUsize::new(0));
    let lines = Lines {
        queue,
        memory: Arc::new(Semaphore::new(WAITING_BYTES)),
        left_out: Arc::clone(&left_out),
    };
    Ok((lines, LinesWritten { end, left_out }))
}

fn write(mut waiting: mpsc::Receiver<QueuedLine>, mut out: impl Write) {
    while let Some(line) = waiting.blocking_recv() {
        let _ = writeln!(out, "{}", line.text).and_then(|()| out.flush());
    }
}

impl Lines {
    /// Gives one in. An error is that too many wait, and how many were left out so far.
    pub(super) fn give(&self, text: String) -> Result<(), usize> {
        let queued = || {
            let size = u32::try_from(text.len()).ok()?;
            let memory = Arc::clone(&self.memory).try_acquire_many_owned(size);
            let line = QueuedLine {
                text,
                _memory: memory.ok()?,
            };
            self.queue.try_send(line).ok()
        };
        queued().ok_or_else(|| self.left_out.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl LinesWritten {
    /// Waits until all is written that was given in and no more can come.
    pub(super) async fn ended(&mut self) {
        let _ = (&mut self.end).await;
    }

    /// How many lines were left out.
    pub(super) fn left_out(&self) -> usize {
        self.left_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::lock::lock;

    /// Takes nothing before it is let.
    struct Stalled {
        let_go: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // An error is that it is let go for good.
            let _ = self.let_go.recv();
            lock(&self.written).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn who_stalls_keeps_nobody_back_and_what_is_left_out_is_counted() {
        let (let_go, stalled) = channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let out = Stalled {
            let_go: stalled,
            written: Arc::clone(&written),
        };
        let (lines, mut end) = lines(out).unwrap();
        let half = "x".repeat(WAITING_BYTES / 2);
        assert_eq!(lines.give(half.clone()), Ok(()));
        assert_eq!(lines.give(half), Ok(()));
        assert_eq!(lines.give("y".to_owned()), Err(1));
        assert_eq!(lines.give("z".to_owned()), Err(2));
        assert_eq!(end.left_out(), 2);
        drop(let_go);
        // Room again: the first are written sooner or later.
        while lines.give("last".to_owned()).is_err() {
            tokio::task::yield_now().await;
        }
        drop(lines);
        end.ended().await;
        let written = String::from_utf8(lock(&written).clone()).unwrap();
        assert!(written.ends_with("x\nlast\n") && !written.contains('y'));
    }

    #[tokio::test]
    async fn no_more_lines_wait_than_there_is_room_for() {
        let (let_go, stalled) = channel();
        let out = Stalled {
            let_go: stalled,
            written: Arc::default(),
        };
        let (lines, mut end) = lines(out).unwrap();
        let given = (0..WAITING + 10).filter(|_| lines.give(String::new()).is_ok());
        // One may be with the writer.
        assert!((WAITING..=WAITING + 1).contains(&given.count()));
        drop((let_go, lines));
        end.ended().await;
    }
}
