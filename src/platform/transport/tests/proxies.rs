//! Which proxy is taken, how a tunnel comes about, and that no variable is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use http::Method;
use serde::Deserialize;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::environment::{TlsServer, tls_server};
use super::server::{RawServer, ServerReply, ok, read_request};
use super::{PATIENCE, request, steady};
use crate::platform::transport::http_transport::TRUST_AGE;
use crate::platform::transport::trust::Source;
use crate::platform::transport::{
    Deadline, HttpTransport, Proxies, Response, Transport, TransportError,
};

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
    Proxies::of(|name| variables.get(name).map(Into::into))
}

/// What a GET of `url` brings in an environment of these variables, with the authority of this server trusted.
async fn get(
    url: &str,
    variables: &[(&str, &str)],
    trusted: Option<&TlsServer>,
) -> Result<Response, TransportError> {
    let sources = match trusted {
        Some(server) => vec![Source::File(server.authority.path().to_owned())],
        None => Vec::new(),
    };
    let wall = steady();
    let transport = HttpTransport::build(proxies(variables), sources, TRUST_AGE, wall.clone());
    let deadline = Deadline::after(&wall, PATIENCE);
    let asked = request(Method::GET, url.to_owned());
    transport.unwrap().send(asked, deadline).await
}

fn not_sent(result: Result<Response, TransportError>) -> String {
    match result {
        Err(TransportError::NotSent(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[derive(Deserialize)]
struct Decisions {
    urls: Vec<String>,
    rows: Vec<ProxyCase>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyCase {
    no_proxy: String,
    direct: BTreeSet<String>,
}

#[test]
fn what_is_excepted_is_what_go_excepts() {
    let table = include_str!("../../../../tests/data/no-proxy.json");
    let table: Decisions = serde_json::from_str(table).unwrap();
    for row in table.rows {
        let proxies = proxies(&[
            ("HTTPS_PROXY", "http://p:1"),
            ("HTTP_PROXY", "http://p:1"),
            ("NO_PROXY", &row.no_proxy),
        ]);
        for url in &table.urls {
            let is_direct = proxies.way_to(url).unwrap().is_none();
            assert_eq!(
                is_direct,
                row.direct.contains(url),
                "NO_PROXY={:?} for {url}",
                row.no_proxy
            );
        }
    }
}

#[test]
fn what_curl_reads_and_go_does_not_is_read_too() {
    for (no_proxy, url) in [
        ("example.org example.com", "https://example.com"),
        ("example.com.", "https://example.com"),
        ("example.com", "https://example.com."),
        ("[fd00::7]", "https://[fd00::7]"),
        ("127.0.0.1", "https://127.0.0.1:8443"),
    ] {
        let way = proxies(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", no_proxy)]).way_to(url);
        assert_eq!(way, Ok(None), "NO_PROXY={no_proxy:?} for {url}");
    }
    let way = proxies(&[("HTTPS_PROXY", "p:1")]).way_to("https://127.0.0.1");
    assert!(
        way.unwrap().is_some(),
        "this machine is no exception of its own"
    );
}

#[test]
fn each_variable_has_two_spellings_and_the_one_in_capitals_counts() {
    let (https, http) = ("https://example.com", "http://example.com");
    let none: Option<&str> = None;
    for (variables, url, way) in [
        (
            &[("HTTPS_PROXY", "http://p:1")][..],
            https,
            Some("http://p:1 of HTTPS_PROXY"),
        ),
        (
            &[("https_proxy", "http://p:1")],
            https,
            Some("http://p:1 of https_proxy"),
        ),
        (
            &[("HTTPS_PROXY", "p"), ("https_proxy", "q")],
            https,
            Some("http://p of HTTPS_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", ""), ("https_proxy", "q")],
            https,
            Some("http://q of https_proxy"),
        ),
        (
            &[("HTTPS_PROXY", " p:1 \n")],
            https,
            Some("http://p:1 of HTTPS_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", "https://p")],
            https,
            Some("https://p of HTTPS_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", "user:secret@p:1")],
            https,
            Some("http://p:1 of HTTPS_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", "http://[fd00::1]:3128/x?y")],
            https,
            Some("http://[fd00::1]:3128 of HTTPS_PROXY"),
        ),
        (&[("HTTP_PROXY", "p:1")], https, none),
        (&[("HTTPS_PROXY", "p:1")], http, none),
        (
            &[("http_proxy", "p:1")],
            http,
            Some("http://p:1 of http_proxy"),
        ),
        (
            &[("ALL_PROXY", "p:1")],
            https,
            Some("http://p:1 of ALL_PROXY"),
        ),
        (
            &[("all_proxy", "p:1"), ("HTTPS_PROXY", "q:1")],
            https,
            Some("http://q:1 of HTTPS_PROXY"),
        ),
        (
            &[("HTTPS_PROXY", "p"), ("NO_PROXY", "a.b"), ("no_proxy", "*")],
            https,
            Some("http://p of HTTPS_PROXY"),
        ),
        (&[("HTTPS_PROXY", "p"), ("no_proxy", "*")], https, none),
    ] {
        let found = proxies(variables).way_to(url).unwrap();
        assert_eq!(found.as_deref(), way, "{variables:?} for {url}");
    }
    let found = proxies(&[("HTTPS_PROXY", "p"), ("https_proxy", "q")]).ineffective();
    assert!(
        found.len() == 1 && found[0].starts_with("https_proxy is not used: HTTPS_PROXY"),
        "{found:?}"
    );
    let found = proxies(&[("NO_PROXY", "a,10.0.0.0/33,*b,c:d")]).void_exceptions();
    assert_eq!(found.len(), 3, "{found:?}");
}

#[tokio::test]
async fn a_variable_that_cannot_be_used_fails_its_calls_by_name_and_none_goes_direct() {
    let cloud = tls_server();
    let plain = RawServer::start(|_| ok()).await;
    for bad in [
        "::bad::",
        "not a proxy",
        "http://",
        "http://secret@:3128",
        "http://p:99999",
        "socks5://user:secret@127.0.0.1:1080",
        "ftp://p",
        "http://user:secret@p q:1",
    ] {
        for (name, url) in [
            ("HTTPS_PROXY", cloud.url()),
            ("https_proxy", cloud.url()),
            ("ALL_PROXY", cloud.url()),
            ("HTTP_PROXY", plain.url()),
        ] {
            let found = not_sent(get(&url, &[(name, bad)], Some(&cloud)).await);
            assert!(
                found.contains(name) && !found.contains("secret"),
                "{bad}: {found}"
            );
        }
        let of_http = get(&cloud.url(), &[("HTTP_PROXY", bad)], Some(&cloud)).await;
        assert!(of_http.is_ok(), "it is for others: {of_http:?}");
    }
    assert_eq!(plain.connections(), 0, "none goes direct");
    assert_eq!(cloud.connections(), 8, "nor here, save what was meant to");
}

#[cfg(unix)]
#[test]
fn a_variable_of_other_bytes_is_none_that_can_be_used() {
    use std::os::unix::ffi::OsStringExt as _;
    for name in ["HTTPS_PROXY", "no_proxy"] {
        let bytes = |asked: &str| match asked {
            _ if asked == name => Some(std::ffi::OsString::from_vec(vec![b'p', 0xff])),
            "HTTPS_PROXY" => Some("p:1".into()),
            _ => None,
        };
        let way = Proxies::of(bytes).way_to("https://example.com");
        assert_eq!(
            way.unwrap_err().variable.to_ascii_lowercase(),
            name.to_ascii_lowercase()
        );
        assert_eq!(Proxies::of(bytes).unusable().len(), 1);
    }
}

/// A proxy that gives each CONNECT this answer, and a tunnel to `cloud` if it is a 2xx; returns its address and what it was asked.
async fn connect_proxy(answer: &'static str, cloud: SocketAddr) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Asked::default();
    let heads = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let Some(head) = read_request(&mut client).await else {
                continue;
            };
            heads.lock().unwrap().push(head);
            client.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("HTTP/1.1 2") && answer.ends_with("\r\n\r\n") {
                let mut server = TcpStream::connect(cloud).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        }
    });
    (address, asked)
}

