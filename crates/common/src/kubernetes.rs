//! The client of a Kubernetes API server, and its token reviews.

mod kubeconfig;
mod proxy;

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use self::proxy::ProxyEnvironment;
use crate::auth::{ReviewError, Reviewed, TokenReviewer};
use crate::tls;

/// The maximum duration of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum time without data of a watch. It is longer than the timeout that the watches request from the server.
const READ_TIMEOUT: Duration = Duration::from_secs(35);

/// A cluster, and the namespace of this program in it.
#[derive(Clone)]
pub struct Cluster {
    /// The client of the API server. It does not retry, because a POST that is sent twice creates two objects.
    pub client: Client,
    /// The client for lists and watches without a timeout of their own. It ends a request when no data arrives for 35 s.
    pub watching: Client,
    /// The pod's own namespace, or the one of the kubeconfig's context.
    pub namespace: String,
}

/// There is neither a kubeconfig nor a pod's ServiceAccount, or it can't be used.
#[derive(Debug, thiserror::Error)]
#[error("no Kubernetes cluster is configured: {0}; set KUBECONFIG, or run in a pod with a ServiceAccount")]
pub struct ClusterError(String);

/// Finds the cluster as kubectl does: by the files of `KUBECONFIG`, else `~/.kube/config`, else the pod's ServiceAccount. It
/// sends no request.
///
/// # Errors
/// When there is no such configuration, or it can't be used.
pub async fn connect() -> Result<Cluster, ClusterError> {
    tls::install_provider();
    let mut config = match kubeconfig::read().map_err(ClusterError)? {
        Some(kubeconfig) => from_kubeconfig(kubeconfig).await.map_err(ClusterError)?,
        None => Config::incluster().map_err(|error| {
            ClusterError(format!(
                "no kubeconfig has a current context, and there is no ServiceAccount: {error}"
            ))
        })?,
    };
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config.clone()).map_err(|error| ClusterError(error.to_string()))?;
    config.read_timeout = Some(READ_TIMEOUT);
    // The time for which a connection was idle does not count.
    config.reset_reader_on_write = true;
    let watching = Client::try_from(config).map_err(|error| ClusterError(error.to_string()))?;
    Ok(Cluster { client, watching, namespace })
}

async fn from_kubeconfig(kubeconfig: Kubeconfig) -> Result<Config, String> {
    let context =
        kubeconfig.contexts.iter().find(|named| Some(&named.name) == kubeconfig.current_context.as_ref());
    let cluster = context.and_then(|named| named.context.as_ref()).map(|context| context.cluster.as_str());
    let cluster = kubeconfig.clusters.iter().find(|named| Some(named.name.as_str()) == cluster);
    let proxy_url = cluster.and_then(|named| named.cluster.as_ref()?.proxy_url.clone());
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.map_err(|error| error.to_string())?;
    // The library compares NO_PROXY with the proxy, and not with the server.
    let environment = ProxyEnvironment::read().map_err(|error| error.to_string())?;
    config.proxy_url = environment.proxy(&config.cluster_url, proxy_url.as_deref())?;
    Ok(config)
}

/// Reviews need the verb `create` on `tokenreviews`, which a ClusterRole grants.
#[async_trait]
impl TokenReviewer for Cluster {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        let review = TokenReview {
            metadata: ObjectMeta::default(),
            spec: TokenReviewSpec { audiences: Some(audiences.to_vec()), token: token.to_owned() },
            status: None,
        };
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &review).await;
        // The errors of the API server do not contain the token.
        let status = review.map_err(|error| ReviewError(error.to_string()))?.status.unwrap_or_default();
        let username =
            status.user.and_then(|user| user.username).filter(|_| status.authenticated == Some(true));
        Ok(username.map(|username| Reviewed { username, audiences: status.audiences.unwrap_or_default() }))
    }
}
