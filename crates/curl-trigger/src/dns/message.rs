//! Encoding a query with one question, and decoding the answer to it (RFC 1035 section 4).

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::wire::MessageReader;

/// The size of a header, in bytes.
const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_CNAME: u16 = 5;
/// A longer chain of aliases is a loop.
const MAX_ALIASES: usize = 12;

/// The type of the queried record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum RecordType {
    /// IPv4.
    A = 1,
    /// IPv6.
    Aaaa = 28,
}

/// A question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// The absolute name, without a trailing dot.
    pub name: String,
    /// The type.
    pub record: RecordType,
}

/// The answer to a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// At least one address.
    Addresses(Vec<IpAddr>),
    /// The name exists, but has no address of this type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The server failed: SERVFAIL, REFUSED or another response code, which is given.
    ServerFailure(u8),
    /// The answer is truncated and must be queried over TCP.
    Truncated,
}

impl Question {
    /// Encodes the query. The name must be valid by [`super::config::is_valid`].
    pub fn encode(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.name.len() + 6);
        message.extend_from_slice(&id.to_be_bytes());
        // Recursion desired, one question.
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in self.name.split('.') {
            message.push(u8::try_from(label.len()).unwrap_or(0));
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&(self.record as u16).to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        message
    }

    /// Decodes the answer to this question. `None` if the message has another id or question, is not a response, or is
    /// malformed: the caller ignores such a message, because anyone can send it.
    pub fn decode(&self, id: u16, message: &[u8]) -> Option<Answer> {
        let header = message.first_chunk::<HEADER>()?;
        let [
            id_high,
            id_low,
            flags,
            more_flags,
            questions_high,
            questions_low,
            answers_high,
            answers_low,
            ..,
        ] = *header;
        let is_response = flags & 0x80 != 0;
        let is_query_kind = flags & 0x78 == 0;
        let one_question = u16::from_be_bytes([questions_high, questions_low]) == 1;
        if u16::from_be_bytes([id_high, id_low]) != id || !is_response || !is_query_kind || !one_question {
            return None;
        }
        let mut reader = MessageReader { message, at: HEADER };
        let name = reader.name()?;
        let expected = (self.record as u16, CLASS_IN);
        if !name.eq_ignore_ascii_case(&self.name) || (reader.u16()?, reader.u16()?) != expected {
            return None;
        }
        let truncated = flags & 2 != 0;
        match more_flags & 0x0f {
            _ if truncated => Some(Answer::Truncated),
            0 => self.addresses(reader, u16::from_be_bytes([answers_high, answers_low])),
            3 => Some(Answer::NxDomain),
            code => Some(Answer::ServerFailure(code)),
        }
    }

    /// Follows the aliases of the question's name and returns the addresses of the last one.
    fn addresses(&self, reader: MessageReader<'_>, count: u16) -> Option<Answer> {
        let mut owner = self.name.clone();
        for _ in 0..MAX_ALIASES {
            let mut records = MessageReader { ..reader };
            let mut found = Vec::new();
            let mut alias = None;
            for _ in 0..count {
                let record = records.record()?;
                if !record.name.eq_ignore_ascii_case(&owner) || record.class != CLASS_IN {
                    continue;
                }
                if record.kind == TYPE_CNAME {
                    alias = MessageReader { message: reader.message, at: record.data_at }.name();
                } else if record.kind == self.record as u16 {
                    found.extend(self.address(record.data));
                }
            }
            match alias {
                _ if !found.is_empty() => return Some(Answer::Addresses(found)),
                Some(alias) => owner = alias,
                None => break,
            }
        }
        Some(Answer::NoData)
    }

    fn address(&self, data: &[u8]) -> Option<IpAddr> {
        match self.record {
            RecordType::A => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            RecordType::Aaaa => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn question() -> Question {
        Question { name: "a.example".into(), record: RecordType::A }
    }

    /// An answer to `question()` with one alias and one address behind it.
    fn aliased() -> Vec<u8> {
        let mut message = question().encode(7);
        message[2] = 0x81;
        message[3] = 0x80;
        message[7] = 2;
        // a.example CNAME b.example (compressed: "b", then a pointer to "example" at 14)
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14]);
        let target = u8::try_from(message.len() - 4).expect("short");
        message.extend_from_slice(&[0xc0, target, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 7]);
        message
    }

    #[test]
    fn aliases_are_followed_to_the_address() {
        let answer = question().decode(7, &aliased());
        assert_eq!(answer, Some(Answer::Addresses(vec![[10, 0, 0, 7].into()])));
    }

    #[test]
    fn a_message_that_does_not_answer_this_question_is_ignored() {
        let message = aliased();
        assert_eq!(question().decode(8, &message), None, "another id");
        let other = Question { name: "c.example".into(), record: RecordType::A };
        assert_eq!(other.decode(7, &message), None, "another name");
        let other = Question { name: "a.example".into(), record: RecordType::Aaaa };
        assert_eq!(other.decode(7, &message), None, "another type");
        assert_eq!(question().decode(7, &question().encode(7)), None, "a query");
    }

    #[test]
    fn response_codes_are_distinguished() {
        for (flags, code, expected) in [
            (0x80, 3, Answer::NxDomain),
            (0x80, 2, Answer::ServerFailure(2)),
            (0x80, 5, Answer::ServerFailure(5)),
            (0x80, 0, Answer::NoData),
            (0x82, 0, Answer::Truncated),
        ] {
            let mut message = question().encode(7);
            message[2] = flags;
            message[3] = code;
            assert_eq!(question().decode(7, &message), Some(expected));
        }
    }

    #[test]
    fn an_alias_of_itself_has_no_address() {
        let mut message = question().encode(7);
        message[2] = 0x80;
        message[7] = 1;
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12]);
        assert_eq!(question().decode(7, &message), Some(Answer::NoData));
    }

    proptest! {
        #[test]
        fn no_bytes_crash_the_decoder(tail in proptest::collection::vec(any::<u8>(), 0..120), count in any::<u8>()) {
            let mut message = question().encode(7);
            message[2] = 0x80;
            message[7] = count;
            message.extend_from_slice(&tail);
            let _ = question().decode(7, &message);
            let _ = question().decode(7, &tail);
        }

        #[test]
        fn a_changed_answer_never_has_additional_addresses(position in 0usize..60, value in any::<u8>()) {
            let mut message = aliased();
            if let Some(byte) = message.get_mut(position) {
                *byte = value;
            }
            if let Some(Answer::Addresses(addresses)) = question().decode(7, &message) {
                prop_assert_eq!(addresses.len(), 1);
            }
        }
    }
}
