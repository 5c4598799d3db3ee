//! IAM: tokens for users, temporary keys for tokens and workloads, project look-up. Errors have the
//! shapes of that service. No I/O.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::auth::KnownCredential;
use crate::auth::KnownProject;
use crate::auth::KnownToken;
use crate::auth::Rights;
use crate::auth::text;
use crate::cloud::CloudState;
use crate::cloud::Now;
use crate::log::LoggedOperation;
use crate::random;
use crate::refusal::CloudRefusal;
use crate::reply::DoneReply;
use crate::sign::Signed;
use crate::validate;

const DEFAULT_KEY_LIFETIME: i64 = 900;
const KEY_LIFETIMES: std::ops::RangeInclusive<i64> = 900..=86_400;

/// A call to IAM, STS, the metadata service or the pod-identity endpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IamCall<'a> {
    pub(crate) operation: LoggedOperation,
    pub(crate) signed: Signed<'a>,
}

impl CloudState {
    /// Carries a call out; errors have the body of the service that is called.
    pub(crate) fn carry_out_iam(&mut self, call: &IamCall<'_>, now: Now) -> DoneReply {
        let result = match call.operation {
            LoggedOperation::IssueToken => self.issue_token(call, now),
            LoggedOperation::ListProjects => self.list_projects(call, now),
            LoggedOperation::IssueTemporaryKey => self.issue_temporary_key(call, now),
            LoggedOperation::IssueFederatedToken => self.issue_federated_token(call, now),
            LoggedOperation::AssumeWithOidc => self.assume_with_oidc(call, now),
            LoggedOperation::AssumePodIdentity => self.assume_pod_identity(call, now),
            LoggedOperation::IssueMetadataToken => self.issue_metadata_token(call),
            LoggedOperation::ReadMetadataKey => self.read_metadata_key(call, now),
            LoggedOperation::Create
            | LoggedOperation::List
            | LoggedOperation::Get
            | LoggedOperation::Update
            | LoggedOperation::Delete
            | LoggedOperation::ListRules
            | LoggedOperation::Unknown => Err(gateway(CloudRefusal::no_such_api())),
        };
        result.unwrap_or_else(|error| error)
    }

    fn issue_token(&mut self, call: &IamCall<'_>, now: Now) -> Result<DoneReply, DoneReply> {
        let limit = self.settings.token_requests_per_minute;
        self.identities.throttle(limit, now)?;
        let body = json_body(call)?;
        if body.pointer("/auth/identity/methods") != Some(&json!(["password"])) {
            return Err(keystone(
                400,
                "Bad Request",
                "identity.methods must be [\"password\"].",
            ));
        }
        let user = self.identities.sign_in(&body, now)?;
        let project = scoped_project(&body, &user.rights)?;
        let mut rights = user.rights.clone();
        rights.projects = project.iter().cloned().collect();
        let lifetime = SignedDuration::from_secs(self.settings.token_lifetime_s);
        let expires_at = now.cloud.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        let token = format!("MIITEST{}", random::hex(48));
        self.keyring.add_token(
            &token,
            KnownToken {
                rights,
                user: user.rights,
                expires_at,
            },
        );
        let body = json!({"token": {
            "methods": ["password"],
            "expires_at": microseconds(expires_at),
            "issued_at": microseconds(now.cloud),
            "user": {"name": user.name, "domain": {"name": user.domain_name}},
            "project": project.map(|project| json!({"id": project.id, "name": project.name})),
            "roles": [],
            "catalog": [],
        }});
        Ok(DoneReply::new(201, Some(body)).header("x-subject-token", &token))
    }

    fn list_projects(&mut self, call: &IamCall<'_>, now: Now) -> Result<DoneReply, DoneReply> {
        let principal = self
            .keyring
            .authenticate(&call.signed, now, &self.settings)
            .map_err(gateway)?;
        let parameters = validate::parameters(call.signed.query)
            .map_err(|error| keystone(400, "Bad Request", &error))?;
        let name = parameters
            .iter()
            .find(|(name, _)| name == "name")
            .map(|(_, value)| value);
        let projects: Vec<Value> = principal
            .rights
            .projects
            .iter()
            .filter(|project| name.is_none_or(|name| project.name == *name))
            .map(|KnownProject { id, name }| {
                json!({"id": id, "name": name, "domain_id": "test-domain", "enabled": true, "is_domain": false})
            })
            .collect();
        Ok(DoneReply::new(
            200,
            Some(json!({"projects": projects, "links": {"self": null}})),
        ))
    }

