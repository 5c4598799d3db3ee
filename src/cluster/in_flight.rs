//! Which requests have no answer yet, for whoever has to say what is waited for. Asks for nothing itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

use crate::lock::lock;

/// The requests of the clients that were made through it.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    begun: u64,
    requests: BTreeMap<u64, String>,
}

impl InFlight {
    /// The one that has waited longest, as method and path.
    pub fn oldest(&self) -> Option<String> {
        lock(&self.0)
            .requests
            .first_key_value()
            .map(|(_, request)| request.clone())
    }

    /// Counts a request as waited for until what this gives is dropped.
    fn begin(&self, request: &Request<Body>) -> OpenRequest {
        let mut open = lock(&self.0);
        open.begun += 1;
        let number = open.begun;
        let words = format!("{} {}", request.method(), request.uri().path());
        open.requests.insert(number, words);
        OpenRequest(self.clone(), number)
    }
}

/// A request on its way.
struct OpenRequest(InFlight, u64);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        lock(&self.0.0).requests.remove(&self.1);
    }
}

impl<S> Layer<S> for InFlight {
    type Service = Seen<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Seen {
            inner,
            seen: self.clone(),
        }
    }
}

/// A service whose requests are seen.
#[derive(Clone)]
pub struct Seen<S> {
    inner: S,
    seen: InFlight,
}

impl<S> Service<Request<Body>> for Seen<S>
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
        let open = self.seen.begin(&request);
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await;
            drop(open);
            response
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tower::{ServiceExt as _, service_fn};

    use super::*;

    #[test]
    fn what_waits_longest_is_told_until_it_is_answered_or_given_up() {
        let seen = InFlight::default();
        let ask = |path: &str| {
            let service = seen.layer(service_fn(|_| std::future::pending()));
            let request = Request::get(path).body(Body::empty()).unwrap();
            let mut asked = Box::pin(service.oneshot(request));
            assert!(asked.as_mut().now_or_never().is_none());
            asked
        };
        assert_eq!(seen.oldest(), None);
        let (first, second) = (ask("/first?limit=500"), ask("/second"));
        assert_eq!(seen.oldest().as_deref(), Some("GET /first"));
        drop(first);
        assert_eq!(seen.oldest().as_deref(), Some("GET /second"));
        drop(second);
        assert_eq!(seen.oldest(), None);
    }
}
