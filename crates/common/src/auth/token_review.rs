//! Kubernetes ServiceAccount tokens, judged by the cluster's API server (`authentication.k8s.io/v1` TokenReview).

mod accounts;
mod cache;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use self::accounts::{Account, Accounts};
use self::cache::Cache;
use super::{Caller, Refusal, Role};
use crate::config::{ConfigError, Settings};

/// How long a review may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a good review counts at most; a token that is revoked is accepted that much longer.
const GOOD: Duration = Duration::from_mins(1);
/// How long a bad one counts. It's short, as an account may be made after its token was first tried.
const BAD: Duration = Duration::from_secs(5);

/// Asks the API server about a token.
#[async_trait]
pub trait TokenReviewer: Send + Sync {
    /// Whose token this is, if it is one of the cluster for one of `audiences`; None when the server says it isn't.
    ///
    /// # Errors
    /// When the server gave no review.
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError>;
}

/// A token that the API server knows: the `status` of its review.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reviewed {
    /// `status.user.username`, such as `system:serviceaccount:trading:dashboard`.
    pub username: String,
    /// `status.audiences`: those of the asked ones that the token is for. A server that knows nothing of audiences
    /// leaves it empty.
    pub audiences: Vec<String>,
}

/// No review was to be had. The text is logged; it must not show the token.
#[derive(Debug, thiserror::Error)]
#[error("no TokenReview: {0}")]
pub struct ReviewError(pub String);

/// Checks tokens of ServiceAccounts.
pub(super) struct TokenReviews {
    reviewer: Arc<dyn TokenReviewer>,
    audiences: [String; 1],
    admins: Accounts,
    /// Empty: all.
    allowed: Accounts,
    cache: Mutex<Cache<Result<Caller, Refusal>>>,
}

impl TokenReviews {
    /// None when `TOKEN_REVIEW_AUDIENCE` is not set.
    pub(super) fn from_settings(
        settings: &Settings,
        reviewer: Option<Arc<dyn TokenReviewer>>,
    ) -> Result<Option<Self>, ConfigError> {
        let admins = Accounts::named(settings, "TOKEN_REVIEW_ADMINS")?;
        let allowed = Accounts::named_or_whole_namespaces(settings, "TOKEN_REVIEW_ALLOWED")?;
        let Some(audience) = settings.text("TOKEN_REVIEW_AUDIENCE") else {
            let lists = [("TOKEN_REVIEW_ADMINS", &admins), ("TOKEN_REVIEW_ALLOWED", &allowed)];
            return match lists.into_iter().find(|(_, accounts)| !accounts.is_empty()) {
                Some((name, _)) => Err(ConfigError::variable(
                    name,
                    "has no effect without TOKEN_REVIEW_AUDIENCE; set that, or not this",
                )),
                None => Ok(None),
            };
        };
        let reviewer = reviewer.ok_or_else(|| {
            ConfigError::variable(
                "TOKEN_REVIEW_AUDIENCE",
                "needs a Kubernetes cluster, and there is none here",
            )
        })?;
        Ok(Some(Self { reviewer, audiences: [audience], admins, allowed, cache: Mutex::default() }))
    }

    /// Says whose token it is. `expiry` is what the token says of itself (seconds since 1970), and only shortens
    /// how long it is remembered; `now` is the time since 1970.
    pub(super) async fn check(
        &self,
        token: &str,
        expiry: Option<f64>,
        now: Duration,
    ) -> Result<Caller, Refusal> {
        let key = Cache::<()>::key(token);
        let known = self.cache().get(&key);
        if let Some(verdict) = known {
            return verdict;
        }
        let verdict = self.review(token).await;
        let lifetime = match verdict {
            Ok(_) => left(expiry, now).min(GOOD),
            // Nothing was learned about the token.
            Err(Refusal::Unavailable(_)) => return verdict,
            Err(_) => BAD,
        };
        self.cache().insert(key, verdict.clone(), lifetime);
        verdict
    }

    async fn review(&self, token: &str) -> Result<Caller, Refusal> {
        let unavailable = |problem: &str| {
            tracing::warn!(problem, "a ServiceAccount token can't be reviewed");
            Refusal::Unavailable("the cluster's API server")
        };
        let reviewed = match timeout(PATIENCE, self.reviewer.review(token, &self.audiences)).await {
            Ok(Ok(reviewed)) => reviewed.ok_or(Refusal::Rejected)?,
            Ok(Err(error)) => return Err(unavailable(&error.to_string())),
            Err(_) => return Err(unavailable("timed out")),
        };
        // The API asks its clients for this: a server without audiences would accept a token for any.
        if !reviewed.audiences.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(Refusal::WrongAudience);
        }
        let account = Account::from_username(&reviewed.username).ok_or(Refusal::NotAllowed)?;
        let role = self.role(account).ok_or(Refusal::NotAllowed)?;
        Ok(Caller::service_account(account.namespace, account.name, role))
    }

    fn role(&self, account: Account<'_>) -> Option<Role> {
        if self.admins.contain(account) {
            return Some(Role::Admin);
        }
        (self.allowed.is_empty() || self.allowed.contain(account)).then_some(Role::Internal)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache<Result<Caller, Refusal>>> {
        self.cache.lock().expect("nothing panics while it is held")
    }
}

/// How long a token is still valid; for ever when it doesn't say.
fn left(expiry: Option<f64>, now: Duration) -> Duration {
    let Some(expiry) = expiry else { return Duration::MAX };
    let seconds = (expiry - now.as_secs_f64()).max(0.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
