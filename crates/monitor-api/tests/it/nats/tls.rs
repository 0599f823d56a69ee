//! NATS with TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testkit::nats::{NatsServer, NatsVersion};

use super::running_program::{ProgramResponse, RunningProgram};

/// Starts a server with a certificate for these names, and writes that of its authority into the folder as `ca.pem`.
fn server(folder: &Path, names: &[&str]) -> NatsServer {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("ca.pem", authority.pem());
    write("server.pem", certificate.pem());
    write("key.pem", key.serialize_pem());
    let path = |name: &str| folder.join(name).display().to_string();
    let lines = format!("tls {{ cert_file: {:?}, key_file: {:?} }}", path("server.pem"), path("key.pem"));
    NatsServer::start_with(NatsVersion::Pinned, &lines)
}

async fn until_problem(program: &RunningProgram, problem: &str) {
    let is_reported = |response: &ProgramResponse| response.body.to_string().contains(problem);
    let ready = program.until("/ready", problem, is_reported).await;
    assert_eq!(ready.status, 503);
    assert!(program.log().contains(problem), "{}", program.log());
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_is_accepted_and_another_one_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &["127.0.0.1"]);
    let file = folder.path().join("ca.pem").display().to_string();
    let trusting = RunningProgram::start(&server.url(), &[("NATS_CA_FILE", &file)]);
    trusting.until("/ready", "ready", |response| response.status == 200).await;
    let other = tempfile::tempdir().unwrap();
    let _other_server = self::server(other.path(), &["127.0.0.1"]);
    let file = other.path().join("ca.pem").display().to_string();
    let distrusting = RunningProgram::start(&server.url(), &[("NATS_CA_FILE", &file)]);
    until_problem(&distrusting, "the certificate of NATS is not trusted; see NATS_CA_FILE").await;
}

#[tokio::test]
async fn a_certificate_of_another_host_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &["nats.example"]);
    let file = folder.path().join("ca.pem").display().to_string();
    let program = RunningProgram::start(&server.url(), &[("NATS_CA_FILE", &file)]);
    until_problem(&program, "the certificate of NATS does not name the host of NATS_URL").await;
}
