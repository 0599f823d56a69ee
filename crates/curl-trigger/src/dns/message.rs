//! DNS messages (RFC 1035 section 4): the one question this program asks, and what an answer says to it.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_CNAME: u16 = 5;
/// A chain of aliases longer than this is a loop.
const MAX_ALIASES: usize = 12;
/// Jumps within one compressed name.
const MAX_JUMPS: usize = 16;

/// Which kind of address is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum RecordType {
    /// IPv4.
    A = 1,
    /// IPv6.
    Aaaa = 28,
}

/// One question: an absolute name without its trailing dot, and a type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// The name.
    pub name: String,
    /// The type.
    pub record: RecordType,
}

/// What an answer to the question says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// These addresses, at least one.
    Addresses(Vec<IpAddr>),
    /// The name exists without an address of this type.
    NoData,
    /// The name does not exist.
    NoName,
    /// The server can't tell: SERVFAIL, REFUSED and the like, with the response code.
    ServerFailure(u8),
    /// The answer was cut: ask over TCP.
    Truncated,
}

impl Question {
    /// The query message. The name must be one that [`super::config::is_valid`] passes.
    pub fn encode(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.name.len() + 6);
        message.extend_from_slice(&id.to_be_bytes());
        // Recursion desired; one question.
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

    /// Reads a message as the answer to this question; `None` when it is not one: another id, another
    /// question, no response, or not to be read. Such a message is passed over, as anyone can send it.
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
        let mut reader = Reader { message, at: HEADER };
        let name = reader.name()?;
        let asked = (self.record as u16, CLASS_IN);
        if !name.eq_ignore_ascii_case(&self.name) || (reader.u16()?, reader.u16()?) != asked {
            return None;
        }
        let truncated = flags & 2 != 0;
        match more_flags & 0x0f {
            _ if truncated => Some(Answer::Truncated),
            0 => self.addresses(reader, u16::from_be_bytes([answers_high, answers_low])),
            3 => Some(Answer::NoName),
            code => Some(Answer::ServerFailure(code)),
        }
    }

    /// Follows the aliases from the question's name and collects the addresses at their end.
    fn addresses(&self, reader: Reader<'_>, count: u16) -> Option<Answer> {
        let mut owner = self.name.clone();
        for _ in 0..MAX_ALIASES {
            let mut records = Reader { ..reader };
            let mut found = Vec::new();
            let mut alias = None;
            for _ in 0..count {
                let record = records.record()?;
                if !record.name.eq_ignore_ascii_case(&owner) || record.class != CLASS_IN {
                    continue;
                }
                if record.kind == TYPE_CNAME {
                    alias = Reader { message: reader.message, at: record.data_at }.name();
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

struct Record<'a> {
    name: String,
    kind: u16,
    class: u16,
    data: &'a [u8],
    data_at: usize,
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let name = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        self.take(4)?; // Time to live: the process ends long before.
        let length = usize::from(self.u16()?);
        let data_at = self.at;
        Some(Record { name, kind, class, data: self.take(length)?, data_at })
    }

    /// A name, with compression (RFC 1035 section 4.1.4); pointers must lead backwards, so it ends.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut cursor = *self;
        let mut jumps = 0;
        loop {
            let start = cursor.at;
            let length = *cursor.take(1)?.first()?;
            match length {
                0 => break,
                1..=63 => {
                    if !name.is_empty() {
                        name.push('.');
                    }
                    let label = cursor.take(usize::from(length))?;
                    name.extend(label.iter().map(|byte| char::from(*byte)));
                }
                192.. => {
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, *cursor.take(1)?.first()?]));
                    if jumps == 0 {
                        self.at = cursor.at;
                    }
                    jumps += 1;
                    if target >= start || jumps > MAX_JUMPS {
                        return None;
                    }
                    cursor.at = target;
                }
                _ => return None,
            }
            if name.len() > 255 {
                return None;
            }
        }
        if jumps == 0 {
            self.at = cursor.at;
        }
        Some(name)
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
    fn a_message_that_is_no_answer_to_this_question_is_passed_over() {
        let message = aliased();
        assert_eq!(question().decode(8, &message), None, "another id");
        let other = Question { name: "c.example".into(), record: RecordType::A };
        assert_eq!(other.decode(7, &message), None, "another name");
        let other = Question { name: "a.example".into(), record: RecordType::Aaaa };
        assert_eq!(other.decode(7, &message), None, "another type");
        assert_eq!(question().decode(7, &question().encode(7)), None, "a query");
    }

    #[test]
    fn response_codes_are_told_apart() {
        for (flags, code, expected) in [
            (0x80, 3, Answer::NoName),
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
    fn an_alias_that_leads_to_itself_ends() {
        let mut message = question().encode(7);
        message[2] = 0x80;
        message[7] = 1;
        message.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12]);
        assert_eq!(question().decode(7, &message), Some(Answer::NoData));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(tail in proptest::collection::vec(any::<u8>(), 0..120), count in any::<u8>()) {
            let mut message = question().encode(7);
            message[2] = 0x80;
            message[7] = count;
            message.extend_from_slice(&tail);
            let _ = question().decode(7, &message);
            let _ = question().decode(7, &tail);
        }

        #[test]
        fn a_changed_answer_never_invents_a_name(position in 0usize..60, value in any::<u8>()) {
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
