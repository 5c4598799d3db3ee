//! The transport against real sockets on the loopback interface.

mod environment;
mod proxies;
mod server;
mod trust;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::{io::AsyncReadExt, net::TcpListener, time::Instant};

use self::server::{RawServer, ServerReply, ok, read_request};
use crate::platform::clock::WallClock;
use crate::platform::transport::*;

const BODY: &[u8] = b"{\"publish_domain\":\"push.example.com\"}";
const PATIENCE: Duration = Duration::from_secs(10);

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

fn steady() -> WallClock {
    Arc::new(noon)
}

fn transport(wall: WallClock) -> HttpTransport {
    HttpTransport::direct(wall).unwrap()
}

fn request(method: Method, url: String) -> Request {
    let body = (method == Method::POST).then(|| Bytes::from_static(BODY));
    Request {
        method,
        url,
        headers: HeaderMap::new(),
        body,
    }
}

async fn send(method: Method, url: String) -> Result<Response, TransportError> {
    let wall = steady();
    let deadline = Deadline::after(&wall, PATIENCE);
    transport(wall).send(request(method, url), deadline).await
}

/// Others hold so many calls for long that only who was quick before gets one more.
#[tokio::test]
async fn a_host_that_was_quick_has_room_beside_any_that_are_not_known() {
    let server = RawServer::start(|_| ok()).await;
    let (wall, url) = (steady(), server.url());
    let transport = transport(Arc::clone(&wall));
    let take = |host: String| {
        let transport = &transport;
        async move {
            tokio::task::yield_now().await;
            transport.slot(&host, Instant::now()).await
        }
    };
    let slot = take(url.clone()).await;
    let deadline = Deadline::after(&wall, PATIENCE);
    let sent = transport.send(request(Method::GET, url.clone()), deadline);
    sent.await.unwrap();
    drop(slot);
    let mut others = Vec::new();
    while let Some(slot) = take(format!("https://{}.example.com", others.len())).await {
        others.push(slot);
    }
    assert!(take("https://new.example.com".to_owned()).await.is_none());
    assert!(take(url).await.is_some(), "beside {} others", others.len());
}

