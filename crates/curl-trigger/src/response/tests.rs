use super::*;
use alloc::{format, string::String};
use proptest::prelude::*;

#[derive(Default, Debug, PartialEq)]
struct RecordedResponse {
    statuses: Vec<u16>,
    body: Vec<u8>,
}

impl ResponseHandler for RecordedResponse {
    fn head(&mut self, head: &Head) -> Result<(), Failure> {
        self.statuses.push(head.status);
        Ok(())
    }

    fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.body.extend_from_slice(bytes);
        Ok(())
    }
}

/// Reads all bytes of a connection in pieces of `piece` bytes, then the end of the connection.
fn read(wire: &[u8], piece: usize) -> (RecordedResponse, Result<(), Failure>) {
    let mut recorded = RecordedResponse::default();
    let mut reader = ResponseReader::new("POST", false);
    for bytes in wire.chunks(piece) {
        match reader.feed(bytes, &mut recorded) {
            Ok(true) => return (recorded, Ok(())),
            Ok(false) => {}
            Err(failure) => return (recorded, Err(failure)),
        }
    }
    let end = reader.close();
    (recorded, end)
}

fn body_of(wire: &str) -> String {
    let (recorded, end) = read(wire.as_bytes(), 7);
    end.expect(wire);
    String::from_utf8(recorded.body).expect("text")
}

fn code_of(wire: &str) -> ExitCode {
    read(wire.as_bytes(), 7).1.expect_err(wire).code
}

#[test]
fn the_framing_determines_the_end_of_a_body() {
    for wire in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellomore",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: u\r\n\r\nmore",
        "HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\nContent-Length: 1\n\n5\nhello\n0\n\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        assert_eq!(body_of(wire), "hello", "{wire}");
    }
    assert_eq!(body_of("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), "");
}

#[test]
fn each_incomplete_or_invalid_response_has_its_code() {
    for (wire, code) in [
        ("", ExitCode::EmptyReply),
        ("SSH-2.0-OpenSSH_9.2\r\n", ExitCode::UnsupportedProtocol),
        ("HTTP/1.1 20", ExitCode::EmptyReply),
        ("HTTP/1.1 200 OK\r\nA: b\r\n", ExitCode::Receive),
        ("HTTP/1.1 200 OK\r\nA: b\r\n\r\r\nhello", ExitCode::Receive),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ExitCode::PartialBody),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", ExitCode::WeirdReply),
        ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", ExitCode::WeirdReply),
        ("HTTP/1.1 2x0 OK\r\n\r\n", ExitCode::UnsupportedProtocol),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ExitCode::WeirdReply),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", ExitCode::WeirdReply),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", ExitCode::PartialBody),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ExitCode::Receive),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", ExitCode::Receive),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", ExitCode::Receive),
    ] {
        assert_eq!(code_of(wire), code, "{wire}");
    }
}

#[test]
fn an_endless_head_is_rejected_at_the_limit() {
    let mut recorded = RecordedResponse::default();
    let mut reader = ResponseReader::new("GET", false);
    let mut fed = 0;
    let mut line: &[u8] = b"HTTP/1.1 200 OK\r\n";
    let failure = loop {
        if let Err(failure) = reader.feed(line, &mut recorded) {
            break failure;
        }
        fed += line.len();
        line = b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    };
    assert_eq!(failure.code, ExitCode::Receive);
    assert!(fed <= MAX_HEAD && reader.buffer.capacity() <= 2 * MAX_HEAD);
}

#[test]
fn a_head_of_many_small_headers_is_read() {
    let headers: String = (0..2000).fold(String::new(), |all, n| {
        all + &format!(
            "h{n}: v
"
        )
    });
    assert_eq!(body_of(&format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 2\r\n\r\nok")), "ok");
}

proptest! {
    #[test]
    fn the_size_of_the_pieces_makes_no_difference(
        chunks in proptest::collection::vec("[a-z]{1,20}", 0..6),
        piece in 1usize..40,
    ) {
        let coded: String = chunks.iter().fold(String::new(), |all, chunk| all + &format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        let wire = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{coded}0\r\n\r\n");
        let (recorded, end) = read(wire.as_bytes(), piece);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(recorded.body, chunks.concat().into_bytes());
    }

    #[test]
    fn no_bytes_crash_the_reader_and_the_size_of_the_pieces_makes_no_difference(
        tail in proptest::collection::vec(any::<u8>(), 0..200),
        head in prop_oneof![
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Just("HTTP/1.1 200 OK\r\n"),
            Just(""),
        ],
        piece in 1usize..50,
    ) {
        let wire = [head.as_bytes(), &tail].concat();
        let (whole, whole_end) = read(&wire, wire.len().max(1));
        let (pieces, pieces_end) = read(&wire, piece);
        prop_assert_eq!(whole_end.map_err(|failure| failure.code), pieces_end.map_err(|failure| failure.code));
        prop_assert_eq!(whole, pieces);
    }
}
