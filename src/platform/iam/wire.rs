//! The JSON of IAM about tokens of users and projects. The only file that names a field of it.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::platform::json::{Object, read_object};
use crate::platform::keys::User;
use crate::platform::transport::Response;

/// The longest token, as of those that somebody writes into a Secret. IAM's own documents know none longer than 32 KiB.
const LONGEST: usize = 64 * 1024;
/// The longest name of a project that is kept: a region is compared with it.
const LONGEST_NAME: usize = 64;

/// What a token is good for.
#[derive(Debug, Clone, Copy)]
pub(super) enum TokenScope<'a> {
    /// The project with this id, as Live needs it.
    Project(&'a str),
    /// The project of this name.
    ProjectName(&'a str),
    /// The whole account of this name, to look for projects.
    Domain(&'a str),
}

/// A project as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct IamProject {
    id: String,
    name: String,
}

impl IamProject {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }

    /// Its id, if that is one: it becomes part of addresses and statuses.
    pub(super) fn id(&self) -> Option<&str> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        Some(self.id.as_str()).filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(fits))
    }

    /// Whether it may be some region's. Whoever runs an IAM decides how long its words are.
    fn is_of_use(&self) -> bool {
        self.name.len() <= LONGEST_NAME && self.id().is_some()
    }
}

#[derive(Deserialize)]
struct ProjectList {
    projects: Vec<Object<IamProject>>,
}

#[derive(Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    token: Object<TokenBody>,
}

#[derive(Default, Deserialize)]
struct TokenBody {
    expires_at: Option<String>,
    project: Option<IamProject>,
}

/// What IAM gave.
#[derive(Debug)]
pub(super) struct IssuedToken {
    pub(super) token: SecretString,
    pub(super) expires_at: Option<Timestamp>,
    /// The project that it is scoped to.
    pub(super) project: Option<IamProject>,
}

/// The body that asks for a token.
pub(super) fn token_request(user: &User, scope: TokenScope<'_>) -> String {
    let scope = match scope {
        TokenScope::Project(id) => json!({"project": {"id": id}}),
        TokenScope::ProjectName(name) => json!({"project": {"name": name}}),
        TokenScope::Domain(name) => json!({"domain": {"name": name}}),
    };
    let user = json!({
        "name": user.username,
        "password": user.password.expose_secret(),
        "domain": {"name": user.domain_name},
    });
    let identity = json!({"methods": ["password"], "password": {"user": user}});
    json!({"auth": {"identity": identity, "scope": scope}}).to_string()
}

/// The token, which is in a header, and what the body says of it.
pub(super) fn issued_token(response: &Response) -> Result<IssuedToken, String> {
    let token = response
        .headers
        .get("x-subject-token")
        .and_then(|token| token.to_str().ok());
    let token = token.filter(|token| !token.is_empty());
    let token = token.ok_or("the answer has no X-Subject-Token")?;
    if token.len() > LONGEST {
        return Err("the X-Subject-Token of the answer is longer than 64 KiB".to_owned());
    }
    let envelope: Envelope = read_object(&response.body).unwrap_or_default();
    let Object(about) = envelope.token;
    let expires_at = about.expires_at.as_ref();
    let expires_at = expires_at.and_then(|text| text.parse().ok());
    Ok(IssuedToken {
        token: token.into(),
        expires_at,
        project: about.project.filter(IamProject::is_of_use),
    })
}

/// The projects of an answer.
pub(super) fn projects(body: &[u8]) -> Result<Vec<IamProject>, String> {
    let ProjectList { projects } = read_object(body)?;
    Ok(projects
        .into_iter()
        .map(|Object(project)| project)
        .collect())
}

