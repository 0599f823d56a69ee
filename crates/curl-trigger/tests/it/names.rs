//! Names, in a root directory that holds nothing but the program and the files of a pod.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::support::{
    dns::{Asked, NameServer, Over, Reply},
    program::{EmptyRoot, Ran, plain},
    server::{Server, answer},
};

const CLUSTER: &str = "search ns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn server() -> Server {
    Server::answering(answer("200 OK", "", "fine"))
}

/// Calls `http://host:port/` with this `resolv.conf`, whose name server decides what is known.
fn call(
    host: &str,
    port: u16,
    rest: &str,
    decide: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Ran, Vec<Asked>) {
    call_with(&[], host, port, rest, decide)
}

fn call_with(
    options: &[&str],
    host: &str,
    port: u16,
    rest: &str,
    decide: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Ran, Vec<Asked>) {
    let names = NameServer::start(decide);
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", &names.resolv_conf(rest))]);
    let url = format!("http://{host}:{port}/");
    let ran = root.run(&[options, &["-sS", &url]].concat(), &[]);
    (ran, names.asked())
}

fn asked_names(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.name.as_str()).collect()
}

#[test]
fn an_address_needs_no_file_at_all() {
    let server = server();
    let root = EmptyRoot::new(plain(), &[]);
    assert_eq!(root.run(&["-s", &server.url("/")], &[]).exits(0).out, "fine");
    let local = format!("http://localhost:{}/", server.port);
    assert_eq!(root.run(&["-s", &local], &[]).exits(0).out, "fine");
}

#[test]
fn an_ipv6_address_and_name_are_called() {
    let server = Server::start_on(Ipv6Addr::LOCALHOST.into(), |stream, _| {
        let _ = std::io::Write::write_all(stream, answer("200 OK", "", "fine").as_bytes());
    });
    let root = EmptyRoot::new(plain(), &[]);
    assert_eq!(root.run(&["-s", &format!("http://[::1]:{}/", server.port)], &[]).exits(0).out, "fine");
    let (ran, asked) =
        call("backend.", server.port, CLUSTER, |_| Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]));
    assert_eq!(ran.exits(0).out, "fine");
    assert_eq!(asked.iter().map(|asked| asked.kind).collect::<Vec<_>>(), [1, 28]);
}

#[test]
fn a_services_name_is_found_by_the_search_list() {
    let server = server();
    let (ran, asked) = call("backend.other", server.port, CLUSTER, |asked| match asked.name.as_str() {
        "backend.other.svc.cluster.local" => Reply::Addresses(vec![LOOPBACK]),
        _ => Reply::NoName,
    });
    assert_eq!(ran.exits(0).out, "fine");
    assert_eq!(
        asked_names(&asked),
        ["backend.other.ns.svc.cluster.local", "backend.other.svc.cluster.local"]
    );
    assert!(server.requests()[0].contains("\r\nHost: backend.other:"));
}

#[test]
fn a_trailing_dot_makes_a_name_absolute() {
    let server = server();
    let (ran, asked) = call("backend.", server.port, CLUSTER, |_| Reply::Addresses(vec![LOOPBACK]));
    ran.exits(0);
    assert_eq!(asked_names(&asked), ["backend"]);
}

#[test]
fn an_unknown_name_is_6_after_the_whole_list() {
    let (ran, asked) = call("backend", 80, CLUSTER, |_| Reply::NoName);
    assert!(ran.exits(6).err.contains("backend is not known"));
    assert_eq!(asked.len(), 4);
}

#[test]
fn a_failing_server_stops_the_search_and_is_retried() {
    let server = server();
    let (ran, asked) = call("backend", 80, CLUSTER, |_| Reply::Failure);
    assert!(ran.exits(6).err.contains("may work again later"));
    assert_eq!(asked.len(), 1, "another name of the list could be another service");
    let (ran, _) = call_with(&["--retry", "1"], "backend", server.port, CLUSTER, |asked| match asked.seen {
        0 => Reply::Failure,
        _ => Reply::Addresses(vec![LOOPBACK]),
    });
    ran.exits(0);
}

#[test]
fn a_lost_answer_is_asked_for_again_after_a_second() {
    let server = server();
    let (ran, asked) = call("backend", server.port, CLUSTER, |asked| match asked.seen {
        0 => Reply::Silence,
        _ => Reply::Addresses(vec![LOOPBACK]),
    });
    ran.exits(0);
    assert_eq!(asked.len(), 2);
}

#[test]
fn silence_is_6_by_the_files_time_and_28_by_the_options() {
    let quick = "options timeout:1 attempts:1";
    let (ran, _) = call("backend", 80, quick, |_| Reply::Silence);
    ran.exits(6);
    for option in [["-m", "1"], ["--connect-timeout", "1"]] {
        let (ran, _) = call_with(&option, "backend", 80, CLUSTER, |_| Reply::Silence);
        assert!(ran.exits(28).err.contains("is not resolved"));
    }
}

#[test]
fn no_name_server_at_all_is_6() {
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", "nameserver [127.0.0.1]:1\n")]);
    root.run(&["-s", "http://backend/"], &[]).exits(6);
}

#[test]
fn two_servers_are_asked_at_once() {
    let server = server();
    let (silent, knowing) =
        (NameServer::start(|_| Reply::Silence), NameServer::start(|_| Reply::Addresses(vec![LOOPBACK])));
    let both = format!("{}{}", silent.resolv_conf(""), knowing.resolv_conf(CLUSTER));
    let root = EmptyRoot::new(plain(), &[("etc/resolv.conf", &both)]);
    root.run(&["-s", "-m", "0.9", &format!("http://backend:{}/", server.port)], &[]).exits(0);
    assert_eq!((silent.asked().len(), knowing.asked().len()), (1, 1));
}

#[test]
fn a_cut_answer_is_asked_for_over_tcp() {
    let server = server();
    let (ran, asked) = call("backend", server.port, CLUSTER, |asked| match asked.over {
        Over::Udp => Reply::Cut,
        Over::Tcp => Reply::Addresses(vec![LOOPBACK]),
    });
    ran.exits(0);
    assert_eq!(asked.iter().map(|asked| asked.over).collect::<Vec<_>>(), [Over::Udp, Over::Tcp]);
}

#[test]
fn a_forged_answer_is_not_believed() {
    let server = server();
    // Nothing listens at the forged address on this port.
    let forged = IpAddr::from([127, 66, 66, 66]);
    let (ran, _) = call("backend", server.port, CLUSTER, move |_| Reply::ForgedFirst(forged, LOOPBACK));
    assert_eq!(ran.exits(0).out, "fine");
}

#[test]
fn every_address_is_tried() {
    let server = server();
    // The server listens on 127.0.0.1 alone, so the first one refuses.
    let (ran, _) =
        call("backend", server.port, CLUSTER, |_| Reply::Addresses(vec![[127, 5, 5, 5].into(), LOOPBACK]));
    assert_eq!(ran.exits(0).out, "fine");
    let (ran, _) = call("backend", 1, CLUSTER, |_| Reply::Addresses(vec![[127, 5, 5, 5].into(), LOOPBACK]));
    ran.exits(7);
}

#[test]
fn the_hosts_file_comes_before_the_servers() {
    let server = server();
    let root = EmptyRoot::new(plain(), &[("etc/hosts", "127.0.0.1 backend\n")]);
    let url = format!("http://Backend:{}/", server.port);
    assert_eq!(root.run(&["-s", &url], &[]).exits(0).out, "fine");
}
