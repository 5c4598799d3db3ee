//! Connections in virtual time, over real sockets.

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Collected};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

const HEAD: &str = "POST / HTTP/1.1\r\nHost: hooks\r\nContent-Length: 2\r\n";

/// Answers a request once its body is there.
struct Echo;

impl Answers for Echo {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = request.into_body().collect().await;
        Response::new(Full::from(
            body.map(Collected::to_bytes).unwrap_or_default(),
        ))
    }
}

async fn served() -> (SocketAddr, Stop, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let served = tokio::spawn(serve(listener, None, Arc::new(Echo), stop.clone()));
    (address, stop, served)
}

async fn connect(address: SocketAddr, said: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said.as_bytes()).await.unwrap();
    stream
}

/// Reads to the end of the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_half_of_it_or_nothing_more_is_cut_off() {
    let (address, _stop, _served) = served().await;
    let whole = format!("{HEAD}\r\nok");
    for (said, answered) in [
        ("", false),
        ("P", false),
        ("PRI * HTTP/2.0\r\n\r\nSM", false),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
        (HEAD, false),
        (whole.as_str(), true),
    ] {
        let began = Instant::now();
        let mut stream = connect(address, said).await;
        let answer = rest(&mut stream).await;
        assert_eq!(
            answer.contains("HTTP/1.1 200"),
            answered,
            "{said}: {answer:?}"
        );
        let took = began.elapsed();
        assert!(
            took >= PATIENCE && took < PATIENCE + 2 * FAREWELL,
            "{said}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_are_open_at_once_take_the_places_of_those_that_say_nothing() {
    let (address, _stop, _served) = served().await;
    let mut silent = Vec::new();
    for _ in 0..MOST {
        silent.push(connect(address, "").await);
    }
    let began = Instant::now();
    for _ in 0..20 {
        let whole = format!("{HEAD}Connection: close\r\n\r\nok");
        let answer = rest(&mut connect(address, &whole).await).await;
        assert!(answer.ends_with("ok"), "{answer}");
    }
    assert!(
        began.elapsed() < PATIENCE,
        "none waited for the silent ones to be cut off"
    );
    // What is under way keeps its place.
    let mut busy = Vec::new();
    for _ in 0..MOST {
        busy.push(connect(address, &format!("{HEAD}Connection: close\r\n\r\no")).await);
    }
    drop(silent);
    sleep(2 * SPARE).await;
    let late = tokio::spawn(async move {
        rest(&mut connect(address, &format!("{HEAD}Connection: close\r\n\r\nok")).await).await
    });
    sleep(2 * SPARE).await;
    for mut stream in busy {
        stream.write_all(b"k").await.unwrap();
        assert!(rest(&mut stream).await.ends_with("ok"));
    }
    assert!(late.await.unwrap().ends_with("ok"));
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_answered_before_the_end() {
    let (address, stop, served) = served().await;
    let mut begun = connect(address, &format!("{HEAD}\r\no")).await;
    let mut idle = connect(address, &format!("{HEAD}\r\nok")).await;
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    // Connected, not yet taken by the server.
    let mut fresh = connect(address, "").await;
    stop.request();
    fresh
        .write_all(format!("{HEAD}\r\nok").as_bytes())
        .await
        .unwrap();
    assert!(rest(&mut fresh).await.ends_with("ok"));
    assert!(rest(&mut idle).await.ends_with("ok"));
    begun.write_all(b"k").await.unwrap();
    assert!(rest(&mut begun).await.ends_with("ok"));
    served.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_that_made_room_hinders_no_end() {
    let mut open = OpenConnections::default();
    for _ in 0..2 {
        open.add(std::future::pending(), Arc::new(Activity::new()));
    }
    open.add(sleep(FAREWELL), Arc::new(Activity::new()));
    for (task, _) in open.oldest_first.iter().take(2) {
        task.abort();
    }
    open.end().await;
}
