//! `just bench-api`: compares `POST /trigger-sync` with a bare request that creates a Job on the same API server. Both alternate
//! on the same number of connections, so that a slow phase of the machine affects both. Also measures the history with 10,000
//! and with 1,000,000 runs, startup, memory, and a minute of load.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts processes and prints its results"
)]

mod history;
mod program;
mod report;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{PostParams, Request};
use kube::{Client as KubeClient, Resource};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Namespace};

use self::program::{ApiOnCluster, CRONJOB};
use self::report::{Figures, milliseconds};

const CALLS: usize = 400;
const STREAMS: usize = 1_000;
const LOAD: Duration = Duration::from_mins(1);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    let namespace = Cluster::shared().namespace("bench").await;
    namespace.apply(&testkit::manifests::rights(&[CRONJOB]));
    namespace.apply(&cronjob());
    let history = program::history(&namespace);
    let kubeconfig = namespace.kubeconfig_of("trigger-api-sa", None).await;

    let starts: Vec<f64> = program::starts(&kubeconfig, &history, 15).await;
    println!("ready after {} (median of {} starts)", milliseconds(report::median(&starts)), starts.len());
    {
        let program = ApiOnCluster::start(&kubeconfig, &history);
        println!("idle: {:.1} MB resident\n", program.resident_megabytes());
        println!(
            "| connections | POST /trigger-sync, median | p99 | bare create, median | p99 | ratio | p99 / median |"
        );
        println!("|---|---|---|---|---|---|---|");
        for connections in [1, 4, 16] {
            compare(&program, &namespace, connections).await;
        }
        println!("\nafter that: {:.1} MB resident", program.resident_megabytes());
    }
    clear(&namespace);
    history::store_runs(&history).await;
    {
        let program = ApiOnCluster::start(&kubeconfig, &history);
        history::list_runs(&program).await;
        open_streams(&program, &namespace).await;
        hold_load(&program).await;
    }
    clear(&namespace);
    history::list_a_million_runs(&namespace, &kubeconfig).await;
}

/// A CronJob whose Jobs are suspended, so that only their creation is measured and not the work of the controllers.
fn cronjob() -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {CRONJOB}}}\nspec:\n  schedule: '0 0 29 2 *'\n  jobTemplate:\n    \
         spec:\n      suspend: true\n      template:\n        spec:\n          restartPolicy: Never\n          containers: \
         [{{name: main, image: 'trades-sync:0.1.0', args: [run], env: [{{name: SINK, value: api}}]}}]\n"
    )
}

/// Alternates between both requests on each of the connections.
async fn compare(program: &ApiOnCluster, namespace: &Namespace, connections: usize) {
    let template = job(namespace, program).await;
    let workers = (0..connections).map(|_| {
        let (template, url, name) = (template.clone(), program.url.clone(), namespace.name.clone());
        tokio::spawn(async move {
            // Separate clients, so that each has one connection.
            let (ours, theirs) = (reqwest::Client::new(), Cluster::shared().client().await);
            let (mut triggers, mut creations) = (Vec::new(), Vec::new());
            for call in 0..CALLS / connections + 5 {
                let (trigger, creation) =
                    (trigger(&ours, &url).await, create(&theirs, &name, &template).await);
                // The first requests open the connections.
                if call >= 5 {
                    triggers.push(trigger);
                    creations.push(creation);
                }
            }
            (triggers, creations)
        })
    });
    let (mut triggers, mut creations) = (Vec::new(), Vec::new());
    for worker in futures_util::future::join_all(workers).await {
        let (some_triggers, some_creations) = worker.expect("a worker ends");
        triggers.extend(some_triggers);
        creations.extend(some_creations);
    }
    let (ours, theirs) = (Figures::of(&triggers), Figures::of(&creations));
    println!(
        "| {connections} | {} | {} | {} | {} | {:.2}x | {:.1} |",
        milliseconds(ours.median),
        milliseconds(ours.p99),
        milliseconds(theirs.median),
        milliseconds(theirs.p99),
        ours.median / theirs.median,
        ours.p99 / ours.median
    );
    clear(namespace);
}

/// The Job that trigger-api would create.
async fn job(namespace: &Namespace, program: &ApiOnCluster) -> Value {
    let path = format!("/v1/targets/{CRONJOB}/preview");
    let preview: Value = program.get(&path).await;
    let mut job = preview["job"].clone();
    job["metadata"]["namespace"] = json!(namespace.name);
    job
}

async fn trigger(client: &reqwest::Client, url: &str) -> f64 {
    let began = Instant::now();
    let response = client.post(format!("{url}/trigger-sync")).send().await.expect("a response");
    let status = response.status();
    let body = response.bytes().await.expect("a complete response");
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    began.elapsed().as_secs_f64()
}

async fn create(client: &KubeClient, namespace: &str, template: &Value) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut job = template.clone();
    job["metadata"]["name"] = json!(format!("bare-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let path = Job::url_path(&(), Some(namespace));
    let began = Instant::now();
    let body = serde_json::to_vec(&job).expect("JSON");
    let request = Request::new(path).create(&PostParams::default(), body).expect("a request");
    let _: Value = client.request(request).await.expect("the API server creates it");
    began.elapsed().as_secs_f64()
}

fn clear(namespace: &Namespace) {
    namespace.kubectl(&["delete", "jobs", "--all", "--cascade=background", "--wait=false"]);
}

/// Opens many event streams, and measures the time until an event has reached all of them.
async fn open_streams(program: &ApiOnCluster, namespace: &Namespace) {
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let response =
            program.client.get(format!("{}/v1/events", program.url)).send().await.expect("a response");
        assert!(response.status().is_success(), "{}", response.status());
        streams.push(Box::pin(response.bytes_stream()));
    }
    let began = Instant::now();
    trigger(&program.client, &program.url).await;
    for stream in &mut streams {
        let mut text = String::new();
        while !text.contains("event: state") {
            text += &String::from_utf8_lossy(&stream.next().await.expect("an event").expect("an event"));
        }
    }
    println!(
        "\n{STREAMS} event streams open: {:.1} MB resident; an event has reached all of them after {}",
        program.resident_megabytes(),
        milliseconds(began.elapsed().as_secs_f64())
    );
    drop(streams);
    clear(namespace);
}

/// Sends requests without pauses on 8 connections.
async fn hold_load(program: &ApiOnCluster) {
    let until = Instant::now() + LOAD;
    let workers = (0..8).map(|_| {
        let url = program.url.clone();
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            let mut times = Vec::new();
            while Instant::now() < until {
                times.push(trigger(&client, &url).await);
            }
            times
        })
    });
    let times: Vec<f64> = futures_util::future::join_all(workers)
        .await
        .into_iter()
        .flat_map(|times| times.expect("no error"))
        .collect();
    let figures = Figures::of(&times);
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    let rate = times.len() as f64 / LOAD.as_secs_f64();
    println!(
        "\n{rate:.0} Jobs a second for {} s on 8 connections, without errors: median {}, p99 {}; {:.1} MB resident afterwards",
        LOAD.as_secs(),
        milliseconds(figures.median),
        milliseconds(figures.p99),
        program.resident_megabytes()
    );
}
