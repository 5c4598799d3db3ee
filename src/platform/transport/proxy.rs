//! Which proxy calls take, for people: the HTTP client chooses by the same rule itself.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// The proxy of the environment by which calls to this endpoint go, without a user's name and password.
pub fn proxy_to(endpoint: &str) -> Option<String> {
    let endpoint: Uri = endpoint.parse().ok()?;
    let chosen = Matcher::from_env().intercept(&endpoint)?;
    let uri = chosen.uri();
    let (scheme, host) = (uri.scheme_str().unwrap_or("http"), uri.host()?);
    let port = uri
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{scheme}://{host}{port}"))
}
