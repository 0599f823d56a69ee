//! A certificate authority, and HTTPS servers with its certificates.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::ring::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::support::server::wait_for_close;

/// A new certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate of the authority.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(vec![]).expect("parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = parameters.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(parameters, key), pem }
    }

    /// Serves `200 OK` over this version of TLS, with a certificate for these names; returns the port.
    pub(crate) fn serve(&self, names: &[&str], version: &'static SupportedProtocolVersion) -> u16 {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        self.issue(&CertificateParams::new(names).expect("parameters")).serve(version)
    }

    /// Issues a certificate for a server.
    pub(crate) fn issue(&self, parameters: &CertificateParams) -> ServerCertificate {
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        ServerCertificate { certificate, key }
    }
}

/// A server certificate and its key.
pub(crate) struct ServerCertificate {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl ServerCertificate {
    /// A self-signed certificate with this common name and the other parameters that `change` sets.
    pub(crate) fn self_signed(common_name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = CertificateParams::new(vec![]).expect("parameters");
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        change(&mut parameters);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate").der().clone();
        Self { certificate, key }
    }

    /// The same certificate in version 1, without extensions, as `openssl x509 -req -signkey` creates it.
    pub(crate) fn version_1(self) -> Self {
        let (certificate, _) = element(&self.certificate);
        let (signed, algorithm_and_signature) = element(certificate);
        let mut fields: Vec<&[u8]> = Vec::new();
        let mut rest = signed;
        while !rest.is_empty() {
            let (_, after) = element(rest);
            let (field, _) = rest.split_at(rest.len() - after.len());
            // Context tags mark version and extensions.
            if field[0] & 0xc0 == 0 {
                fields.push(field);
            }
            rest = after;
        }
        let signed = wrapped(SEQUENCE, &fields.concat());
        let (_, signature) = element(algorithm_and_signature);
        let (algorithm, _) =
            algorithm_and_signature.split_at(algorithm_and_signature.len() - signature.len());
        let signature = [&[0][..], &self.key.sign(&signed).expect("a signature")].concat();
        let parts = [&signed, algorithm, &wrapped(BIT_STRING, &signature)].concat();
        Self { certificate: wrapped(SEQUENCE, &parts).into(), key: self.key }
    }

    pub(crate) fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.certificate);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// Serves `200 OK` over this version of TLS; returns the port.
    pub(crate) fn serve(&self, version: &'static SupportedProtocolVersion) -> u16 {
        self.serve_with(version, |stream| {
            let body = "x".repeat(40_000);
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(response.as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }

    /// The same without a Content-Length. The response and the end of the session are sent together, and the connection
    /// stays open until the client closes it.
    pub(crate) fn serve_until_close(&self, version: &'static SupportedProtocolVersion) -> u16 {
        self.serve_with(version, |stream| {
            let _ = stream.conn.writer().write_all(b"HTTP/1.1 200 OK\r\n\r\nfine");
            stream.conn.send_close_notify();
            let mut records = Vec::new();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut records).expect("memory");
            }
            let _ = stream.sock.write_all(&records);
            wait_for_close(&mut stream.sock);
        })
    }

    fn serve_with(&self, version: &'static SupportedProtocolVersion, respond: Respond) -> u16 {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).expect("a key");
        serve(vec![self.certificate.clone()], &key, version, respond)
    }
}

type Respond = fn(&mut StreamOwned<ServerConnection, TcpStream>);

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The content of the first DER element, and the bytes after the element.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = match der[1] {
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), &der[4..]),
        0x81 => (usize::from(der[2]), &der[3..]),
        length => (usize::from(length), &der[2..]),
    };
    rest.split_at(length)
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len());
    let head = match length {
        Ok(length @ ..0x80) => vec![tag, length],
        Ok(length) => vec![tag, 0x81, length],
        Err(_) => [&[tag, 0x82][..], &u16::try_from(content.len()).expect("short").to_be_bytes()].concat(),
    };
    [&head, content].concat()
}

fn serve(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
    version: &'static SupportedProtocolVersion,
    respond: Respond,
) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).expect("a version");
    // Not `with_single_cert`, which rejects a certificate of version 1.
    let key = any_supported_type(key).expect("a key");
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let config = Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut stream = StreamOwned::new(connection, stream.expect("a connection"));
            // The read fails if the client rejects the certificate.
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                respond(&mut stream);
            }
        }
    });
    port
}
