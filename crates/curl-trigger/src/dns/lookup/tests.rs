use super::*;
use alloc::{format, string::ToString};
use proptest::prelude::*;

const START: Duration = Duration::from_secs(3);

const BOTH: &[RecordType] = &[RecordType::A, RecordType::Aaaa];

fn config(servers: usize) -> ResolverConfig {
    let servers = "nameserver 10.0.0.1\n".repeat(servers);
    ResolverConfig::parse(&format!("{servers}search ns.local local\noptions ndots:5\n"))
}

fn queries(lookup: &mut Lookup) -> Vec<Query> {
    let mut id = 0;
    core::iter::from_fn(|| {
        lookup.next_query(&mut || {
            id += 1;
            id
        })
    })
    .collect()
}

/// An answer to a query with this response code and these addresses.
fn answer(query: &Query, code: u8, addresses: &[[u8; 4]]) -> Vec<u8> {
    let mut message = query.message.clone();
    message[2] = 0x80;
    message[3] = code;
    message[7] = u8::try_from(addresses.len()).expect("few");
    for address in addresses {
        message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
        message.extend_from_slice(address);
    }
    message
}

#[test]
fn every_server_is_queried_at_the_same_time_and_the_first_answer_is_the_result() {
    let mut lookup = Lookup::new(&config(3), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    assert_eq!(sent.iter().map(|query| query.server).collect::<Vec<_>>(), [0, 1, 2]);
    lookup.receive(2, Transport::Udp, &answer(&sent[2], 0, &[[10, 1, 1, 1]]), START);
    assert_eq!(lookup.outcome(), Some(&Ok(vec![[10, 1, 1, 1].into()])));
}

#[test]
fn after_an_unknown_name_the_next_of_the_search_list_is_queried() {
    let mut lookup = Lookup::new(&config(1), "backend", BOTH, START);
    let mut queried = vec![];
    while lookup.outcome().is_none() {
        queried.push(lookup.question().name.clone());
        let sent = queries(&mut lookup);
        lookup.receive(0, Transport::Udp, &answer(&sent[0], 3, &[]), START);
    }
    assert_eq!(queried, ["backend.ns.local", "backend.local", "backend"].map(ToString::to_string));
    assert_eq!(lookup.outcome(), Some(&Err(LookupError::NotFound)));
}

#[test]
fn ipv6_is_queried_when_there_is_no_ipv4() {
    let mut lookup = Lookup::new(&config(1), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    lookup.receive(0, Transport::Udp, &answer(&sent[0], 0, &[]), START);
    assert_eq!(lookup.question().record, RecordType::Aaaa);
    assert_eq!(lookup.question().name, "backend.ns.local");
    let sent = queries(&mut lookup);
    lookup.receive(0, Transport::Udp, &answer(&sent[0], 0, &[]), START);
    assert_eq!((lookup.question().record, lookup.question().name.as_str()), (RecordType::A, "backend.local"));
}

#[test]
fn a_name_for_which_every_server_failed_leads_to_the_next_name() {
    let mut lookup = Lookup::new(&config(2), "backend", BOTH, START);
    for name in ["backend.ns.local", "backend.local", "backend"] {
        assert_eq!((lookup.outcome(), lookup.question().name.as_str()), (None, name));
        let sent = queries(&mut lookup);
        let code = if name == "backend" { 3 } else { 2 };
        lookup.receive(0, Transport::Udp, &answer(&sent[0], code, &[]), START);
        lookup.unreachable(1, Transport::Udp, START);
    }
    let error = LookupError::ServersFailed("backend.ns.local".into());
    assert_eq!(lookup.outcome(), Some(&Err(error)));
}

#[test]
fn an_address_of_a_later_name_is_the_result_although_an_earlier_one_failed() {
    let mut lookup = Lookup::new(&config(1), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    lookup.receive(0, Transport::Udp, &answer(&sent[0], 5, &[]), START);
    let sent = queries(&mut lookup);
    lookup.receive(0, Transport::Udp, &answer(&sent[0], 0, &[[10, 1, 1, 1]]), START);
    assert!(matches!(lookup.outcome(), Some(Ok(_))));
}

#[test]
fn an_unknown_name_of_the_second_server_waits_for_the_first_one() {
    let mut lookup = Lookup::new(&config(2), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    lookup.receive(1, Transport::Udp, &answer(&sent[1], 3, &[]), START);
    assert_eq!(lookup.question().name, "backend.ns.local");
    lookup.receive(0, Transport::Udp, &answer(&sent[0], 0, &[[10, 1, 1, 1]]), START);
    assert!(matches!(lookup.outcome(), Some(Ok(_))));
}

#[test]
fn an_unknown_name_of_the_second_server_counts_when_the_first_one_is_silent_or_failed() {
    let config = config(2);
    for is_silent in [true, false] {
        let mut lookup = Lookup::new(&config, "backend", BOTH, START);
        let mut now = START;
        let sent = queries(&mut lookup);
        lookup.receive(1, Transport::Udp, &answer(&sent[1], 3, &[]), now);
        if is_silent {
            while lookup.question().name == "backend.ns.local" {
                queries(&mut lookup);
                now = lookup.wake_at();
                lookup.tick(now);
            }
            assert_eq!(now, START + config.timeout);
        } else {
            lookup.receive(0, Transport::Udp, &answer(&sent[0], 2, &[]), now);
        }
        assert_eq!(lookup.question().name, "backend.local");
        // A silent server is not waited for again.
        let sent = queries(&mut lookup);
        lookup.receive(1, Transport::Udp, &answer(&sent[1], 3, &[]), now);
        let expected = if is_silent { "backend" } else { "backend.local" };
        assert_eq!(lookup.question().name, expected);
    }
}

#[test]
fn only_the_given_types_are_queried() {
    for record in [RecordType::A, RecordType::Aaaa] {
        let records: &[RecordType] =
            if record == RecordType::A { &[RecordType::A] } else { &[RecordType::Aaaa] };
        let mut lookup = Lookup::new(&config(1), "backend", records, START);
        while lookup.outcome().is_none() {
            assert_eq!(lookup.question().record, record);
            let sent = queries(&mut lookup);
            lookup.receive(0, Transport::Udp, &answer(&sent[0], 0, &[]), START);
        }
        assert_eq!(lookup.outcome(), Some(&Err(LookupError::NotFound)));
    }
}

#[test]
fn without_an_answer_the_query_is_repeated_every_second_until_the_time_limit() {
    let config = config(1);
    let mut lookup = Lookup::new(&config, "backend", BOTH, START);
    let mut sent = 0;
    while lookup.outcome().is_none() {
        sent += queries(&mut lookup).len();
        let now = lookup.wake_at();
        lookup.tick(now);
    }
    // Once in each of the ten seconds.
    assert_eq!(sent, 10);
    assert_eq!(lookup.wake_at(), START + config.total);
    assert_eq!(lookup.outcome(), Some(&Err(LookupError::TimedOut)));
}

#[test]
fn a_truncated_answer_is_queried_again_over_tcp() {
    let mut lookup = Lookup::new(&config(1), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    let mut truncated = answer(&sent[0], 0, &[]);
    truncated[2] |= 2;
    lookup.receive(0, Transport::Udp, &truncated, START);
    let sent = queries(&mut lookup);
    assert_eq!(sent[0].transport, Transport::Tcp);
    lookup.receive(0, Transport::Tcp, &answer(&sent[0], 0, &[[10, 1, 1, 1]]), START);
    assert!(matches!(lookup.outcome(), Some(Ok(_))));
}

#[test]
fn a_forged_answer_is_ignored() {
    let mut lookup = Lookup::new(&config(1), "backend", BOTH, START);
    let sent = queries(&mut lookup);
    let mut forged = answer(&sent[0], 0, &[[6, 6, 6, 6]]);
    forged[0] ^= 1;
    lookup.receive(0, Transport::Udp, &forged, START);
    assert_eq!(lookup.outcome(), None);
}

proptest! {
    #[test]
    fn a_lookup_always_ends_within_its_time_limit(
        events in proptest::collection::vec((0usize..3, 0u8..5, any::<bool>()), 0..60),
    ) {
        let config = config(3);
        let mut lookup = Lookup::new(&config, "backend", BOTH, START);
        let mut now = START;
        let mut sent: Vec<Query> = vec![];
        for (server, kind, tcp) in events {
            sent.extend(queries(&mut lookup));
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            let last = sent.iter().rev().find(|query| query.server == server);
            match (kind, last) {
                (0, _) => { now = lookup.wake_at(); lookup.tick(now); }
                (1, _) => lookup.unreachable(server, transport, now),
                (code, Some(query)) => lookup.receive(server, transport, &answer(query, code, &[]), now),
                _ => {}
            }
        }
        while lookup.outcome().is_none() {
            queries(&mut lookup);
            now = lookup.wake_at();
            lookup.tick(now);
        }
        prop_assert!(now <= START + config.total);
    }
}
