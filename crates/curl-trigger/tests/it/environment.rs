//! The URL, the credentials and the key of the environment, and which servers receive them.

use crate::support::{
    program::{EmptyRoot, plain, run, run_with},
    server::{Server, response},
};

fn accepting() -> Server {
    Server::responding_with(response(
        "202 Accepted",
        "",
        r#"{"status":"started","run_id":"run_20251123_010000"}"#,
    ))
}

#[test]
fn the_replaced_cronjob_works_without_a_shell() {
    let server = accepting();
    let url = server.url("/api/admin/portfolio/trigger-analysis");
    let output = run(&[
        "-f",
        "-sS",
        "-X",
        "POST",
        &url,
        "-H",
        "X-Admin-Secret: s3cret",
        "--name",
        "Portfolio analysis",
    ])
    .exits(0);
    assert_eq!(output.out, r#"{"status":"started","run_id":"run_20251123_010000"}"#);
    assert_eq!(
        output.err,
        "\n✅ Portfolio analysis triggered successfully (HTTP 202, run_20251123_010000)\n"
    );
    let request = &server.requests()[0];
    assert!(request.starts_with("POST /api/admin/portfolio/trigger-analysis HTTP/1.1\r\n"));
    assert!(request.contains("\r\nX-Admin-Secret: s3cret\r\n"));
}

#[test]
fn a_url_and_a_secret_in_the_environment_need_no_argument() {
    let server = accepting();
    let url = server.url("/trigger-sync");
    let environment =
        [("TRIGGER_URL", url.as_str()), ("INTERNAL_TOKEN", "t0ken"), ("JOB_NAME", "sync-29384720")];
    let output = run_with(&[], &environment).exits(0);
    assert!(output.err.starts_with("HTTP/1.1 202 Accepted\n"), "{}", output.err);
    assert!(
        output.err.ends_with("✅ sync triggered successfully (HTTP 202, run_20251123_010000)\n"),
        "{}",
        output.err
    );
    let request = &server.requests()[0];
    for line in
        ["POST /trigger-sync HTTP/1.1", "X-Internal-Token: t0ken", "Idempotency-Key: \"sync-29384720\""]
    {
        assert!(request.lines().any(|sent| sent == line), "{line} in {request}");
    }
}

#[test]
fn secrets_and_bodies_come_from_mounted_files() {
    let server = accepting();
    let url = server.url("/");
    let root = EmptyRoot::new(
        plain(),
        &[("run/secrets/token", "t0ken\n"), ("headers", "X-A: 1\nX-B: 2\n"), ("body", "a\nb\n")],
    );
    let environment = [("TRIGGER_URL", url.as_str()), ("BEARER_TOKEN_FILE", "/run/secrets/token")];
    root.run(&["-H", "@/headers", "--data-binary", "@/body"], &environment).exits(0);
    let request = &server.requests()[0];
    for line in ["Authorization: Bearer t0ken", "X-A: 1", "X-B: 2"] {
        assert!(request.lines().any(|sent| sent == line), "{line} in {request}");
    }
    assert!(request.ends_with("\r\n\r\na\nb\n"));
}

#[test]
fn a_fifo_as_a_secret_is_an_error_and_does_not_block() {
    let directory = tempfile::tempdir().expect("a directory");
    let fifo = directory.path().join("fifo").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo is installed").success());
    let output =
        run_with(&[], &[("TRIGGER_URL", "http://127.0.0.1:1/"), ("BEARER_TOKEN_FILE", fifo.as_str())]);
    let error = output.exits(26).err;
    assert!(error.contains("it is not a regular file"), "{error}");
}

#[test]
fn no_secret_is_ever_printed() {
    let server = Server::responding_with(response(
        "401 Unauthorized",
        "Set-Cookie: id=c00kie\r\n",
        r#"{"detail":"bad token t0ken"}"#,
    ));
    let url = server.url("/x?key=qu3ry");
    let environment = [("TRIGGER_URL", url.as_str()), ("BEARER_TOKEN", "t0ken"), ("ADMIN_SECRET", "s3cret")];
    let output = run_with(&["-v", "-o", "/dev/null", "-H", "X-Api-Key: hunter2"], &environment).exits(22);
    for secret in ["t0ken", "s3cret", "hunter2", "qu3ry", "c00kie"] {
        assert!(!output.out.contains(secret) && !output.err.contains(secret), "{secret} in {}", output.err);
    }
    assert!(
        output.err.contains("> Authorization: ***") && output.err.contains("< Set-Cookie: ***"),
        "{}",
        output.err
    );
    assert!(output.err.contains("HTTP 401 Unauthorized: bad token ***"), "{}", output.err);
}

#[test]
fn headers_can_not_be_injected() {
    let server = accepting();
    let url = server.url("/");
    let evil = "hunter2\r\nX-Evil: 1";
    run(&["-H", &format!("X-A: {evil}"), &url]).exits(2);
    run(&["-H", "X-A\r\nX-Evil: 1", &url]).exits(2);
    run(&["-A", evil, &url]).exits(2);
    run(&["-X", "GET / HTTP/1.1\r\nX-Evil:", &url]).exits(2);
    run(&[&format!("{url}\r\nX-Evil: 1")]).exits(3);
    run_with(&[], &[("TRIGGER_URL", &url), ("ADMIN_SECRET", evil)]).exits(2);
    run_with(&["-X", "POST", &url], &[("JOB_NAME", "j\r\nX-Evil: 1")]).exits(0);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].contains("Evil"));
}

#[test]
fn no_proxy_gets_a_request() {
    let (server, proxy) = (accepting(), accepting());
    let (url, proxy_url) = (server.url("/"), proxy.url(""));
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        run_with(&[], &[("TRIGGER_URL", &url), ("BEARER_TOKEN", "t0ken"), (variable, &proxy_url)]).exits(0);
    }
    assert_eq!((server.requests().len(), proxy.requests().len()), (6, 0));
}

#[test]
fn all_attempts_of_a_job_send_the_same_key() {
    let server = accepting();
    let url = server.url("/");
    for pod in ["sync-29384720-x7k2p", "sync-29384720-bbbbb"] {
        run_with(&[], &[("TRIGGER_URL", &url), ("HOSTNAME", pod), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")])
            .exits(0);
    }
    let key = |request: &String| {
        request.lines().find(|line| line.starts_with("Idempotency-Key")).map(ToString::to_string)
    };
    let keys: Vec<_> = server.requests().iter().map(key).collect();
    assert_eq!(keys, vec![Some("Idempotency-Key: \"sync-29384720\"".to_string()); 2]);
}

#[test]
fn the_plain_program_rejects_https_and_names_the_right_image() {
    let output = run(&["https://127.0.0.1/"]).exits(1);
    assert!(output.err.contains("https://") && output.err.contains("curl-trigger-tls"), "{}", output.err);
    let server = Server::responding_with(
        "HTTP/1.1 307 Moved\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    );
    run(&["-L", &server.url("/")]).exits(1);
}
