//! Whoever reaches the port of probes and metrics and means harm: probes are answered, and the work goes on.

use std::net::SocketAddr;
use std::time::Duration;

use live_simulator::LoggedOperation::Create;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use crate::support::world::OperatorWorld;

/// A probe of the chart waits no longer.
const PROBE: Duration = Duration::from_secs(1);

/// Connections that have sent this, and read nothing.
async fn opened(address: SocketAddr, count: usize, sent: &str) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn half_sent_heads_and_slow_readers_hold_up_neither_probes_nor_work() {
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    let address = operator.address.unwrap();
    let head = "GET /metrics HTTP/1.1\r\nHost: operator\r\n";
    let _half = opened(address, 300, head).await;
    let _idle = opened(address, 200, "").await;
    let _slow = opened(address, 300, &format!("{head}\r\n").repeat(8)).await;
    for page in ["/livez", "/readyz"] {
        let answer = timeout(PROBE, operator.get(page)).await;
        assert_eq!(answer.unwrap().unwrap().0, 200, "{page}");
    }
    world.create("push", json!({})).await;
    world.ready("push").await;
    assert_eq!(world.count(Create), 1);
    let (_, page) = operator.get("/metrics").await.unwrap();
    let open = page
        .lines()
        .find_map(|line| line.strip_prefix("process_open_fds "));
    let open: f64 = open.unwrap().parse().unwrap();
    assert!(open < 128.0, "{open} descriptors are open");
}
