//! Receivers with https. Trusted certificates are those of the system, or of the file in `SSL_CERT_FILE`.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{CONFIRMED, DAY, SyncCommand, start_worker, views_with};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A receiver that confirms every day, with a certificate for `name`. Returns its URL.
async fn receiver(authority: &Authority, name: &str) -> String {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let certificate = parameters.signed_by(&key, authority).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("ring has both versions").with_no_client_auth();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = config.with_single_cert(vec![certificate.into()], key).expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("it is bound").port());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            // The error of a client that does not trust the certificate is expected.
            tokio::spawn(serve(acceptor.clone(), connection));
        }
    });
    url
}

async fn serve(acceptor: TlsAcceptor, connection: TcpStream) -> std::io::Result<()> {
    let mut connection = acceptor.accept(connection).await?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", CONFIRMED.len());
    connection.write_all((head + CONFIRMED).as_bytes()).await?;
    connection.read_to_end(&mut Vec::new()).await.map(drop)
}

#[tokio::test]
async fn an_https_receiver_must_have_a_certificate_of_a_trusted_authority_for_its_name() {
    let database = views_with(&[DAY]).await;
    // D1 is configured as the fallback: an untrusted certificate must not cause a fallback.
    let worker = start_worker().await;
    let (ours, other) = (authority("ours"), authority("another"));
    let cases = [
        (receiver(&ours, "localhost").await, ours.pem(), None),
        (receiver(&ours, "localhost").await, other.pem(), Some("issued by no trusted authority")),
        (receiver(&ours, "receiver.example").await, ours.pem(), Some("does not name this host")),
    ];
    for (url, trusted, problem) in cases {
        let call = SyncCommand::run(&["--sink", "api"]).database(&database).env("SNAPSHOT_API_URL", &url);
        let file = call.file("ca.pem", trusted.as_bytes()).display().to_string();
        let call = call.env("SSL_CERT_FILE", &file).env("INTERNAL_TOKEN", "t");
        match problem {
            None => drop(call.succeeds().await),
            Some(words) => {
                let outcome =
                    call.d1(&worker.access, &worker.access.d1_api).fails(5, &["SSL_CERT_FILE", words]).await;
                assert!(!outcome.stderr.contains("falling back"), "{outcome:#?}");
            }
        }
    }
}

#[tokio::test]
async fn a_system_without_certificates_ships_over_plain_http() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let call =
        SyncCommand::run(&["--sink", "api"]).database(&database).api(&worker.access, &worker.access.worker);
    call.env("SSL_CERT_FILE", "/nowhere/ca.pem").env("SSL_CERT_DIR", "/nowhere").succeeds().await;
}
