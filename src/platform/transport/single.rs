//! One request over a connection of its own. What has a body is held back until its connection asks for that; what has none is written
//! to whatever connection comes about, however late. So a change without a body is sent here: first the connection, then a look at
//! the clocks, then the request.

use std::io;

use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;

use super::MAX_BUFFER;
use super::body::{self, HandOver};
use super::connector::{Cause, Connector};
use super::deadline::Deadline;
use super::http_transport::Outgoing;
use crate::platform::clock::WallClock;

/// Sends it unless that is too late by then; `receipt` says whether it was handed over.
pub(super) async fn send(
    connector: Connector,
    mut request: Request<Outgoing>,
    (deadline, wall): (Deadline, &WallClock),
    receipt: &HandOver,
) -> Result<Response<Incoming>, Cause> {
    let target = request.uri().clone();
    let connection = connector.connect(target.clone()).await?;
    if let Some(authority) = target.authority() {
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    if !connection.asks_proxy() {
        let path = target.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>()?;
    }
    let mut single = http1::Builder::new();
    single.max_buf_size(MAX_BUFFER);
    let (mut sender, work) = single.handshake(connection).await?;
    // Ends with the answer, or with the sender.
    tokio::spawn(work);
    sender.ready().await?;
    if deadline.has_passed(wall) {
        return Err(io::Error::new(io::ErrorKind::TimedOut, body::TOO_LATE).into());
    }
    receipt.hand_over();
    Ok(sender.send_request(request).await?)
}
