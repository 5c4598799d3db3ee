//! A simulated cloud with listeners: what tests and the program start.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::ops::Deref;

use crate::cloud::Cloud;
use crate::server;
use crate::server::Handler;
use crate::server::ServedEndpoint;
use crate::server::SimulatorServer;
use crate::settings::SimulatorSettings;
use crate::tls;

/// Where and how a simulator listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address of the cloud; port 0 takes a free one.
    pub address: SocketAddr,
    /// The address of the control interface, if there is to be one.
    pub control: Option<SocketAddr>,
    /// Whether the cloud is served over TLS, with a certificate of a throw-away authority.
    pub tls: bool,
    /// Names in the certificate beside `localhost` and `127.0.0.1`.
    pub names: Vec<String>,
}

impl Default for Listen {
    fn default() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            address,
            control: None,
            tls: false,
            names: Vec::new(),
        }
    }
}

/// A running simulator. It stops when it is dropped. All of [`Cloud`]'s methods are its own.
pub struct Simulator {
    cloud: Cloud,
    address: SocketAddr,
    control: Option<SocketAddr>,
    authority: Option<String>,
    _server: SimulatorServer,
}

impl Simulator {
    /// Starts one on a free port of the loopback interface, over plain HTTP.
    pub fn start(settings: SimulatorSettings) -> io::Result<Self> {
        Self::start_on(&Listen::default(), settings)
    }

    /// Starts one on a free port of the loopback interface, over TLS.
    pub fn start_tls(settings: SimulatorSettings) -> io::Result<Self> {
        Self::start_on(
            &Listen {
                tls: true,
                ..Listen::default()
            },
            settings,
        )
    }

    /// Starts one as described.
    pub fn start_on(listen: &Listen, settings: SimulatorSettings) -> io::Result<Self> {
        Self::serve(Cloud::new(settings), listen)
    }

    /// Serves a cloud that exists, for instance again at the address at which it was served before.
    pub fn serve(cloud: Cloud, listen: &Listen) -> io::Result<Self> {
        let (listener, address) = server::listen(listen.address)?;
        let tls = if listen.tls {
            let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            names.extend_from_slice(&listen.names);
            Some(tls::acceptor(&names).map_err(|error| io::Error::other(error.to_string()))?)
        } else {
            None
        };
        let (acceptor, authority) = tls.unzip();
        let handler = Handler::Cloud(cloud.clone());
        let mut endpoints = vec![ServedEndpoint {
            listener,
            tls: acceptor,
            handler,
        }];
        let mut control = None;
        if let Some(wanted) = listen.control {
            let (listener, address) = server::listen(wanted)?;
            control = Some(address);
            let handler = Handler::Control(cloud.clone());
            endpoints.push(ServedEndpoint {
                listener,
                tls: None,
                handler,
            });
        }
        let server = SimulatorServer::start(endpoints)?;
        Ok(Self {
            cloud,
            address,
            control,
            authority,
            _server: server,
        })
    }

    /// The address of the cloud.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of the recording-callback API.
    pub fn endpoint(&self) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// The base URL of IAM, STS, the metadata service and the pod-identity endpoint.
    pub fn iam_endpoint(&self) -> String {
        self.endpoint()
    }

    /// The base URL of the control interface, where there is one.
    pub fn control_endpoint(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}"))
    }

    /// The PEM of the authority that vouches for the certificate, with TLS.
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// A handle of the cloud that outlives the listeners.
    pub fn cloud(&self) -> Cloud {
        self.cloud.clone()
    }
}

impl Deref for Simulator {
    type Target = Cloud;

    fn deref(&self) -> &Cloud {
        &self.cloud
    }
}
