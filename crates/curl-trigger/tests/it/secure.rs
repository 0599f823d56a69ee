//! HTTPS with a private authority in an empty root directory.

use std::{io::Write, process::Command};

use rustls::version::{TLS12, TLS13};

use crate::support::{
    authority::{Authority, ServerCertificate},
    program::{CommandOutput, EmptyRoot, finish, root, tls},
    server::{Server, wait_for_close},
};

const SERVICE_ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

fn call(files: &[(&str, &str)], options: &[&str], url: &str) -> CommandOutput {
    EmptyRoot::new(tls(), files).run(&[options, &["-sS", url]].concat(), &[])
}

#[test]
fn both_versions_of_tls_work_with_a_private_authority() {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let port = authority.serve(&["backend.test", "127.0.0.1"], version);
        let ca = [("ca.crt", authority.pem.as_str()), ("etc/hosts", "127.0.0.1 backend.test\n")];
        for host in ["backend.test", "127.0.0.1"] {
            let output = call(&ca, &["--cacert", "/ca.crt"], &format!("https://{host}:{port}/")).exits(0);
            assert_eq!(output.out.len(), 40_000);
        }
    }
}

#[test]
fn the_authorities_of_the_cluster_and_the_system_are_trusted_by_default() {
    let (cluster, system) = (Authority::new(), Authority::new());
    let files =
        [(SERVICE_ACCOUNT, cluster.pem.as_str()), ("etc/ssl/certs/ca-certificates.crt", system.pem.as_str())];
    for authority in [&cluster, &system] {
        let port = authority.serve(&["127.0.0.1"], &TLS13);
        call(&files, &[], &format!("https://127.0.0.1:{port}/")).exits(0);
    }
}

#[test]
fn the_names_and_keys_of_authorities_are_sufficient() {
    let (authority, other) = (Authority::new(), Authority::new());
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("pem"), format!("{}{}", other.pem, authority.pem)).expect("a file");
    let script = root().join("deploy/images/trim_certificates.py");
    finish(Command::new("python3").arg(script).arg(path("pem")).arg(path("der"))).exits(0);
    let url = format!("https://127.0.0.1:{}/", authority.serve(&["127.0.0.1"], &TLS13));
    let root = EmptyRoot::new(tls(), &[("etc/ssl/certs/empty", "")]);
    std::fs::copy(path("der"), root.path("etc/ssl/certs/ca-certificates.crt")).expect("a copy");
    root.run(&["-sS", &url], &[]).exits(0);
    let unknown = format!("https://127.0.0.1:{}/", Authority::new().serve(&["127.0.0.1"], &TLS13));
    root.run(&["-sS", &unknown], &[]).exits(60);
}

#[test]
fn another_authority_or_another_name_is_rejected() {
    let (authority, other) = (Authority::new(), Authority::new());
    let port = authority.serve(&["127.0.0.1"], &TLS13);
    let url = format!("https://127.0.0.1:{port}/");
    let output = call(&[("ca.crt", &other.pem)], &["--cacert", "/ca.crt"], &url).exits(60);
    assert!(output.err.contains("--cacert"), "{}", output.err);
    let files = [("ca.crt", authority.pem.as_str()), ("etc/hosts", "127.0.0.1 backend.test\n")];
    let output = call(&files, &["--cacert", "/ca.crt"], &format!("https://backend.test:{port}/")).exits(60);
    assert!(output.err.contains("another name"), "{}", output.err);
}

#[test]
fn a_configured_ca_file_replaces_the_default_authorities() {
    let (configured, cluster) = (Authority::new(), Authority::new());
    let port = cluster.serve(&["127.0.0.1"], &TLS13);
    let files = [("ca.crt", configured.pem.as_str()), (SERVICE_ACCOUNT, cluster.pem.as_str())];
    call(&files, &["--cacert", "/ca.crt"], &format!("https://127.0.0.1:{port}/")).exits(60);
}

#[test]
fn an_invalid_ca_file_is_exit_code_77() {
    let url = "https://127.0.0.1:1/";
    let port = Server::responding_with("").port;
    let url_of_server = url.replace(":1/", &format!(":{port}/"));
    call(&[], &["--cacert", "/absent"], &url_of_server).exits(77);
    call(&[("empty", "no certificate")], &["--cacert", "/empty"], &url_of_server).exits(77);
    call(&[], &[], &url_of_server).exits(77);
}

#[test]
fn a_server_without_tls_is_exit_code_35() {
    let authority = Authority::new();
    let server = Server::start_raw(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        wait_for_close(stream);
    });
    let url = format!("https://127.0.0.1:{}/", server.port);
    call(&[("ca.crt", &authority.pem)], &["--cacert", "/ca.crt"], &url).exits(35);
    let silent = Server::start_raw(|_| {});
    let url = format!("https://127.0.0.1:{}/", silent.port);
    call(&[("ca.crt", &authority.pem)], &["--cacert", "/ca.crt"], &url).exits(35);
}

#[test]
fn a_handshake_that_hangs_is_exit_code_28() {
    let authority = Authority::new();
    let server = Server::start_raw(wait_for_close);
    let url = format!("https://127.0.0.1:{}/", server.port);
    for option in [["-m", "1"], ["--connect-timeout", "1"]] {
        let options = [&["--cacert", "/ca.crt"], &option[..]].concat();
        call(&[("ca.crt", &authority.pem)], &options, &url).exits(28);
    }
}

#[test]
fn a_response_received_together_with_the_end_of_the_session_is_complete() {
    let certificate = ServerCertificate::self_signed("127.0.0.1", |_| {});
    for version in [&TLS12, &TLS13] {
        let url = format!("https://127.0.0.1:{}/", certificate.serve_until_close(version));
        let output = call(&[("ca.crt", &certificate.pem())], &["--cacert", "/ca.crt", "-m", "9"], &url);
        assert_eq!(output.exits(0).out, "fine");
    }
}

#[test]
fn plain_http_needs_no_authority() {
    let server = Server::responding_with("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine");
    assert_eq!(call(&[], &[], &server.url("/")).exits(0).out, "fine");
}

#[test]
fn with_k_any_certificate_is_accepted_and_no_authority_is_needed() {
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let url = format!("https://127.0.0.1:{}/", authority.serve(&["another.test"], version));
        call(&[], &[], &url).exits(77);
        for options in [&["-k"][..], &["--insecure", "--cacert", "/absent"]] {
            assert_eq!(call(&[], options, &url).exits(0).out.len(), 40_000);
        }
    }
}

#[test]
fn the_minimum_version_of_tls_is_that_of_the_options() {
    let authority = Authority::new();
    for (option, version, code) in [
        ("--tlsv1.3", &TLS12, 35),
        ("--tlsv1.3", &TLS13, 0),
        ("--tlsv1.2", &TLS12, 0),
        ("--tlsv1.2", &TLS13, 0),
    ] {
        let url = format!("https://127.0.0.1:{}/", authority.serve(&["127.0.0.1"], version));
        call(&[], &["-k", option], &url).exits(code);
    }
}
