//! Which proxy a call takes, by the variables of an environment: read as Go's `net/http` reads them, save that one that can't be
//! used fails the calls that it is for, and that addresses of this machine are no exception. Decides, and sends nothing.

use std::env;
use std::ffi::OsString;
use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use url::Url;

use super::no_proxy::NoProxy;

/// The exceptions, in both spellings.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

/// The variables that may hold a proxy or its exceptions, each in both spellings: the first counts.
pub const PROXY_VARIABLES: [[&str; 2]; 4] = [HTTPS, HTTP, ALL, NO_PROXY];

/// A proxy that a call takes.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) uri: Uri,
    /// Its user and password, in the form of the header.
    pub(super) authorization: Option<HeaderValue>,
    variable: &'static str,
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "{} of {}",
            self.uri.to_string().trim_end_matches('/'),
            self.variable
        )
    }
}

/// A variable that is set and can't be used. Its value is not shown: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} can't be used: {why}, so nothing that it is for is called")]
pub struct BadVariable {
    /// Its name.
    pub variable: &'static str,
    why: String,
}

type Choice = Result<Option<Proxy>, BadVariable>;

/// The proxies that an environment names.
pub struct Proxies {
    https: Choice,
    http: Choice,
    no_proxy: Result<NoProxy, BadVariable>,
    /// Variables that are set to something else than their other spelling, which counts.
    overruled: Vec<(&'static str, &'static str)>,
}

impl Proxies {
    /// Those of this process.
    pub fn from_environment() -> Self {
        Self::of(|name| env::var_os(name))
    }

    /// Those of an environment that has these variables. The spelling in capitals counts before the other; an empty variable is unset.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let overruled = PROXY_VARIABLES.into_iter().filter(|[first, second]| {
            let (first, second) = (value(&variable, first), value(&variable, second));
            first.is_some() && second.is_some() && first != second
        });
        let overruled = overruled.map(|[first, second]| (second, first)).collect();
        let no_proxy = match first_set(&variable, &NO_PROXY) {
            None => Ok(NoProxy::default()),
            Some((name, value)) => text(name, value).map(|text| NoProxy::parse(&text)),
        };
        let choose = |of: [&'static str; 2]| {
            let [capitals, small] = of;
            let [all_capitals, all_small] = ALL;
            let names = [capitals, small, all_capitals, all_small];
            let set = first_set(&variable, &names);
            set.map(|(name, value)| parse(name, value)).transpose()
        };
        Self {
            https: choose(HTTPS),
            http: choose(HTTP),
            no_proxy,
            overruled,
        }
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self::of(|_| None)
    }

    /// The one that a call to `target` takes, if it takes any.
    pub(super) fn to(&self, target: &Uri) -> Result<Option<&Proxy>, BadVariable> {
        let (choice, usual_port) = match target.scheme_str() {
            Some("https") => (&self.https, 443),
            _ => (&self.http, 80),
        };
        if matches!(choice, Ok(None)) {
            return Ok(None);
        }
        let no_proxy = self.no_proxy.as_ref().map_err(Clone::clone)?;
        let port = target.port_u16().unwrap_or(usual_port);
        if no_proxy.covers(target.host().unwrap_or_default(), port) {
            return Ok(None);
        }
        choice.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// The way to an endpoint in words: by which proxy of which variable, or none.
    pub fn way_to(&self, endpoint: &str) -> Result<Option<String>, BadVariable> {
        let Ok(endpoint) = endpoint.parse() else {
            return Ok(None);
        };
        Ok(self.to(&endpoint)?.map(ToString::to_string))
    }

    /// The variable that names the proxy to an endpoint, if a call there takes one.
    pub fn variable_for(&self, endpoint: &str) -> Option<&'static str> {
        let endpoint = endpoint.parse().ok()?;
        Some(self.to(&endpoint).ok()??.variable)
    }

    /// A variable that names a proxy, if one does.
    pub fn named(&self) -> Option<&'static str> {
        let choices = [&self.https, &self.http];
        let mut proxies = choices.into_iter().flatten().flatten();
        proxies.next().map(|proxy| proxy.variable)
    }

    /// The variables that can't be used.
    pub fn unusable(&self) -> Vec<BadVariable> {
        let choices = [&self.https, &self.http];
        let bad = choices
            .into_iter()
            .filter_map(|choice| choice.as_ref().err());
        let mut bad: Vec<_> = bad.chain(self.no_proxy.as_ref().err()).cloned().collect();
        bad.dedup();
        bad
    }

    /// The variables that are set and have no effect, in sentences.
    pub fn ineffective(&self) -> Vec<String> {
        let overruled = self.overruled.iter();
        overruled
            .map(|(name, counts)| {
                format!("{name} is not used: {counts} is set to something else, and counts")
            })
            .collect()
    }

    /// The entries of `NO_PROXY` that match nothing, in sentences that show them.
    pub fn void_exceptions(&self) -> Vec<String> {
        let entries = self.no_proxy.iter().flat_map(NoProxy::unread);
        let texts = entries.map(|entry| {
            format!("NO_PROXY's entry {entry:?} matches nothing: it is no name, address or network")
        });
        texts.collect()
    }
}

fn value(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.to_string_lossy().trim().is_empty())
}

fn first_set(
    variable: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Option<(&'static str, OsString)> {
    names
        .iter()
        .find_map(|name| Some((*name, value(variable, name)?)))
}

fn text(variable: &'static str, value: OsString) -> Result<String, BadVariable> {
    let text = value.into_string().map_err(|_| BadVariable {
        variable,
        why: "it is not UTF-8".to_owned(),
    })?;
    Ok(text.trim().to_owned())
}

/// What a variable names: a URL, or host and port of an HTTP proxy.
fn parse(variable: &'static str, value: OsString) -> Result<Proxy, BadVariable> {
    let bad = |why: &str| BadVariable {
        variable,
        why: why.to_owned(),
    };
    let text = text(variable, value)?;
    let url = if text.contains("://") {
        Url::parse(&text)
    } else {
        Url::parse(&format!("http://{text}"))
    };
    let url = url.map_err(|_| bad("it is neither a URL nor host:port"))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(bad(&format!(
            "proxies by {scheme} are not supported, use http:// or https://"
        )));
    }
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let uri = Uri::builder()
        .scheme(url.scheme())
        .authority(authority)
        .path_and_query("/")
        .build();
    Ok(Proxy {
        uri: uri.map_err(|_| bad("its host is none"))?,
        authorization: basic(&url)
            .map_err(|_| bad("its user or password has control characters"))?,
        variable,
    })
}

/// User and password as `Proxy-Authorization` takes them.
fn basic(url: &Url) -> Result<Option<HeaderValue>, http::header::InvalidHeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair)))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
