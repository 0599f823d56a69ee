//! Fuzzes all parsers of input from servers, name servers and users: `just fuzz-trigger SECONDS`.
//!
//! Coverage-guided fuzzing needs a nightly compiler; this program runs with the project's stable one. It mutates valid
//! messages: it flips bits, and truncates, repeats and splices the messages. Arithmetic overflow is checked. An input
//! that violates a rule is printed as an escaped string.

#![expect(clippy::print_stdout, reason = "the result is printed to the standard output")]

use std::{
    env, panic,
    process::ExitCode,
    time::{Duration, Instant},
};

use curl_trigger::{
    dns::{
        config::{ResolverConfig, is_valid, local_addresses},
        lookup::{Lookup, Transport},
        message::{Question, RecordType},
    },
    environment::Environment,
    exit::Failure,
    files::ReadFile,
    header::HeaderRule,
    http_date, json,
    options::{self, Command},
    plan::{Flavor, Plan},
    response::{Head, ResponseHandler, ResponseReader},
    url::{Url, glob},
    wait,
    write_out::{self, WriteOutValues},
};

/// The name of a parser, a function that checks it, and valid inputs.
type FuzzTarget = (&'static str, fn(&[u8]), &'static [&'static [u8]]);

const TARGETS: [FuzzTarget; 10] = [
    ("response", response, &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nff\r\n",
        b"HTTP/1.0 302 Found\nLocation: /x\n\n",
    ]),
    ("dns answer", dns_answer, &[
        b"\0\x07\x81\x80\0\x01\0\x02\0\0\0\0\x01a\x07example\0\0\x01\0\x01\xc0\x0c\0\x05\0\x01\0\0\0\t\0\x04\x01b\xc0\x0e\xc0\x27\0\x01\0\x01\0\0\0\t\0\x04\n\0\0\x07",
    ]),
    ("resolver files", resolver_files, &[
        b"nameserver 10.0.0.1\nnameserver [::1]:53\nsearch a.b c\noptions ndots:5 timeout:1 attempts:9 use-vc\n",
        b"127.0.0.1 localhost a # b\n::1 a\n",
    ]),
    ("url", url, &[b"http://a:80/b/../c?d#e", b"https://[::1]:8443/", b"//h/x", b"../g?y"]),
    ("json", json_text, &[b"{\"run_id\":\"r\\u00e9\\ud83d\\ude00\",\"links\":{\"self\":\"/x\"},\"state\":\"failed\",\"a\":[1,{\"b\":null}]}"]),
    ("header", header, &[b"X-A: b", b"X-A;", b"X-A:", b"X-A: b\r\nX-B: c"]),
    ("options", arguments, &[b"-sSfXPOST\0-H\0a: b\0-m\x000.5\0--retry\x003\0http://a", b"--json\0{}\0-w\0%{http_code}\0--no-silent"]),
    ("request", request, &[
        b"-F\0a=@f;type=a/b;filename=\"x\\\"y\"\0-F\0b=<g\0-F\0c=\"d;e\";type=text/x;charset=y\0-u\0a:b\0http://a/{b}",
        b"-G\0--data-urlencode\0a@f\0-d\0b=%2F\0-b\0c=d\0-e\0f\0-I\0http://[::1]/?${X}",
        b"-T\0a b\0-H\0X;\0-H\0@f\0-D\0-\0http://a/b/?c",
        b"-K\0f\0--location-trusted\0http://a",
    ]),
    ("config file", config_file, &[
        b"url = \"http://a\\\"b\"\n# c\nheader: X-A:b\n-XPOST\nuser \"a:b\" # c\n--data x\nsilent\n",
    ]),
    ("texts", texts, &[b"%{http_code} %{time_total}\\n%%%{stderr}x", b"Sun, 06 Nov 1994 08:49:37 GMT"]),
];

fn main() -> ExitCode {
    let seconds = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    let seed = env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(0x9e37_79b9_7f4a_7c15);
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random(seed);
    let mut inputs = [0_u64; TARGETS.len()];
    while Instant::now() < until {
        for ((name, target, seeds), count) in TARGETS.iter().zip(&mut inputs) {
            for _ in 0..500 {
                let input = random.mutated(seeds);
                *count += 1;
                if panic::catch_unwind(|| target(&input)).is_err() {
                    println!("{name} fails with b\"{}\" (seed {seed})", input.escape_ascii());
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    for ((name, ..), count) in TARGETS.iter().zip(inputs) {
        println!("{name}: {count} inputs, no failure");
    }
    ExitCode::SUCCESS
}

/// Marsaglia's xorshift generator, so that the same seed gives the same inputs.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from((self.0 >> 11) % limit).unwrap_or(0)
    }

    fn mutated(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            let end = at + self.below(input.len() - at + 1);
            match self.below(7) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap_or(0),
                2 => input.insert(at, b"\r\n\0: ;%{}\\\"0f\xff\xc0"[self.below(15)]),
                3 => drop(input.drain(at..end)),
                4 => input.truncate(at),
                5 => {
                    let piece = input[at..end].repeat(1 + self.below(4));
                    input.splice(at..at, piece);
                }
                _ => {
                    let other = seeds[self.below(seeds.len())];
                    let from = self.below(other.len());
                    input.splice(at..end, other[from..].iter().copied());
                }
            }
            input.truncate(4096);
        }
        input
    }
}

#[derive(Debug, Default, PartialEq)]
struct FuzzedResponse(Vec<u16>, Vec<u8>);

impl ResponseHandler for FuzzedResponse {
    fn head(&mut self, head: &Head) -> Result<(), Failure> {
        self.0.push(head.status);
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.1.extend_from_slice(bytes);
        Ok(())
    }
}

/// The size of the pieces makes no difference.
fn response(input: &[u8]) {
    let read = |piece: usize| {
        let mut received = FuzzedResponse::default();
        let mut reader = ResponseReader::new("POST", false);
        for bytes in input.chunks(piece) {
            match reader.feed(bytes, &mut received) {
                Ok(true) => return (received, None),
                Ok(false) => {}
                Err(failure) => return (received, Some(failure.code)),
            }
        }
        let end = reader.close().err().map(|failure| failure.code);
        (received, end)
    };
    let piece = 1 + input.len() % 13;
    assert_eq!(read(input.len().max(1)), read(piece));
}

/// No bytes crash the decoder or a lookup.
fn dns_answer(input: &[u8]) {
    let question = Question { name: "a.example".into(), record: RecordType::A };
    let _ = question.decode(7, input);
    let config = ResolverConfig::parse("nameserver 10.0.0.1\nsearch example");
    let mut lookup = Lookup::new(&config, "a", &[RecordType::A, RecordType::Aaaa], Duration::ZERO);
    while lookup.next_query(&mut || 7).is_some() {}
    lookup.receive(0, Transport::Udp, input, Duration::ZERO);
    lookup.tick(lookup.wake_at());
}

fn resolver_files(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let config = ResolverConfig::parse(&text);
    assert!(!config.servers.is_empty() && config.servers.len() <= 3);
    assert!(config.candidates(&text).iter().all(|name| is_valid(name)));
    let _ = local_addresses("a", &text);
}

/// A parsed URL prints on one line and parses to the same URL.
fn url(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let base = Url::parse("http://a/b/c").expect("a URL");
    for url in [Url::parse(&text), base.join(&text)].into_iter().flatten() {
        let printed = url.to_string();
        assert!(printed.bytes().all(|byte| byte > b' ' && byte < 0x7f));
        assert_eq!(Url::parse(&printed).ok(), Some(url));
    }
}

fn json_text(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = json::find(&text, &["links", "self"]);
    let _ = wait::run_state(&text);
    let called = Url::parse("http://a/trigger-analysis").expect("a URL");
    if let Ok(url) = wait::status_url(&called, &Head::default(), &text) {
        assert!(url.target.starts_with('/'));
    }
}

/// No valid header contains a line break.
fn header(input: &[u8]) {
    if let Ok(Some(HeaderRule::Set(header))) = HeaderRule::parse(&String::from_utf8_lossy(input)) {
        let line = format!("{}{}", header.name, header.value);
        assert!(!line.contains(['\r', '\n', '\0']));
    }
}

/// Every file has this content.
struct EveryFile<'a>(&'a [u8]);

