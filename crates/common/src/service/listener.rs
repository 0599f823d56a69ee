//! Listens for connections of both IP families.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// The size of the kernel's buffers of each connection, which count as memory of the container. By default the kernel
/// increases the one for sending to megabytes, which a client that does not read would occupy.
const SOCKET_BUFFER_BYTES: u32 = 8 * 1024;
/// The size of the segments of each connection, as on Ethernet. On the loopback interface a segment would be larger than the
/// buffer, and then the client delays each acknowledgement, and with it the next segment, by 40 ms.
const SEGMENT_BYTES: u32 = 1448;
/// The memory of such a buffer: the kernel doubles the size, for its own structures.
pub(super) const KERNEL_BUFFER_BYTES: usize = 2 * SOCKET_BUFFER_BYTES as usize;

/// A service that can't listen on its address.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}: {source}; set LISTEN_ADDR to an address that is free")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl ListenError {
    /// Whether the setting is wrong: the address is none of this machine.
    pub fn is_wrong_setting(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrNotAvailable
    }
}

/// Listens on the address. `[::]` accepts connections of both families, and becomes `0.0.0.0` on a machine without IPv6.
///
/// # Errors
/// When the address is in use, or is not one of this machine.
///
/// # Panics
/// When it is called outside of a Tokio runtime.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    listen_with(address, bind).map_err(|source| ListenError { address, source })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // The default is a setting of the kernel.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    // The connections of the previous process, which the kernel keeps for a minute, do not block the address.
    socket.set_reuseaddr(true)?;
    // Accepted connections have the buffers of the listener.
    socket.set_send_buffer_size(SOCKET_BUFFER_BYTES)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)?;
    SockRef::from(&socket).set_tcp_mss(SEGMENT_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The address of a client: connections over IPv4 to a listener of both families have IPv6 addresses that contain it.
pub(super) fn client_address(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn listen_with<T>(address: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match bind(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && lacks_ipv6(&error) => {
            tracing::info!(%error, "this machine has no IPv6; listening on IPv4 only");
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}

/// Whether a socket of the family can't be created, or has no address.
fn lacks_ipv6(error: &io::Error) -> bool {
    /// `EAFNOSUPPORT` of Linux; [`io::ErrorKind`] has no stable equivalent.
    const ADDRESS_FAMILY_NOT_SUPPORTED: i32 = 97;
    error.raw_os_error() == Some(ADDRESS_FAMILY_NOT_SUPPORTED)
        || error.kind() == io::ErrorKind::AddrNotAvailable
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Tries to listen where binding to IPv6 fails with that error, and returns the addresses and the result.
    fn attempts(address: &str, code: i32) -> (Vec<String>, bool) {
        let addresses = Mutex::new(Vec::new());
        let bind = |address: SocketAddr| {
            addresses.lock().unwrap().push(address.to_string());
            if address.is_ipv6() { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
        };
        let bound = listen_with(address.parse().unwrap(), bind).is_ok();
        (addresses.into_inner().unwrap(), bound)
    }

    #[test]
    fn without_ipv6_the_unspecified_address_becomes_that_of_ipv4() {
        let (no_family, no_address, in_use) = (97, 99, 98);
        let both = ["[::]:8000", "0.0.0.0:8000"].map(str::to_owned).to_vec();
        assert_eq!(attempts("[::]:8000", no_family), (both.clone(), true));
        assert_eq!(attempts("[::]:8000", no_address), (both, true));
        assert_eq!(attempts("[::]:8000", in_use), (vec!["[::]:8000".to_owned()], false));
        assert_eq!(attempts("[::1]:8000", no_family), (vec!["[::1]:8000".to_owned()], false));
        assert_eq!(attempts("127.0.0.1:1", no_family), (vec!["127.0.0.1:1".to_owned()], true));
    }

    #[test]
    fn a_client_over_ipv4_has_its_own_address() {
        for (accepted, expected) in [
            ("[::ffff:10.0.0.7]:99", "10.0.0.7:99"),
            ("[2001:db8::7]:99", "[2001:db8::7]:99"),
            ("10.0.0.7:99", "10.0.0.7:99"),
        ] {
            assert_eq!(client_address(accepted.parse().unwrap()).to_string(), expected);
        }
    }

    #[tokio::test]
    async fn the_unspecified_address_accepts_both_families() {
        let listener = listen("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        for client in ["127.0.0.1", "::1"] {
            let stream = tokio::net::TcpStream::connect((client, port)).await.unwrap();
            let (accepted, address) = listener.accept().await.unwrap();
            assert_eq!(client_address(address), stream.local_addr().unwrap(), "{client}");
            let buffer = SockRef::from(&accepted).send_buffer_size().unwrap();
            assert_eq!(buffer, KERNEL_BUFFER_BYTES, "{client}");
            let segment = SockRef::from(&accepted).tcp_mss().unwrap();
            assert!(segment <= SEGMENT_BYTES, "{client}: {segment}");
        }
    }
}
