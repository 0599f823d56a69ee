//! Ports of the demo's servers.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The usual port on loopback, or any free port if that one is in use.
///
/// # Errors
/// If there is no free port.
pub(crate) fn free_address(usual_port: u16) -> std::io::Result<SocketAddr> {
    let bind =
        |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    bind(usual_port).or_else(|_| bind(0))
}
