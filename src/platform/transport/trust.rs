//! Whose certificates are accepted: those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, where set, instead of the system's.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, load_certs_from_paths};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The authorities that are trusted.
pub(super) struct Trust {
    pub(super) roots: RootCertStore,
    /// Why there is none.
    pub(super) problem: Option<String>,
}

impl Trust {
    pub(super) fn from_environment() -> Self {
        Self::load(
            env::var_os(FILE).as_deref(),
            env::var_os(DIRECTORIES).as_deref(),
        )
    }

    /// An empty variable counts as unset. What can't be read is skipped, and told when nothing is left.
    fn load(file: Option<&OsStr>, directories: Option<&OsStr>) -> Self {
        let file = file.filter(|value| !value.is_empty()).map(Path::new);
        let directories: Vec<PathBuf> = directories
            .iter()
            .flat_map(env::split_paths)
            .filter(|path| !path.as_os_str().is_empty())
            .collect();
        let own = file.is_some() || !directories.is_empty();
        let found = if own {
            read(file, &directories)
        } else {
            read_system()
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        for error in &found.errors {
            tracing::warn!(%error, "a certificate authority could not be read");
        }
        let problem = roots.is_empty().then(|| {
            let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
            let place = if own {
                "SSL_CERT_FILE and SSL_CERT_DIR name"
            } else {
                "this system has"
            };
            let errors = if errors.is_empty() {
                String::new()
            } else {
                format!(" ({})", errors.join("; "))
            };
            format!("{place} no certificate authority{errors}")
        });
        Self { roots, problem }
    }
}

/// The system's own authorities. The probe looks at the same variables, but only at paths that exist, and those are empty here.
fn read_system() -> CertificateResult {
    let probed = openssl_probe::probe();
    read(probed.cert_file.as_deref(), &probed.cert_dir)
}

fn read(file: Option<&Path>, directories: &[PathBuf]) -> CertificateResult {
    let mut found = load_certs_from_paths(file, None);
    for directory in directories {
        let mut more = load_certs_from_paths(None, Some(directory));
        found.certs.append(&mut more.certs);
        found.errors.append(&mut more.errors);
    }
    found
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

    #[test]
    fn own_authorities_replace_those_of_the_system() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("own.pem");
        std::fs::write(&file, authority()).unwrap();
        let trust = Trust::load(Some(file.as_os_str()), None);
        assert_eq!((trust.roots.len(), trust.problem), (1, None));
        let trust = Trust::load(None, Some(directory.path().as_os_str()));
        assert_eq!((trust.roots.len(), trust.problem), (1, None));

        let second = tempfile::tempdir().unwrap();
        std::fs::write(second.path().join("other.pem"), authority()).unwrap();
        let trust = Trust::load(Some(file.as_os_str()), Some(second.path().as_os_str()));
        assert_eq!(
            (trust.roots.len(), trust.problem),
            (2, None),
            "both variables count"
        );
    }

    #[test]
    fn a_bad_value_is_told_and_trusts_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let garbage = directory.path().join("garbage.pem");
        std::fs::write(&garbage, "no certificate").unwrap();
        let missing = directory.path().join("missing.pem");
        for path in [garbage, missing] {
            let trust = Trust::load(Some(path.as_os_str()), None);
            assert!(trust.roots.is_empty());
            assert!(
                trust.problem.unwrap().contains("SSL_CERT_FILE"),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn an_unreadable_part_does_not_spoil_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("own.pem"), authority()).unwrap();
        let trust = Trust::load(
            Some(OsStr::new("/nonexistent.pem")),
            Some(directory.path().as_os_str()),
        );
        assert_eq!((trust.roots.len(), trust.problem), (1, None));
    }

    #[test]
    fn empty_values_count_as_unset() {
        let unset = Trust::load(None, None);
        let empty = Trust::load(Some(OsStr::new("")), Some(OsStr::new("")));
        assert_eq!(unset.roots.len(), empty.roots.len());
    }
}
