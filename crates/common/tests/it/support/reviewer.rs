//! An API server's TokenReview, as far as the authentication sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::auth::{ReviewError, Reviewed, TokenReviewer};
use serde_json::{Value, json};

use super::AUDIENCE;
use super::key::{encode, unsigned};

/// Knows some tokens, and counts what it is asked.
#[derive(Default)]
pub(crate) struct FakeReviewer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, Reviewed>,
    broken: Option<String>,
    asked: Vec<Vec<String>>,
}

impl FakeReviewer {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Accepts the token as this user's for these audiences from now on.
    pub(crate) fn accept_for(&self, token: &str, username: &str, audiences: &[&str]) {
        let audiences = audiences.iter().map(|audience| (*audience).to_owned()).collect();
        let reviewed = Reviewed { username: username.to_owned(), audiences };
        self.state.lock().unwrap().known.insert(token.to_owned(), reviewed);
    }

    /// Accepts the token as this ServiceAccount's for our audience from now on.
    pub(crate) fn accept(&self, token: &str, namespace: &str, name: &str) {
        self.accept_for(token, &format!("system:serviceaccount:{namespace}:{name}"), &[AUDIENCE]);
    }

    /// Accepts the token no more.
    pub(crate) fn revoke(&self, token: &str) {
        self.state.lock().unwrap().known.remove(token).unwrap();
    }

    /// Gives this error, or works again.
    pub(crate) fn fail(&self, error: Option<&str>) {
        self.state.lock().unwrap().broken = error.map(str::to_owned);
    }

    /// The audiences of each review so far.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.state.lock().unwrap().asked.clone()
    }
}

#[async_trait]
impl TokenReviewer for FakeReviewer {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(audiences.to_vec());
        match &state.broken {
            Some(error) => Err(ReviewError(error.clone())),
            None => Ok(state.known.get(token).cloned()),
        }
    }
}

/// A token that says it is a ServiceAccount's, until 2100; `id` makes it one of its own. Nobody here could sign it.
pub(crate) fn service_account_token(id: &str, changes: &Value) -> String {
    let mut claims = json!({
        "iss": "https://kubernetes.default.svc", "aud": [AUDIENCE], "exp": 4_102_444_800_i64, "jti": id,
        "kubernetes.io": { "namespace": "trading", "serviceaccount": { "name": "dashboard" } },
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    format!("{}.{}", unsigned(&json!({ "alg": "RS256", "kid": "cluster" }), &claims), encode([7; 256]))
}
