//! The account that one credential means at one project, whom the cloud counts its calls for, and how either is shown: never by a secret.
//! Makes no call.

use std::fmt;
use std::sync::Arc;

use ring::digest;

use crate::platform::credentials::Credential;
use crate::platform::keys::{length_prefixed, token_digest};
use crate::platform::redact::shortened;
use crate::platform::sign::sha256;
use crate::terms::target::Target;

/// One credential at one project. What is seen with one account is never shown to another.
#[derive(Debug, Clone)]
pub struct Account {
    /// Where.
    pub target: Target,
    /// As whom. It may be long, and is shared by the accounts of all projects that it is used for.
    pub credential: Arc<Credential>,
    /// Base URL of IAM without a final slash, for a credential that needs tokens; else it may be empty.
    pub iam_endpoint: String,
    key: AccountKey,
    identity: Identity,
}

/// Equal for the same target and whole credential.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey(Arc<AccountDigests>);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct AccountDigests {
    whole: Sha256Digest,
    customer: Customer,
}

type Sha256Digest = [u8; digest::SHA256_OUTPUT_LEN];

/// Whom the cloud tells apart of those who call, however many accounts they make of themselves: where an address is named, a region is a
/// mere word, and of tokens and temporary keys each user may have as many as they like.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Customer(Sha256Digest);

impl AccountKey {
    /// Whom it is an account of.
    pub fn customer(&self) -> Customer {
        self.0.customer.clone()
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey")
    }
}

/// Whom the cloud counts requests for, at one endpoint. Printed so that it may be shown.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    endpoint: String,
    name: String,
    shown: String,
    label: String,
}

impl Account {
    /// Derives what tells accounts apart.
    pub fn new(
        target: Target,
        credential: impl Into<Arc<Credential>>,
        iam_endpoint: String,
    ) -> Self {
        let credential = credential.into();
        let whole = length_prefixed(&[&target.endpoint, &target.region, &target.project_id]);
        let whole = [whole, credential.unambiguous()].concat();
        let customer = [
            target.endpoint.as_str(),
            &target.project_id,
            &credential.lasting_principal().unwrap_or_default(),
        ];
        let key = AccountKey(Arc::new(AccountDigests {
            whole: sha256_digest(&whole),
            customer: Customer(sha256_digest(&length_prefixed(&customer))),
        }));
        let identity = Identity::new(&target.endpoint, &credential);
        Self {
            target,
            credential,
            iam_endpoint,
            key,
            identity,
        }
    }

    /// What makes it equal to another account.
    pub fn key(&self) -> &AccountKey {
        &self.key
    }

    /// Whose quota it uses.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

fn sha256_digest(bytes: &[u8]) -> Sha256Digest {
    let mut whole = Sha256Digest::default();
    whole.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    whole
}

impl Identity {
    fn new(endpoint: &str, credential: &Credential) -> Self {
        let shown = match credential {
            Credential::AkSk(pair) => shortened(pair.ak.as_str()),
            Credential::Password(user) => format!("{}/{}", user.domain_name, user.username),
            Credential::Token(token) => {
                let start: String = token_digest(token).chars().take(8).collect();
                format!("token {start}")
            }
            Credential::Ambient(temporary) => temporary.name().to_owned(),
        };
        let name = credential.principal();
        let hash = sha256(name.as_bytes());
        Self {
            endpoint: endpoint.to_owned(),
            name,
            shown,
            label: hash.chars().take(8).collect(),
        }
    }
}

impl Identity {
    /// The name of its bucket: no two identities have the same, and none is long.
    pub fn bucket(&self) -> String {
        let whole = length_prefixed(&[&self.endpoint, &self.name]);
        sha256(&whole)
    }

    /// Stands for it in metrics: 8 hex digits of a hash, since names are a tenant's.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.shown, self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::credentials::CredentialSet;

    const SK: &str = "test-secret-key-0123456789abcdefghijklm";

    fn account(endpoint: &str, project: &str, pairs: &[(&str, &str)]) -> Account {
        let target = Target {
            region: "cn-north-4".to_owned(),
            project_id: project.to_owned(),
            endpoint: endpoint.to_owned(),
        };
        let data = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
        let credential = CredentialSet::read(&data.collect()).unwrap().credential;
        Account::new(target, credential, String::new())
    }