/// Quick answers of any number of hosts leave no more open connections than those of a few.
#[tokio::test]
async fn connections_are_kept_to_a_few_hosts_however_many_are_called() {
    let mut servers = Vec::new();
    for _ in 0..40 {
        servers.push(RawServer::start(|_| ok()).await);
    }
    let (wall, of_each) = (steady(), [Method::GET, Method::POST, Method::PUT]);
    let transport = transport(Arc::clone(&wall));
    for method in &of_each {
        for server in &servers {
            let deadline = Deadline::after(&wall, PATIENCE);
            let sent = transport.send(request(method.clone(), server.url()), deadline);
            assert_eq!(sent.await.unwrap().status, StatusCode::OK, "{method}");
        }
    }
    let connections: Vec<_> = servers.iter().map(RawServer::connections).collect();
    let kept = connections.iter().filter(|count| **count < of_each.len());
    assert_eq!(kept.count(), 16, "{connections:?}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let server = RawServer::start(|_| {
        ServerReply::Say(
            b"HTTP/1.1 307 T\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )
    })
    .await;
    let response = send(Method::POST, server.url()).await.unwrap();
    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    for (size, fits) in [(MAX_BODY, true), (MAX_BODY + 1, false)] {
        let server = RawServer::start(move |_| {
            let mut reply =
                format!("HTTP/1.1 200 OK\r\nX-Request-Id: r\r\nContent-Length: {size}\r\n\r\n")
                    .into_bytes();
            reply.resize(reply.len() + size, b'x');
            ServerReply::SayAndHangUp(reply)
        })
        .await;
        match send(Method::GET, server.url()).await {
            Ok(response) => assert!(fits && response.body.len() == size),
            Err(TransportError::Unreadable {
                status,
                headers,
                message,
                had_no_room,
            }) => {
                assert!(!had_no_room, "it is the host's own doing");
                assert!(!fits && message.contains("1 MiB"), "{message}");
                assert_eq!(
                    (status, headers["x-request-id"].as_bytes()),
                    (StatusCode::OK, &b"r"[..])
                );
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Eight at most have room: nine that are all but complete, and never end.
#[tokio::test]
async fn a_body_that_gives_way_says_nothing_of_its_host() {
    let server = RawServer::start(|_| {
        let mut reply =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {MAX_BODY}\r\n\r\n").into_bytes();
        reply.resize(reply.len() + MAX_BODY - 1, b'x');
        ServerReply::Say(reply)
    })
    .await;
    let wall = steady();
    let (transport, deadline) = (
        transport(Arc::clone(&wall)),
        Deadline::after(&wall, PATIENCE),
    );
    let sends = (0..9).map(|_| transport.send(request(Method::GET, server.url()), deadline));
    let (first, ..) = futures::future::select_all(sends).await;
    let Err(TransportError::Unreadable { had_no_room, .. }) = first else {
        panic!("{first:?}");
    };
    assert!(had_no_room);
}

#[tokio::test]
async fn a_truncated_body_is_told_apart_from_no_answer() {
    let server = RawServer::start(|_| {
        ServerReply::SayAndHangUp(b"HTTP/1.1 201 C\r\nContent-Length: 100\r\n\r\n{\"id\":".to_vec())
    })
    .await;
    let result = send(Method::POST, server.url()).await;
    let Err(TransportError::Unreadable {
        status, message, ..
    }) = result
    else {
        panic!("{result:?}");
    };
    assert_eq!(status, StatusCode::CREATED);
    assert!(message.contains("broke off"), "{message}");
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let result = send(method, url.clone()).await;
        let Err(TransportError::NotSent(message)) = result else {
            panic!("{result:?}")
        };
        assert!(
            message.contains("127.0.0.1") && message.contains("refused"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_sent() {
    let result = send(Method::POST, "http://live.invalid/".to_owned()).await;
    let Err(TransportError::NotSent(message)) = result else {
        panic!("{result:?}")
    };
    assert!(message.starts_with("live.invalid: "), "{message}");
}

#[tokio::test]
async fn a_peer_that_hangs_up_after_reading_may_have_done_it() {
    let server = RawServer::start(|_| ServerReply::HangUp).await;
    let result = send(Method::POST, server.url()).await;
    assert!(
        matches!(result, Err(TransportError::AfterHandOver(_))),
        "{result:?}"
    );
    assert_eq!(server.requests(), 1, "and it is not asked again");
}

#[tokio::test]
async fn a_deadline_while_the_connection_comes_about_holds_the_request_back() {
    // A peer that accepts and is silent: TLS never comes about.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let wall = steady();
    let transport = transport(wall.clone());
    let deadline = Deadline::after(&wall, Duration::from_millis(300));
    let result = transport.send(request(Method::POST, url), deadline).await;
    assert!(
        matches!(result, Err(TransportError::NotSent(_))),
        "{result:?}"
    );
    // On a machine under load the deadline may come even before the connection.
    if let Ok(accepted) = tokio::time::timeout(Duration::from_secs(1), listener.accept()).await {
        let mut heard = Vec::new();
        accepted.unwrap().0.read_to_end(&mut heard).await.unwrap();
        assert!(!heard.windows(BODY.len()).any(|window| window == BODY));
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_past_the_deadline_holds_a_change_back() {
    for method in [Method::POST, Method::DELETE] {
        assert_held_back(method).await;
    }
}

async fn assert_held_back(method: Method) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let instant = Instant::now() + PATIENCE;
    let deadline = Deadline {
        instant,
        wall: noon() + PATIENCE,
        hand_over: instant,
    };
    // Before the connection it is noon, when the body is asked for an hour later.
    let looks = AtomicUsize::new(0);
    let wall: WallClock = Arc::new(move || {
        if looks.fetch_add(1, Ordering::SeqCst) == 0 {
            noon()
        } else {
            noon() + Duration::from_hours(1)
        }
    });
    let transport = transport(wall);
    let is_whole = method == Method::DELETE;
    let sending = transport.send(request(method, url), deadline);
    let (result, accepted) = tokio::join!(sending, listener.accept());
    let Err(TransportError::NotSent(message)) = result else {
        panic!("{result:?}")
    };
    assert!(message.contains(body::TOO_LATE), "{message}");
    let mut heard = Vec::new();
    accepted.unwrap().0.read_to_end(&mut heard).await.unwrap();
    assert!(!heard.windows(BODY.len()).any(|window| window == BODY));
    // What has no body is whole with its head.
    assert!(!is_whole || heard.is_empty(), "{heard:?}");
}

#[tokio::test]
async fn no_answer_before_the_deadline_may_have_happened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let wall = steady();
    let transport = transport(wall.clone());
    let deadline = Deadline::after(&wall, Duration::from_secs(1));
    let serve = async {
        let mut stream = listener.accept().await.unwrap().0;
        read_request(&mut stream).await.expect("the whole request");
        stream
    };
    let sending = transport.send(request(Method::POST, url), deadline);
    let (result, _open) = tokio::join!(sending, serve);
    assert!(
        matches!(result, Err(TransportError::AfterHandOver(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_stale_pooled_connection_is_no_reason_to_send_again() {
    let server = RawServer::start(|n| if n == 0 { ok() } else { ServerReply::HangUp }).await;
    let wall = steady();
    let deadline = Deadline::after(&wall, PATIENCE);
    let transport = transport(wall);
    transport
        .send(request(Method::POST, server.url()), deadline)
        .await
        .unwrap();
    let result = transport
        .send(request(Method::POST, server.url()), deadline)
        .await;
    assert!(
        matches!(result, Err(TransportError::AfterHandOver(_))),
        "{result:?}"
    );
    assert_eq!(
        (server.requests(), server.connections()),
        (2, 1),
        "pooled, and asked once"
    );
}

#[tokio::test]
async fn deletes_say_nothing_of_a_body() {
    let server = RawServer::start(|_| ok()).await;
    send(Method::DELETE, server.url()).await.unwrap();
    let head = server.heads.lock().unwrap().remove(0);
    assert!(
        !head.contains("content-length") && !head.contains("transfer-encoding"),
        "{head}"
    );
    assert!(
        head.contains("user-agent: recording-callback-operator/"),
        "{head}"
    );
}
