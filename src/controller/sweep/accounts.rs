//! Whose objects are swept together, and when. Asks who an account is (`login`), and never calls Live.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::super::account::SharedAccount;
use super::super::account_registry::KnownLogin;
use super::super::context::Context;
use super::super::store::{KeptObject, ObjectStore};
use crate::api::RecordingCallback;
use crate::login::Login;
use crate::plan::facts::CloudAccess;
use crate::platform::account::AccountKey;
use crate::terms::failure::Failure;
use crate::terms::target::Target;

pub(super) type ServedObjects = Vec<Arc<KeptObject>>;

/// Objects that call as the same one.
pub(super) struct Group {
    pub(super) caller: Caller,
    /// `None` while it is not known.
    pub(super) account: Option<Arc<SharedAccount>>,
    pub(super) served: ServedObjects,
}

/// Who calls: an account, or a login of which nobody knows yet what account it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    Account(AccountKey),
    Login(Vec<String>),
}

impl Caller {
    /// Whether it is this account.
    pub(super) fn is(&self, account: &AccountKey) -> bool {
        matches!(self, Self::Account(key) if key == account)
    }
}

/// Those that have something to compare, and when that is due: for new ones at `first`. However many they are, the others of this task have
/// their turns.
pub(super) async fn groups(
    context: &Context,
    stores: &[ObjectStore],
    first: Instant,
) -> HashMap<Caller, (Instant, Group)> {
    let objects: ServedObjects = stores.iter().flat_map(ObjectStore::all).collect();
    let mut alike: HashMap<_, ServedObjects> = HashMap::new();
    for object in objects.iter().filter(|object| object.is_compared) {
        consume_budget().await;
        let login = object.references.login();
        alike.entry(login).or_default().push(Arc::clone(object));
    }
    let mut groups: HashMap<Caller, (Instant, Group)> = HashMap::new();
    for served in alike.into_values() {
        consume_budget().await;
        let Some((caller, account)) = caller(context, &served) else {
            continue;
        };
        let due = due(context, &served, account.as_ref(), first).await;
        let (at, group) = groups.entry(caller).or_insert_with_key(|caller| {
            let group = Group {
                caller: caller.clone(),
                account,
                served: ServedObjects::new(),
            };
            (due, group)
        });
        *at = due.min(*at);
        group.served.extend(served);
    }
    groups
}

/// As whom these objects call, by what is known of their Secret.
fn caller(
    context: &Context,
    served: &ServedObjects,
) -> Option<(Caller, Option<Arc<SharedAccount>>)> {
    let mut logins = served
        .iter()
        .filter_map(|object| context.accounts.known_login(&object.references));
    let known = logins.next()?.ok()?;
    let mut accounts = served
        .iter()
        .filter_map(|object| context.memories.account(&object.uid));
    Some(
        match accounts.find(|account| is_of(account, &known.login)) {
            Some(account) => {
                let caller = Caller::Account(account.identity_account().key().clone());
                (caller, Some(account))
            }
            None => (Caller::Login(words(known)), None),
        },
    )
}

/// Whether a login leads to this account. Equal credentials that are held are the same one.
fn is_of(account: &SharedAccount, login: &Login) -> bool {
    let target = account.target();
    let project = login.project_id.as_ref();
    Arc::ptr_eq(&account.identity_account().credential, &login.credential)
        && account.identity_account().iam_endpoint == login.iam_endpoint
        && (&target.region, &target.endpoint) == (&login.region, &login.live_endpoint)
        && project.is_none_or(|project| *project == target.project_id)
}

/// What a login consists of; nothing secret.
fn words(KnownLogin { login, digest }: KnownLogin) -> Vec<String> {
    vec![
        digest,
        login.region,
        login.project_id.unwrap_or_default(),
        login.live_endpoint,
        login.iam_endpoint,
    ]
}

/// When the first of these objects is to be compared. All of them are known by this account from now on.
async fn due(
    context: &Context,
    served: &ServedObjects,
    account: Option<&Arc<SharedAccount>>,
    first: Instant,
) -> Instant {
    let mut soonest = None;
    for object in served {
        consume_budget().await;
        let due = context.memories.with(&object.uid, |memory| {
            if let Some(account) = account {
                memory.account = Some(Arc::clone(account));
            }
            *memory.sweep_at.get_or_insert(first)
        });
        soonest = Some(soonest.map_or(due, |soonest| due.min(soonest)));
    }
    soonest.unwrap_or(first)
}

/// The account that a login leads to, which may take a look-up at IAM. A failure is what a sweep would have failed with; there
/// is none where a person has to tell more.
pub(super) async fn identify(
    context: &Context,
    served: &ServedObjects,
) -> Result<Arc<SharedAccount>, Option<Failure>> {
    let object = served.first().ok_or(None)?;
    let login = context.accounts.known_login(&object.references);
    let login = login.ok_or(None)?.map(|known| known.login);
    let entry = context.accounts.identify(&object.unpack(), login).await;
    let account = match (entry.account, entry.access) {
        (Some(account), _) => account,
        (None, CloudAccess::Unknown(failure)) => return Err(Some(failure)),
        (None, _) => return Err(None),
    };
    for object in served {
        let known = Some(Arc::clone(&account));
        context
            .memories
            .with(&object.uid, |memory| memory.account = known);
    }
    Ok(account)
}

/// Whether an object's callback is where the account calls: elsewhere nothing can be compared, and nothing is asked.
pub(super) fn is_at_home(object: &RecordingCallback, target: &Target) -> bool {
    let status = object.status.as_ref();
    let home = status.and_then(|status| status.target.as_ref());
    home.is_none_or(|home| (&home.region, &home.project_id) == (&target.region, &target.project_id))
}