impl ReadFile for EveryFile<'_> {
    fn read(&mut self, _: &str, _: usize) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

fn arguments(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let arguments: Vec<&str> = text.split('\0').collect();
    let _ = options::parse(&arguments, &mut EveryFile(b""));
    let _ = glob::expand(&text);
}

/// No arguments and no file add a line to the head of the request.
fn request(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let arguments: Vec<&str> = text.split('\0').collect();
    let mut files = EveryFile(b"X-A: b\r\n--a\n");
    let Ok(Command::Run(options)) = options::parse(&arguments, &mut files) else { return };
    let headers =
        options.headers.iter().map(|header| if header.starts_with('@') { 2 } else { 1 }).sum::<usize>();
    let Ok(plan) = Plan::new(&options, &Environment::new(&[]), &mut files, Flavor::Tls) else { return };
    let head = plan.request.head();
    let lines: Vec<_> = head.split("\r\n").collect();
    // The request line, the headers of other options, and the two parts after the last line break.
    assert!(lines.len() <= 14 + headers, "{head}");
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])), "{head}");
}

fn config_file(input: &[u8]) {
    let _ = options::parse(&["-K", "f"], &mut EveryFile(input));
}

fn texts(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = write_out::render(&text, &WriteOutValues::default());
    let _ = http_date::parse(&text);
}
