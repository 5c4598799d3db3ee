//! Reads the body of an answer to its end: as one piece, however many it comes in, and only as far as there is room for it.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;

use super::MAX_BODY;
use super::body_room::BodyShare;

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyProblem<E> {
    TooLarge,
    /// Others needed its room.
    GaveWay,
    Broken(E),
}

/// The whole body.
pub(super) async fn whole<B>(mut body: B, share: &BodyShare) -> Result<Bytes, BodyProblem<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut whole = BytesMut::new();
    loop {
        let frame = tokio::select! {
            biased;
            () = share.gave_way() => return Err(BodyProblem::GaveWay),
            frame = body.frame() => frame,
        };
        let Some(frame) = frame else {
            return Ok(whole.freeze());
        };
        let frame = frame.map_err(BodyProblem::Broken)?;
        if let Ok(data) = frame.into_data() {
            if data.len() > MAX_BODY - whole.len() {
                return Err(BodyProblem::TooLarge);
            }
            share.grow(data.len());
            whole.extend_from_slice(&data);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures::{StreamExt as _, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;
    use crate::platform::transport::body_room::BodyRoom;

    /// One letter, which counts itself as long as anybody has it.
    struct Letter(Arc<AtomicUsize>);

    impl AsRef<[u8]> for Letter {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }

    impl Drop for Letter {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }

    #[tokio::test]
    async fn a_body_in_many_pieces_is_held_as_one() {
        let (held, most) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let pieces = stream::iter(0..10_000).map(|_| {
            most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
            let piece = Bytes::from_owner(Letter(Arc::clone(&held)));
            Ok::<_, Infallible>(Frame::data(piece))
        });
        let room = BodyRoom::of(MAX_BODY);
        let body = whole(StreamBody::new(pieces), &room.enter("host")).await;
        assert_eq!(body.unwrap().len(), 10_000);
        assert!(most.load(SeqCst) <= 2, "{most:?}");
    }

    #[tokio::test]
    async fn a_body_that_there_is_no_room_for_is_let_go() {
        let endless = || stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from("x"))));
        let room = BodyRoom::of(100);
        let share = room.enter("host");
        let body = whole(StreamBody::new(endless()), &share).await;
        assert_eq!(body, Err(BodyProblem::GaveWay));
        let room = BodyRoom::of(usize::MAX);
        let body = whole(StreamBody::new(endless()), &room.enter("host")).await;
        assert_eq!(body, Err(BodyProblem::TooLarge));
    }
}
