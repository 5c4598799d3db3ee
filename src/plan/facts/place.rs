//! The key of a callback within a project: domain (without case) and app. A value only; who owns a place is `plan::ownership`'s.

use serde::{Deserialize, Serialize};

/// The key that the cloud gives a callback: an ingest (publish) domain and an application of one project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(String, String)", into = "(String, String)")]
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

impl From<(String, String)> for Place {
    fn from((domain, app): (String, String)) -> Self {
        Self::new(&domain, &app)
    }
}

impl From<Place> for (String, String) {
    fn from(Place { domain, app }: Place) -> Self {
        (domain, app)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.domain, self.app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
