//! What `NO_PROXY` excepts from a proxy, as Go and curl read it. Pure.
//!
//! Entries are separated by commas or white space: `*`; an address or a network (`10.0.0.0/8`, `fd00::/8`); a name, which holds for
//! what is below it, too; `.name` or `*.name`, which hold only for what is below (Go's reading, curl's is the name's). Address and
//! name may have a port. Unlike with Go, `localhost` and loopback addresses are no exception of their own.

use std::net::IpAddr;

use url::Host;

/// The exceptions.
#[derive(Debug, Default)]
pub(super) struct NoProxy {
    everything: bool,
    entries: Vec<Entry>,
    unread: Vec<String>,
}

#[derive(Debug)]
enum Entry {
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    Name {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl NoProxy {
    pub(super) fn parse(text: &str) -> Self {
        let mut exceptions = Self::default();
        let separators = |letter: char| letter == ',' || letter.is_whitespace();
        for text in text.split(separators).filter(|text| !text.is_empty()) {
            if text == "*" {
                exceptions.everything = true;
            } else if let Some(entry) = Entry::parse(text) {
                exceptions.entries.push(entry);
            } else {
                exceptions.unread.push(text.to_owned());
            }
        }
        exceptions
    }

    /// Whether a host, by name or address (one of IPv6 may have brackets), is called without a proxy at this port.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']);
        if let Ok(address) = host.parse::<IpAddr>() {
            let address = address.to_canonical();
            return self.everything
                || self
                    .entries
                    .iter()
                    .any(|entry| entry.is_of_address(address, port));
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.everything
            || self
                .entries
                .iter()
                .any(|entry| entry.is_of_name(&host, port))
    }

    /// The entries that are nothing which could match.
    pub(super) fn unread(&self) -> &[String] {
        &self.unread
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok()?;
            return (bits <= width(address)).then_some(Self::Network(address, bits));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), None));
        }
        let (host, port) = split_port(text)?;
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let below = host.strip_prefix('*').unwrap_or(host).strip_prefix('.');
        let name = below.unwrap_or(host).trim_end_matches('.');
        match Host::parse(name) {
            Ok(Host::Domain(name)) if !name.contains('*') => Some(Self::Name {
                name,
                itself: below.is_none(),
                port,
            }),
            Ok(_) | Err(_) => None,
        }
    }

    fn is_of_address(&self, address: IpAddr, port: u16) -> bool {
        match self {
            Self::Network(network, bits) => prefix(*network, *bits) == prefix(address, *bits),
            Self::Address(own, only) => *own == address && only.is_none_or(|only| only == port),
            Self::Name { .. } => false,
        }
    }

    fn is_of_name(&self, host: &str, port: u16) -> bool {
        let Self::Name {
            name,
            itself,
            port: only,
        } = self
        else {
            return false;
        };
        let is_below = || {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.ends_with('.'))
        };
        (*itself && host == name || is_below()) && only.is_none_or(|only| only == port)
    }
}

/// Host and port of `host:port` or `[address]:port`; `None` for a port that is none.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, "")) => Some((host, None)),
        Some((host, port)) if !port.ends_with(']') => Some((host, Some(port.parse().ok()?))),
        Some(_) | None => Some((text, None)),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address, with the width of its kind: two addresses are of one network when these are equal.
fn prefix(address: IpAddr, bits: u8) -> (u8, u128) {
    let width = width(address);
    let value = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    let rest = u32::from(width.saturating_sub(bits));
    (width, value.checked_shr(rest).unwrap_or(0))
}
