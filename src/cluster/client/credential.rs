//! What a kubeconfig's user logs in with. No word of it is ever told.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use http::HeaderValue;
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig};
use secrecy::ExposeSecret as _;

use super::ClusterAccessError;
use crate::lock::lock;

/// The context's user; nobody where it names none.
pub(super) fn user(
    kubeconfig: &Kubeconfig,
    context: &Context,
    cluster: &Cluster,
) -> Result<AuthInfo, ClusterAccessError> {
    let users = &kubeconfig.auth_infos;
    let named = users
        .iter()
        .find(|user| Some(&user.name) == context.user.as_ref());
    let mut user = named
        .and_then(|user| user.auth_info.clone())
        .unwrap_or_default();
    if let Some(token) = &mut user.token {
        // Written as a block of text it ends with a line.
        let text = token.expose_secret().trim().to_owned();
        if HeaderValue::try_from(&text).is_err() {
            return Err(ClusterAccessError::User {
                user: context.user.clone().unwrap_or_default(),
                what: "its token can't be sent: it has a line break or another character that no token has",
            });
        }
        *token = text.into();
    }
    if let Some(exec) = &mut user.exec
        && exec.provide_cluster_info
    {
        exec.cluster = Some(cluster.try_into()?);
    }
    Ok(user)
}

/// What this gives, and nothing where it panics, as the client does with a token that no header can hold: one of a plugin can't be looked
/// at before.
pub(super) fn without_a_panic<T>(work: impl FnOnce() -> T) -> Option<T> {
    /// One at a time, so that each puts back what was there before all of them.
    static SILENCE: Mutex<()> = Mutex::new(());
    let _one = lock(&SILENCE);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = panic::catch_unwind(AssertUnwindSafe(work)).ok();
    panic::set_hook(hook);
    result
}
