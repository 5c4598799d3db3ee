//! Lists in pages that memory has room for. How many objects a page has is asked for, how long they are its editors decide: a page that is
//! too long is given up while it comes, and asked for again with fewer. Decides nothing else of a list.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use kube::client::{Body, DynBody};
use tower::{BoxError, Service, ServiceExt as _};

use crate::lock::lock;

/// The longest page, in bytes: 500 usual objects have as many, of which fewer are asked for. It is in memory some times over while it is
/// read.
const LONGEST: usize = 2 * 1024 * 1024;
/// A page that was too long is asked for again with so many times fewer objects.
const FEWER: u32 = 2;
/// What asks for the number of objects.
const LIMIT: &str = "limit=";

/// How many objects a page of each list may have, where it is less than asked for.
#[derive(Clone, Default)]
pub(super) struct Pages(Arc<Mutex<HashMap<String, u32>>>);

impl Pages {
    /// A page of a list, with all of its body, which is read by then. What is asked for has to be a [`is_list`].
    pub(super) async fn read<S>(
        &self,
        mut service: S,
        request: Request<Body>,
    ) -> Result<Response<Box<DynBody>>, BoxError>
    where
        S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    {
        let (head, _) = request.into_parts();
        let (uri, path) = (head.uri.clone(), head.uri.path().to_owned());
        let asked = limit(&uri).unwrap_or(1);
        let mut size = lock(&self.0)
            .get(&path)
            .copied()
            .unwrap_or(asked)
            .min(asked);
        loop {
            let mut head = head.clone();
            head.uri = with_limit(&uri, size)?;
            let request = Request::from_parts(head, Body::empty());
            let (head, body) = service.ready().await?.call(request).await?.into_parts();
            // One object is as long as the API server lets it be.
            let longest = if size > 1 { LONGEST } else { usize::MAX };
            if let Some(body) = collect(body, longest).await? {
                self.adapt(path, size, asked, body.len());
                let body: Box<DynBody> = Box::new(Full::new(body).map_err(BoxError::from));
                return Ok(Response::from_parts(head, body));
            }
            size = (size / FEWER).max(1);
        }
    }

    /// The next page of the list begins with what this one could have had.
    fn adapt(&self, path: String, size: u32, asked: u32, length: usize) {
        let more = size.saturating_mul(FEWER).min(asked);
        let has_room = length.saturating_mul(FEWER as usize) <= LONGEST;
        let next = if has_room { more } else { size };
        let mut sizes = lock(&self.0);
        if next == asked {
            sizes.remove(&path);
        } else {
            sizes.insert(path, next);
        }
    }
}

/// Whether this asks for a page of a list, of those requests that are no watch.
pub(super) fn is_list(uri: &Uri) -> bool {
    limit(uri).is_some()
}

fn limit(uri: &Uri) -> Option<u32> {
    let mut pairs = uri.query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix(LIMIT)?.parse().ok())
}

fn with_limit(uri: &Uri, limit: u32) -> Result<Uri, BoxError> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let pairs = pairs.filter(|pair| !pair.starts_with(LIMIT));
    let limit = format!("{LIMIT}{limit}");
    let query: Vec<&str> = pairs.chain([limit.as_str()]).collect();
    let mut parts = uri.clone().into_parts();
    let target: PathAndQuery = format!("{}?{}", uri.path(), query.join("&")).parse()?;
    parts.path_and_query = Some(target);
    Ok(Uri::from_parts(parts)?)
}

/// The whole body, unless it is longer.
async fn collect(mut body: Box<DynBody>, longest: usize) -> Result<Option<Bytes>, BoxError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.len() > longest {
                return Ok(None);
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(Some(whole.freeze()))
}

#[cfg(test)]
mod tests {
    use tower::service_fn;

    use super::*;

    /// What was asked of an API server whose objects have so many bytes each, of which there are a thousand.
    async fn asked(pages: &Pages, each: usize, path: &str) -> Vec<u32> {
        let asked = Mutex::new(Vec::new());
        let service = service_fn(|request: Request<Body>| {
            let size = limit(request.uri()).unwrap();
            assert!(request.uri().query().unwrap().contains("labelSelector=a"));
            lock(&asked).push(size);
            async move {
                let object = Bytes::from(vec![b'x'; each]);
                let objects = (0..size).map(move |_| Ok(http_body::Frame::data(object.clone())));
                let body = http_body_util::StreamBody::new(futures::stream::iter(objects));
                let body: Box<DynBody> = Box::new(Box::pin(body));
                Ok::<_, BoxError>(Response::new(body))
            }
        });
        let uri = format!("{path}?limit=500&labelSelector=a");
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let page = pages.read(service, request).await.unwrap();
        let length = page.into_body().collect().await.unwrap().to_bytes().len();
        let sizes = lock(&asked).clone();
        assert_eq!(length, each * *sizes.last().unwrap() as usize);
        sizes
    }

    #[tokio::test]
    async fn a_page_that_is_too_long_is_asked_for_with_fewer_objects() {
        let pages = Pages::default();
        let down = [500, 250, 125, 62, 31, 15, 7];
        assert_eq!(asked(&pages, 4096, "/long").await, [500]);
        assert_eq!(asked(&pages, 200 * 1024, "/long").await, down);
        assert_eq!(asked(&pages, 200 * 1024, "/long").await, [7], "it is known");
        assert_eq!(asked(&pages, 200 * 1024, "/other").await, down);
        assert_eq!(asked(&pages, 2 * 1024 * 1024, "/long").await, [7, 3, 1]);
        let whatever = asked(&pages, 8 * 1024 * 1024, "/long").await;
        assert_eq!(whatever, [1], "one has what it has");
        for size in [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500] {
            assert_eq!(asked(&pages, 1024, "/long").await, [size]);
        }
    }
}
