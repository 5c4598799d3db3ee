//! `/livez`, `/readyz` and `/metrics`, over HTTP. Only tells what `Health` and `Metrics` know.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;

pub mod health;
mod listener;

pub use health::{Check, Health, WatchTrouble};

use crate::metrics::Metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// So many connections may wait to be accepted. The 128 of the standard library are full after one burst, and who comes to a full
/// queue, as a probe, tries again after a second: longer than probes wait. The system has a limit of its own (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// The address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}, choose another address with --listen")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Takes the address. Every IPv6 address means every IPv4 address where IPv6 is off.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    let result = match listen(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && no_ipv6(&error) => {
            listen((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        result => result,
    };
    result.map_err(|source| BindError { address, source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Or a restart would have to wait until the connections of the process before it are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Whether the failure may be for want of IPv6, for which systems have several words.
fn no_ipv6(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

/// Serves until the future is dropped.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
) -> Infallible {
    let health = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(health);
    let metrics = Router::new()
        .route("/metrics", get(exposition))
        .with_state(Arc::new(Exposition {
            metrics,
            encoding: Mutex::new(()),
        }));
    listener::serve(listener, health.merge(metrics)).await
}

async fn livez(State(health): State<Arc<Health>>) -> impl IntoResponse {
    match health.liveness() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, format!("{text}\n")),
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let (is_ready, text) = health.readiness();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, text)
}

/// The text of all metrics, made for one caller at a time: however many ask, probes and work keep the other threads.
struct Exposition {
    metrics: Arc<Metrics>,
    encoding: Mutex<()>,
}

async fn exposition(State(exposition): State<Arc<Exposition>>) -> impl IntoResponse {
    let _encoding = exposition.encoding.lock().await;
    let text = exposition.metrics.encode();
    ([(header::CONTENT_TYPE, OPEN_METRICS)], text)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::pin::pin;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_and_metrics_are_served() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let health = Arc::new(Health::new(&[]));
        let metrics = Arc::new(Metrics::new(|_| "other", false));
        tokio::spawn(serve(listener, Arc::clone(&health), metrics));

        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let unready = get(address, "/readyz").await;
        assert!(
            unready.starts_with("HTTP/1.1 503") && unready.contains("watch:"),
            "{unready}"
        );
        for check in [Check::Lease, Check::Crd] {
            health.set(check, Ok(()));
        }
        health.listed("");
        assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));

        let metrics = get(address, "/metrics").await;
        assert!(metrics.contains(OPEN_METRICS), "{metrics}");
        assert!(
            metrics.contains("recording_callback_build_info{"),
            "{metrics}"
        );
        assert!(metrics.ends_with("# EOF\n"), "{metrics}");
        assert!(get(address, "/").await.starts_with("HTTP/1.1 404"));
    }

    /// Who waits for the end of serving is at work for long, and gives nobody a turn.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_probe_is_answered_while_the_task_that_serves_is_at_work() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let health = Arc::new(Health::new(&[]));
        let metrics = Arc::new(Metrics::new(|_| "other", false));
        let mut served = pin!(serve(listener, health, metrics));
        assert!(futures::poll!(&mut served).is_pending());
        let mut probe = std::net::TcpStream::connect(address).unwrap();
        probe
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let request = "GET /livez HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
        probe.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test]
    async fn a_taken_address_is_named_with_the_remedy() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = taken.local_addr().unwrap();
        let text = bind(address).unwrap_err().to_string();
        assert!(
            text.contains(&address.to_string()) && text.contains("--listen"),
            "{text}"
        );
    }

    /// Nobody accepts them yet, as while the process does not get the processor.
    #[tokio::test]
    async fn a_burst_of_connections_finds_room() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut open = Vec::new();
        for nth in 0..200 {
            // One that finds no room is asked for again after a second.
            let stream = timeout(Duration::from_millis(900), TcpStream::connect(address)).await;
            open.push(stream.unwrap_or_else(|_| panic!("{nth} found room")));
        }
    }
}
