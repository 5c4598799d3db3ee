//! Whoever reaches the port of probes and metrics and means harm: probes are answered, and the work goes on.

use std::net::SocketAddr;
use std::time::Duration;

use live_simulator::LoggedOperation::Create;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, process::Command, time::timeout};

use crate::support::{operator::OperatorProcess, world::OperatorWorld};

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

/// Sets how many descriptors a process may have, until it says something else.
pub(crate) async fn limit_descriptors(process: u32, most: &str) {
    let arguments = [format!("--pid={process}"), format!("--nofile={most}:")];
    let limited = Command::new("prlimit").args(arguments).status().await;
    assert!(limited.unwrap().success(), "{most} descriptors");
}

/// Lets this process have as many as it may ask for: a connection has a descriptor at each end.
async fn have_descriptors() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let mut lines = limits.lines();
    let line = lines.find(|line| line.starts_with("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().nth(4));
    limit_descriptors(std::process::id(), most.unwrap()).await;
}

/// The value of a metric that is a number of descriptors.
pub(crate) async fn descriptors(operator: &OperatorProcess, metric: &str) -> usize {
    let (_, page) = operator.get("/metrics").await.unwrap();
    let mut lines = page.lines().filter_map(|line| line.split_once(' '));
    let (_, value) = lines.find(|(name, _)| *name == metric).unwrap();
    value.trim_end_matches(".0").parse().unwrap()
}

pub(crate) async fn probes_are_answered(operator: &OperatorProcess) {
    for page in ["/livez", "/readyz"] {
        let answer = timeout(PROBE, operator.get(page)).await;
        assert_eq!(answer.unwrap().unwrap().0, 200, "{page}");
    }
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
    probes_are_answered(&operator).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    assert_eq!(world.count(Create), 1);
    let open = descriptors(&operator, "process_open_fds").await;
    assert!(open < 128, "{open} descriptors are open");
}

/// Twice as many connections as it may have descriptors, all of them open at the other end.
#[tokio::test]
async fn two_thousand_connections_leave_descriptors_for_the_work() {
    const CONNECTIONS: usize = 2000;
    let world = OperatorWorld::new().await;
    let operator = world.operator().await;
    limit_descriptors(operator.process(), "1024").await;
    let most = descriptors(&operator, "process_max_fds").await;
    assert_eq!(most, 1024);
    have_descriptors().await;
    let address = operator.address.unwrap();
    let mut open = Vec::new();
    while open.len() < CONNECTIONS {
        open.extend(opened(address, CONNECTIONS / 4, "GET /livez HTTP/1.1\r\n").await);
        probes_are_answered(&operator).await;
    }
    world.create("push", json!({})).await;
    world.ready("push").await;
    assert_eq!(world.count(Create), 1);
    let used = descriptors(&operator, "process_open_fds").await;
    assert!(used < 128, "{used} descriptors are open");
}
