//! A JWK set from a server. It is fetched again when it is old, and when a token names a key that is not in it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::{StatusCode, Url};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::compact::CompactToken;
use super::key_set::{KeySet, NO_KEYS};
use crate::auth::error::AuthError;
use crate::config::ConfigError;
use crate::http::{RetryPolicy, RetryingClient};

/// The age at which keys are fetched again. A revoked key is accepted for that long.
const MAX_AGE: Duration = Duration::from_mins(5);
/// The minimum time between two fetches, so that tokens with an invented `kid` can't overload the issuer.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// The number of requests that may wait for a fetch. Every client can name an unknown key, and a server that hangs must not
/// let such requests occupy the service.
const MAX_WAITING: usize = 16;
/// One short attempt, because a request may wait for it. The next request that needs the keys tries again.
const POLICY: RetryPolicy =
    RetryPolicy { budget: Duration::from_secs(5), attempt_timeout: Duration::from_secs(5), attempts: 1 };
/// The maximum length of a JWK set in bytes.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// The keys of one server.
pub(super) struct RemoteKeys {
    url: Url,
    client: RetryingClient,
    /// Never locked across an await, so that a fetch that hangs delays no request whose key is known.
    state: Mutex<FetchState>,
    /// Locked during a fetch, so that there is one at a time.
    fetching: tokio::sync::Mutex<()>,
    waiting: Semaphore,
}

#[derive(Default)]
struct FetchState {
    /// The keys of the last successful fetch.
    keys: Option<Arc<KeySet>>,
    /// When they were fetched.
    fetched: Option<Instant>,
    /// When the last fetch started.
    started: Option<Instant>,
    /// Whether the last fetch failed.
    failed: bool,
}

impl RemoteKeys {
    /// Fetches the keys for the first time. A failed fetch is not an error, because the server may start later; a set
    /// without keys is one.
    pub(super) async fn connect(url: &str) -> Result<Arc<Self>, ConfigError> {
        let problem = |problem| ConfigError::variable("JWKS_URL", problem);
        // The error does not contain the URL, which may contain a password.
        let url = Url::parse(url).map_err(|error| problem(format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(problem("is not an http or https URL".to_owned()));
        }
        let client = RetryingClient::new(url.as_str(), POLICY, MAX_RESPONSE_BYTES);
        let keys = Arc::new(Self {
            url,
            client,
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
        });
        keys.refresh().await;
        if keys.state().is_empty() { Err(problem(format!("the key set {NO_KEYS}"))) } else { Ok(keys) }
    }

    /// Whether the server has revoked all keys. Keys that are old are fetched again, in the background.
    pub(super) fn revoked(self: &Arc<Self>) -> bool {
        self.fetch_stale();
        self.state().is_empty()
    }

    /// Checks that the signature is of the key that the token names.
    pub(super) async fn check_signature(
        self: &Arc<Self>,
        token: &CompactToken<'_>,
        algorithm: Algorithm,
    ) -> Result<(), AuthError> {
        // This request uses the keys that are already there.
        self.fetch_stale();
        let keys = self.state().keys.clone();
        if let Some(keys) = keys {
            match keys.check_signature(token, algorithm) {
                Err(AuthError::WrongKey) => {}
                known => return known,
            }
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| AuthError::Throttled)?;
        self.refresh().await;
        let (keys, failed) = {
            let state = self.state();
            (state.keys.clone(), state.failed)
        };
        let unavailable = AuthError::Unavailable("the server of JWKS_URL");
        match keys.ok_or(unavailable)?.check_signature(token, algorithm) {
            // The key may be new, and the fetch that would show it has failed.
            Err(AuthError::WrongKey) if failed => Err(unavailable),
            known => known,
        }
    }

    fn fetch_stale(self: &Arc<Self>) {
        if self.state().is_stale() {
            tokio::spawn(Arc::clone(self).fetch());
        }
    }

    /// Waits until the keys are as new as [`MIN_INTERVAL`] allows. The fetch is a separate task, so that a caller who
    /// disconnects does not cancel it for the others.
    async fn refresh(self: &Arc<Self>) {
        if let Err(error) = tokio::spawn(Arc::clone(self).fetch()).await {
            tracing::error!(%error, "the task that fetches the keys of JWKS_URL failed");
        }
    }

    async fn fetch(self: Arc<Self>) {
        let _one_at_a_time = self.fetching.lock().await;
        if !self.state().try_start() {
            return;
        }
        let fetched = self.download().await;
        let mut state = self.state();
        state.failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                let was_empty = state.is_empty();
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Instant::now());
                let is_empty = state.is_empty();
                drop(state);
                if is_empty && !was_empty {
                    tracing::warn!("the keys of JWKS_URL are revoked: the key set of its server {NO_KEYS}");
                } else if was_empty && !is_empty {
                    tracing::info!("the key set of JWKS_URL contains keys again");
                }
            }
            Err(problem) => {
                let known = state.keys.is_some();
                drop(state);
                tracing::warn!(
                    problem,
                    known,
                    "the keys of JWKS_URL can't be fetched; the known keys stay valid"
                );
            }
        }
    }

    async fn download(&self) -> Result<KeySet, String> {
        let response = self.client.send(|client| client.get(self.url.clone())).await;
        let response = response.map_err(|error| error.to_string())?;
        if response.status != StatusCode::OK {
            return Err(format!("status {}", response.status));
        }
        let text = std::str::from_utf8(&response.body).map_err(|_| "the response is not UTF-8")?;
        KeySet::parse(text).map_err(|problem| format!("the response {problem}"))
    }

    fn state(&self) -> MutexGuard<'_, FetchState> {
        self.state.lock().expect("no code panics while it holds the lock")
    }
}

impl FetchState {
    /// Whether the server's key set contains no key, so that all keys are revoked.
    fn is_empty(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.is_empty())
    }

    /// Whether the keys are old and a fetch is allowed.
    fn is_stale(&self) -> bool {
        self.fetched.is_some_and(|fetched| fetched.elapsed() >= MAX_AGE) && self.may_start()
    }

    /// Records the start of a fetch; false when the last one started too recently.
    fn try_start(&mut self) -> bool {
        let may_start = self.may_start();
        if may_start {
            self.started = Some(Instant::now());
        }
        may_start
    }

    fn may_start(&self) -> bool {
        self.started.is_none_or(|started| started.elapsed() >= MIN_INTERVAL)
    }
}
