//! Notices that a watch is alive. A watch of a quiet cluster brings no event to its reader, but the API server sends bookmarks,
//! which only the transport sees. Changes nothing of what passes through.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

/// What of a watch has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Its head: it was granted. Whether it will bring anything is not said.
    Head,
    /// An event or a bookmark: it is alive.
    Life,
}

/// Calls a function whenever anything of a watch arrives.
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn(&str, Sign) + Send + Sync>);

impl Pulse {
    /// `on_sign` is called at every sign, with the namespace that is watched, which is empty for every one; it must not block.
    pub fn new(on_sign: impl Fn(&str, Sign) + Send + Sync + 'static) -> Self {
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

impl<S> Service<Request<Body>> for Pulsed<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_watch = is_watch(request.uri().query());
        let namespace = namespace(request.uri().path()).to_owned();
        let response = self.inner.call(request);
        let pulse = self.pulse.clone();
        Box::pin(async move {
            let response = response.await?;
            if !(is_watch && response.status().is_success()) {
                return Ok(response);
            }
            (pulse.0)(&namespace, Sign::Head);
            Ok(response.map(|body| -> Box<DynBody> {
                Box::new(body.map_frame(move |frame| {
                    (pulse.0)(&namespace, Sign::Life);
                    frame
                }))
            }))
        })
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

    use bytes::Bytes;
    use http_body_util::Full;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    /// The signs that a request brings whose answer has one frame, each with its namespace.
    async fn signs(path: &str, status: u16) -> Vec<(String, Sign)> {
        let signs = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&signs);
        let pulse = Pulse::new(move |namespace, sign| {
            seen.lock().unwrap().push((namespace.to_owned(), sign));
        });
        let service = pulse.layer(service_fn(move |_| async move {
            let body = Full::new(Bytes::from_static(b"{}")).map_err(BoxError::from);
            let body: Box<DynBody> = Box::new(body);
            Ok(Response::builder().status(status).body(body).unwrap())
        }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            "{}"
        );
        signs.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn head_and_frames_of_a_watch_are_signs_and_nothing_else_is() {
        let both =
            |namespace: &str| [Sign::Head, Sign::Life].map(|sign| (namespace.to_owned(), sign));
        let (all, media) = ("/apis/x/v1/things", "/apis/x/v1/namespaces/media/things");
        let watch = format!("{all}?watch=true&resourceVersion=7");
        assert_eq!(signs(&watch, 200).await, both(""));
        let watch = format!("{media}?allowWatchBookmarks=true&watch=true");
        assert_eq!(signs(&watch, 200).await, both("media"));
        let list = format!("{media}?limit=500");
        assert_eq!(signs(&list, 200).await, []);
        let refused = format!("{media}?watch=true");
        assert_eq!(signs(&refused, 410).await, []);
    }
}
