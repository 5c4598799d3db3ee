//! Sockets: accepts connections, speaks HTTP/1.1 on them, and ends them as a fault demands. Runs in
//! a thread and a runtime of its own, so that neither a blocked nor a paused test stops it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::Request;
use http::Response;
use http::header;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::cloud::Cloud;
use crate::control;
use crate::exchange::Delivery;
use crate::exchange::ExchangeScheme;
use crate::refusal::CloudRefusal;
use crate::settings::Connections;
use crate::wire::Override;
use crate::wire::Wire;

const BODY_LIMIT: usize = 12 * 1024 * 1024;
const TLS_HANDSHAKE: u8 = 0x16;

/// Who answers the calls of a listener.
#[derive(Clone)]
pub(crate) enum Handler {
    /// The simulated cloud.
    Cloud(Cloud),
    /// The control interface of this cloud.
    Control(Cloud),
}

/// A listener with what serves it.
pub(crate) struct ServedEndpoint {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) handler: Handler,
}

/// A running server; dropping it closes its listeners and connections.
pub(crate) struct SimulatorServer {
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl SimulatorServer {
    /// Serves these listeners until the server is dropped.
    pub(crate) fn start(endpoints: Vec<ServedEndpoint>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listeners = {
            let _context = runtime.enter();
            endpoints
                .into_iter()
                .map(bind)
                .collect::<io::Result<Vec<_>>>()?
        };
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let serve = move || {
            runtime.block_on(async move {
                for (listener, endpoint) in listeners {
                    tokio::spawn(accept(listener, endpoint));
                }
                // The sender sends nothing: dropping it is the signal.
                let _ = stopped.await;
            });
        };
        let thread = thread::Builder::new()
            .name("live-simulator".to_owned())
            .spawn(serve)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for SimulatorServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; there is nothing to add to it.
            let _ = thread.join();
        }
    }
}

type ServedState = (TcpListener, Arc<(Option<TlsAcceptor>, Handler)>);

fn bind(endpoint: ServedEndpoint) -> io::Result<ServedState> {
    endpoint.listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(endpoint.listener)?;
    Ok((listener, Arc::new((endpoint.tls, endpoint.handler))))
}

/// Binds a listener; the port may be 0.
pub(crate) fn listen(address: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn accept(listener: TcpListener, endpoint: Arc<(Option<TlsAcceptor>, Handler)>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let endpoint = Arc::clone(&endpoint);
                tokio::spawn(async move { connection(stream, &endpoint).await });
            }
            // The peer has gone, or the process is out of descriptors, which closing ones free.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn connection(stream: TcpStream, endpoint: &(Option<TlsAcceptor>, Handler)) {
    let (tls, handler) = endpoint;
    if let Handler::Cloud(cloud) = handler {
        match cloud.settings(|settings| settings.connections) {
            Connections::Serve => {}
            Connections::Close => return,
            Connections::Hang => std::future::pending().await,
        }
    }
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return serve(stream, ExchangeScheme::Plain, handler).await;
    };
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first == [TLS_HANDSHAKE] => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, ExchangeScheme::Tls, handler).await;
            }
        }
        Ok(1) => serve(stream, ExchangeScheme::PlainAtTls, handler).await,
        Ok(_) | Err(_) => {}
    }
}

async fn serve<S>(stream: S, transport: ExchangeScheme, handler: &Handler)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let replacement = Override::default();
    let service = service_fn(|request| answer(request, transport, handler, &replacement));
    // An error is a peer that left or a fault that ended the connection: nothing to report.
    let _ = http1::Builder::new()
        .title_case_headers(true)
        .auto_date_header(false)
        .serve_connection(
            TokioIo::new(Wire::new(stream, replacement.clone())),
            service,
        )
        .await;
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Aborted;

impl std::fmt::Display for Aborted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection was closed on purpose")
    }
}

impl std::error::Error for Aborted {}

async fn answer(
    request: Request<Incoming>,
    transport: ExchangeScheme,
    handler: &Handler,
    replacement: &Override,
) -> Result<Response<Full<Bytes>>, Aborted> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Ok(too_large()),
        Err(_) => return Err(Aborted),
    };
    let request = Request::from_parts(parts, body);
    let delivery = match handler {
        Handler::Cloud(cloud) => cloud.call(request, transport).await,
        Handler::Control(cloud) => Delivery::Whole(control::answer(cloud, &request).await),
    };
    match delivery {
        Delivery::Whole(response) => Ok(response.map(Full::new)),
        Delivery::Cut(response, after) => Ok(replacement.set(cut(&response, after))),
        Delivery::Raw(bytes) => Ok(replacement.set(bytes)),
        Delivery::Close => Err(Aborted),
        Delivery::Hang => std::future::pending().await,
    }
}

fn too_large() -> Response<Full<Bytes>> {
    let refusal = CloudRefusal::too_large();
    let mut response = Response::new(Full::new(Bytes::from(refusal.body("").to_string())));
    *response.status_mut() = http::StatusCode::PAYLOAD_TOO_LARGE;
    response
}

/// The bytes of a response whose body ends early: its length is announced in full.
fn cut(response: &Response<Bytes>, after: usize) -> Bytes {
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = response.body();
    let length = format!("{}: {}\r\n\r\n", header::CONTENT_LENGTH, body.len());
    bytes.extend_from_slice(length.as_bytes());
    bytes.extend_from_slice(body.get(..after).unwrap_or(body));
    Bytes::from(bytes)
}
