//! `just bench-api`: compares `POST /trigger-sync` with a bare request that creates a Job on the same API server. Both alternate
//! on the same number of connections, so that a slow phase of the machine affects both. Both also alternate with the least that
//! a start needs: a read of the CronJob, and then the create. Also measures the history with 10,000 and with 1,000,000 runs, startup,
//! memory with 10,000 Jobs, and a minute of load.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts processes and prints its results"
)]

mod history;
mod jobs;
mod program;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;
use testkit::cluster::{Cluster, Namespace};

use self::program::{ApiOnCluster, CRONJOB};
use self::report::{Figures, milliseconds};

const CALLS: usize = 400;
const STREAMS: usize = 1_000;
const JOBS: usize = 10_000;
/// The time in which the history is written.
const SETTLE: Duration = Duration::from_secs(15);
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
            "| connections | POST /trigger-sync, median | p99 | bare create, median | p99 | read and create, median \
             | ratio to create | ratio to both | p99 / median |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for connections in [1, 4, 16] {
            compare(&program, &namespace, connections).await;
        }
        println!("\nafter that: {:.1} MB resident", program.resident_megabytes());
    }
    jobs::clear(&namespace);
    history::store_runs(&history).await;
    let template = {
        let program = ApiOnCluster::start(&kubeconfig, &history);
        history::list_runs(&program).await;
        open_streams(&program, &namespace).await;
        hold_load(&program).await;
        jobs::template(&namespace, &program).await
    };
    let new_history = history.replace("history.sqlite", "new.sqlite");
    hold_jobs(&namespace, &kubeconfig, &new_history, &template).await;
    jobs::clear(&namespace);
    history::list_a_million_runs(&namespace, &kubeconfig).await;
}

/// Starts the program while many Jobs exist, with a new history and then with the history of these Jobs.
async fn hold_jobs(namespace: &Namespace, kubeconfig: &Path, history: &str, template: &Value) {
    jobs::clear(namespace);
    jobs::create_many(JOBS, namespace, template).await;
    for start in ["first", "second"] {
        let program = ApiOnCluster::start(kubeconfig, history);
        trigger(&program.client, &program.url).await;
        tokio::time::sleep(SETTLE).await;
        println!(
            "{JOBS} Jobs, {start} start: {:.1} MB resident, at most {:.1} MB",
            program.resident_megabytes(),
            program.peak_megabytes()
        );
    }
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
    let template = jobs::template(namespace, program).await;
    let workers = (0..connections).map(|_| {
        let (template, url, name) = (template.clone(), program.url.clone(), namespace.name.clone());
        tokio::spawn(async move {
            // Separate clients, so that each has one connection.
            let (ours, theirs) = (reqwest::Client::new(), Cluster::shared().client().await);
            let mut times = [Vec::new(), Vec::new(), Vec::new()];
            for call in 0..CALLS / connections + 5 {
                let call_times = [
                    trigger(&ours, &url).await,
                    jobs::create(&theirs, &name, &template).await,
                    jobs::read_and_create(&theirs, &name, &template).await,
                ];
                // The first requests open the connections.
                if call >= 5 {
                    times.iter_mut().zip(call_times).for_each(|(times, time)| times.push(time));
                }
            }
            times
        })
    });
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for worker in futures_util::future::join_all(workers).await {
        let some = worker.expect("a worker ends");
        times.iter_mut().zip(some).for_each(|(times, some)| times.extend(some));
    }
    let [ours, bare, least] = times.map(|times| Figures::of(&times));
    println!(
        "| {connections} | {} | {} | {} | {} | {} | {:.2}x | {:.2}x | {:.1} |",
        milliseconds(ours.median),
        milliseconds(ours.p99),
        milliseconds(bare.median),
        milliseconds(bare.p99),
        milliseconds(least.median),
        ours.median / bare.median,
        ours.median / least.median,
        ours.p99 / ours.median
    );
    jobs::clear(namespace);
}

async fn trigger(client: &reqwest::Client, url: &str) -> f64 {
    let began = Instant::now();
    let response = client.post(format!("{url}/trigger-sync")).send().await.expect("a response");
    let status = response.status();
    let body = response.bytes().await.expect("a complete response");
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    began.elapsed().as_secs_f64()
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
    jobs::clear(namespace);
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
