//! Who asks at the same moment, on two replicas: a real API server decides.

mod policies;
mod repeats;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use testkit::cluster::Namespace;
use testkit::postgres::Server;

use crate::support::{TriggerApi, answer};

/// How many ask at once.
const CALLERS: usize = 50;

/// Where two replicas have their histories.
#[derive(Clone, Copy, Debug)]
enum Histories {
    /// Each in a SQLite file of its own.
    Apart,
    /// Both in one Postgres database.
    Shared,
}

async fn replicas(namespace: &Namespace, histories: Histories) -> [TriggerApi; 2] {
    let file = |name: &str| format!("sqlite:{}", namespace.folder().join(name).display());
    let urls = match histories {
        Histories::Apart => [file("first.sqlite"), file("second.sqlite")],
        Histories::Shared => {
            let url = Server::shared().database().await.url;
            [url.clone(), url]
        }
    };
    let first = TriggerApi::start(namespace, &[("DATABASE_URL", &urls[0])]).await;
    let replicas = [first, TriggerApi::start(namespace, &[("DATABASE_URL", &urls[1])]).await];
    // A login costs a program that is not optimized so much that many at once can take longer than a call may wait.
    for replica in &replicas {
        join_all((0..10).map(|_| replica.get("/v1/runs").send())).await;
    }
    replicas
}

/// Sends so many requests at once, to one replica and the other in turns.
async fn max_concurrent(
    replicas: &[TriggerApi; 2],
    number: usize,
    request: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Vec<(StatusCode, Value)> {
    let requests =
        (0..number).map(|index| answer(request(replicas[index % replicas.len()].post("/trigger-sync"))));
    join_all(requests).await
}

fn name(answer: &Value) -> &str {
    answer["job_name"].as_str().unwrap_or_else(|| panic!("it names no Job: {answer}"))
}

fn count(answers: &[(StatusCode, Value)], status: u16) -> usize {
    answers.iter().filter(|(got, _)| got.as_u16() == status).count()
}