    #[test]
    fn two_access_keys_that_are_shown_alike_have_a_bucket_each() {
        let bucket = |ak| {
            let account = account("https://a", "project", &[("ak", ak), ("sk", SK)]);
            (account.identity().bucket(), account.identity().to_string())
        };
        let (one, other) = (bucket("TESTAK0000000001"), bucket("TESTAK0000000002"));
        assert_eq!(one.1, other.1);
        assert_ne!(one.0, other.0);
    }

    #[test]
    fn accounts_are_equal_by_endpoint_project_and_whole_credential() {
        let pairs = [("ak", "TESTAK"), ("sk", SK)];
        let first = account("https://a", "project", &pairs);
        assert_eq!(first.key(), account("https://a", "project", &pairs).key());
        for other in [
            account("https://b", "project", &pairs),
            account("https://a", "other", &pairs),
            account("https://a", "project", &[("ak", "TESTAL"), ("sk", SK)]),
            account("https://a", "project", &[("ak", "TESTAK"), ("sk", "other")]),
            account(
                "https://a",
                "project",
                &[("ak", "TESTAK"), ("sk", SK), ("security_token", "t")],
            ),
            account("https://a", "project", &[("token", "TESTAK")]),
        ] {
            assert_ne!(first.key(), other.key(), "{other:?}");
        }
    }

    #[test]
    fn an_endpoint_that_serves_two_regions_has_two_accounts() {
        let first = account("https://a", "project", &[("ak", "TESTAK"), ("sk", SK)]);
        let mut target = first.target.clone();
        target.region = "cn-east-3".to_owned();
        let second = Account::new(target, first.credential.clone(), String::new());
        assert_ne!(first.key(), second.key());
        assert_eq!(first.identity(), second.identity());
    }

    #[test]
    fn whoever_makes_many_accounts_of_themselves_is_one_customer() {
        let customer = |region: &str, project: &str, pairs: &[(&str, &str)]| {
            let account = account("https://a", project, pairs);
            let target = Target {
                region: region.to_owned(),
                ..account.target
            };
            let account = Account::new(target, account.credential, String::new());
            account.key().customer()
        };
        let key = |ak, sk| [("ak", ak), ("sk", sk)];
        let first = customer("r-1", "project", &key("TESTAK", SK));
        assert_eq!(first, customer("r-2", "project", &key("TESTAK", "other")));
        assert_ne!(first, customer("r-1", "other", &key("TESTAK", SK)));
        assert_ne!(first, customer("r-1", "project", &key("TESTAL", SK)));
        let temporary = |ak, token| {
            customer(
                "r-1",
                "project",
                &[("ak", ak), ("sk", SK), ("security_token", token)],
            )
        };
        let token = |token| customer("r-1", "project", &[("token", token)]);
        assert_eq!(temporary("ONE", "t"), temporary("TWO", "u"));
        assert_eq!(token("one"), token("two"));
        assert_eq!(token("one"), temporary("ONE", "t"));
        assert_ne!(token("one"), first);
    }

    #[test]
    fn an_identity_is_whom_the_cloud_counts_for() {
        let identity = |endpoint: &str, project: &str, pairs: &[(&str, &str)]| {
            account(endpoint, project, pairs).identity().clone()
        };
        let key = identity("https://a", "project", &[("ak", "TESTAK-ONE"), ("sk", SK)]);
        assert_eq!(
            key,
            identity(
                "https://a",
                "other",
                &[("ak", "TESTAK-ONE"), ("sk", "other")]
            )
        );
        assert_ne!(
            key,
            identity("https://b", "project", &[("ak", "TESTAK-ONE"), ("sk", SK)])
        );
        assert_ne!(
            key,
            identity("https://a", "project", &[("ak", "TESTAK-TWO"), ("sk", SK)])
        );
        assert_eq!(key.to_string(), "TEST****");
        let user = |password, domain| {
            identity(
                "https://a",
                "project",
                &[
                    ("username", "u"),
                    ("password", password),
                    ("domain_name", domain),
                ],
            )
        };
        assert_eq!(user("one", "d"), user("two", "d"));
        assert_ne!(user("one", "d"), user("one", "e"));
        assert_eq!(user("one", "d").to_string(), "d/u");
        let token = |token| identity("https://a", "project", &[("token", token)]);
        assert_ne!(token("one"), token("two"));
    }
}
