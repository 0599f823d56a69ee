//! A name server on UDP and TCP whose answers the test decides.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Over {
    Udp,
    Tcp,
}

/// A question: name, type (1 is A, 28 is AAAA), transport, and how many came before it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) over: Over,
    pub(crate) seen: usize,
}

/// What the server does about a question.
pub(crate) enum Reply {
    /// These addresses, those of the asked type; none is "no data".
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NoName,
    /// SERVFAIL.
    Failure,
    /// An answer that was cut.
    Cut,
    /// Nothing.
    Silence,
    /// An answer with a wrong id that names this address, and then the right one.
    ForgedFirst(IpAddr, IpAddr),
}

/// A name server. Lives as long as the test process.
pub(crate) struct NameServer {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Decide = dyn Fn(&Asked) -> Reply + Send + Sync;

impl NameServer {
    pub(crate) fn start(decide: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let (udp, tcp) = sockets();
        let port = udp.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let decide: Arc<Decide> = Arc::new(decide);
        let (shared, decide_tcp) = (Arc::clone(&asked), Arc::clone(&decide));
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                for message in replies(&buffer[..length], Over::Udp, &shared, &*decide) {
                    udp.send_to(&message, from).expect("sent");
                }
            }
        });
        let shared = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.expect("a connection");
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut question).expect("a question");
                for message in replies(&question, Over::Tcp, &shared, &*decide_tcp) {
                    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
                    stream.write_all(&[&length[..], &message].concat()).expect("sent");
                }
            }
        });
        Self { port, asked }
    }

    /// A `resolv.conf` that names this server.
    pub(crate) fn resolv_conf(&self, rest: &str) -> String {
        format!("nameserver [127.0.0.1]:{}\n{rest}\n", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("asked").clone()
    }
}

/// A port that is free for both.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = udp.local_addr().expect("an address");
        if let Ok(tcp) = TcpListener::bind(address) {
            return (udp, tcp);
        }
    }
}

fn replies(question: &[u8], over: Over, asked: &Mutex<Vec<Asked>>, decide: &Decide) -> Vec<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).into_owned());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let asked_now = {
        let mut asked = asked.lock().expect("asked");
        let now = Asked { name: labels.join("."), kind, over, seen: asked.len() };
        asked.push(now.clone());
        now
    };
    let question = &question[..at + 5];
    match decide(&asked_now) {
        Reply::Addresses(addresses) => vec![message(question, 0, 0, kind, &addresses)],
        Reply::NoName => vec![message(question, 0, 3, kind, &[])],
        Reply::Failure => vec![message(question, 0, 2, kind, &[])],
        Reply::Cut => vec![message(question, 2, 0, kind, &[])],
        Reply::Silence => vec![],
        Reply::ForgedFirst(forged, real) => {
            let mut first = message(question, 0, 0, kind, &[forged]);
            first[0] ^= 0xff;
            vec![first, message(question, 0, 0, kind, &[real])]
        }
    }
}

fn message(question: &[u8], flags: u8, code: u8, kind: u16, addresses: &[IpAddr]) -> Vec<u8> {
    let mut message = question.to_vec();
    (message[2], message[3]) = (0x80 | flags, code);
    for address in addresses {
        let bytes = match address {
            IpAddr::V4(address) if kind == 1 => address.octets().to_vec(),
            IpAddr::V6(address) if kind == 28 => address.octets().to_vec(),
            _ => continue,
        };
        message[7] += 1;
        let length = u8::try_from(bytes.len()).expect("short");
        message.extend([0xc0, 12, 0, kind.to_be_bytes()[1], 0, 1, 0, 0, 0, 9, 0, length]);
        message.extend(bytes);
    }
    message
}
