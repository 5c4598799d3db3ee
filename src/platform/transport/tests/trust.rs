//! Certificates of authorities that come, change and go while the process runs.

use std::path::Path;
use std::{fs, io};

use http::Method;

use super::environment::{TlsServer, tls_server};
use super::{PATIENCE, request, steady};
use crate::platform::transport::trust::Source;
use crate::platform::transport::{
    Deadline, HttpTransport, Prober, Proxies, Response, Transport, TransportError, Unreached,
};

/// A transport that reads `source` before each call.
fn transport(source: Source) -> HttpTransport {
    let each_time = std::time::Duration::ZERO;
    HttpTransport::build(Proxies::none(), vec![source], each_time, steady()).unwrap()
}

async fn get(transport: &HttpTransport, server: &TlsServer) -> Result<Response, TransportError> {
    let deadline = Deadline::after(&steady(), PATIENCE);
    let asked = request(Method::GET, server.url());
    transport.send(asked, deadline).await
}

fn refused(result: Result<Response, TransportError>) -> String {
    match result {
        Err(TransportError::NotSent(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// As kubelet renews a mounted file: by a rename.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, content)?;
    fs::rename(beside, path)
}

#[tokio::test]
async fn a_file_without_an_authority_is_named_and_healed_when_it_comes() {
    let server = tls_server();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    let transport = transport(Source::File(file.clone()));
    for content in [
        None,
        Some(""),
        Some("no certificate"),
        Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        if let Some(content) = content {
            replace(&file, content.as_bytes()).unwrap();
        }
        let message = refused(get(&transport, &server).await);
        let names = message.contains("SSL_CERT_FILE") && message.contains(file.to_str().unwrap());
        assert!(
            names && message.contains("holds no certificate authority"),
            "{content:?}: {message}"
        );
    }
    fs::copy(server.authority.path(), &file).unwrap();
    assert_eq!(get(&transport, &server).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_authority_that_is_replaced_counts_at_once_and_the_old_one_no_more() {
    let (old, new) = (tls_server(), tls_server());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    for source in [
        Source::File(file.clone()),
        Source::Directory(directory.path().to_owned()),
    ] {
        fs::copy(old.authority.path(), &file).unwrap();
        let transport = transport(source);
        assert_eq!(get(&transport, &old).await.unwrap().status, 200);
        refused(get(&transport, &new).await);
        replace(&file, &fs::read(new.authority.path()).unwrap()).unwrap();
        assert_eq!(get(&transport, &new).await.unwrap().status, 200);
        refused(get(&transport, &old).await);
    }
}

#[tokio::test]
async fn what_a_file_held_still_counts_when_it_goes_bad_and_that_is_told() {
    let (known, unknown) = (tls_server(), tls_server());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    fs::copy(known.authority.path(), &file).unwrap();
    let transport = transport(Source::File(file.clone()));
    fs::remove_file(&file).unwrap();
    assert_eq!(get(&transport, &known).await.unwrap().status, 200);
    let message = refused(get(&transport, &unknown).await);
    let names =
        message.contains("SSL_CERT_FILE") && message.contains("what it held before still counts");
    assert!(names, "{message}");
}

#[tokio::test]
async fn what_was_read_lately_is_not_read_again() {
    let (old, new) = (tls_server(), tls_server());
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    fs::copy(old.authority.path(), &file).unwrap();
    let lately = std::time::Duration::from_hours(1);
    let sources = vec![Source::File(file.clone())];
    let transport = HttpTransport::build(Proxies::none(), sources, lately, steady()).unwrap();
    fs::copy(new.authority.path(), &file).unwrap();
    refused(get(&transport, &new).await);
    assert_eq!(get(&transport, &old).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_probe_tells_until_when_the_certificate_is_valid() {
    let server = tls_server();
    let url = server.url().parse().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    fs::copy(server.authority.path(), &file).unwrap();
    let prober = Prober::trusting(&[Source::File(file.clone())]).unwrap();
    // Whom it trusts is not read again for each address.
    fs::remove_file(file).unwrap();
    let reached = prober.probe(&url).await.unwrap();
    assert_eq!(reached.address, server.address);
    // The library that made it dates it so.
    assert_eq!(
        reached.valid_until,
        Some("4096-01-01T00:00:00Z".parse().unwrap())
    );
    let refused = Prober::trusting(&[]).unwrap().probe(&url).await;
    assert!(matches!(refused, Err(Unreached::Tls(_, why)) if why.contains("not accepted")));
    assert_eq!(
        server.requests(),
        Vec::<String>::new(),
        "nothing is asked of it"
    );
}
