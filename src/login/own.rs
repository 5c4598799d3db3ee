//! The operator's own credentials, and whose objects may use them.

use std::sync::Arc;

use super::{Login, Problem};
use crate::api::RecordingCallbackSpec;
use crate::config::names::Grant;
use crate::live::ambient::{Ambient, Environment, METADATA};
use crate::live::client::Client;
use crate::live::endpoint::AllowList;
use crate::live::sender::Sender;
use crate::live::temporary::{NoKey, Temporary, Ways};
use crate::live::transport::HttpTransport;
use crate::plan::facts::Access;
use crate::plan::failure::Operation;
use crate::plan::reason::Reason;

/// Where a region can be written.
const SOURCE: &str = "the operator's environment (HUAWEICLOUD_SDK_REGION)";

/// The operator's own credentials.
pub struct Own {
    ambient: Ambient,
    granted: Grant,
}

impl Own {
    /// Looks at this process's environment; nobody is asked for anything yet.
    pub fn new(granted: Grant, client: &Client, allowed: &AllowList) -> anyhow::Result<Self> {
        let clock = &client.clock;
        let way = |transport| Sender::new(transport, Arc::clone(clock), client.request_timeout);
        let direct = HttpTransport::direct(Arc::clone(clock.wall()))?;
        let ways = Ways {
            cloud: way(Arc::clone(&client.transport)),
            direct: way(Arc::new(direct)),
        };
        Ok(Self {
            ambient: Ambient::new(Environment::of_process(), allowed, ways, METADATA),
            granted,
        })
    }

    /// Who calls for an object of this namespace that names no Secret.
    pub fn login(
        &self,
        spec: &RecordingCallbackSpec,
        namespace: &str,
        allowed: &AllowList,
    ) -> Result<Login, Problem> {
        if !self.granted.covers(namespace) {
            return Err((Reason::CredentialsMissing, no_reference(namespace)));
        }
        let set = self.ambient.set(spec.region.as_deref())?;
        Login::new(spec, set, SOURCE, allowed)
    }
}

/// Has a key before it is used: that there is none to be had is another matter than what the cloud says to one.
pub(super) async fn obtain(temporary: &Temporary, namespace: &str) -> Result<(), Access> {
    let key = temporary.key(Operation::List).await;
    key.map(drop).map_err(|problem| match problem {
        NoKey::Missing(sentence) => Access::Ambiguous(format!(
            "{sentence} Or set spec.credentialsSecretRef to a Secret of namespace {namespace}."
        )),
        NoKey::Failed(failure) => Access::Unknown(failure),
    })
}

/// No Secret is named, and the operator's own credentials are not for this namespace.
fn no_reference(namespace: &str) -> String {
    format!(
        "No credentials are named: set spec.credentialsSecretRef to a Secret of namespace {namespace} with ak and sk, \
         or let the namespace use the operator's own credentials: name it in --ambient-credentials-namespaces."
    )
}
