//! What stands before the handlers: how many requests at once, who sends them, and how many of one caller.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::auth::{self, Authenticator, Role};
use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::api_error::ApiError;
use super::metrics::Metrics;
use super::problem::Kind;

/// How often callers that have been quiet are forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// Routes that answer however much there is to do.
const ALWAYS_OPEN: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// How much may be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one caller, a second and at once.
    pub per_caller: NonZeroU32,
    /// Requests of all that are being answered at once.
    pub max_concurrent: usize,
}

/// Lets requests in.
pub struct Gate {
    authenticator: Authenticator,
    callers: RateLimiter<CallerKey, HashMapStateStore<CallerKey>, DefaultClock>,
    slots: Semaphore,
    metrics: Arc<Metrics>,
}

/// Whose requests are counted together.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum CallerKey {
    Named(String),
    /// Callers without a credential, where none is needed.
    Address(IpAddr),
}

/// Who asks, as authentication has it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    /// None where no credential is configured, so that everyone may ask.
    role: Option<Role>,
}

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Gate {
    /// A gate with those limits.
    pub fn new(authenticator: Authenticator, limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            authenticator,
            callers: RateLimiter::hashmap(Quota::per_second(limits.per_caller)),
            slots: Semaphore::new(limits.max_concurrent),
            metrics,
        }
    }

    /// Forgets callers that have been quiet, for ever.
    pub async fn forget_quiet_callers(&self) {
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        loop {
            ticks.tick().await;
            self.callers.retain_recent();
            self.callers.shrink_to_fit();
        }
    }

    async fn admit(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<Caller, ApiError> {
        let (key, caller) = self.caller(headers, peer).await?;
        self.check_rate(&key)?;
        Ok(caller)
    }

    async fn caller(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<(CallerKey, Caller), ApiError> {
        match self.authenticator.authenticate(headers).await {
            Ok(Some(auth::Caller { name, role, .. })) => {
                Ok((CallerKey::Named(name.clone()), Caller { name, role: Some(role) }))
            }
            Ok(None) if self.authenticator.configured() => {
                self.metrics.refused("missing");
                Err(ApiError::new(
                    Kind::MissingCredential,
                    "Send X-Internal-Token, X-Admin-Secret or Authorization: Bearer.",
                ))
            }
            Ok(None) => {
                let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| address.ip());
                Ok((CallerKey::Address(address), Caller { name: "anonymous".to_owned(), role: None }))
            }
            Err(refusal) => {
                self.metrics.refused(refusal.reason());
                Err(refusal.into())
            }
        }
    }

    fn check_rate(&self, key: &CallerKey) -> Result<(), ApiError> {
        self.callers.check_key(key).map_err(|over| {
            let wait = over.wait_time_from(DefaultClock::default().now());
            ApiError::new(Kind::TooManyRequests, "This caller sends too many requests. Wait, and send fewer.")
                .after(wait)
        })
    }
}

impl Caller {
    /// Lets administrators alone go on: what they may do always needs a credential, also where none is configured.
    pub(super) fn must_be_admin(&self, metrics: &Metrics) -> Result<(), ApiError> {
        match self.role {
            Some(Role::Admin) => Ok(()),
            Some(Role::Internal) => {
                metrics.refused("not_admin");
                Err(ApiError::new(
                    Kind::NotAllowed,
                    "The caller is known, but this needs an administrator: X-Admin-Secret, or a token with the administrator's claim.",
                ))
            }
            None => {
                metrics.refused("missing");
                Err(ApiError::new(
                    Kind::MissingCredential,
                    "This always needs an administrator's credential, and trigger-api is configured with none: set ADMIN_SECRET, \
                     or keys of tokens with an administrator's claim.",
                ))
            }
        }
    }
}

/// Answers at most so many requests at once; the others are sent away rather than kept waiting.
pub(super) async fn bound(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if ALWAYS_OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match gate.slots.try_acquire() {
        Ok(_slot) => next.run(request).await,
        Err(_) => ApiError::new(Kind::Overloaded, "Too many requests are being answered. Ask again.")
            .after(Duration::from_secs(1))
            .into_response(),
    }
}

/// Lets those in who have a credential, or everyone when none is configured, and nobody too often.
pub(super) async fn admit(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match gate.admit(request.headers(), peer).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}
