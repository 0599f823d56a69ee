//! What the operator may do in the cluster.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

use super::errors::explain;
use crate::failure::Failure;

/// A right in a namespace.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// The verb.
    pub verb: &'static str,
    /// The group of the API; empty for the core.
    pub group: &'static str,
    /// The resource, with its subresource.
    pub resource: &'static str,
    /// What this program needs it for.
    pub purpose: &'static str,
}

/// The rights that this program uses.
pub const USED: [Right; 9] = [
    right("list", "apps", "deployments", "find the release"),
    right("list", "", "pods", "find trigger-api, and see what is wrong with pods"),
    right("get", "", "services", "find trigger-api"),
    right("create", "", "pods/portforward", "reach trigger-api; else set TRADEOPS_URL"),
    right("get", "", "secrets", "read the release's token; else set TRADEOPS_TOKEN"),
    right("list", "", "events", "report the reasons of problems"),
    right("get", "", "pods/log", "print the log of trigger-api"),
    right("patch", "apps", "deployments", "stop, start and restart"),
    right("patch", "batch", "cronjobs", "stop and start"),
];

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    purpose: &'static str,
) -> Right {
    Right { verb, group, resource, purpose }
}

/// Whether the operator has the right.
///
/// # Errors
/// When the API server does not answer.
pub async fn is_allowed(client: &Client, namespace: &str, right: &Right) -> Result<bool, Failure> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let attributes = ResourceAttributes {
        namespace: Some(namespace.to_owned()),
        verb: Some(right.verb.to_owned()),
        group: Some(right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource: Some(subresource.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let review = api.create(&PostParams::default(), &review).await;
    let review = review.map_err(|error| explain("review your rights", &error))?;
    Ok(review.status.is_some_and(|status| status.allowed))
}
