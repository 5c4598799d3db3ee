//! Who has which objects: 50 projects of 20 identities, one of them so large that the cloud can't list it whole.

use serde_json::{Value, json};

use crate::controller::tests::object::ACCOUNT;
use crate::controller::tests::server::StoreKey;

pub(super) const PROJECTS: usize = 50;
pub(super) const IDENTITIES: usize = 20;
/// The first project has one of so many objects; the others share the rest.
const LARGEST: usize = 20;
/// What a page of the cloud's list holds.
const PAGE: usize = 100;
/// The cloud lists no more than so many.
const LISTED: usize = 4_000;
/// Whose endpoint is another one.
pub(super) const ELSEWHERE: usize = 7;

/// All objects.
pub(super) struct Fleet {
    pub(super) total: usize,
}

impl Fleet {
    /// How many objects a project has.
    pub(super) fn size(&self, project: usize) -> usize {
        let largest = self.total / LARGEST;
        let (rest, others) = (self.total - largest, PROJECTS - 1);
        match project {
            0 => largest,
            _ => rest / others + usize::from(project <= rest % others),
        }
    }

    /// How many an identity has.
    pub(super) fn size_of(&self, identity: usize) -> usize {
        projects(identity).map(|project| self.size(project)).sum()
    }

    /// How many calls a sweep of a project takes, as the documentation has it: a page for each 100 rows; of a project that can't be listed
    /// whole, one call that shows that, and the pages of each domain.
    pub(super) fn calls_of_sweep(&self, project: usize) -> usize {
        let size = self.size(project);
        if size <= LISTED {
            return size.div_ceil(PAGE).max(1);
        }
        let domains = domains(project);
        let pages = (0..domains).map(|domain| {
            let rows = size / domains + usize::from(domain < size % domains);
            rows.div_ceil(PAGE)
        });
        1 + pages.sum::<usize>()
    }

    pub(super) fn keys(&self, project: usize) -> impl Iterator<Item = StoreKey> {
        (0..self.size(project)).map(move |number| key(project, number))
    }
}

pub(super) fn identity(project: usize) -> usize {
    project % IDENTITIES
}

/// The projects of an identity.
pub(super) fn projects(identity: usize) -> impl Iterator<Item = usize> {
    (identity..PROJECTS).step_by(IDENTITIES)
}

/// The id of a project at the cloud.
pub(super) fn id(project: usize) -> String {
    format!("{:032x}", project + 1)
}

/// Which project a URL names, if any.
pub(super) fn named_by(url: &str) -> Option<usize> {
    let (_, path) = url.split_once("/v1/")?;
    let (id, _) = path.split_once('/')?;
    usize::from_str_radix(id, 16).ok()?.checked_sub(1)
}

pub(super) fn namespace(project: usize) -> String {
    format!("team-{project:02}")
}

/// Which project a namespace belongs to, if it is one.
pub(super) fn of_namespace(namespace: &str) -> Option<usize> {
    namespace.strip_prefix("team-")?.parse().ok()
}

pub(super) fn access_key(identity: usize) -> String {
    format!("AKTEAM{identity:02}")
}

pub(super) fn region(identity: usize) -> &'static str {
    if identity == ELSEWHERE {
        "cn-east-3"
    } else {
        "cn-north-4"
    }
}

pub(super) fn key(project: usize, number: usize) -> StoreKey {
    (namespace(project), format!("push-{number:05}"))
}

/// How many domains a project has.
fn domains(project: usize) -> usize {
    if project == 0 { 64 } else { 8 }
}

pub(super) fn spec(project: usize, number: usize) -> Value {
    let domain = number % domains(project);
    json!({
        "publishDomain": format!("push-{project}-{domain}.example.com"),
        "app": format!("live-{number}"),
        "notifyCallbackURL": "https://hooks.example.com/record",
        "credentialsSecretRef": {"name": ACCOUNT},
    })
}
