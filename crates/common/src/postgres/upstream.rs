//! A TCP connection to a Postgres server, with TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::attempt::Failure;
use super::failure::MAX_REASON_BYTES;
use crate::text::single_line;
use crate::tls::certificate_problem;

/// Asks for TLS, before the start-up message: a length of 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

const SUPPORTED: &str =
    "; supported are TLS 1.3, and TLS 1.2 with ECDHE, with keys of ECDSA P-256 or P-384, Ed25519 and RSA";

pub(super) type Encrypted = TlsStream<TcpStream>;

/// Connects and asks for TLS. None when the server has none.
pub(super) async fn connect(
    address: SocketAddr,
    name: &str,
    config: Arc<ClientConfig>,
) -> Result<Option<Encrypted>, Failure> {
    let unreachable = |error: io::Error| Failure::Unreachable(error.to_string());
    let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    stream.write_all(&SSL_REQUEST).await.map_err(unreachable)?;
    match stream.read_u8().await.map_err(unreachable)? {
        b'S' => {}
        b'N' => return Ok(None),
        // A server that has too many connections says so before it knows what is asked. That text is not shown: nobody
        // can know yet who sent it.
        b'E' => {
            return Err(Failure::Unreachable(
                "the server answered with an error when asked for TLS".to_owned(),
            ));
        }
        _ => return Err(Failure::Other("it does not answer as a Postgres server does".to_owned())),
    }
    // A name that is no DNS name can't be in a certificate, and is not sent to the server either.
    let name = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| address.ip().into());
    let stream = TlsConnector::from(config).connect(name, stream).await;
    stream.map(Some).map_err(|error| tls_failure(&error))
}

/// What a broken TLS session means.
pub(super) fn tls_failure(error: &io::Error) -> Failure {
    if let Some(problem) = certificate_problem(error) {
        return Failure::Untrusted(problem);
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => {
            let advice = if has_nothing_in_common(error) { SUPPORTED } else { "" };
            Failure::Handshake(format!("{}{advice}", single_line(&error.to_string(), MAX_REASON_BYTES)))
        }
        None => Failure::Unreachable(format!("the TLS handshake broke off: {error}")),
    }
}

/// Whether the two sides may support no version, key exchange or signature in common.
fn has_nothing_in_common(error: &rustls::Error) -> bool {
    use rustls::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};

    matches!(
        error,
        rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion)
    )
}
