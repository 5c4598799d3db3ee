//! Makes a request out of its parts and proves an identity in it. Pure; every secret that comes to be is handed to the secrets of the call.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::platform::keys::KeyPair;
use crate::platform::redact::Redactor;
use crate::platform::sign;
use crate::platform::sign::Unsigned;
use crate::platform::transport::{Request, authority};

const SDK_DATE: &str = "x-sdk-date";
const SECURITY_TOKEN: &str = "x-security-token";
const AUTH_TOKEN: &str = "x-auth-token";

/// A request without a proof of identity.
pub(crate) struct Draft<'a> {
    pub(crate) method: Method,
    /// Base URL without a final slash.
    pub(crate) endpoint: &'a str,
    /// Percent-encoded.
    pub(crate) path: &'a str,
    /// Not encoded.
    pub(crate) query: &'a [(String, String)],
    /// In lower case. All of them are signed.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
}

impl Draft<'_> {
    /// Signs with an access key, dated `now`. `None` when a header can't hold its value.
    pub(crate) fn signed(
        mut self,
        pair: &KeyPair,
        now: Timestamp,
        secrets: &mut Redactor,
    ) -> Option<Request> {
        pair.conceal(secrets);
        let date = sign::date(now);
        self.headers.push((SDK_DATE, date.clone()));
        if let Some(token) = &pair.security_token {
            self.headers
                .push((SECURITY_TOKEN, token.expose_secret().to_owned()));
        }
        let host = (header::HOST.as_str(), authority(self.endpoint));
        let others = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = std::iter::once(host).chain(others).collect();
        let unsigned = Unsigned {
            method: self.method.as_str(),
            path: self.path,
            query: self.query,
            headers: &headers,
            body: self.body.as_deref().unwrap_or_default(),
        };
        let authorization =
            sign::authorization(pair.ak.as_str(), pair.sk.expose_secret(), &date, unsigned);
        secrets.hide(&authorization);
        if let Some((_, signature)) = authorization.split_once("Signature=") {
            secrets.hide(signature);
        }
        self.headers
            .push((header::AUTHORIZATION.as_str(), authorization));
        self.bare()
    }

    /// Shows a token.
    pub(crate) fn with_token(
        mut self,
        token: &SecretString,
        secrets: &mut Redactor,
    ) -> Option<Request> {
        secrets.hide(token.expose_secret());
        self.headers
            .push((AUTH_TOKEN, token.expose_secret().to_owned()));
        self.bare()
    }

    /// Proves nothing.
    pub(crate) fn bare(self) -> Option<Request> {
        let query = sign::query_string(self.query);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{query}", self.endpoint, self.path);
        let headers = self.headers.iter().map(|(name, value)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_static(name), value))
        });
        let headers = headers.collect::<Option<HeaderMap>>()?;
        Some(Request {
            method: self.method,
            url,
            headers,
            body: self.body,
        })
    }
}
