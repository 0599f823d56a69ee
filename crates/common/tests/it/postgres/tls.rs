//! `sslmode` has the meaning of libpq.

use std::path::Path;

use common::postgres::ConnectError;
use sqlx::{Executor, PgConnection, Row};
use testkit::postgres::{Server, Setup};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{TestEnv, server};
use crate::certificates::{
    Authority, Certificate, file, on_curve_p521, self_signed_by_the_manual, version_1,
};
use crate::support::log::LogCapture;

fn start(certificate: &Certificate) -> Server {
    Server::start_with(&Setup::default().with_tls(&certificate.certificate, &certificate.key))
}

fn address(host: &str, port: u16, query: &str) -> String {
    format!("postgres://postgres:secret@{host}:{port}/postgres?{query}")
}

fn with_root(mode: &str, root: &Path) -> String {
    format!("sslmode={mode}&sslrootcert={}", root.display())
}

async fn uses_tls(connection: &mut PgConnection) -> bool {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    connection.fetch_one(sqlx::raw_sql(sql)).await.unwrap().get(0)
}

/// Connects, and returns whether TLS is used. psql must have the same outcome.
async fn connects(host: &str, port: u16, query: &str) -> Result<bool, ConnectError> {
    let address = address(host, port, query);
    let outcome = server(&address).connect().await;
    let psql = TestEnv::new(&[]).psql(&address);
    assert_eq!(psql.is_ok(), outcome.is_ok(), "{query}: psql {psql:?}, ours {outcome:?}");
    match outcome {
        Ok(mut connection) => Ok(uses_tls(&mut connection).await),
        Err(error) => Err(error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_certificate_is_used_for_verification_in_every_mode() {
    let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
    let server = start(&authority.issue("server", &["localhost"]));
    let (right, wrong) = (file(&authority.root()), file(&stranger.root()));
    for mode in ["require", "verify-ca", "verify-full"] {
        assert!(
            connects("localhost", server.port(), &with_root(mode, right.path())).await.unwrap(),
            "{mode}"
        );
        let error = connects("localhost", server.port(), &with_root(mode, wrong.path())).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ConnectError::Untrusted { .. }), "{mode}: {error:?}");
        assert!(
            text.contains("no trusted authority") && text.contains("sslrootcert in TEST_DATABASE_URL"),
            "{text}"
        );
        assert!(!error.is_transient());
    }
    // Only the strictest mode checks the name.
    for (mode, accepts) in [("require", true), ("verify-ca", true), ("verify-full", false)] {
        let outcome = connects("127.0.0.1", server.port(), &with_root(mode, right.path())).await;
        assert_eq!(outcome.is_ok(), accepts, "{mode}: {outcome:?}");
    }
    assert!(connects("localhost", server.port(), "sslmode=require").await.unwrap());
    assert!(connects("localhost", server.port(), "").await.unwrap());
    assert!(!connects("localhost", server.port(), "sslmode=disable").await.unwrap());
    for version in ["TLSv1.2", "TLSv1.3"] {
        let query = format!(
            "{}&ssl_min_protocol_version={version}&ssl_max_protocol_version={version}",
            with_root("verify-full", right.path())
        );
        assert!(connects("localhost", server.port(), &query).await.unwrap(), "{version}");
    }
    // With `prefer`, libpq falls back to a connection without TLS.
    assert!(!connects("localhost", server.port(), &with_root("prefer", wrong.path())).await.unwrap());
    let absent = "sslmode=verify-full&sslrootcert=/absent/root.crt";
    let error = connects("localhost", server.port(), absent).await.unwrap_err().to_string();
    assert!(error.contains("sslrootcert can't be read") && !error.contains("/absent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_version_1_works_without_verification() {
    let server = start(&version_1("localhost"));
    for query in ["", "sslmode=prefer", "sslmode=require", "sslmode=require&ssl_max_protocol_version=TLSv1.2"]
    {
        assert!(connects("localhost", server.port(), query).await.unwrap(), "{query}");
    }
    let root = file(&Authority::new("authority").root());
    let error = connects("localhost", server.port(), &with_root("require", root.path())).await.unwrap_err();
    assert!(error.to_string().contains("version 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_that_is_its_own_root_is_trusted_for_its_name() {
    let certificate = self_signed_by_the_manual("localhost");
    let server = start(&certificate);
    let root = file(&certificate.certificate);
    for mode in ["require", "verify-ca", "verify-full"] {
        assert!(connects("localhost", server.port(), &with_root(mode, root.path())).await.unwrap(), "{mode}");
    }
    let error =
        connects("127.0.0.1", server.port(), &with_root("verify-full", root.path())).await.unwrap_err();
    assert!(error.to_string().contains("does not name this host"), "{error}");
    let other = file(&self_signed_by_the_manual("localhost").certificate);
    let error = connects("localhost", server.port(), &with_root("require", other.path())).await.unwrap_err();
    assert!(matches!(error, ConnectError::Untrusted { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_rejected_by_verification() {
    let authority = Authority::new("authority");
    let certificate = authority.issue_expired(&["localhost"]);
    let server = start(&certificate);
    for root in [authority.root(), certificate.certificate] {
        let root = file(&root);
        let error =
            connects("localhost", server.port(), &with_root("verify-full", root.path())).await.unwrap_err();
        assert!(error.to_string().contains("has expired"), "{error}");
    }
    assert!(connects("localhost", server.port(), "sslmode=require").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_common_name_is_used_where_the_certificate_has_no_alternative_name() {
    let authority = Authority::new("authority");
    let root = file(&authority.root());
    for (common_name, names, hosts) in [
        ("localhost", &[][..], ["localhost"].as_slice()),
        ("localhost", &["other.test"], &[]),
        ("127.0.0.1", &[], &["127.0.0.1"]),
        ("other", &["127.0.0.1"], &["127.0.0.1"]),
    ] {
        let server = start(&authority.issue(common_name, names));
        for host in ["localhost", "127.0.0.1"] {
            let outcome = connects(host, server.port(), &with_root("verify-full", root.path())).await;
            assert_eq!(outcome.is_ok(), hosts.contains(&host), "{common_name} {names:?} {host}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_presented() {
    let authority = Authority::new("authority");
    let server = authority.issue("server", &["localhost"]);
    let setup = Setup::default()
        .with_tls(&server.certificate, &server.key)
        .with_hba("local all all trust\nhostssl all all all cert\nhostnossl all all all reject\n")
        .with("ssl_ca_file", "root.crt");
    let setup = Setup {
        files: [setup.files.clone(), vec![("root.crt".to_owned(), authority.root())]].concat(),
        ..setup
    };
    let server = Server::start_with(&setup);
    let client = authority.issue("postgres", &[]);
    let (certificate, key) = (file(&client.certificate), file(&client.key));
    let query =
        format!("sslmode=require&sslcert={}&sslkey={}", certificate.path().display(), key.path().display());
    assert!(connects("localhost", server.port(), &query).await.unwrap());
    let error = connects("localhost", server.port(), "sslmode=require").await.unwrap_err();
    assert!(matches!(error, ConnectError::LoginRefused { .. }), "{error:?}");
    let stranger = Authority::new("stranger").issue("postgres", &[]);
    let (certificate, key) = (file(&stranger.certificate), file(&stranger.key));
    let query =
        format!("sslmode=require&sslcert={}&sslkey={}", certificate.path().display(), key.path().display());
    let error = connects("localhost", server.port(), &query).await.unwrap_err();
    assert!(!error.is_transient(), "{error:?}");
    let old = version_1("postgres");
    let (certificate, key) = (file(&old.certificate), file(&old.key));
    let query =
        format!("sslmode=require&sslcert={}&sslkey={}", certificate.path().display(), key.path().display());
    let error = connects("localhost", server.port(), &query).await.unwrap_err().to_string();
    assert!(error.contains("certificate of sslcert is of X.509 version 1"), "{error}");
}

#[tokio::test]
async fn a_failed_handshake_causes_a_warning_even_if_prefer_is_set() {
    let server_on_p521 = start(&on_curve_p521("localhost"));
    let port = server_on_p521.port();
    let error = server(&address("localhost", port, "sslmode=require")).connect().await.unwrap_err();
    assert!(error.to_string().contains("supported are TLS 1.3, and TLS 1.2 with ECDHE"), "{error}");
    let (log, _guard) = LogCapture::install();
    let mut connection = server(&address("localhost", port, "sslmode=prefer")).connect().await.unwrap();
    assert!(!uses_tls(&mut connection).await);
    let logged = log.text();
    assert!(logged.contains("WARN") && logged.contains("supported are TLS 1.3"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prefer_falls_back_where_the_server_accepts_plain_connections_only() {
    let certificate = Authority::new("authority").issue("server", &["localhost"]);
    let setup = Setup::default().with_tls(&certificate.certificate, &certificate.key);
    let server = Server::start_with(&setup.with_hba("hostnossl all all all scram-sha-256\n"));
    assert!(!connects("localhost", server.port(), "").await.unwrap());
    assert!(!connects("localhost", server.port(), "sslmode=prefer").await.unwrap());
    let error = connects("localhost", server.port(), "sslmode=require").await.unwrap_err();
    assert!(error.to_string().contains("pg_hba.conf"), "{error}");
    let error = connects("localhost", server.port(), "password=wrong").await.unwrap_err();
    assert!(matches!(error, ConnectError::LoginRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_causes_a_warning_before_the_password_is_sent() {
    const WARNING: &str = "sslmode=require into TEST_DATABASE_URL";

    // A server that requests the password in clear text, and returns the log at the time when the password arrives.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (log, _guard) = LogCapture::install();
    let logged = log.clone();
    let fake = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"N").await.unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        stream.read_exact(&mut vec![0; length as usize - 4]).await.unwrap();
        stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await.unwrap();
        let before = logged.text();
        assert_eq!(stream.read_u8().await.unwrap(), b'p');
        before
    };
    let server = server(&format!("postgres://reader:hunter2@127.0.0.1:{port}/trades"));
    let (outcome, before) = tokio::join!(server.connect(), fake);
    assert!(outcome.is_err());
    assert!(before.contains(WARNING), "{before}");
    assert!(!log.text().contains("hunter2"), "{}", log.text());
}

#[tokio::test]
async fn a_mode_that_is_set_causes_no_warning_and_the_default_causes_one() {
    let plain = Server::start();
    let (log, _guard) = LogCapture::install();
    for query in ["sslmode=disable", "sslmode=prefer"] {
        server(&address("localhost", plain.port(), query)).connect().await.unwrap();
    }
    assert!(!log.text().contains("WARN"), "{}", log.text());
    let unset = server(&address("localhost", plain.port(), ""));
    for _ in 0..2 {
        unset.connect().await.unwrap();
    }
    assert_eq!(log.text().matches("WARN").count(), 1, "{}", log.text());
    let error = server(&address("localhost", plain.port(), "sslmode=require")).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::TlsRefused { .. }), "{error:?}");
}