/// The id of the one project with exactly this name.
pub(super) fn only_project(projects: &[IamProject], name: &str) -> Result<String, String> {
    let remedy = "write the id of the project that is meant into project_id";
    let named: Vec<_> = projects
        .iter()
        .filter(|project| project.is_named(name))
        .collect();
    match named.as_slice() {
        [project] => project.id().map(str::to_owned).ok_or_else(|| {
            format!("the id that IAM shows of the project {name} is none: {remedy}")
        }),
        [] => {
            let others: Vec<_> = projects
                .iter()
                .map(|project| project.name.as_str())
                .collect();
            let others = if others.is_empty() {
                "none".to_owned()
            } else {
                others.join(", ")
            };
            Err(format!(
                "IAM shows this credential no project named {name} (found: {others}): {remedy}"
            ))
        }
        several => {
            let ids: Vec<_> = several.iter().map(|project| project.id.as_str()).collect();
            Err(format!(
                "IAM shows this credential several projects named {name} ({}): {remedy}",
                ids.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_token_is_asked_for_with_the_scope_that_it_is_for() {
        let user = User {
            username: "user".to_owned(),
            password: "test-password".into(),
            domain_name: "domain".to_owned(),
        };
        let body: Value =
            serde_json::from_str(&token_request(&user, TokenScope::Project("p"))).unwrap();
        assert_eq!(
            body,
            json!({"auth": {
                "identity": {"methods": ["password"], "password": {"user": {
                    "name": "user", "password": "test-password", "domain": {"name": "domain"},
                }}},
                "scope": {"project": {"id": "p"}},
            }})
        );
        let body: Value =
            serde_json::from_str(&token_request(&user, TokenScope::Domain("d"))).unwrap();
        assert_eq!(body["auth"]["scope"], json!({"domain": {"name": "d"}}));
    }

    #[test]
    fn a_token_comes_in_a_header_and_its_end_in_the_body() {
        let mut response = Response {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: Bytes::from_static(
                br#"{"token":{"expires_at":"2026-11-26T02:00:00.701000Z","roles":[],"project":{"id":"p-1","name":"cn-north-4"}}}"#,
            ),
        };
        assert!(issued_token(&response).is_err());
        response
            .headers
            .insert("X-Subject-Token", "test-token".parse().unwrap());
        let issued = issued_token(&response).unwrap();
        assert_eq!(issued.token.expose_secret(), "test-token");
        assert_eq!(
            issued.expires_at.unwrap().to_string(),
            "2026-11-26T02:00:00.701Z"
        );
        assert_eq!(issued.project.unwrap().id(), Some("p-1"));
        response.body = Bytes::new();
        let issued = issued_token(&response).unwrap();
        assert_eq!((issued.expires_at, issued.project), (None, None));
    }

    #[test]
    fn a_token_and_a_name_are_no_longer_than_any_that_there_is() {
        let issued = |token: usize, name: usize| {
            let token = "t".repeat(token).parse().unwrap();
            let project = json!({"id": "p-1", "name": "n".repeat(name)});
            issued_token(&Response {
                status: StatusCode::CREATED,
                headers: [(http::HeaderName::from_static("x-subject-token"), token)]
                    .into_iter()
                    .collect(),
                body: json!({"token": {"project": project}}).to_string().into(),
            })
        };
        let longest = issued(LONGEST, LONGEST_NAME).unwrap();
        assert_eq!(longest.token.expose_secret().len(), LONGEST);
        assert!(longest.project.is_some());
        assert!(issued(LONGEST + 1, 1).unwrap_err().contains("64 KiB"));
        assert!(issued(1, LONGEST_NAME + 1).unwrap().project.is_none());
    }

    #[test]
    fn exactly_one_project_of_exactly_that_name_is_one() {
        let body = br#"{"projects":[{"id":"1","name":"cn-north-4","enabled":true},{"id":"2","name":"cn-north-4_media"}],"links":{}}"#;
        let found = projects(body).unwrap();
        assert_eq!(only_project(&found, "cn-north-4"), Ok("1".to_owned()));
        let problem = only_project(&found, "cn-north-1").unwrap_err();
        assert!(
            problem.contains("cn-north-4, cn-north-4_media"),
            "{problem}"
        );
        assert!(
            only_project(&[], "cn-north-1")
                .unwrap_err()
                .contains("none")
        );
        let twice = [
            found[0].clone(),
            IamProject {
                id: "3".to_owned(),
                name: "cn-north-4".to_owned(),
            },
        ];
        assert!(
            only_project(&twice, "cn-north-4")
                .unwrap_err()
                .contains("1, 3")
        );
        assert!(projects(b"{}").is_err());
        let strange = projects(br#"{"projects":[{"id":"1\r\n2","name":"cn-north-4"}]}"#).unwrap();
        let problem = only_project(&strange, "cn-north-4").unwrap_err();
        assert!(problem.contains("is none"), "{problem}");
    }
}