    fn issue_temporary_key(
        &mut self,
        call: &IamCall<'_>,
        now: Now,
    ) -> Result<DoneReply, DoneReply> {
        let body = json_body(call)?;
        if body.pointer("/auth/identity/methods") != Some(&json!(["token"])) {
            return Err(flat(
                400,
                "IAM.0011",
                "identity.methods must be [\"token\"].",
            ));
        }
        let options = body.pointer("/auth/identity/token").unwrap_or(&Value::Null);
        let token = text(call.signed.headers, "x-auth-token")
            .or_else(|| options.get("id").and_then(Value::as_str))
            .ok_or_else(|| flat(401, "IAM.0001", "The request requires authentication."))?;
        let rights = self
            .keyring
            .token(token, now)
            .map_err(gateway)?
            .user
            .clone();
        let lifetime = key_lifetime(options.get("duration_seconds"))?;
        let key = self.temporary_key(rights, lifetime, now);
        Ok(DoneReply::new(201, Some(json!({"credential": key.json()}))))
    }

    /// Makes a temporary key.
    pub(crate) fn temporary_key(
        &mut self,
        rights: Rights,
        lifetime: SignedDuration,
        now: Now,
    ) -> TemporaryKey {
        let set = self.settings.key_lifetime_s;
        let lifetime = set.map_or(lifetime, SignedDuration::from_secs);
        let key = TemporaryKey {
            access: format!("HSTTEST{}", random::hex(7)).to_uppercase(),
            secret: random::hex(20),
            security_token: random::hex(48),
            expires_at: now.cloud.checked_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        self.keyring.add(KnownCredential {
            access_key: key.access.clone(),
            secret_key: key.secret.clone(),
            security_token: Some(key.security_token.clone()),
            expires_at: Some(key.expires_at),
            rights,
        });
        key
    }
}

/// A temporary key as it is handed out.
pub(crate) struct TemporaryKey {
    pub(crate) access: String,
    pub(crate) secret: String,
    pub(crate) security_token: String,
    pub(crate) expires_at: Timestamp,
}

impl TemporaryKey {
    /// In the form of IAM and of the metadata service.
    pub(crate) fn json(&self) -> Value {
        json!({
            "access": self.access,
            "secret": self.secret,
            "securitytoken": self.security_token,
            "expires_at": microseconds(self.expires_at),
        })
    }
}

fn scoped_project(body: &Value, rights: &Rights) -> Result<Option<KnownProject>, DoneReply> {
    let Some(scope) = body.pointer("/auth/scope/project") else {
        return Ok(None);
    };
    let wanted = |member: &str, value: &str| match scope.get(member).and_then(Value::as_str) {
        Some(wanted) => wanted == value,
        None => true,
    };
    if scope.get("id").is_none() && scope.get("name").is_none() {
        return Err(keystone(
            400,
            "Bad Request",
            "scope.project needs an id or a name.",
        ));
    }
    let found = rights
        .projects
        .iter()
        .find(|project| wanted("id", &project.id) && wanted("name", &project.name));
    match found {
        Some(project) => Ok(Some(project.clone())),
        None => Err(keystone(401, "Unauthorized", "The project is not found.")),
    }
}

/// The lifetime that is asked for, or the default.
pub(crate) fn key_lifetime(seconds: Option<&Value>) -> Result<SignedDuration, DoneReply> {
    let seconds = match seconds {
        None | Some(Value::Null) => Some(DEFAULT_KEY_LIFETIME),
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64(),
    };
    seconds
        .filter(|seconds| KEY_LIFETIMES.contains(seconds))
        .map(SignedDuration::from_secs)
        .ok_or_else(|| {
            flat(
                400,
                "IAM.0073",
                "duration_seconds must be from 900 to 86400.",
            )
        })
}

/// The JSON body of a call.
pub(crate) fn json_body(call: &IamCall<'_>) -> Result<Value, DoneReply> {
    serde_json::from_slice(call.signed.body)
        .map_err(|_| keystone(400, "Bad Request", "The request body is not valid JSON."))
}

/// An error in the shape of Keystone, with a number for a code.
pub(crate) fn keystone(status: u16, title: &str, message: &str) -> DoneReply {
    let error = json!({"error": {"code": status, "title": title, "message": message}});
    DoneReply::new(status, Some(error))
}

/// An error in the shape of the newer IAM interfaces.
pub(crate) fn flat(status: u16, code: &str, message: &str) -> DoneReply {
    DoneReply::new(
        status,
        Some(json!({"error": {"error_code": code, "error_msg": message}})),
    )
}

/// An error of the gateway in front of IAM, which uses the older prefix.
pub(crate) fn gateway(refusal: CloudRefusal) -> DoneReply {
    let code = refusal.code.replacen("APIG.", "APIGW.", 1);
    DoneReply::refused(&CloudRefusal { code, ..refusal }, "")
}

/// The form in which IAM prints times.
pub(crate) fn microseconds(time: Timestamp) -> String {
    format!("{time:.6}")
}
