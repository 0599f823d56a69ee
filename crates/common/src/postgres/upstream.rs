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

use super::attempt_error::AttemptError;
use super::sql_error::MAX_REASON_BYTES;
use crate::text::single_line;
use crate::tls::certificate_problem;

/// The `SSLRequest` message, which precedes the start-up message: a length of 8 and the code 80877103.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

const SUPPORTED: &str =
    "; supported are TLS 1.3, and TLS 1.2 with ECDHE, with keys of ECDSA P-256 or P-384, Ed25519 and RSA";

pub(super) type TlsUpstream = TlsStream<TcpStream>;

/// Connects with TLS; None when the server has no TLS.
pub(super) async fn connect(
    address: SocketAddr,
    name: &str,
    config: Arc<ClientConfig>,
) -> Result<Option<TlsUpstream>, AttemptError> {
    let unreachable = |error: io::Error| AttemptError::Unreachable(error.to_string());
    let mut stream = TcpStream::connect(address).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    stream.write_all(&SSL_REQUEST).await.map_err(unreachable)?;
    match stream.read_u8().await.map_err(unreachable)? {
        b'S' => {}
        b'N' => return Ok(None),
        // A server with too many connections sends this before it reads the request. The text is not shown, because its
        // sender is not verified yet.
        b'E' => {
            return Err(AttemptError::Unreachable(
                "the server answered with an error when asked for TLS".to_owned(),
            ));
        }
        _ => return Err(AttemptError::Other("it does not answer as a Postgres server does".to_owned())),
    }
    // Only a DNS name can be in a certificate and in the SNI extension.
    let name = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| address.ip().into());
    let stream = TlsConnector::from(config).connect(name, stream).await;
    stream.map(Some).map_err(|error| tls_error(&error))
}

/// Classifies the error of a TLS session.
pub(super) fn tls_error(error: &io::Error) -> AttemptError {
    if let Some(problem) = certificate_problem(error) {
        return AttemptError::Untrusted(problem);
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => {
            let advice = if has_nothing_in_common(error) { SUPPORTED } else { "" };
            AttemptError::Handshake(format!("{}{advice}", single_line(&error.to_string(), MAX_REASON_BYTES)))
        }
        None => AttemptError::Unreachable(format!("the TLS handshake broke off: {error}")),
    }
}

/// Whether the two sides may have no TLS version, key exchange or signature algorithm in common.
fn has_nothing_in_common(error: &rustls::Error) -> bool {
    use rustls::AlertDescription::{HandshakeFailure, InsufficientSecurity, ProtocolVersion};

    matches!(
        error,
        rustls::Error::PeerIncompatible(_)
            | rustls::Error::AlertReceived(HandshakeFailure | InsufficientSecurity | ProtocolVersion)
    )
}
