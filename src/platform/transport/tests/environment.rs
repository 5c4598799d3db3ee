//! Certificates and proxies, as the environment of a process names them. Variables of a process can't be changed safely, so
//! these tests run themselves as a child.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::Method;
use tempfile::NamedTempFile;

use crate::platform::transport::tests::server::{RawServer, ServerReply};
use crate::platform::transport::tests::{PATIENCE, request, send, steady};
use crate::platform::transport::{Deadline, HttpTransport, Transport, TransportError};

/// A TLS server whose certificate comes from an authority of its own. It answers whatever it is asked with 200.
pub(super) struct TlsServer {
    pub(super) address: SocketAddr,
    pub(super) authority: NamedTempFile,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl TlsServer {
    pub(super) fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// The first lines of what it was asked.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(super) fn tls_server() -> TlsServer {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = TlsServer {
        address: listener.local_addr().unwrap(),
        authority: NamedTempFile::new().unwrap(),
        requests: Arc::default(),
        connections: Arc::default(),
    };
    std::fs::write(&server.authority, authority.pem()).unwrap();
    let (requests, connections) = (server.requests.clone(), server.connections.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            connections.fetch_add(1, Ordering::SeqCst);
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let tls = rustls::StreamOwned::new(session, stream.unwrap());
            let requests = requests.clone();
            std::thread::spawn(move || answer(tls, &requests));
        }
    });
    server
}

fn answer(
    mut tls: rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream>,
    requests: &Mutex<Vec<String>>,
) {
    let mut heard = [0; 4096];
    while let Ok(count) = tls.read(&mut heard)
        && count > 0
    {
        let asked = String::from_utf8_lossy(&heard[..count]);
        let Some(line) = asked.lines().next().filter(|line| line.contains(" HTTP/")) else {
            return;
        };
        requests.lock().unwrap().push(line.to_owned());
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        if tls.write_all(answer).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_unknown_authority_is_named_and_nothing_is_sent() {
    let server = tls_server();
    let result = send(Method::POST, server.url()).await;
    let Err(TransportError::NotSent(message)) = result else {
        panic!("{result:?}")
    };
    assert!(message.contains("certificate is not accepted"), "{message}");
    assert!(message.contains("SSL_CERT_FILE"), "{message}");
}

/// What a process with these variables gets for a GET of `url`: its own tests are the child.
fn in_environment(url: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "platform::transport::tests::environment::child",
        "--ignored",
        "--nocapture",
    ]);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        command
            .env_remove(name)
            .env_remove(name.to_ascii_lowercase());
    }
    command
        .env("URL", url)
        .envs(variables.iter().copied())
        .stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "runs as the child of other tests, with their environment"]
async fn child() {
    let wall = steady();
    let deadline = Deadline::after(&wall, PATIENCE);
    let transport = HttpTransport::new(wall).unwrap();
    let url = std::env::var("URL").unwrap();
    println!(
        "{:?}",
        transport.send(request(Method::GET, url), deadline).await
    );
}

#[test]
fn own_authorities_come_from_the_environment() {
    let server = tls_server();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("own.pem");
    std::fs::copy(server.authority.path(), &file).unwrap();
    for (variable, path) in [
        ("SSL_CERT_FILE", file.as_path()),
        ("SSL_CERT_DIR", directory.path()),
    ] {
        let output = in_environment(&server.url(), &[(variable, path.to_str().unwrap())]);
        assert!(
            output.contains("Ok(Response { status: 200"),
            "{variable}: {output}"
        );
    }
    let output = in_environment(&server.url(), &[("SSL_CERT_FILE", "/nonexistent.pem")]);
    assert!(
        output.contains("NotSent") && output.contains("/nonexistent.pem"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_come_from_the_environment() {
    let proxy = RawServer::start(|_| {
        ServerReply::Say(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n".to_vec())
    })
    .await;
    let through = format!("http://{}", proxy.address);
    let server = tls_server();
    for (variables, expected) in [
        (
            [("HTTPS_PROXY", through.as_str()), ("NO_PROXY", "")],
            "refused with 403 Forbidden",
        ),
        (
            [("HTTPS_PROXY", "::bad::"), ("NO_PROXY", "")],
            "HTTPS_PROXY can't be used",
        ),
        (
            [("HTTPS_PROXY", through.as_str()), ("NO_PROXY", "127.0.0.1")],
            "the server's certificate is not accepted",
        ),
    ] {
        let output = tokio::task::block_in_place(|| in_environment(&server.url(), &variables));
        assert!(
            output.contains("NotSent") && output.contains(expected),
            "{output}"
        );
    }
    assert_eq!((proxy.requests(), server.connections()), (1, 1));
    assert!(proxy.heads.lock().unwrap()[0].starts_with(&format!("connect {} ", server.address)));
}
