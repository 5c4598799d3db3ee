//! The operator's own credentials, and whose objects may use them. A namespace that was not named in the flag never gets them.

use std::sync::Arc;

use crate::config::names::Grant;
use crate::live::client::Client;
use crate::login::secret::References;
use crate::login::{IdentifyError, Login, LoginError};
use crate::plan::facts::reason::Reason;
use crate::platform::ambient::{Ambient, AmbientError, Environment, METADATA};
use crate::platform::endpoint::AllowList;
use crate::platform::service::ServiceClient;
use crate::platform::temporary::{ServiceClients, TemporaryKeyError, TemporaryKeys};
use crate::platform::transport::Transport;
use crate::terms::failure::Operation;

/// Where a region can be written.
const SOURCE: &str = "the operator's environment (HUAWEICLOUD_SDK_REGION)";

/// The operator's own credentials.
pub struct AmbientLogin {
    ambient: Ambient,
    granted: Grant,
}

impl AmbientLogin {
    /// Looks at this process's environment; nobody is asked for anything yet. `direct` leads to what is on this machine or on
    /// its link.
    pub fn new(
        granted: Grant,
        client: &Client,
        direct: Arc<dyn Transport>,
        allowed: &AllowList,
    ) -> Self {
        let clock = &client.clock;
        let way =
            |transport| ServiceClient::new(transport, Arc::clone(clock), client.request_timeout);
        let clients = ServiceClients {
            cloud: way(Arc::clone(&client.transport)),
            direct: way(direct),
        };
        Self {
            ambient: Ambient::new(Environment::of_process(), allowed, clients, METADATA),
            granted,
        }
    }

    /// Who calls for an object that names no Secret.
    pub fn login(&self, references: &References, allowed: &AllowList) -> Result<Login, LoginError> {
        let namespace = references.namespace();
        if !self.granted.covers(namespace) {
            return Err((Reason::CredentialsMissing, no_reference(namespace)));
        }
        let set = self.ambient.set(references.region().as_deref());
        let set = set.map_err(|problem| match problem {
            AmbientError::Missing(sentence) => (Reason::CredentialsMissing, sentence),
            AmbientError::EndpointNotAllowed(sentence) => (Reason::EndpointNotAllowed, sentence),
        })?;
        Login::new(references, set, SOURCE, allowed)
    }
}

/// Has a key before it is used: that there is none to be had is another matter than what the cloud says to one.
pub(super) async fn obtain(
    temporary: &Arc<TemporaryKeys>,
    namespace: &str,
) -> Result<(), IdentifyError> {
    let key = temporary.key(Operation::List).await;
    key.map(drop).map_err(|problem| match problem {
        TemporaryKeyError::Missing(sentence) => IdentifyError::Ambiguous(format!(
            "{sentence} Or set spec.credentialsSecretRef to a Secret of namespace {namespace}."
        )),
        TemporaryKeyError::Failed(failure) => IdentifyError::Unknown(failure),
    })
}

/// No Secret is named, and the operator's own credentials are not for this namespace.
fn no_reference(namespace: &str) -> String {
    format!(
        "No credentials are named: set spec.credentialsSecretRef to a Secret of namespace {namespace} with ak and sk, \
         or let the namespace use the operator's own credentials: name it in --ambient-credentials-namespaces."
    )
}
