//! A scripted HTTP server on the loopback interface.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a server does with a request that it has read to its end.
pub(super) enum ServerReply {
    Say(Vec<u8>),
    SayAndHangUp(Vec<u8>),
    HangUp,
}

pub(super) fn ok() -> ServerReply {
    ServerReply::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec())
}

/// A server that answers its n-th request by `script(n)` and counts requests and connections.
pub(super) struct RawServer {
    pub(super) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    pub(super) heads: Arc<Mutex<Vec<String>>>,
}

impl RawServer {
    pub(super) async fn start(
        script: impl Fn(usize) -> ServerReply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            connections: Arc::default(),
            heads: Arc::default(),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        let heads = server.heads.clone();
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (requests, heads) = (requests.clone(), heads.clone());
                let script = script.clone();
                tokio::spawn(async move {
                    while let Some(head) = read_request(&mut stream).await {
                        heads.lock().unwrap().push(head);
                        match script(requests.fetch_add(1, Ordering::SeqCst)) {
                            ServerReply::Say(bytes) => stream.write_all(&bytes).await.unwrap(),
                            ServerReply::SayAndHangUp(bytes) => {
                                stream.write_all(&bytes).await.unwrap();
                                return;
                            }
                            ServerReply::HangUp => return,
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/v1/project/record/callbacks", self.address)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The head of one request, after its body was read too; `None` when the peer closed.
pub(super) async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec())
                .unwrap()
                .to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if read.len() >= end + 4 + length {
                return Some(head);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    }
}
