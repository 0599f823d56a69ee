//! Name resolution in a root directory with only the program and the files of a pod.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    dns::{NameServer, QuestionTransport, ReceivedQuestion, Reply},
    program::{CommandOutput, EmptyRoot, plain},
    server::{Server, response},
};

const CLUSTER: &str = "search ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn server() -> Server {
    Server::responding_with(response("200 OK", "", "fine"))
}

/// Calls `http://host:port/` with a name server that replies as `decide` returns, and with `rest` in `resolv.conf`.
fn call(
    host: &str,
    port: u16,
    rest: &str,
    decide: impl Fn(&ReceivedQuestion) -> Reply + Send + Sync + 'static,
) -> (CommandOutput, Vec<ReceivedQuestion>) {
    call_with(&[], host, port, rest, decide)
}

fn call_with(
    options: &[&str],
    host: &str,
    port: u16,
    rest: &str,
    decide: impl Fn(&ReceivedQuestion) -> Reply + Send + Sync + 'static,
) -> (CommandOutput, Vec<ReceivedQuestion>) {
    let names = NameServer::start(decide);
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", &names.resolv_conf(rest))]);
    let url = format!("http://{host}:{port}/");
    let output = root.run(&[options, &["-sS", &url]].concat(), &[]);
    (output, names.questions())
}

fn queried_names(questions: &[ReceivedQuestion]) -> Vec<&str> {
    questions.iter().map(|question| question.name.as_str()).collect()
}

#[test]
fn an_address_needs_no_files() {
    let server = server();
    let root = EmptyRoot::new(plain(), &[]);
    assert_eq!(root.run(&["-s", &server.url("/")], &[]).exits(0).out, "fine");
    let local = format!("http://localhost:{}/", server.port);
    assert_eq!(root.run(&["-s", &local], &[]).exits(0).out, "fine");
}

#[test]
fn ipv6_works_with_an_address_and_a_name() {
    let server = Server::start_on(Ipv6Addr::LOCALHOST.into(), |stream, _| {
        let _ = std::io::Write::write_all(stream, response("200 OK", "", "fine").as_bytes());
    });
    let root = EmptyRoot::new(plain(), &[]);
    assert_eq!(root.run(&["-s", &format!("http://[::1]:{}/", server.port)], &[]).exits(0).out, "fine");
    let (output, questions) =
        call("backend.", server.port, CLUSTER, |_| Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]));
    assert_eq!(output.exits(0).out, "fine");
    assert_eq!(questions.iter().map(|question| question.kind).collect::<Vec<_>>(), [1, 28]);
}

#[test]
fn the_name_of_a_service_is_resolved_with_the_search_list() {
    let server = server();
    let (output, questions) =
        call("backend.other", server.port, CLUSTER, |question| match question.name.as_str() {
            "backend.other.svc.cluster.local" => Reply::Addresses(vec![LOOPBACK]),
            _ => Reply::NxDomain,
        });
    assert_eq!(output.exits(0).out, "fine");
    assert_eq!(
        queried_names(&questions),
        ["backend.other.ns.svc.cluster.local", "backend.other.svc.cluster.local"]
    );
    assert!(server.requests()[0].contains("\r\nHost: backend.other:"));
}

#[test]
fn a_trailing_dot_makes_a_name_absolute() {
    let server = server();
    let (output, questions) = call("backend.", server.port, CLUSTER, |_| Reply::Addresses(vec![LOOPBACK]));
    output.exits(0);
    assert_eq!(queried_names(&questions), ["backend"]);
}

#[test]
fn an_unknown_name_is_exit_code_6_after_the_whole_search_list() {
    let (output, questions) = call("backend", 80, CLUSTER, |_| Reply::NxDomain);
    assert!(output.exits(6).err.contains("backend is not known"));
    assert_eq!(questions.len(), 4);
}

#[test]
fn a_name_for_which_all_servers_fail_leads_to_the_next_one() {
    let server = server();
    for failure in [2, 5] {
        let (output, questions) = call("backend", server.port, CLUSTER, move |question| {
            if question.name == "backend.ns.svc.cluster.local" {
                return Reply::Failure(failure);
            }
            Reply::Addresses(vec![LOOPBACK])
        });
        assert_eq!(output.exits(0).out, "fine");
        assert_eq!(questions.len(), 2);
    }
}

#[test]
fn a_failure_is_the_result_only_if_no_name_is_resolved() {
    let server = server();
    let (output, questions) = call("backend", 80, CLUSTER, |question| match question.seen {
        1 => Reply::Failure(2),
        _ => Reply::NxDomain,
    });
    let error = output.exits(6).err;
    assert!(error.contains("failed for backend.svc.cluster.local; a retry may succeed"), "{error}");
    assert_eq!(questions.len(), 4);
    let (output, _) = call_with(&["--retry", "1"], "backend.", server.port, CLUSTER, |question| {
        if question.seen == 0 { Reply::Failure(2) } else { Reply::Addresses(vec![LOOPBACK]) }
    });
    output.exits(0);
}

