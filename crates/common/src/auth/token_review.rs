//! Kubernetes ServiceAccount tokens, verified by the cluster's API server (`authentication.k8s.io/v1` TokenReview).

mod accounts;
mod cache;
mod in_flight;
mod limits;
mod unverified;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use self::accounts::{AccountList, AccountName};
use self::cache::Cache;
use self::in_flight::InFlight;
use self::limits::ReviewLimits;
use super::caller::{Caller, Role};
use super::error::AuthError;
use super::jwt::CompactToken;
use crate::config::{ConfigError, Settings};

/// The maximum duration of a review.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an accepted token is cached. A revoked token is accepted for that long.
const ACCEPTED_LIFETIME: Duration = Duration::from_mins(1);
/// How long a rejected token is cached. It is short, because the account may be created after the first attempt.
const REJECTED_LIFETIME: Duration = Duration::from_secs(5);

/// Sends tokens to the API server for review.
#[async_trait]
pub trait TokenReviewer: Send + Sync {
    /// The user of a token for one of `audiences`; None when the API server does not accept the token.
    ///
    /// # Errors
    /// When there is no review.
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError>;
}

/// The `status` of the review of an accepted token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reviewed {
    /// `status.user.username`, such as `system:serviceaccount:trading:dashboard`.
    pub username: String,
    /// `status.audiences`: the requested audiences that the token is for. A server that does not support audiences leaves
    /// it empty.
    pub audiences: Vec<String>,
}

/// There is no review. The text is logged and must not contain the token.
#[derive(Debug, thiserror::Error)]
#[error("no TokenReview: {0}")]
pub struct ReviewError(pub String);

/// Verifies tokens of ServiceAccounts.
pub(super) struct TokenReviews {
    reviewer: Arc<dyn TokenReviewer>,
    audiences: [String; 1],
    admins: AccountList,
    /// The operators. If the list is empty, all accounts are.
    allowed: AccountList,
    readers: AccountList,
    cache: Mutex<Cache<Result<Caller, AuthError>>>,
    in_flight: InFlight<Result<Caller, AuthError>>,
    limits: ReviewLimits,
}

impl TokenReviews {
    /// None when `TOKEN_REVIEW_AUDIENCE` is not set.
    pub(super) fn from_settings(
        settings: &Settings,
        reviewer: Option<Arc<dyn TokenReviewer>>,
    ) -> Result<Option<Self>, ConfigError> {
        let admins = AccountList::named(settings, "TOKEN_REVIEW_ADMINS")?;
        let allowed = AccountList::named_or_whole_namespaces(settings, "TOKEN_REVIEW_ALLOWED")?;
        let readers = AccountList::named_or_whole_namespaces(settings, "TOKEN_REVIEW_READERS")?;
        let Some(audience) = settings.text("TOKEN_REVIEW_AUDIENCE") else {
            let lists = [
                ("TOKEN_REVIEW_ADMINS", &admins),
                ("TOKEN_REVIEW_ALLOWED", &allowed),
                ("TOKEN_REVIEW_READERS", &readers),
            ];
            return match lists.into_iter().find(|(_, accounts)| !accounts.is_empty()) {
                Some((name, _)) => Err(ConfigError::variable(
                    name,
                    "has no effect without TOKEN_REVIEW_AUDIENCE; set that, or remove this variable",
                )),
                None => Ok(None),
            };
        };
        if allowed.is_empty() && !readers.is_empty() {
            return Err(ConfigError::variable(
                "TOKEN_REVIEW_READERS",
                "has no effect, because every ServiceAccount is an operator; set TOKEN_REVIEW_ALLOWED too",
            ));
        }
        let reviewer = reviewer.ok_or_else(|| {
            ConfigError::variable(
                "TOKEN_REVIEW_AUDIENCE",
                "needs a Kubernetes cluster, and none is configured",
            )
        })?;
        Ok(Some(Self {
            reviewer,
            audiences: [audience],
            admins,
            allowed,
            readers,
            cache: Mutex::default(),
            in_flight: InFlight::default(),
            limits: ReviewLimits::new(),
        }))
    }

    /// Returns the caller of a token. Its unverified claims can reject it without a review, and shorten the time for which it
    /// is cached. `now` is the time since 1970.
    pub(super) async fn check(
        &self,
        token: &str,
        parsed: &CompactToken<'_>,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<Caller, AuthError> {
        let [audience] = &self.audiences;
        unverified::check(parsed, audience, now)?;
        let key = Cache::<()>::key(token);
        let cached = self.cache().get(&key);
        if let Some(outcome) = cached {
            return outcome;
        }
        let _waiting = self.limits.wait()?;
        let review = async {
            self.limits.check(address)?;
            let outcome = self.review(token).await;
            let lifetime = match outcome {
                Ok(_) => time_left(parsed.unverified_expiry(), now).min(ACCEPTED_LIFETIME),
                // The failure is not one of the token.
                Err(AuthError::Unavailable(_)) => return outcome,
                Err(_) => REJECTED_LIFETIME,
            };
            self.cache().insert(key, outcome.clone(), lifetime);
            outcome
        };
        self.in_flight.join(key, review).await
    }

    /// Removes clients without recent reviews from the limits.
    pub(super) fn remove_idle(&self) {
        self.limits.remove_idle();
    }

    async fn review(&self, token: &str) -> Result<Caller, AuthError> {
        let unavailable = |problem: &str| {
            tracing::warn!(problem, "a ServiceAccount token can't be reviewed");
            AuthError::Unavailable("the cluster's API server")
        };
        let reviewed = match timeout(REVIEW_TIMEOUT, self.reviewer.review(token, &self.audiences)).await {
            Ok(Ok(reviewed)) => reviewed.ok_or(AuthError::Rejected)?,
            Ok(Err(error)) => return Err(unavailable(&error.to_string())),
            Err(_) => return Err(unavailable("timed out")),
        };
        // A client must check this: a server that does not support audiences accepts a token for any.
        if !reviewed.audiences.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(AuthError::WrongAudience);
        }
        let account = AccountName::from_username(&reviewed.username).ok_or(AuthError::NotAllowed)?;
        let role = self.role(account).ok_or(AuthError::NotAllowed)?;
        Ok(Caller::service_account(account.namespace, account.name, role))
    }

    fn role(&self, account: AccountName<'_>) -> Option<Role> {
        if self.admins.contains(account) {
            Some(Role::Admin)
        } else if self.allowed.is_empty() || self.allowed.contains(account) {
            Some(Role::Operator)
        } else {
            self.readers.contains(account).then_some(Role::Reader)
        }
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache<Result<Caller, AuthError>>> {
        self.cache.lock().expect("no code panics while it holds the lock")
    }
}

/// The remaining validity of a token; unlimited without an expiry.
fn time_left(expiry: Option<f64>, now: Duration) -> Duration {
    let Some(expiry) = expiry else { return Duration::MAX };
    let seconds = (expiry - now.as_secs_f64()).max(0.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
