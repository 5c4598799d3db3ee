//! The rights that the operator's work needs, and whether somebody has them, as the API server judges it. Grants nothing.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::Client;
use kube::api::{Api, PostParams};

use super::client::call;
use super::crd_check::CRD_NAME;
use super::error::ClusterError;

/// Where a right is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightScope {
    /// In every namespace that is served.
    Served,
    /// In the namespace of the Lease.
    Lease,
    /// On the one CRD.
    Crd,
}

/// Verbs on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeededRight {
    /// API group.
    pub group: &'static str,
    /// With its subresource, if any: `recordingcallbacks/status`.
    pub resource: &'static str,
    /// What is done with it.
    pub verbs: &'static [&'static str],
    /// Where.
    pub place: RightScope,
}

/// All that the operator needs; a test compares it with what the chart grants. Secrets may be granted one by one.
pub const RIGHTS: &[NeededRight] = &[
    NeededRight {
        group: "live.huaweicloud.com",
        resource: "recordingcallbacks",
        verbs: &["get", "list", "watch", "patch"],
        place: RightScope::Served,
    },
    NeededRight {
        group: "live.huaweicloud.com",
        resource: "recordingcallbacks/status",
        verbs: &["patch"],
        place: RightScope::Served,
    },
    SECRETS,
    NeededRight {
        group: "events.k8s.io",
        resource: "events",
        verbs: &["create", "patch"],
        place: RightScope::Served,
    },
    NeededRight {
        group: "",
        resource: "namespaces",
        verbs: &["get"],
        place: RightScope::Served,
    },
    NeededRight {
        group: "coordination.k8s.io",
        resource: "leases",
        verbs: &["create", "get", "update"],
        place: RightScope::Lease,
    },
    NeededRight {
        group: "apiextensions.k8s.io",
        resource: "customresourcedefinitions",
        verbs: &["get"],
        place: RightScope::Crd,
    },
];

/// The right to read Secrets by name.
pub const SECRETS: NeededRight = NeededRight {
    group: "",
    resource: "secrets",
    verbs: &["get"],
    place: RightScope::Served,
};

/// Whose rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RightsSubject {
    /// Of whoever asks.
    CurrentUser,
    /// Of a service account, by namespace and name.
    Account(String, String),
}

/// What a right is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The right.
    pub right: &'a NeededRight,
    /// One of its verbs.
    pub verb: &'a str,
    /// Where; every namespace when unset.
    pub namespace: Option<&'a str>,
    /// The one object, where the right may be limited to it.
    pub name: Option<&'a str>,
}

impl Question<'_> {
    fn attributes(&self) -> ResourceAttributes {
        let (resource, subresource) = match self.right.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.right.resource, None),
        };
        // A create can't be limited to a name.
        let name = self.name.filter(|_| self.verb != "create");
        ResourceAttributes {
            group: Some(self.right.group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(self.verb.to_owned()),
            namespace: self.namespace.map(str::to_owned),
            name: match self.right.place {
                RightScope::Crd => Some(CRD_NAME.to_owned()),
                RightScope::Served | RightScope::Lease => name.map(str::to_owned),
            },
            ..ResourceAttributes::default()
        }
    }
}

/// Whether they have it.
pub async fn has(
    client: &Client,
    whose: &RightsSubject,
    question: Question<'_>,
) -> Result<bool, ClusterError> {
    let attributes = Some(question.attributes());
    let params = PostParams::default();
    let status: Option<SubjectAccessReviewStatus> = match whose {
        RightsSubject::CurrentUser => {
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: attributes,
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
            let asked = api.create(&params, &review);
            call("ask for your own rights", asked).await?.status
        }
        RightsSubject::Account(namespace, name) => {
            let groups = [
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ];
            let review = SubjectAccessReview {
                spec: SubjectAccessReviewSpec {
                    user: Some(format!("system:serviceaccount:{namespace}:{name}")),
                    groups: Some(groups.into()),
                    resource_attributes: attributes,
                    ..SubjectAccessReviewSpec::default()
                },
                ..SubjectAccessReview::default()
            };
            let api: Api<SubjectAccessReview> = Api::all(client.clone());
            let asked = api.create(&params, &review);
            let op = format!("ask for the rights of the service account {namespace}/{name}");
            call(op, asked).await?.status
        }
    };
    Ok(status.is_some_and(|status| status.allowed))
}
