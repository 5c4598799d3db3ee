//! A proxy between one operator and the API server, which tells a trap of every write and does harm by script. Plain HTTP in
//! front, one HTTP/1.1 connection per call in flight, as many clients are seen by a load balancer.

mod harm;
mod stream;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::{Body, to_bytes};
use http::{Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::client::Body as KubeBody;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
    task::JoinHandle,
};

use super::{control_plane, right::GrantedRight, trap::Trap};
pub(crate) use harm::{Harm, HarmedAnswer, HarmedCalls, status};
pub(crate) use stream::StreamOrder;

const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// How many orders a watch may be behind.
const ORDERS: usize = 64;

/// A running proxy. It ends when this value goes.
pub(crate) struct ApiProxy {
    url: String,
    way: Arc<ProxyRoute>,
    serving: JoinHandle<()>,
}

struct ProxyRoute {
    api_server: Mutex<kube::Client>,
    trap: Arc<Trap>,
    harms: Mutex<Vec<Harm>>,
    /// What passed, or was to.
    seen: Mutex<Vec<SeenRequest>>,
    /// What the API server refused for want of a right.
    refused: Mutex<Vec<GrantedRight>>,
    /// How many calls and connections came to harm.
    harmed: AtomicUsize,
    /// To every watch that is open.
    orders: broadcast::Sender<StreamOrder>,
    /// Whether connections are served; each change ends those that there are.
    up: watch::Sender<bool>,
}

/// A call that came by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenRequest {
    pub(crate) calls: HarmedCalls,
    /// The client's end of the connection.
    pub(crate) peer: SocketAddr,
    pub(crate) harmed: bool,
}

impl ApiProxy {
    /// Starts one on a free port of the loopback interface.
    pub(crate) async fn start(trap: Arc<Trap>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let way = Arc::new(ProxyRoute {
            api_server: Mutex::new(control_plane::without_credentials().await),
            trap,
            harms: Mutex::default(),
            seen: Mutex::default(),
            refused: Mutex::default(),
            harmed: AtomicUsize::new(0),
            orders: broadcast::Sender::new(ORDERS),
            up: watch::Sender::new(true),
        });
        let serving = tokio::spawn(accept(listener, Arc::clone(&way)));
        Self { url, way, serving }
    }

    /// Where the operator finds it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Finds the API server again, which was started anew at another address.
    pub(crate) async fn reconnect(&self) {
        let api_server = control_plane::without_credentials().await;
        *lock(&self.way.api_server) = api_server;
    }

    /// Does this to calls that come, after the harms that are there.
    pub(crate) fn harm(&self, harm: Harm) {
        lock(&self.way.harms).push(harm);
    }

    /// Does this to the watches that are open.
    pub(crate) fn watches(&self, order: StreamOrder) {
        // Without an open watch nobody listens.
        let count = self.way.orders.send(order).unwrap_or_default();
        self.way.harmed.fetch_add(count, Ordering::Relaxed);
    }

    /// Ends all connections, and every new one at once.
    pub(crate) fn down(&self) {
        self.way.up.send_replace(false);
    }

    /// No more harm is done to calls that come from now on.
    pub(crate) fn calm(&self) {
        lock(&self.way.harms).clear();
        self.way
            .up
            .send_if_modified(|up| !std::mem::replace(up, true));
    }

    /// How often harm was done.
    pub(crate) fn harmed(&self) -> usize {
        self.way.harmed.load(Ordering::Relaxed)
    }

    /// The calls so far, in the order of their coming.
    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.way.seen).clone()
    }

    /// The rights that calls lacked, in the order of the API server's refusals.
    pub(crate) fn refused(&self) -> Vec<GrantedRight> {
        lock(&self.way.refused).clone()
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.serving.abort();
        self.down();
    }
}

