//! Notices that a watch is alive. A watch of a quiet cluster brings no event to its reader, but the API server sends bookmarks,
//! which only the transport sees. Changes nothing of what passes through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use kube::client::{Body, DynBody};
use tower::BoxError;

use super::observer::{RequestEnd, RequestObserver};

/// What of a watch has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Its head: it was granted. Whether it will bring anything is not said.
    Head,
    /// An event or a bookmark, or its end as the API server ends it after a while: it is alive.
    Life,
}

type OnSign = dyn Fn(&str, Sign) + Send + Sync;

/// Calls a function whenever anything of a watch arrives.
#[derive(Clone)]
pub struct Pulse(Arc<OnSign>);

impl Pulse {
    /// `on_sign` is called at every sign, with the namespace that is watched, which is empty for every one; it must not block.
    pub fn new(on_sign: impl Fn(&str, Sign) + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_sign))
    }
}

impl RequestObserver for Pulse {
    fn begin(&self, request: &Request<Body>) -> Box<dyn FnOnce(RequestEnd) -> RequestEnd + Send> {
        if !is_watch(request.uri().query()) {
            return Box::new(|end| end);
        }
        let namespace = namespace(request.uri().path()).to_owned();
        let pulse = self.clone();
        Box::new(move |end| {
            let response = end?;
            if !response.status().is_success() {
                return Ok(response);
            }
            (pulse.0)(&namespace, Sign::Head);
            Ok(response.map(|inner| -> Box<DynBody> {
                Box::new(PulseBody {
                    inner,
                    pulse,
                    namespace,
                    is_broken: false,
                })
            }))
        })
    }
}

/// The body of a watch whose signs of life are told.
struct PulseBody {
    inner: Box<DynBody>,
    pulse: Pulse,
    namespace: String,
    /// The end of what is broken is no sign.
    is_broken: bool,
}

impl http_body::Body for PulseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.is_broken |= matches!(frame, Some(Err(_)));
        if !self.is_broken {
            (self.pulse.0)(&self.namespace, Sign::Life);
        }
        Poll::Ready(frame)
    }
}

/// Whether a request with this query begins a watch.
pub(super) fn is_watch(query: Option<&str>) -> bool {
    query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "watch=true" || pair == "watch=1")
    })
}

/// The namespace that a path leads into; empty for none.
pub(super) fn namespace(path: &str) -> &str {
    let (_, inside) = path.split_once("/namespaces/").unwrap_or_default();
    inside.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::Response;
    use http_body_util::{BodyExt as _, StreamBody};
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;
    use crate::cluster::observer::ObserverLayer;

    /// The signs that a request brings whose answer has one frame and then ends or breaks, each with its namespace.
    async fn signs(path: &str, status: u16, breaks: bool) -> Vec<(String, Sign)> {
        let signs = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&signs);
        let pulse = Pulse::new(move |namespace, sign| {
            seen.lock().unwrap().push((namespace.to_owned(), sign));
        });
        let service = ObserverLayer(pulse).layer(service_fn(move |_| async move {
            let frames = [
                Some(Ok(Frame::data(Bytes::from_static(b"{}")))),
                breaks.then(|| Err(BoxError::from("broken"))),
            ];
            let frames = futures::stream::iter(frames.into_iter().flatten());
            let body: Box<DynBody> = Box::new(StreamBody::new(frames));
            Ok(Response::builder().status(status).body(body).unwrap())
        }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let mut body = service.oneshot(request).await.unwrap().into_body();
        let mut read = String::new();
        while let Some(frame) = body.frame().await {
            let data = frame.map_or_else(
                |error| error.to_string().into(),
                |frame| frame.into_data().unwrap(),
            );
            read.push_str(std::str::from_utf8(&data).unwrap());
        }
        assert_eq!(read, if breaks { "{}broken" } else { "{}" });
        signs.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn head_frames_and_end_of_a_watch_are_signs_and_nothing_else_is() {
        let all_of = |namespace: &str, signs: &[Sign]| {
            let signs = signs.iter().map(|sign| (namespace.to_owned(), *sign));
            signs.collect::<Vec<_>>()
        };
        let whole = [Sign::Head, Sign::Life, Sign::Life];
        let (all, media) = ("/apis/x/v1/things", "/apis/x/v1/namespaces/media/things");
        let watch = format!("{all}?watch=true&resourceVersion=7");
        assert_eq!(signs(&watch, 200, false).await, all_of("", &whole));
        let watch = format!("{media}?allowWatchBookmarks=true&watch=true");
        assert_eq!(signs(&watch, 200, false).await, all_of("media", &whole));
        let broken = all_of("media", &whole[..2]);
        assert_eq!(signs(&watch, 200, true).await, broken);
        let list = format!("{media}?limit=500");
        assert_eq!(signs(&list, 200, false).await, []);
        let refused = format!("{media}?watch=true");
        assert_eq!(signs(&refused, 410, false).await, []);
    }
}
