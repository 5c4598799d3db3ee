//! Which requests have no answer yet, for whoever has to say what is waited for. Asks for nothing itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::Request;
use kube::client::Body;

use super::observer::{RequestEnd, RequestObserver};
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
    fn open(&self, request: &Request<Body>) -> OpenRequest {
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

impl RequestObserver for InFlight {
    fn begin(&self, request: &Request<Body>) -> Box<dyn FnOnce(RequestEnd) -> RequestEnd + Send> {
        let open = self.open(request);
        Box::new(move |end| {
            drop(open);
            end
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tower::{Layer as _, ServiceExt as _, service_fn};

    use super::*;
    use crate::cluster::observer::ObserverLayer;

    #[test]
    fn what_waits_longest_is_told_until_it_is_answered_or_given_up() {
        let seen = InFlight::default();
        let ask = |path: &str| {
            let service = ObserverLayer(seen.clone()).layer(service_fn(|_| std::future::pending()));
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
