//! The cluster, as an operator may see it: the release, its pods, and what is wrong with them.

pub mod errors;
pub mod events;
pub mod forward;
pub mod helm;
pub mod pods;
pub mod problems;
pub mod release;
pub mod rights;
pub mod scaling;
pub mod secrets;
pub mod state;

use common::kubernetes::connect;
use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use secrecy::SecretString;

use self::release::Release;
use crate::config::Config;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// A connection to the API server, and the release that was selected.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: Client,
    /// The release.
    pub release: Release,
    /// Writes commands for messages.
    pub hints: Hints,
}

/// A connection to the API server, before a release is known.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace to look into.
    pub namespace: String,
    /// Whether the operator has named it.
    pub is_named: bool,
}

impl Connection {
    /// Reads the kubeconfig. It sends no request.
    ///
    /// # Errors
    /// When there is no kubeconfig that can be used.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let cluster = connect().await.map_err(|error| {
            Failure::new(Outcome::Unavailable, error.to_string())
                .with_next("or set TRADEOPS_URL to reach trigger-api without the cluster")
        })?;
        let is_named = config.namespace.is_some();
        let namespace = config.namespace.clone().unwrap_or(cluster.namespace);
        Ok(Self { client: cluster.client, namespace, is_named })
    }
}

impl Cluster {
    /// Finds the release.
    ///
    /// # Errors
    /// When the API server does not answer, or there is no such release.
    pub async fn connect(config: &Config) -> Result<Self, Failure> {
        let connection = Connection::open(config).await?;
        let release = Release::find(&connection, &config.release, &config.hints).await?;
        Ok(Self { client: connection.client, release, hints: config.hints.clone() })
    }

    /// The objects of a kind in the release's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.release.namespace)
    }

    /// The secret in a volume of the release's API; None if there is no such volume or Secret, or it may not be read.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn mounted_secret(&self, volume: &str) -> Result<Option<SecretString>, Failure> {
        let Some(deployment) = self.api_deployment().await? else { return Ok(None) };
        match secrets::mounted_key(&deployment, volume) {
            Some(key) => secrets::read(self, &key).await,
            None => Ok(None),
        }
    }
}
