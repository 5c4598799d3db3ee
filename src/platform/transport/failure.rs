//! A failed exchange in words: the innermost cause, the proxy on whose way it was, and what to do about a certificate. Pure.

use std::{error::Error, io};

use super::connector::ConnectError;

/// How an exchange failed, for people. `untrusted` is what is wrong with the authorities that are trusted.
pub(super) fn describe(error: &(dyn Error + 'static), untrusted: Option<&str>) -> String {
    let mut way = String::new();
    let mut whose = "server";
    for cause in causes(error) {
        match cause.downcast_ref::<ConnectError>() {
            Some(ConnectError::By { proxy, .. }) => way = format!("by the proxy {proxy}: "),
            Some(ConnectError::ProxyUnreached(_)) => whose = "proxy",
            Some(ConnectError::TimedOut) | None => {}
        }
    }
    let Some(certificate) = certificate_error(error) else {
        return way + &innermost(error);
    };
    let why = untrusted
        .unwrap_or("if its authority is your own, name that in SSL_CERT_FILE or SSL_CERT_DIR");
    format!("{way}the {whose}'s certificate is not accepted: {certificate}; {why}")
}

/// The cause behind all others, in words.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

/// An error and all that is behind it. An `io::Error` hides what it wraps from `source`.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        wrapped
            .map(|inner| -> &(dyn Error + 'static) { inner })
            .or_else(|| error.source())
    })
}

fn certificate_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::CertificateError> {
    causes(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(certificate),
        Some(_) | None => None,
    })
}
