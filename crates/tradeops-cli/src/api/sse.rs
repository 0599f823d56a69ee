//! Reads server-sent events.

/// One event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerEvent {
    /// The id after which a stream is resumed.
    pub id: Option<String>,
    /// The name.
    pub name: String,
    /// The data.
    pub data: String,
}

/// Splits the bytes of a stream into events.
#[derive(Debug, Default)]
pub(super) struct EventParser {
    bytes: Vec<u8>,
}

impl EventParser {
    /// Adds bytes that were received.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete event. Comments are skipped.
    pub(super) fn next(&mut self) -> Option<ServerEvent> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
            if let Some(event) = event(&String::from_utf8_lossy(&block)) {
                return Some(event);
            }
        }
    }
}

fn event(block: &str) -> Option<ServerEvent> {
    let (mut event, mut data) = (ServerEvent::default(), Vec::new());
    for line in block.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => event.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut event.name),
            "data" => data.push(value),
            _ => {}
        }
    }
    event.data = data.join("\n");
    (!data.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_split_wherever_the_bytes_are_cut() {
        let text = ": events\nretry: 2000\n\nevent: log\nid: 12\ndata: {\"text\":\"ä\"}\n\nevent: ping\ndata: 1\ndata: 2\n\nevent: do";
        for size in 1..text.len() {
            let mut parser = EventParser::default();
            let mut events = Vec::new();
            for bytes in text.as_bytes().chunks(size) {
                parser.add(bytes);
                events.extend(std::iter::from_fn(|| parser.next()));
            }
            let [log, ping] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!(
                (log.id.as_deref(), log.name.as_str(), log.data.as_str()),
                (Some("12"), "log", "{\"text\":\"ä\"}")
            );
            assert_eq!((ping.id.as_deref(), ping.data.as_str()), (None, "1\n2"));
        }
    }
}
