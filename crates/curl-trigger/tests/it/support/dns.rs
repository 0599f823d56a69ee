//! A name server on UDP and TCP whose replies the test defines.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

/// The transport of a question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum QuestionTransport {
    Udp,
    Tcp,
}

/// A received question.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedQuestion {
    pub(crate) name: String,
    /// The record type: 1 is A, 28 is AAAA.
    pub(crate) kind: u16,
    pub(crate) transport: QuestionTransport,
    /// The number of earlier questions.
    pub(crate) seen: usize,
}

/// The reply to a question.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Those of the addresses that have the queried type. Without any, the reply is "no data".
    Addresses(Vec<IpAddr>),
    /// NXDOMAIN.
    NxDomain,
    /// This response code: SERVFAIL is 2, REFUSED is 5.
    Failure(u8),
    /// A truncated answer.
    Truncated,
    /// No reply.
    Silence,
    /// First an answer with a wrong id and the first address, then a correct one with the second address.
    ForgedFirst(IpAddr, IpAddr),
}

/// A name server that runs until the test process exits.
#[derive(Clone)]
pub(crate) struct NameServer {
    pub(crate) port: u16,
    questions: Arc<Mutex<Vec<ReceivedQuestion>>>,
}

type ReplyFn = dyn Fn(&ReceivedQuestion) -> Reply + Send + Sync;

impl NameServer {
    pub(crate) fn start(decide: impl Fn(&ReceivedQuestion) -> Reply + Send + Sync + 'static) -> Self {
        let (udp, tcp) = sockets();
        let port = udp.local_addr().expect("an address").port();
        let questions = Arc::new(Mutex::new(Vec::new()));
        let decide: Arc<ReplyFn> = Arc::new(decide);
        let (shared, decide_tcp) = (Arc::clone(&questions), Arc::clone(&decide));
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                for message in replies(&buffer[..length], QuestionTransport::Udp, &shared, &*decide) {
                    udp.send_to(&message, from).expect("sent");
                }
            }
        });
        let shared = Arc::clone(&questions);
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.expect("a connection");
                let mut length = [0; 2];
                if stream.read_exact(&mut length).is_err() {
                    continue;
                }
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                stream.read_exact(&mut question).expect("a question");
                for message in replies(&question, QuestionTransport::Tcp, &shared, &*decide_tcp) {
                    let length = u16::try_from(message.len()).expect("short").to_be_bytes();
                    stream.write_all(&[&length[..], &message].concat()).expect("sent");
                }
            }
        });
        Self { port, questions }
    }

    /// A `resolv.conf` with this server.
    pub(crate) fn resolv_conf(&self, rest: &str) -> String {
        format!("nameserver [127.0.0.1]:{}\n{rest}\n", self.port)
    }

    pub(crate) fn questions(&self) -> Vec<ReceivedQuestion> {
        self.questions.lock().expect("questions").clone()
    }
}

/// Sockets on a port that is free for UDP and TCP.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = udp.local_addr().expect("an address");
        if let Ok(tcp) = TcpListener::bind(address) {
            return (udp, tcp);
        }
    }
}

fn replies(
    question: &[u8],
    transport: QuestionTransport,
    questions: &Mutex<Vec<ReceivedQuestion>>,
    decide: &ReplyFn,
) -> Vec<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).into_owned());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let received = {
        let mut questions = questions.lock().expect("questions");
        let received = ReceivedQuestion { name: labels.join("."), kind, transport, seen: questions.len() };
        questions.push(received.clone());
        received
    };
    let question = &question[..at + 5];
    match decide(&received) {
        Reply::Addresses(addresses) => vec![message(question, 0, 0, kind, &addresses)],
        Reply::NxDomain => vec![message(question, 0, 3, kind, &[])],
        Reply::Failure(code) => vec![message(question, 0, code, kind, &[])],
        Reply::Truncated => vec![message(question, 2, 0, kind, &[])],
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