type Asked = std::sync::Arc<std::sync::Mutex<Vec<String>>>;

#[tokio::test]
async fn any_2xx_to_connect_is_a_tunnel() {
    let cloud = tls_server();
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.1 200\r\nVia: 1.1 p\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 Odd\r\n\r\n",
    ] {
        let (proxy, asked) = connect_proxy(answer, cloud.address).await;
        let named = format!("http://some%20user:p%40ss@{proxy}");
        let result = get(&cloud.url(), &[("HTTPS_PROXY", &named)], Some(&cloud)).await;
        assert_eq!(result.unwrap().status, 200, "{answer}");
        let head = asked.lock().unwrap().remove(0);
        assert!(
            head.starts_with(&format!("connect {} http/1.1\r\n", cloud.address)),
            "{head}"
        );
        // base64 of `some user:p@ss`, in small letters as the server keeps heads.
        assert!(
            head.contains("proxy-authorization: basic c29tzsb1c2vyonbac3m="),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_refusal_tells_the_proxy_and_its_status_and_no_password() {
    let cloud = tls_server();
    for (answer, expected) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "refused with 403 Forbidden",
        ),
        ("HTTP/1.0 407 Authenticate\r\n\r\n", "a user and a password"),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n<html>",
            "502 Bad Gateway, the cloud was not asked",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n",
            "302 Found",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n\r\n", "no HTTP proxy"),
        ("HTTP/1.1 nonsense\r\n\r\n", "no HTTP proxy"),
        ("HTTP/1.1 200 OK\r\n", "no HTTP proxy"),
        ("", "hung up without an answer"),
    ] {
        let (proxy, _) = connect_proxy(answer, cloud.address).await;
        let named = format!("http://user:secret@{proxy}");
        let message = not_sent(get(&cloud.url(), &[("HTTPS_PROXY", &named)], Some(&cloud)).await);
        let way = format!("by the proxy http://{proxy} of HTTPS_PROXY: ");
        assert!(
            message.contains(&way) && message.contains(expected),
            "{answer:?}: {message}"
        );
        assert!(message.starts_with(&cloud.address.to_string()), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
    assert_eq!(cloud.connections(), 0);
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let cloud = tls_server();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let named = nobody.to_string();
    let message = not_sent(get(&cloud.url(), &[("HTTPS_PROXY", &named)], Some(&cloud)).await);
    assert!(
        message.contains(&named) && message.contains("refused"),
        "{message}"
    );
}

#[tokio::test]
async fn a_proxy_by_tls_is_asked_by_tls_and_its_certificate_is_told_apart() {
    let proxy = tls_server();
    let named = format!("https://{}", proxy.address);
    // It answers CONNECT with 200 and then does not speak TLS a second time, which is as far as it was to come.
    let message = not_sent(
        get(
            "https://live.invalid/",
            &[("HTTPS_PROXY", &named)],
            Some(&proxy),
        )
        .await,
    );
    assert!(
        message.contains(&named) && !message.contains("certificate"),
        "{message}"
    );
    assert_eq!(proxy.requests(), ["CONNECT live.invalid:443 HTTP/1.1"]);
    let message = not_sent(get("https://live.invalid/", &[("HTTPS_PROXY", &named)], None).await);
    assert!(
        message.contains("the proxy's certificate is not accepted"),
        "{message}"
    );
}

#[tokio::test]
async fn without_tls_the_proxy_passes_the_request_on_and_its_407_is_its_own() {
    let proxy = RawServer::start(|n| match n {
        0 => ok(),
        _ => ServerReply::Say(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n".to_vec()),
    })
    .await;
    let named = format!("http://user:secret@{}", proxy.address);
    let url = "http://live.invalid/v1/p/record/callbacks?limit=1";
    let result = get(url, &[("HTTP_PROXY", &named)], None).await;
    assert_eq!(result.unwrap().status, 200);
    let head = proxy.heads.lock().unwrap().remove(0);
    assert!(
        head.starts_with(&format!("get {url} http/1.1\r\n")),
        "{head}"
    );
    assert!(head.contains("\r\nhost: live.invalid"), "{head}");
    assert!(head.contains("proxy-authorization: basic "), "{head}");
    let message = not_sent(get(url, &[("HTTP_PROXY", &named)], None).await);
    assert!(
        message.contains("407") && message.contains("HTTP_PROXY"),
        "{message}"
    );
}
