//! A JWK set from a server, fetched again as it ages and when a token names a key that is not in it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::{StatusCode, Url};
use tokio::time::Instant;

use super::Compact;
use super::key_set::KeySet;
use crate::auth::Refusal;
use crate::config::ConfigError;
use crate::http::{RetryPolicy, RetryingClient};

/// After how long keys are fetched again. A key that its issuer takes back is accepted that much longer.
const FRESH: Duration = Duration::from_mins(5);
/// The least time between two fetches: a made-up `kid` must not make this service a burden to the issuer.
const PAUSE: Duration = Duration::from_secs(10);
/// One try, and a short one, as a request may wait for it; the next request that needs the keys tries again.
const POLICY: RetryPolicy =
    RetryPolicy { budget: Duration::from_secs(5), attempt_timeout: Duration::from_secs(5), attempts: 1 };
/// How long a JWK set may be, in bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// The keys of one server.
pub(super) struct RemoteKeys {
    url: Url,
    client: RetryingClient,
    /// Never held over an await: a fetch that hangs delays nobody whose key is known.
    state: Mutex<State>,
    /// Held during a fetch, so that there's one at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The last good keys.
    keys: Option<Arc<KeySet>>,
    /// When they were fetched.
    fetched: Option<Instant>,
    /// When the last fetch began.
    began: Option<Instant>,
    /// Whether the last fetch failed.
    failed: bool,
}

impl RemoteKeys {
    /// Fetches the keys for the first time; that this fails is no error, as the server may come later.
    pub(super) async fn connect(url: &str) -> Result<Arc<Self>, ConfigError> {
        let problem = |problem| ConfigError::variable("JWKS_URL", problem);
        // The URL itself is not told: it may hold a password.
        let url = Url::parse(url).map_err(|error| problem(format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(problem("is not an http or https URL".to_owned()));
        }
        let client = RetryingClient::new(url.as_str(), POLICY, LONGEST_ANSWER);
        let keys =
            Arc::new(Self { url, client, state: Mutex::default(), fetching: tokio::sync::Mutex::default() });
        keys.refresh().await;
        Ok(keys)
    }

    /// That the key which the token names made its signature.
    pub(super) async fn check_signature(
        self: &Arc<Self>,
        token: &Compact<'_>,
        algorithm: Algorithm,
    ) -> Result<(), Refusal> {
        if self.state().is_stale() {
            // The keys at hand serve until then.
            tokio::spawn(Arc::clone(self).fetch());
        }
        let keys = self.state().keys.clone();
        if let Some(keys) = keys {
            match keys.check_signature(token, algorithm) {
                Err(Refusal::WrongKey) => {}
                known => return known,
            }
        }
        self.refresh().await;
        let (keys, failed) = {
            let state = self.state();
            (state.keys.clone(), state.failed)
        };
        let unavailable = Refusal::Unavailable("the server of JWKS_URL");
        match keys.ok_or(unavailable)?.check_signature(token, algorithm) {
            // The key may be a new one, which the server would tell of.
            Err(Refusal::WrongKey) if failed => Err(unavailable),
            known => known,
        }
    }

    /// Waits until the keys are as new as [`PAUSE`] allows. The fetch is a task of its own, so that a caller who
    /// hangs up doesn't break it off for the others.
    async fn refresh(self: &Arc<Self>) {
        if let Err(error) = tokio::spawn(Arc::clone(self).fetch()).await {
            tracing::error!(%error, "fetching the keys of JWKS_URL broke off");
        }
    }

    async fn fetch(self: Arc<Self>) {
        let _one_at_a_time = self.fetching.lock().await;
        if !self.state().begin() {
            return;
        }
        let fetched = self.download().await;
        let mut state = self.state();
        state.failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                state.keys = Some(Arc::new(keys));
                state.fetched = Some(Instant::now());
            }
            Err(problem) => {
                let known = state.keys.is_some();
                drop(state);
                tracing::warn!(
                    problem,
                    known,
                    "the keys of JWKS_URL can't be fetched; those known stay valid"
                );
            }
        }
    }

    async fn download(&self) -> Result<KeySet, String> {
        let answer = self.client.send(|client| client.get(self.url.clone())).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!("status {}", answer.status));
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| "the answer is not UTF-8")?;
        KeySet::parse(text).map_err(|problem| format!("the answer {problem}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

impl State {
    /// Whether it's time for the ordinary fetch.
    fn is_stale(&self) -> bool {
        self.fetched.is_some_and(|fetched| fetched.elapsed() >= FRESH) && self.may_begin()
    }

    /// Notes that a fetch begins, unless the last one began too short a time ago.
    fn begin(&mut self) -> bool {
        let begins = self.may_begin();
        if begins {
            self.began = Some(Instant::now());
        }
        begins
    }

    fn may_begin(&self) -> bool {
        self.began.is_none_or(|began| began.elapsed() >= PAUSE)
    }
}
