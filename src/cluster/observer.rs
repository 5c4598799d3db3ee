//! What sees the requests of a client and their answers. Sends nothing itself.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

/// What a request ends with.
pub type RequestEnd = Result<Response<Box<DynBody>>, BoxError>;

/// Sees requests.
pub trait RequestObserver {
    /// A request is being sent: gives what its end passes through, which is dropped unused when the request is given up.
    fn begin(&self, request: &Request<Body>) -> Box<dyn FnOnce(RequestEnd) -> RequestEnd + Send>;
}

/// Lets an observer see the requests of a service.
#[derive(Clone)]
pub struct ObserverLayer<O>(pub O);

impl<S, O: Clone> Layer<S> for ObserverLayer<O> {
    type Service = ObservedService<S, O>;

    fn layer(&self, inner: S) -> Self::Service {
        ObservedService {
            inner,
            observer: self.0.clone(),
        }
    }
}

/// A service whose requests are seen.
#[derive(Clone)]
pub struct ObservedService<S, O> {
    inner: S,
    observer: O,
}

impl<S, O: RequestObserver> Service<Request<Body>> for ObservedService<S, O>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, RequestEnd>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let end = self.observer.begin(&request);
        let response = self.inner.call(request);
        Box::pin(async move { end(response.await) })
    }
}
