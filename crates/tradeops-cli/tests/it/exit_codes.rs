//! The table of exit codes, and errors before anything was sent.

use testkit::tcp_proxy::{ProxyMode, TcpProxy};
use tradeops_cli::outcome::TABLE;

use crate::local_api::{ADMIN, LocalApi};
use crate::program::tradeops;

#[test]
fn the_documented_exit_codes_are_those_of_the_program() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md");
    let page = std::fs::read_to_string(page).expect("the page exists");
    for (outcome, meaning) in TABLE {
        let row = format!("| {} | {meaning} |", outcome.code());
        assert!(page.contains(&row), "docs/OPERATIONS.md lacks {row:?}");
    }
}

#[test]
fn wrong_arguments_and_settings_are_errors_that_name_them() {
    let url = ("TRADEOPS_URL", "http://127.0.0.1:9");
    tradeops(&[url], &["trigger", "sync", "DAY"])
        .exits(2)
        .reports(&["\"DAY\" is not a parameter", "NAME=VALUE"]);
    tradeops(&[url], &["runs", "--state", "odd"]).exits(2).reports(&["odd", "succeeded"]);
    tradeops(&[url], &["runs", "--since", "soon"]).exits(2).reports(&["\"soon\" is not a time"]);
    tradeops(&[url], &["trigger", "--timeout", "3s"]).exits(2).reports(&["--wait"]);
    tradeops(&[("TRADEOPS_URL", "localhost:1")], &["runs"]).exits(2).reports(&["TRADEOPS_URL"]);
    tradeops(&[url, ("TRADEOPS_TOKEN", "")], &["runs"]).exits(2).reports(&["TRADEOPS_TOKEN"]);
    let both = [url, ("TRADEOPS_TOKEN", "a"), ("TRADEOPS_TOKEN_FILE", "/b")];
    tradeops(&both, &["runs"]).exits(2).reports(&["TRADEOPS_TOKEN_FILE is set too"]);
    tradeops(&[], &["completion", "bash"]).exits(0).prints(&["_tradeops()"]);
}

#[test]
fn no_server_and_no_cluster_are_errors_that_say_what_to_check() {
    tradeops(&[("TRADEOPS_URL", "http://127.0.0.1:9")], &["runs"])
        .exits(5)
        .reports(&["Connection refused", "check TRADEOPS_URL"]);
    tradeops(&[("HOME", "/nonexistent")], &["runs"])
        .exits(5)
        .reports(&["no Kubernetes cluster is configured", "TRADEOPS_URL"]);
}

#[test]
fn a_credential_is_read_from_a_file_and_never_printed() {
    let api = LocalApi::start("true");
    let file = api.path("token");
    std::fs::write(&file, format!("{ADMIN}\n")).unwrap();
    let file = file.display().to_string();
    let url = ("TRADEOPS_URL", api.url.as_str());
    tradeops(&[url, ("TRADEOPS_TOKEN_FILE", &file)], &["runs"]).exits(0);
    tradeops(&[url], &["runs"]).exits(4).reports(&["(missing-credential)", "set TRADEOPS_TOKEN"]);
    let wrong = tradeops(&[url, ("TRADEOPS_TOKEN", "hunter2-hunter2")], &["runs"]).exits(4);
    assert!(wrong.stderr.contains("(wrong-credential)") && !wrong.stderr.contains("hunter2"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_trigger_api_is_an_error() {
    let api = LocalApi::start("true");
    let proxy = TcpProxy::start(api.port(), ProxyMode::Closed).await;
    let url = format!("http://127.0.0.1:{}", proxy.port());
    let answer =
        tokio::task::spawn_blocking(move || tradeops(&[("TRADEOPS_URL", &url)], &["runs"])).await.unwrap();
    answer.exits(5).reports(&["does not answer"]);
}
