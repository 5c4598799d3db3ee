//! TLS with an authority of one's own, and proxies.

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use live_simulator::{KnownCredential, Listen, Simulator, SimulatorSettings};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::support::{
    operator::OperatorProcess,
    world::{AK, OperatorWorld, PROJECT, SK, condition},
};

const HOST: &str = "live.test-1.myhuaweicloud.com";

/// A world whose cloud speaks TLS, also under the names of a region that does not exist.
async fn tls() -> (OperatorWorld, NamedTempFile) {
    let names = [HOST, "iam.test-1.myhuaweicloud.com"];
    let listen = Listen {
        tls: true,
        names: names.map(str::to_owned).to_vec(),
        ..Listen::default()
    };
    let cloud = Simulator::start_on(&listen, SimulatorSettings::default()).unwrap();
    let key = KnownCredential::new(AK, SK, PROJECT).project("0123-test-1", "test-1");
    cloud.add_credential(key);
    let authority = NamedTempFile::new().unwrap();
    fs::write(&authority, cloud.authority_pem().unwrap()).unwrap();
    (OperatorWorld::on(cloud).await, authority)
}

/// Starts an operator with these flags and variables.
async fn operator(flags: &[String], environment: &[(&str, &str)]) -> OperatorProcess {
    let mut operator = OperatorProcess::spawn(flags, environment).await;
    operator.ready().await;
    operator
}

/// A proxy that sends whatever is asked for to one address, and remembers for whom it was asked.
struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    async fn to(cloud: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, cloud, Arc::clone(&log)));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

async fn tunnel(client: TcpStream, cloud: SocketAddr, log: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(client);
    let mut first = String::new();
    client.read_line(&mut first).await.unwrap();
    log.lock().unwrap().push(first.trim().to_owned());
    let mut line = String::new();
    while client.read_line(&mut line).await.unwrap() > 2 {
        line.clear();
    }
    let mut server = TcpStream::connect(cloud).await.unwrap();
    let connected = b"HTTP/1.1 200 Connection established\r\n\r\n";
    client.write_all(connected).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let (world, authority) = tls().await;
    let untrusting = operator(&world.flags(), &[]).await;
    world.create("push", json!({})).await;
    let status = world.reason("push", "CloudUnavailable").await;
    let message = &condition(&status, "Ready").unwrap().message;
    assert!(
        message.contains("certificate") && message.contains("SSL_CERT_FILE"),
        "{message}"
    );
    assert_eq!(world.calls(), []);
    drop(untrusting);

    let path = authority.path().to_str().unwrap();
    let _operator = operator(&world.flags(), &[("SSL_CERT_FILE", path)]).await;
    world.ready("push").await;
}

#[tokio::test]
async fn the_proxy_is_for_the_cloud_and_the_list_judges_the_target() {
    let (world, authority) = tls().await;
    let proxy = ConnectProxy::to(world.cloud.address()).await;
    let values = [
        ("ak", AK.to_owned()),
        ("sk", SK.to_owned()),
        ("region", "test-1".to_owned()),
    ];
    world.put_secret("huaweicloud", &values).await;
    let mut flags = world.flags();
    flags.retain(|flag| !flag.starts_with("--allowed-endpoints"));
    let proxied = format!("http://{}", proxy.address);
    let environment = [
        ("SSL_CERT_FILE", authority.path().to_str().unwrap()),
        ("HTTPS_PROXY", proxied.as_str()),
    ];
    let _operator = operator(&flags, &environment).await;
    world.create("push", json!({})).await;
    let target = world.ready("push").await.target.unwrap();
    assert_eq!(target.endpoint, format!("https://{HOST}"));
    assert_eq!(
        proxy.asked(),
        [
            "CONNECT iam.test-1.myhuaweicloud.com:443 HTTP/1.1",
            "CONNECT live.test-1.myhuaweicloud.com:443 HTTP/1.1",
        ],
        "the API server is reached without it"
    );
}

#[tokio::test]
async fn what_needs_no_proxy_is_called_without() {
    let (world, authority) = tls().await;
    let proxy = ConnectProxy::to(world.cloud.address()).await;
    let proxied = format!("http://{}", proxy.address);
    let environment = [
        ("SSL_CERT_FILE", authority.path().to_str().unwrap()),
        ("HTTPS_PROXY", proxied.as_str()),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let _operator = operator(&world.flags(), &environment).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn variables_that_make_no_sense_do_not_stop_the_start() {
    let world = OperatorWorld::new().await;
    let environment = [
        ("HTTPS_PROXY", "not a proxy"),
        ("SSL_CERT_FILE", "/does/not/exist"),
        ("SSL_CERT_DIR", "/does/not/exist"),
    ];
    let _operator = operator(&world.flags(), &environment).await;
    world.create("push", json!({})).await;
    world.ready("push").await;
}

#[tokio::test]
async fn a_proxy_variable_that_cannot_be_used_is_named_and_nothing_goes_direct() {
    let (world, authority) = tls().await;
    let authority = ("SSL_CERT_FILE", authority.path().to_str().unwrap());
    for (object, name, value) in [
        ("first", "HTTPS_PROXY", "not a proxy"),
        (
            "second",
            "https_proxy",
            "socks5://user:hunter22@127.0.0.1:1080",
        ),
    ] {
        let mut operator = operator(&world.flags(), &[authority, (name, value)]).await;
        world.create(object, json!({})).await;
        let status = world.reason(object, "CloudUnavailable").await;
        let message = &condition(&status, "Ready").unwrap().message;
        assert!(
            message.contains(name) && !message.contains("hunter22"),
            "{message}"
        );
        assert!(operator.output().contains(&format!("{name} can't be used")));
        operator.kill().await;
    }
    assert_eq!(world.calls(), []);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_with_its_status() {
    let (world, authority) = tls().await;
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let named = format!("http://user:hunter22@{}", proxy.local_addr().unwrap());
    let at = format!(
        "by the proxy http://{} of HTTPS_PROXY",
        proxy.local_addr().unwrap()
    );
    tokio::spawn(async move {
        while let Ok((client, _)) = proxy.accept().await {
            let mut client = BufReader::new(client);
            let mut line = String::new();
            while client.read_line(&mut line).await.unwrap_or(0) > 2 {
                line.clear();
            }
            let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        }
    });
    let environment = [
        ("SSL_CERT_FILE", authority.path().to_str().unwrap()),
        ("HTTPS_PROXY", named.as_str()),
    ];
    let _operator = operator(&world.flags(), &environment).await;
    world.create("push", json!({})).await;
    let status = world.reason("push", "CloudUnavailable").await;
    let message = &condition(&status, "Ready").unwrap().message;
    for words in [&*at, "403 Forbidden", "the cloud was not asked"] {
        assert!(message.contains(words), "{message}");
    }
    assert!(!message.contains("hunter22"), "{message}");
}

#[tokio::test]
async fn an_authority_that_comes_late_is_trusted_without_a_restart() {
    let (world, authority) = tls().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.crt");
    let named = file.to_str().unwrap();
    let operator = operator(&world.flags(), &[("SSL_CERT_FILE", named)]).await;
    assert!(
        operator
            .output()
            .contains(&format!("SSL_CERT_FILE names {named}")),
        "told at once"
    );
    world.create("push", json!({})).await;
    let status = world.reason("push", "CloudUnavailable").await;
    let message = &condition(&status, "Ready").unwrap().message;
    assert!(
        message.contains("SSL_CERT_FILE") && message.contains(named),
        "{message}"
    );
    fs::copy(authority.path(), &file).unwrap();
    world.ready("push").await;
}
