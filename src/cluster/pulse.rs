//! Notices that a watch is alive. A watch of a quiet cluster brings no event to its reader, but the API server sends bookmarks,
//! which only the transport sees. Changes nothing of what passes through.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

/// Calls a function whenever anything of a watch arrives: its head, an event, a bookmark.
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn() + Send + Sync>);

impl Pulse {
    /// `on_sign` is called at every sign of life; it must not block.
    pub fn new(on_sign: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(on_sign))
    }
}

impl<S> Layer<S> for Pulse {
    type Service = Pulsed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Pulsed {
            inner,
            pulse: self.clone(),
        }
    }
}

/// A service whose watches are noticed.
#[derive(Clone)]
pub struct Pulsed<S> {
    inner: S,
    pulse: Pulse,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<S> Service<Request<Body>> for Pulsed<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_watch = is_watch(request.uri().query());
        let response = self.inner.call(request);
        let pulse = self.pulse.clone();
        Box::pin(async move {
            let response = response.await?;
            if !(is_watch && response.status().is_success()) {
                return Ok(response);
            }
            (pulse.0)();
            Ok(response.map(|body| -> Box<DynBody> {
                Box::new(body.map_frame(move |frame| {
                    (pulse.0)();
                    frame
                }))
            }))
        })
    }
}

fn is_watch(query: Option<&str>) -> bool {
    query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "watch=true" || pair == "watch=1")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use http_body_util::Full;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    /// How many signs of life a request brings whose answer has one frame.
    async fn signs(query: &str, status: u16) -> usize {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let pulse = Pulse::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let service = pulse.layer(service_fn(move |_| async move {
            let body = Full::new(Bytes::from_static(b"{}")).map_err(BoxError::from);
            let body: Box<DynBody> = Box::new(body);
            Ok(Response::builder().status(status).body(body).unwrap())
        }));
        let request = Request::get(format!("/apis/x?{query}"))
            .body(Body::empty())
            .unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "{}"
        );
        count.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn head_and_frames_of_a_watch_are_signs_of_life_and_nothing_else_is() {
        assert_eq!(signs("watch=true&resourceVersion=7", 200).await, 2);
        assert_eq!(signs("allowWatchBookmarks=true&watch=true", 200).await, 2);
        assert_eq!(signs("limit=500", 200).await, 0);
        assert_eq!(signs("watch=true", 410).await, 0);
    }
}
