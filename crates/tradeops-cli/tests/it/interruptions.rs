//! Connections that break.

use testkit::fault_proxy::{Fault, FaultProxy};
use testkit::tcp_proxy::{ProxyMode, TcpProxy};
use tokio::task::spawn_blocking;

use crate::local_api::{ADMIN, LocalApi, PAUSE};
use crate::program::{Running, tradeops};

/// Runs the program with a proxy's URL, without blocking the proxy.
async fn through(url: String, arguments: &'static [&'static str]) -> crate::program::Answer {
    let run = move || tradeops(&[("TRADEOPS_URL", &url), ("TRADEOPS_TOKEN", ADMIN)], arguments);
    spawn_blocking(run).await.expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_does_not_start_a_second_run() {
    for fault in [Fault::LoseAnswer, Fault::CutAnswer, Fault::Refuse] {
        let api = LocalApi::start("true");
        let proxy = FaultProxy::before(&api.url, [fault]).await;
        through(proxy.url(), &["trigger", "sync"]).await.exits(0).prints(&["started sync-"]);
        assert_eq!(proxy.faults_left(), 0);
        let runs = api.tradeops(&["runs", "-o", "name"]).stdout;
        assert_eq!(runs.lines().count(), 1, "{fault:?}: {runs}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_continues_where_it_was_cut_and_repeats_nothing() {
    let api = LocalApi::start(&format!("echo one; {PAUSE}; echo two; {PAUSE}; echo three; exit 5"));
    let job =
        api.tradeops(&["trigger", "sync", "-o", "json"]).json()["job_name"].as_str().unwrap().to_owned();
    let mut proxy = TcpProxy::start(api.port(), ProxyMode::Open).await;
    let url = format!("http://127.0.0.1:{}", proxy.port());
    let mut following =
        Running::start(&[("TRADEOPS_URL", &url), ("TRADEOPS_TOKEN", ADMIN)], &["logs", "-f", &job]);
    assert_eq!(following.line(), "one");
    proxy.set_mode(ProxyMode::Closed);
    proxy.rejects().await;
    // What is printed while there is no connection is not lost.
    api.resume();
    proxy.set_mode(ProxyMode::Open);
    let mut following = spawn_blocking(move || {
        assert_eq!(following.line(), "two");
        following
    })
    .await
    .unwrap();
    proxy.set_mode(ProxyMode::Closed);
    proxy.set_mode(ProxyMode::Open);
    api.resume();
    let answer = spawn_blocking(move || {
        assert_eq!(following.line(), "three");
        following.end()
    });
    let answer = answer.await.unwrap().exits(1).reports(&["failed", "exited with code 5"]);
    assert_eq!(answer.stdout, "");
}

#[test]
fn a_wait_outlives_a_restart_of_trigger_api() {
    let mut api = LocalApi::start(PAUSE);
    let access: Vec<(String, String)> =
        api.access().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let access: Vec<(&str, &str)> =
        access.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let job =
        api.tradeops(&["trigger", "sync", "-o", "json"]).json()["job_name"].as_str().unwrap().to_owned();
    let following = Running::start(&access, &["logs", "-f", &job]);
    api.restart();
    // The local executor ends its runs with itself.
    following.end().exits(6).reports(&["interrupted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_cut_is_read_again_from_its_last_byte() {
    let api = LocalApi::start("seq 1000");
    let id = api.tradeops(&["trigger", "sync", "--wait", "-o", "json"]).exits(0).json()["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    // The first request finds the run.
    let proxy = FaultProxy::before(&api.url, [Fault::None, Fault::CutAnswer]).await;
    let url = proxy.url();
    let run = move || tradeops(&[("TRADEOPS_URL", &url), ("TRADEOPS_TOKEN", ADMIN)], &["logs", &id]);
    let answer = spawn_blocking(run).await.unwrap().exits(0);
    let expected: Vec<String> = (1..=1000).map(|number| number.to_string()).collect();
    assert_eq!(answer.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!(proxy.faults_left(), 0);
}