async fn accept(listener: TcpListener, way: Arc<ProxyRoute>) {
    loop {
        // An error is a client that has gone again.
        if let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(connection(stream, peer, Arc::clone(&way)));
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, way: Arc<ProxyRoute>) {
    let mut up = way.up.subscribe();
    if !*up.borrow_and_update() {
        way.harmed.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let service = service_fn(|request| pass(Arc::clone(&way), peer, request));
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is a client that left, or harm.
        _ = served => {}
        _ = up.changed() => {}
    }
}

/// Serves one call. An error ends the connection.
async fn pass(
    way: Arc<ProxyRoute>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::HOST);
    let body = to_bytes(Body::new(body), BODY_LIMIT).await;
    let body = body.map_err(io::Error::other)?;
    let calls = HarmedCalls::of(&parts);
    let harm = way.next_harm(calls, parts.uri.path());
    lock(&way.seen).push(SeenRequest {
        calls,
        peer,
        harmed: harm.is_some(),
    });
    if let Some(harm) = &harm {
        tokio::time::sleep(harm.delay).await;
    }
    // The Lease is written again and again, and decides nothing about the cloud.
    let counts = parts.method != Method::GET && calls != HarmedCalls::Lease;
    let (number, lost) = if counts {
        way.trap.write_begins(what(&parts))
    } else {
        (0, false)
    };
    if lost {
        return hang().await;
    }
    let query = parts.uri.query().unwrap_or_default();
    let right = GrantedRight::needed_by(&parts.method, parts.uri.path(), query);
    let answer = match &harm {
        Some(harm) if !harm.commit => None,
        Some(_) | None => {
            let request = Request::from_parts(parts, KubeBody::from(body));
            let api_server = lock(&way.api_server).clone();
            Some(api_server.send(request).await)
        }
    };
    if matches!(&answer, Some(Ok(answer)) if answer.status() == StatusCode::FORBIDDEN) {
        lock(&way.refused).push(right);
    }
    let text = match &answer {
        Some(Ok(answer)) => answer.status().to_string(),
        Some(Err(error)) => error.to_string(),
        None => "not passed on".to_owned(),
    };
    if counts && way.trap.write_ends(number, &format!(" -> {text}")) {
        return hang().await;
    }
    let harmed = harm.map_or(HarmedAnswer::Genuine, |harm| harm.answer);
    let is_mute = matches!(harmed, HarmedAnswer::Mute);
    match harmed {
        HarmedAnswer::Genuine | HarmedAnswer::Mute => {}
        HarmedAnswer::Instead(instead) => return Ok(instead.response()),
        HarmedAnswer::Close => return Err(io::Error::other("closed on purpose")),
        HarmedAnswer::Hang => return hang().await,
    }
    let Some(Ok(answer)) = answer else {
        return Ok(bad_gateway(text));
    };
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::TRANSFER_ENCODING);
    let body = if is_mute {
        stream::mute()
    } else if calls == HarmedCalls::Watch {
        stream::obeying(body, way.orders.subscribe())
    } else {
        Body::new(body)
    };
    Ok(Response::from_parts(parts, body))
}

impl ProxyRoute {
    /// What is to befall this call.
    fn next_harm(&self, calls: HarmedCalls, path: &str) -> Option<Harm> {
        let mut harms = lock(&self.harms);
        let position = harms.iter().position(|harm| harm.concerns(calls, path))?;
        let harm = harms.get_mut(position)?;
        harm.times -= 1;
        let due = harm.clone();
        if due.times == 0 {
            harms.remove(position);
        }
        self.harmed.fetch_add(1, Ordering::Relaxed);
        Some(due)
    }
}

fn bad_gateway(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

async fn hang<T>() -> T {
    match std::future::pending::<Infallible>().await {}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a write is, for people: the method, and the last words of the path.
fn what(parts: &http::request::Parts) -> String {
    let words: Vec<&str> = parts.uri.path().rsplit('/').take(2).collect();
    let words: Vec<&str> = words.into_iter().rev().collect();
    format!("{} {}", parts.method, words.join("/"))
}
