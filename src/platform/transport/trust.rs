//! Whose certificates are accepted: those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, where set, instead of the system's. The files are read
//! again and again; one that no longer holds an authority is told, and those that it held still count.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_certs_from_paths};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

type Authorities = Vec<CertificateDer<'static>>;

/// A file or a directory of certificates that a variable names, or all that the system has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Directory(PathBuf),
    System,
}

/// What was found at a source at one moment.
#[derive(Debug, Default)]
pub(super) struct Found {
    authorities: Authorities,
    /// What is wrong with it, if nothing was found.
    problem: Option<String>,
}

impl Source {
    /// Those of the environment. An empty variable counts as unset.
    pub(super) fn of_environment() -> Vec<Self> {
        Self::of(env::var_os(FILE), env::var_os(DIRECTORIES).as_deref())
    }

    fn of(file: Option<OsString>, directories: Option<&OsStr>) -> Vec<Self> {
        let file = file.filter(|value| !value.is_empty());
        let mut sources: Vec<_> = file
            .map(|path| Self::File(path.into()))
            .into_iter()
            .collect();
        let directories = directories.into_iter().flat_map(env::split_paths);
        let directories = directories.filter(|path| !path.as_os_str().is_empty());
        sources.extend(directories.map(Self::Directory));
        if sources.is_empty() {
            sources.push(Self::System);
        }
        sources
    }

    /// Reads it. May take a while.
    pub(super) fn read(&self) -> Found {
        let mut found = match self {
            Self::File(path) => load_certs_from_paths(Some(path), None),
            Self::Directory(path) => load_certs_from_paths(None, Some(path)),
            Self::System => read_system(),
        };
        found.certs.retain(is_usable);
        // A system may have them twice, in a file and in a directory.
        found
            .certs
            .sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        found.certs.dedup();
        let problem = found.certs.is_empty().then(|| self.problem(&found));
        Found {
            authorities: found.certs,
            problem,
        }
    }

    fn problem(&self, found: &CertificateResult) -> String {
        let (variable, path): (_, &Path) = match self {
            Self::File(path) => (FILE, path),
            Self::Directory(path) => (DIRECTORIES, path),
            Self::System => {
                return "this system has no certificate authority, name yours in SSL_CERT_FILE or SSL_CERT_DIR".to_owned();
            }
        };
        let why = match found.errors.first() {
            Some(error) => format!(" ({error})"),
            None => String::new(),
        };
        format!(
            "{variable} names {}, which holds no certificate authority{why}",
            path.display()
        )
    }
}

/// The system's own authorities. The probe looks at the same variables, but only at paths that exist, and those are empty here.
fn read_system() -> CertificateResult {
    let probed = openssl_probe::probe();
    let mut found = load_certs_from_paths(probed.cert_file.as_deref(), None);
    for directory in &probed.cert_dir {
        found
            .certs
            .append(&mut load_certs_from_paths(None, Some(directory)).certs);
    }
    found
}

fn is_usable(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

/// The authorities that are trusted, by source.
#[derive(Debug, Default)]
pub(super) struct Trust {
    by_source: Vec<Authorities>,
    /// What is wrong with the sources, if anything is.
    pub(super) problem: Option<String>,
}

impl Trust {
    /// Takes over what was found at the sources, in their order. Whether other authorities are trusted now, and whether there is
    /// something else to tell.
    pub(super) fn renew(&mut self, found: Vec<Found>) -> Renewal {
        self.by_source.resize_with(found.len(), Vec::new);
        let mut is_other = false;
        let mut problems = Vec::new();
        for (kept, found) in self.by_source.iter_mut().zip(found) {
            match found.problem {
                Some(problem) if kept.is_empty() => problems.push(problem),
                Some(problem) => {
                    problems.push(format!("{problem}; what it held before still counts"));
                }
                None if *kept == found.authorities => {}
                None => {
                    *kept = found.authorities;
                    is_other = true;
                }
            }
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        let is_news = problem != self.problem;
        self.problem = problem;
        Renewal { is_other, is_news }
    }

    /// Tells in the log what is wrong, or that nothing is any more.
    pub(super) fn log_problem(&self) {
        if let Some(problem) = &self.problem {
            tracing::error!(%problem, "certificates are not as the environment says, calls by https may fail");
        } else {
            tracing::info!("certificates of authorities are as the environment says");
        }
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.by_source.iter().flatten().cloned());
        roots
    }
}

/// What is wrong with the certificates that the environment of this process names, if anything is.
pub fn certificate_problem() -> Option<String> {
    let mut trust = Trust::default();
    let sources = Source::of_environment();
    trust.renew(sources.iter().map(Source::read).collect());
    trust.problem
}

/// What came of a renewal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renewal {
    pub(super) is_other: bool,
    pub(super) is_news: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().pem()
    }

    fn trusted(sources: &[Source]) -> Trust {
        let mut trust = Trust::default();
        trust.renew(sources.iter().map(Source::read).collect());
        trust
    }

    #[test]
    fn own_authorities_replace_those_of_the_system() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("own.pem");
        std::fs::write(&file, authority()).unwrap();
        let second = tempfile::tempdir().unwrap();
        std::fs::write(second.path().join("other.pem"), authority()).unwrap();
        let of = |file: &str, directories: &str| {
            Source::of(Some(file.into()), Some(directories.as_ref()))
        };
        let (file, first) = (file.to_str().unwrap(), directory.path().to_str().unwrap());
        let second = second.path().to_str().unwrap();
        for (sources, count) in [
            (of(file, ""), 1),
            (of("", first), 1),
            (of(file, second), 2),
            (of("", &format!("{first}:{second}")), 2),
        ] {
            let trust = trusted(&sources);
            assert_eq!(
                (trust.roots().len(), trust.problem),
                (count, None),
                "{sources:?}"
            );
        }
    }

    #[test]
    fn an_unreadable_part_is_told_and_does_not_spoil_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("own.pem"), authority()).unwrap();
        let sources = [
            Source::File("/nonexistent.pem".into()),
            Source::Directory(directory.path().to_owned()),
        ];
        let trust = trusted(&sources);
        assert_eq!(trust.roots().len(), 1);
        let problem = trust.problem.unwrap();
        assert!(
            problem.starts_with("SSL_CERT_FILE names /nonexistent.pem"),
            "{problem}"
        );
    }

    #[test]
    fn empty_values_count_as_unset() {
        assert_eq!(Source::of(None, None), [Source::System]);
        assert_eq!(
            Source::of(Some("".into()), Some(":".as_ref())),
            [Source::System]
        );
    }
}
