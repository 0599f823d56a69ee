//! A fake of the TokenReview API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::auth::{ReviewError, Reviewed, TokenReviewer};
use serde_json::{Value, json};

use super::AUDIENCE;
use super::key::{encode, unsigned};

/// Accepts some tokens, and records the reviews.
#[derive(Default)]
pub(crate) struct FakeReviewer {
    state: Mutex<ReviewerState>,
}

#[derive(Default)]
struct ReviewerState {
    accepted: HashMap<String, Reviewed>,
    error: Option<String>,
    reviews: Vec<Vec<String>>,
}

impl FakeReviewer {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Accepts the token as one of this user for these audiences.
    pub(crate) fn accept_for(&self, token: &str, username: &str, audiences: &[&str]) {
        let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        let reviewed = Reviewed { username: username.to_owned(), audiences };
        self.state.lock().unwrap().accepted.insert(token.to_owned(), reviewed);
    }

    /// Accepts the token as one of this ServiceAccount for [`AUDIENCE`].
    pub(crate) fn accept(&self, token: &str, namespace: &str, name: &str) {
        self.accept_for(token, &format!("system:serviceaccount:{namespace}:{name}"), &[AUDIENCE]);
    }

    /// Rejects a token that was accepted.
    pub(crate) fn revoke(&self, token: &str) {
        self.state.lock().unwrap().accepted.remove(token).unwrap();
    }

    /// Fails every review with this error; None ends that.
    pub(crate) fn fail(&self, error: Option<&str>) {
        self.state.lock().unwrap().error = error.map(str::to_owned);
    }

    /// The audiences of each review.
    pub(crate) fn reviews(&self) -> Vec<Vec<String>> {
        self.state.lock().unwrap().reviews.clone()
    }
}

#[async_trait]
impl TokenReviewer for FakeReviewer {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        let mut state = self.state.lock().unwrap();
        state.reviews.push(audiences.to_vec());
        match &state.error {
            Some(error) => Err(ReviewError(error.clone())),
            None => Ok(state.accepted.get(token).cloned()),
        }
    }
}

/// A token with the claims of a ServiceAccount's token, valid until 2100. Each `id` makes a different token. Its signature is
/// not a valid one.
pub(crate) fn service_account_token(id: &str, changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://kubernetes.default.svc", "aud": [AUDIENCE], "exp": 4_102_444_800_i64, "jti": id,
        "sub": "system:serviceaccount:trading:dashboard",
        "kubernetes.io": { "namespace": "trading", "serviceaccount": { "name": "dashboard" } },
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    format!("{}.{}", unsigned(&json!({ "alg": "RS256", "kid": "cluster" }), &claims), encode([7; 256]))
}
