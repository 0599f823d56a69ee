//! Concurrent requests to two replicas, decided by a real API server.

mod policies;
mod repeats;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use testkit::cluster::Namespace;
use testkit::postgres::Server;

use crate::support::{TriggerApi, answer};

/// The number of concurrent requests.
const CALLERS: usize = 50;

/// Where two replicas store their histories.
#[derive(Clone, Copy, Debug)]
enum Histories {
    /// Each in its own SQLite file.
    Separate,
    /// Both in one Postgres database.
    Shared,
}

async fn replicas(namespace: &Namespace, histories: Histories) -> [TriggerApi; 2] {
    let file = |name: &str| format!("sqlite:{}", namespace.folder().join(name).display());
    let urls = match histories {
        Histories::Separate => [file("first.sqlite"), file("second.sqlite")],
        Histories::Shared => {
            let url = Server::shared().database().await.url;
            [url.clone(), url]
        }
    };
    let first = TriggerApi::start(namespace, &[("DATABASE_URL", &urls[0])]).await;
    let replicas = [first, TriggerApi::start(namespace, &[("DATABASE_URL", &urls[1])]).await];
    // In a debug build, many new connections at once can take longer than the request timeout, so they are opened before.
    for replica in &replicas {
        join_all((0..10).map(|_| replica.get("/v1/runs").send())).await;
    }
    replicas
}

/// Sends that many requests concurrently, alternating between the replicas.
async fn send_concurrently(
    replicas: &[TriggerApi; 2],
    number: usize,
    request: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Vec<(StatusCode, Value)> {
    let requests =
        (0..number).map(|index| answer(request(replicas[index % replicas.len()].post("/trigger-sync"))));
    join_all(requests).await
}

fn name(answer: &Value) -> &str {
    answer["job_name"].as_str().unwrap_or_else(|| panic!("no job_name: {answer}"))
}

fn count(answers: &[(StatusCode, Value)], status: u16) -> usize {
    answers.iter().filter(|(got, _)| got.as_u16() == status).count()
}
