//! Where a callback lies and what it says: the comparable facts of a remote callback, as values.
//!
//! Nothing here asks anybody anything. All comparisons of URLs, events and domains of the whole program are in this file.

use std::collections::BTreeSet;

/// The key that the cloud gives a callback: an ingest (publish) domain and an application of one project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    domain: String,
    app: String,
}

impl Place {
    /// A place; domains have no case, applications have.
    pub fn new(domain: &str, app: &str) -> Self {
        Self {
            domain: domain.to_ascii_lowercase(),
            app: app.to_owned(),
        }
    }

    /// The ingest domain in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The application, `*` for every one.
    pub fn app(&self) -> &str {
        &self.app
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.domain, self.app)
    }
}

/// The project of a region that an object's callback lives in, and the address it is reached at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Region, such as `cn-north-4`.
    pub region: String,
    /// Project id.
    pub project_id: String,
    /// Base URL of the Live API without a final slash.
    pub endpoint: String,
}

impl Target {
    /// Whether both name the same region and project; the address may differ.
    pub fn same_project(&self, other: &Self) -> bool {
        self.region == other.region && self.project_id == other.project_id
    }
}

/// A subscription: a set of event names. The cloud keeps an order, which has no meaning.
pub type Events = BTreeSet<String>;

/// What a callback says, apart from its place and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    /// Where notifications go; `None` means that nobody is notified.
    pub url: Option<String>,
    /// The subscribed events.
    pub events: Events,
    /// `HMACSHA256` or `MD5`.
    pub sign_type: String,
}

/// Whether two callback URLs are the same: scheme and host without case, an empty path equals `/`, absent equals empty.
pub fn same_url(a: Option<&str>, b: Option<&str>) -> bool {
    canonical_url(a.unwrap_or_default()) == canonical_url(b.unwrap_or_default())
}

/// Scheme and authority in lower case, an empty path written `/`.
fn canonical_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    format!(
        "{}://{}{path}",
        scheme.to_ascii_lowercase(),
        authority.to_ascii_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_compare_without_case_of_scheme_and_host_only() {
        for (a, b, same) in [
            (
                "https://Hooks.example.com/Record",
                "HTTPS://hooks.EXAMPLE.com/Record",
                true,
            ),
            (
                "https://hooks.example.com",
                "https://hooks.example.com/",
                true,
            ),
            (
                "https://hooks.example.com/record",
                "https://hooks.example.com/Record",
                false,
            ),
            (
                "https://hooks.example.com/record",
                "https://hooks.example.com/record/",
                false,
            ),
            (
                "https://hooks.example.com",
                "http://hooks.example.com",
                false,
            ),
        ] {
            assert_eq!(same_url(Some(a), Some(b)), same, "{a} and {b}");
        }
        assert!(
            same_url(None, Some("")),
            "the cloud may say empty for absent"
        );
        assert!(!same_url(None, Some("https://hooks.example.com")));
    }

    #[test]
    fn places_compare_domains_without_case() {
        assert_eq!(
            Place::new("Push.Example.com", "live"),
            Place::new("push.example.com", "live")
        );
        assert_ne!(
            Place::new("push.example.com", "live"),
            Place::new("push.example.com", "Live")
        );
    }
}
