//! Admission of requests: the limit of concurrent requests, authentication, and the rate limit of a caller, in this
//! order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::error::ServiceError;
use super::metrics::HttpMetrics;
use super::probes::PROBE_PATHS;
use super::problem::ProblemKind;
use crate::auth::{Authenticator, Caller};

/// How often idle callers are removed from the rate limiter.
const CLEANUP_INTERVAL: Duration = Duration::from_mins(1);

/// Admits requests.
pub(super) struct Admission {
    authenticator: Arc<Authenticator>,
    metrics: HttpMetrics,
    rates: RateLimiter<RateKey, HashMapStateStore<RateKey>, DefaultClock>,
    slots: Semaphore,
}

/// The state of [`limit_concurrency`].
#[derive(Clone)]
pub(super) struct ConcurrencyLimit {
    pub(super) admission: Arc<Admission>,
    /// Probes that the service has beside those of every service.
    pub(super) own_probes: &'static [&'static str],
}

/// The requests that share a rate limit.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum RateKey {
    Caller(String),
    /// Requests without a credential, where none is configured.
    Address(IpAddr),
}

impl Admission {
    pub(super) fn new(
        authenticator: Arc<Authenticator>,
        metrics: HttpMetrics,
        rate_limit: NonZeroU32,
        max_requests: usize,
    ) -> Self {
        Self {
            authenticator,
            metrics,
            rates: RateLimiter::hashmap(Quota::per_second(rate_limit)),
            slots: Semaphore::new(max_requests),
        }
    }

    /// Removes idle callers from the rate limiter. It never returns.
    pub(super) async fn remove_idle_callers(&self) {
        let mut ticks = tokio::time::interval(CLEANUP_INTERVAL);
        loop {
            ticks.tick().await;
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
        }
    }

    async fn admit(&self, headers: &HeaderMap, address: Option<SocketAddr>) -> Result<Caller, ServiceError> {
        let authentication =
            self.authenticator.authenticate(headers, address.map(|address| address.ip())).await;
        if authentication.caller.is_some() {
            // The response is not an error, which the request log would count.
            authentication.rejected.iter().for_each(|error| self.metrics.count_refusal(error.reason()));
        }
        let (key, caller) = match authentication.into_caller()? {
            Some(caller) => (RateKey::Caller(caller.name.clone()), caller),
            None if self.authenticator.configured() => {
                return Err(ServiceError::new(
                    ProblemKind::MISSING_CREDENTIAL,
                    "Send X-Internal-Token, X-Admin-Secret or Authorization: Bearer.",
                )
                .with_refusal_reason("missing"));
            }
            None => {
                let ip = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
                (RateKey::Address(ip), Caller::anonymous())
            }
        };
        self.check_rate(&key)?;
        Ok(caller)
    }

    fn check_rate(&self, key: &RateKey) -> Result<(), ServiceError> {
        self.rates.check_key(key).map_err(|exceeded| {
            let wait = exceeded.wait_time_from(DefaultClock::default().now());
            let detail = "This caller sends too many requests. Wait, and send fewer.";
            ServiceError::new(ProblemKind::TOO_MANY_REQUESTS, detail).with_retry_after(wait)
        })
    }
}

/// Rejects requests above the limit of concurrent ones. Probes are exempt, because an overloaded service must not
/// be restarted.
pub(super) async fn limit_concurrency(
    State(ConcurrencyLimit { admission, own_probes }): State<ConcurrencyLimit>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if PROBE_PATHS.contains(&path) || own_probes.contains(&path) {
        return next.run(request).await;
    }
    match admission.slots.try_acquire() {
        Ok(_slot) => next.run(request).await,
        Err(_) => ServiceError::new(ProblemKind::OVERLOADED, "Too many requests are in progress. Retry.")
            .with_retry_after(Duration::from_secs(1))
            .into_response(),
    }
}

/// Authenticates the request and checks the caller's rate. Handlers get the [`Caller`] as an extension of the request.
pub(super) async fn authenticate(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get().map(|ConnectInfo(address)| *address);
    match admission.admit(request.headers(), address).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}
