//! Admission of requests: the limit of concurrent requests, authentication, and the rate limit of a caller, in this
//! order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::error::ServiceError;
use super::metrics::HttpMetrics;
use super::probes::PROBE_PATHS;
use super::problem::ProblemKind;
use super::request_slot::RequestSlot;
use super::shares::{CallerKey, NoSlot, Shares};
use crate::auth::{AuthMethod, Authenticator, Caller};

/// How often idle callers are removed from the rate limiters.
const CLEANUP_INTERVAL: Duration = Duration::from_mins(1);
/// The wrong credentials of an address that are answered without a delay: 20, and then one per second.
const WRONG_CREDENTIALS: Quota = Quota::per_second(NonZeroU32::MIN).allow_burst(NonZeroU32::new(20).unwrap());
/// The delay of the answer to a wrong credential above that rate.
const WRONG_CREDENTIAL_DELAY: Duration = Duration::from_secs(2);

/// A rate limiter with one rate per key.
type Rates<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// Admits requests.
pub(super) struct Admission {
    authenticator: Arc<Authenticator>,
    metrics: HttpMetrics,
    rates: Rates<CallerKey>,
    wrong_credentials: Rates<IpAddr>,
    slots: Arc<Shares>,
}

/// The state of [`limit_concurrency`].
#[derive(Clone)]
pub(super) struct ConcurrencyLimit {
    pub(super) admission: Arc<Admission>,
    /// Probes that the service has beside those of every service.
    pub(super) own_probes: &'static [&'static str],
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
            wrong_credentials: RateLimiter::hashmap(WRONG_CREDENTIALS),
            slots: Shares::new(max_requests),
        }
    }

    /// Removes idle callers from the rate limiters. It never returns.
    pub(super) async fn remove_idle_callers(&self) {
        let mut ticks = tokio::time::interval(CLEANUP_INTERVAL);
        loop {
            ticks.tick().await;
            self.rates.retain_recent();
            self.rates.shrink_to_fit();
            self.wrong_credentials.retain_recent();
            self.wrong_credentials.shrink_to_fit();
        }
    }

    async fn admit(&self, headers: &HeaderMap, address: IpAddr) -> Result<(CallerKey, Caller), ServiceError> {
        let authentication = self.authenticator.authenticate(headers, Some(address)).await;
        if authentication.caller.is_some() {
            // The response is not an error, which the request log would count.
            authentication.rejected.iter().for_each(|error| self.metrics.count_refusal(error.reason()));
        }
        let mut caller = match authentication.into_caller()? {
            Some(caller) => caller,
            None if self.authenticator.configured() => {
                return Err(ServiceError::new(
                    ProblemKind::MISSING_CREDENTIAL,
                    "Send X-Read-Token, X-Internal-Token, X-Admin-Secret or Authorization: Bearer.",
                )
                .with_refusal_reason("missing"));
            }
            None => Caller::anonymous(),
        };
        let person = self.authenticator.person(headers, &caller);
        caller.on_behalf_of = person.as_ref().ok().cloned().flatten();
        let is_unknown = caller.method == AuthMethod::None && caller.on_behalf_of.is_none();
        let key = if is_unknown {
            CallerKey::Address(address)
        } else {
            CallerKey::Name(caller.requester().to_owned())
        };
        self.check_rate(&key)?;
        person?;
        Ok((key, caller))
    }

    fn check_rate(&self, key: &CallerKey) -> Result<(), ServiceError> {
        self.rates.check_key(key).map_err(|exceeded| {
            let wait = exceeded.wait_time_from(DefaultClock::default().now());
            let detail = "This caller sends too many requests. Wait, and send fewer.";
            ServiceError::new(ProblemKind::TOO_MANY_REQUESTS, detail).with_retry_after(wait)
        })
    }

    /// Waits before the answer to a wrong credential, so that guessing is slow. The request holds no slot meanwhile.
    async fn delay_wrong_credential(&self, error: &ServiceError, address: IpAddr, slot: &RequestSlot) {
        if error.is(ProblemKind::WRONG_CREDENTIAL) && self.wrong_credentials.check_key(&address).is_err() {
            slot.release();
            tokio::time::sleep(WRONG_CREDENTIAL_DELAY).await;
        }
    }
}

/// Rejects requests above the limit of concurrent ones. Probes are exempt, because an overloaded service must not
/// be restarted.
pub(super) async fn limit_concurrency(
    State(ConcurrencyLimit { admission, own_probes }): State<ConcurrencyLimit>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if PROBE_PATHS.contains(&path) || own_probes.contains(&path) {
        return next.run(request).await;
    }
    let key = CallerKey::Address(address_of(&request));
    let slot = match RequestSlot::acquire(&admission.slots, key) {
        Ok(slot) => slot,
        Err(reason) => return no_slot(reason).into_response(),
    };
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    slot.release();
    response
}

/// Authenticates the request and checks the caller's rate and share. Handlers get the [`Caller`] as an
/// extension of the request.
pub(super) async fn authenticate(
    State(admission): State<Arc<Admission>>,
    Extension(slot): Extension<RequestSlot>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address_of(&request);
    let admitted = admission.admit(request.headers(), address).await;
    let admitted = admitted.and_then(|(key, caller)| {
        slot.give_to(key).map_err(no_slot)?;
        Ok(caller)
    });
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            admission.delay_wrong_credential(&error, address, &slot).await;
            error.into_response()
        }
    }
}

/// The address of the client. It is unspecified where the service has no connections, as in some tests.
fn address_of(request: &Request) -> IpAddr {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>();
    address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip().to_canonical())
}

fn no_slot(reason: NoSlot) -> ServiceError {
    reason.error("requests in progress", Duration::from_secs(1))
}
