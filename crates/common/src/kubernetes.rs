//! The way to a Kubernetes API server, and its reviews of tokens.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client, Config};

use crate::auth::{ReviewError, Reviewed, TokenReviewer};
use crate::tls;

/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a watch may be without a word. The server ends each of this program's watches earlier than that.
const SILENCE: Duration = Duration::from_secs(35);

/// A cluster and the namespace this program is at home in.
#[derive(Clone)]
pub struct Cluster {
    /// Talks to the API server. It repeats nothing by itself: a POST that is sent twice makes two things.
    pub client: Client,
    /// The same for lists and watches that nothing else bounds: it gives an answer up that stays away or stops coming.
    pub watching: Client,
    /// The pod's own namespace, or the one of the kubeconfig's context.
    pub namespace: String,
}

/// Neither a kubeconfig nor a pod's ServiceAccount tells the way, or what they tell can't be used.
#[derive(Debug, thiserror::Error)]
#[error("no way to a cluster: {0}; set KUBECONFIG, or run in a pod with a ServiceAccount")]
pub struct NoCluster(String);

/// Finds the way as kubectl does: `KUBECONFIG`, else `~/.kube/config`, else the pod's ServiceAccount. Nothing is sent yet.
///
/// # Errors
/// When there is no way, or it can't be used.
pub async fn connect() -> Result<Cluster, NoCluster> {
    tls::install_provider();
    let mut config = Config::infer().await.map_err(|error| NoCluster(error.to_string()))?;
    if config.proxy_url.is_some() {
        // The client's own error would show the proxy's URL, which may hold a password.
        let problem = "HTTPS_PROXY or the kubeconfig's proxy-url is set, and proxies to an API server are not supported";
        return Err(NoCluster(problem.to_owned()));
    }
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config.clone()).map_err(|error| NoCluster(error.to_string()))?;
    config.read_timeout = Some(SILENCE);
    // The time for which a connection lay idle does not count.
    config.reset_reader_on_write = true;
    let watching = Client::try_from(config).map_err(|error| NoCluster(error.to_string()))?;
    Ok(Cluster { client, watching, namespace })
}

/// Has the API server judge tokens: `create` on `tokenreviews` is needed, which a ClusterRole grants.
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
        // The server repeats no token in its errors.
        let status = review.map_err(|error| ReviewError(error.to_string()))?.status.unwrap_or_default();
        let username =
            status.user.and_then(|user| user.username).filter(|_| status.authenticated == Some(true));
        Ok(username.map(|username| Reviewed { username, audiences: status.audiences.unwrap_or_default() }))
    }
}
