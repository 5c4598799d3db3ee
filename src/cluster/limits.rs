//! How long lists and watches may take, and how soon a watch may begin again. The client leaves all three open: it waits for a page of
//! a list, or for the head of a watch, without end, and what ends at once it asks for again at once. And how much of a list is in
//! memory at once. Asks for nothing but pages again that were too long.

mod pages;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, header};
use http_body::Frame;
use kube::client::{Body, DynBody};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tower::buffer::Buffer;
use tower::{BoxError, Layer, Service};

use self::pages::{Pages, is_list};
use super::pulse::{is_watch, namespace};
use crate::lock::lock;

/// How long a page of a list may take.
pub const PAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the head of a watch may take.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// A watch that ends sooner was cut off by something on the way.
const SHORT: Duration = Duration::from_secs(10);
/// The shortest and the longest time from the beginning of a watch that was cut off to the next.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// As many requests as the client itself lets wait.
const WAITING: usize = 1024;

/// Bounds lists and watches.
#[derive(Clone, Default)]
pub struct Limits {
    /// How soon the next watch of a namespace may begin, where the last ones were cut off.
    pauses: Arc<Mutex<HashMap<String, Duration>>>,
    pages: Pages,
}

/// A list or watch took too long.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
struct TooLate(Duration);

/// Something on the way answered in place of the API server.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no watch of an API server: see what stands between this pod and it")]
struct NoWatch;

impl<S> Layer<S> for Limits
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
{
    type Service = Limited<S::Future>;

    fn layer(&self, inner: S) -> Self::Service {
        Limited {
            inner: Buffer::new(inner, WAITING),
            limits: self.clone(),
        }
    }
}

/// A service whose lists and watches are bounded. A page may be asked for again, so the inner one is shared.
#[derive(Clone)]
pub struct Limited<F: Send + 'static> {
    inner: Buffer<Request<Body>, F>,
    limits: Limits,
}

impl<F> Service<Request<Body>> for Limited<F>
where
    F: Future<Output = Result<Response<Box<DynBody>>, BoxError>> + Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let limits = self.limits.clone();
        if is_watch(request.uri().query()) {
            let namespace = namespace(request.uri().path()).to_owned();
            let response = inner.call(request);
            Box::pin(async move {
                let response = within(HEAD_LIMIT, response).await?;
                if is_foreign(&response) {
                    return Err(NoWatch.into());
                }
                Ok(limits.held(namespace, response))
            })
        } else if is_list(request.uri()) {
            Box::pin(async move { within(PAGE_TIMEOUT, limits.pages.read(inner, request)).await })
        } else {
            Box::pin(inner.call(request))
        }
    }
}

impl Limits {
    /// The watch, whose end is told only when the next may begin.
    fn held(&self, namespace: String, response: Response<Box<DynBody>>) -> Response<Box<DynBody>> {
        if !response.status().is_success() {
            return response;
        }
        let (limits, begun) = (self.clone(), Instant::now());
        response.map(|inner| -> Box<DynBody> {
            Box::new(PacedWatchBody {
                inner,
                limits,
                namespace,
                begun,
                end: None,
            })
        })
    }

    /// When the next watch may begin after one that began then and is over now.
    fn next(&self, namespace: &str, begun: Instant) -> Instant {
        let mut pauses = lock(&self.pauses);
        if begun.elapsed() >= SHORT {
            pauses.remove(namespace);
            return Instant::now();
        }
        let before = pauses.get(namespace).copied();
        let pause = before.map_or(PAUSES.0, |pause| (pause * 2).min(PAUSES.1));
        pauses.insert(namespace.to_owned(), pause);
        begun + pause
    }
}

/// The body of a watch that ends when the next may begin.
struct PacedWatchBody {
    inner: Box<DynBody>,
    limits: Limits,
    namespace: String,
    begun: Instant,
    /// Set once nothing more comes.
    end: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for PacedWatchBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.end.is_none()
            && let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx))
        {
            return Poll::Ready(Some(frame));
        }
        let end = this.end.get_or_insert_with(|| {
            let next = this.limits.next(&this.namespace, this.begun);
            Box::pin(sleep_until(next))
        });
        ready!(end.as_mut().poll(cx));
        Poll::Ready(None)
    }
}

/// Whether this is granted, and says of itself that it is not what an API server sends.
fn is_foreign(response: &Response<Box<DynBody>>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    response.status().is_success()
        && content_type
            .is_some_and(|content_type| !content_type.as_bytes().starts_with(b"application/json"))
}

async fn within<T>(
    limit: Duration,
    future: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    timeout(limit, future)
        .await
        .unwrap_or_else(|_| Err(TooLate(limit).into()))
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    /// An API server that answers everything in the same way: after a while, with a body that ends at once or never.
    async fn ask(limits: &Limits, path: &str, head: Duration, ends: bool) -> Result<(), BoxError> {
        let service = limits.layer(service_fn(move |_| async move {
            tokio::time::sleep(head).await;
            let body: Box<DynBody> = if ends {
                Box::new(Full::new(Bytes::from_static(b"{}")).map_err(BoxError::from))
            } else {
                let never = futures::stream::pending::<Result<Frame<Bytes>, BoxError>>();
                Box::new(http_body_util::StreamBody::new(Box::pin(never)))
            };
            Ok(Response::new(body))
        }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = service.oneshot(request).await?;
        response.into_body().collect().await.map(drop)
    }

    const LIST: &str = "/apis/x/v1/namespaces/media/things?limit=500";
    const WATCH: &str = "/apis/x/v1/namespaces/media/things?watch=true";

    /// How long it took to be given up.
    async fn given_up(path: &str, head: Duration, ends: bool) -> u64 {
        let begun = Instant::now();
        let limits = Limits::default();
        let asked = ask(&limits, path, head, ends);
        let error = timeout(Duration::from_hours(1), asked).await;
        let error = error.expect("it is given up").unwrap_err();
        assert!(error.to_string().contains("no answer within"), "{error}");
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn lists_and_the_heads_of_watches_are_not_waited_for_without_end() {
        let never = Duration::from_hours(2);
        assert_eq!(given_up(LIST, never, true).await, 30);
        assert_eq!(given_up(LIST, Duration::from_secs(29), false).await, 30);
        assert_eq!(given_up(WATCH, never, true).await, 10);
        let slow = Duration::from_secs(29);
        ask(&Limits::default(), LIST, slow, true).await.unwrap();
        let limits = Limits::default();
        let silent = ask(&limits, WATCH, Duration::ZERO, false);
        let silent = timeout(Duration::from_mins(4), silent).await;
        assert!(silent.is_err(), "a watch may be silent");
    }

    #[tokio::test(start_paused = true)]
    async fn watches_that_are_cut_off_begin_ever_more_slowly() {
        let limits = Limits::default();
        let begun = Instant::now();
        let mut begins = Vec::new();
        for _ in 0..8 {
            begins.push(begun.elapsed().as_secs());
            ask(&limits, WATCH, Duration::ZERO, true).await.unwrap();
        }
        assert_eq!(begins, [0, 1, 3, 7, 15, 31, 61, 91]);
        // Another namespace has nothing to do with it, and one that lasted makes good.
        let other = "/apis/x/v1/namespaces/other/things?watch=true";
        let begun = Instant::now();
        ask(&limits, other, Duration::ZERO, true).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 1);
        assert_eq!(limits.next("media", begun - SHORT), Instant::now());
        let begun = Instant::now();
        ask(&limits, WATCH, Duration::ZERO, true).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 1);
    }
}
