//! Reading the fields of a DNS message (RFC 1035 section 4.1).

use alloc::string::String;

/// The maximum number of pointers in one compressed name.
const MAX_JUMPS: usize = 16;

/// A resource record.
pub(super) struct Record<'a> {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) data: &'a [u8],
    /// The position of the data in the message, for a name in it that is compressed.
    pub(super) data_at: usize,
}

#[derive(Clone, Copy)]
pub(super) struct MessageReader<'a> {
    pub(super) message: &'a [u8],
    pub(super) at: usize,
}

impl<'a> MessageReader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.message.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    pub(super) fn record(&mut self) -> Option<Record<'a>> {
        let name = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        self.take(4)?; // The time to live is not needed, because there is no cache.
        let length = usize::from(self.u16()?);
        let data_at = self.at;
        Some(Record { name, kind, class, data: self.take(length)?, data_at })
    }

    /// Reads a name, which may be compressed (RFC 1035 section 4.1.4). Pointers must lead backwards, so that there is
    /// no loop.
    pub(super) fn name(&mut self) -> Option<String> {
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