#[test]
fn an_unknown_name_of_the_second_server_counts_only_with_the_first_one() {
    let server = server();
    let second = NameServer::start(|_| Reply::NxDomain);
    for (first, code) in [
        (Reply::Addresses(vec![LOOPBACK]), 0),
        (Reply::NxDomain, 6),
        (Reply::Failure(2), 6),
        (Reply::Silence, 6),
    ] {
        let is_address = matches!(first, Reply::Addresses(_));
        let first = Arc::new(first);
        // The first server answers only when the second one has already answered.
        let (asked, answer) = (second.questions().len(), Arc::clone(&first));
        let watched = second.clone();
        let slow = NameServer::start(move |_| {
            while is_address && watched.questions().len() == asked {
                thread::yield_now();
            }
            (*answer).clone()
        });
        let both = format!("{}{}options timeout:1", slow.resolv_conf(""), second.resolv_conf(""));
        let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", &both)]);
        root.run(&["-s", &format!("http://backend.:{}/", server.port)], &[]).exits(code);
    }
}

#[test]
fn only_addresses_of_the_requested_family_are_used() {
    let server = server();
    let both = || Reply::Addresses(vec![LOOPBACK, Ipv6Addr::LOCALHOST.into()]);
    let (output, questions) = call_with(&["-4"], "backend.", server.port, CLUSTER, move |_| both());
    assert_eq!((output.exits(0).out.as_str(), questions[0].kind), ("fine", 1));
    let both = || Reply::Addresses(vec![LOOPBACK]);
    let (output, questions) = call_with(&["-6"], "backend.", server.port, CLUSTER, move |_| both());
    output.exits(6);
    assert_eq!(questions.iter().map(|question| question.kind).collect::<Vec<_>>(), [28]);
    let root = EmptyRoot::new(plain(), &[("etc/hosts", "127.0.0.1 backend\n::1 backend\n")]);
    root.run(&["-s", "-4", &format!("http://backend:{}/", server.port)], &[]).exits(0);
    root.run(&["-s", "-6", &format!("http://backend:{}/", server.port)], &[]).exits(7);
}

#[test]
fn a_query_without_answer_is_repeated_after_a_second() {
    let server = server();
    let (output, questions) = call("backend", server.port, CLUSTER, |question| match question.seen {
        0 => Reply::Silence,
        _ => Reply::Addresses(vec![LOOPBACK]),
    });
    output.exits(0);
    assert_eq!(questions.len(), 2);
}

#[test]
fn no_answer_is_exit_code_6_by_the_limit_of_the_file_and_28_by_that_of_an_option() {
    let quick = "options timeout:1 attempts:1";
    let (output, _) = call("backend", 80, quick, |_| Reply::Silence);
    output.exits(6);
    for option in [["-m", "1"], ["--connect-timeout", "1"]] {
        let (output, _) = call_with(&option, "backend", 80, CLUSTER, |_| Reply::Silence);
        assert!(output.exits(28).err.contains("is not resolved"));
    }
}

#[test]
fn an_unreachable_name_server_is_exit_code_6() {
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", "nameserver [127.0.0.1]:1\n")]);
    root.run(&["-s", "http://backend/"], &[]).exits(6);
}

#[test]
fn two_servers_are_queried_at_the_same_time() {
    let server = server();
    let (silent, answering) =
        (NameServer::start(|_| Reply::Silence), NameServer::start(|_| Reply::Addresses(vec![LOOPBACK])));
    let both = format!("{}{}", silent.resolv_conf(""), answering.resolv_conf(CLUSTER));
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", &both)]);
    root.run(&["-s", "-m", "0.9", &format!("http://backend:{}/", server.port)], &[]).exits(0);
    // The server's thread may not have read the question yet.
    let deadline = Instant::now() + Duration::from_secs(10);
    while silent.questions().is_empty() && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!((silent.questions().len(), answering.questions().len()), (1, 1));
}

#[test]
fn a_truncated_answer_is_queried_again_over_tcp() {
    let server = server();
    let (output, questions) = call("backend", server.port, CLUSTER, |question| match question.transport {
        QuestionTransport::Udp => Reply::Truncated,
        QuestionTransport::Tcp => Reply::Addresses(vec![LOOPBACK]),
    });
    output.exits(0);
    assert_eq!(
        questions.iter().map(|question| question.transport).collect::<Vec<_>>(),
        [QuestionTransport::Udp, QuestionTransport::Tcp]
    );
}

#[test]
fn a_forged_answer_is_ignored() {
    let server = server();
    // Nothing listens at the forged address on this port.
    let forged = IpAddr::from([127, 66, 66, 66]);
    let (output, _) = call("backend", server.port, CLUSTER, move |_| Reply::ForgedFirst(forged, LOOPBACK));
    assert_eq!(output.exits(0).out, "fine");
}

#[test]
fn every_address_is_tried() {
    let server = server();
    // The server listens only on 127.0.0.1, so the first address refuses the connection.
    let (output, _) =
        call("backend", server.port, CLUSTER, |_| Reply::Addresses(vec![[127, 5, 5, 5].into(), LOOPBACK]));
    assert_eq!(output.exits(0).out, "fine");
    let (output, _) =
        call("backend", 1, CLUSTER, |_| Reply::Addresses(vec![[127, 5, 5, 5].into(), LOOPBACK]));
    output.exits(7);
}

#[test]
fn the_hosts_file_has_precedence_over_the_name_servers() {
    let server = server();
    let root = EmptyRoot::new(plain(), &[("etc/hosts", "127.0.0.1 backend\n")]);
    let url = format!("http://Backend:{}/", server.port);
    assert_eq!(root.run(&["-s", &url], &[]).exits(0).out, "fine");
}
