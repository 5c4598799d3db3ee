//! Where calls may go: endpoints, the hosts that regions stand for, and the list of what is allowed.
//!
//! Pure, and strict on purpose: what a lenient URL parser would repair is refused here, so that no text means one host to
//! this check and another to the connection.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// The scheme, host and port of a base URL, in lower case and without a default port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
}

/// The endpoints that calls may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<Endpoint>,
}

/// A service of the cloud whose host is made from a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudService {
    /// Live.
    Live,
    /// Tokens and projects.
    Iam,
    /// Temporary keys for workloads.
    Sts,
}

impl CloudService {
    fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }
}

impl Endpoint {
    /// Reads `host[:port]` with `https://`, which is meant where nothing stands there, or `http://` before it; one slash at the end is let
    /// pass. A path, a query or user info is an error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let endpoint = Self::parse_pattern(text)?;
        if endpoint.host.contains('*') {
            return Err(refused(text, "a host has no *"));
        }
        Ok(endpoint)
    }

    /// The endpoint of a service in a region such as `cn-north-4`, which need not exist.
    pub fn of_region(service: CloudService, region: &str) -> Result<Self, String> {
        let suffix = if region.starts_with("eu-") {
            "eu"
        } else {
            "com"
        };
        if !is_label(region) {
            return Err(format!(
                "the region {region:?} is not one: write it like cn-north-4"
            ));
        }
        Self::parse(&format!(
            "https://{}.{region}.myhuaweicloud.{suffix}",
            service.name()
        ))
    }

    /// Whether it can only be on this machine, or on the link that it is at.
    pub(crate) fn is_local(&self) -> bool {
        let v4 = self.host.parse::<Ipv4Addr>();
        let bracketed = self.host.strip_prefix('[');
        let v6 = bracketed.and_then(|rest| rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok());
        self.host == "localhost"
            || v4.is_ok_and(|address| address.is_loopback() || address.is_link_local())
            || v6.is_some_and(|address| address.is_loopback() || address.is_unicast_link_local())
    }

    fn parse_pattern(text: &str) -> Result<Self, String> {
        let (secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) => return Err(refused(text, "only https:// and http:// are known")),
            None => (true, text),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        for (mark, part) in [
            ('@', "user info"),
            ('?', "a query"),
            ('#', "a fragment"),
            ('/', "a path"),
        ] {
            if authority.contains(mark) {
                return Err(refused(
                    text,
                    &format!("it has {part}; write host or host:port"),
                ));
            }
        }
        let (host, port) =
            split_port(authority).ok_or_else(|| refused(text, "its port is none"))?;
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err(refused(text, "its host is none"));
        }
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host, port })
    }

    /// `*` stands for one label, and no part of an address.
    fn matches(&self, endpoint: &Self) -> bool {
        let same_kind = self.secure == endpoint.secure && self.port == endpoint.port;
        let (mut pattern, mut host) = (self.host.split('.'), endpoint.host.split('.'));
        same_kind
            && (self.host == endpoint.host
                || (is_name(&endpoint.host)
                    && self.host.split('.').count() == endpoint.host.split('.').count()
                    && pattern.all(|label| {
                        host.next()
                            .is_some_and(|other| label == "*" || label == other)
                    })))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.secure {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl AllowList {
    /// Whether calls may go there; if not, why and what to do.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), String> {
        if self.entries.iter().any(|entry| entry.matches(endpoint)) {
            return Ok(());
        }
        Err(format!(
            "{endpoint} is not among --allowed-endpoints ({self}): correct the endpoint or region of the credentials, or have it allowed"
        ))
    }
}

impl Default for AllowList {
    fn default() -> Self {
        let pattern = |service: &str, suffix: &str| Endpoint {
            secure: true,
            host: format!("{service}.*.myhuaweicloud.{suffix}"),
            port: 443,
        };
        let services = ["live", "iam", "sts"];
        let entries = ["com", "eu"]
            .iter()
            .flat_map(|suffix| services.map(|service| pattern(service, suffix)));
        Self {
            entries: entries.collect(),
        }
    }
}

impl FromStr for AllowList {
    type Err = String;

    /// Entries `[http://]host[:port]`, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let entries = entries
            .map(Endpoint::parse_pattern)
            .collect::<Result<Vec<_>, _>>()?;
        if entries.is_empty() {
            return Err(
                "no endpoint is allowed: name at least one as [http://]host[:port]".to_owned(),
            );
        }
        Ok(Self { entries })
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let entry = entry.to_string();
            write!(
                f,
                "{comma}{}",
                entry.strip_prefix("https://").unwrap_or(&entry)
            )?;
        }
        Ok(())
    }
}

/// What a person reads. The text may be anything, a password too, so only its length is told.
fn refused(text: &str, why: &str) -> String {
    if text.contains('@') {
        return format!(
            "the endpoint (of {} characters, not shown) is refused: {why}",
            text.chars().count()
        );
    }
    format!("the endpoint {text:?} is refused: {why}")
}

/// Host and port of `host`, `host:port`, `[v6]` and `[v6]:port`.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let at = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (bracketed, rest) = authority.split_at_checked(at)?;
    let Some((name, port)) = rest.split_once(':') else {
        return Some((authority, None));
    };
    if !bracketed.is_empty() && !name.is_empty() {
        return None;
    }
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    Some((
        if bracketed.is_empty() {
            name
        } else {
            bracketed
        },
        Some(port),
    ))
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    host.parse::<Ipv4Addr>().is_ok() || is_name(host)
}

/// A DNS name. One that a URL parser takes for an address in disguise (`2130706433`, `0x7f.1`) is none.
fn is_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let disguised = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= 253 && !disguised && host.split('.').all(|label| label == "*" || is_label(label))
}

/// A label of DNS, in lower case.
pub(crate) fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests;
