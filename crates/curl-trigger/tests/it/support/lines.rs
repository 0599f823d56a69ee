//! Compares whole command lines with Debian's curl: exit code, standard output, files, and the bytes of the requests.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{
    program::{CommandOutput, finish, plain},
    server::{Server, response},
};

/// The files in the working directory of both programs.
const FILES: [(&str, &str); 5] = [
    ("text.txt", "a\nb\n"),
    ("page.html", "<p>ü</p>"),
    ("data.json", "{\"x\": 1}"),
    ("headers", "X-F: 1\n\nX-G;\n"),
    ("old", "an older and longer content"),
];

/// The result of one program.
#[derive(Debug, PartialEq)]
pub(crate) struct LineResult {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) files: BTreeMap<String, String>,
    /// With placeholders for the values that differ between two runs or programs.
    pub(crate) requests: Vec<String>,
}

/// Splits a command line at its spaces; single quotes protect them.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (number, part) in line.split('\'').enumerate() {
        if number % 2 == 1 {
            words.last_mut().expect("a word").push_str(part);
            continue;
        }
        for (number, piece) in part.split(' ').enumerate() {
            if number > 0 {
                words.push(String::new());
            }
            words.last_mut().expect("a word").push_str(piece);
        }
    }
    words
}

/// Runs a program with the arguments of the line in a directory with the files. `URL` is the server's URL.
fn run_line(program: &Path, line: &str) -> (LineResult, CommandOutput) {
    let server = Server::start(|stream, _| {
        let text = response("200 OK", "X-Response: 1\r\n", "fine\n");
        let _ = std::io::Write::write_all(stream, text.as_bytes());
    });
    let url = server.url("");
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in FILES {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    let config = format!(
        "# comment\nurl = \"{url}/config\"\nheader = \"X-K: a \\\"b\\\"\"\n--request PATCH\nsilent\n"
    );
    fs::write(directory.path().join("curlrc"), config).expect("a file");
    let arguments = words(line).into_iter().map(|word| word.replace("URL", &url));
    let mut command = Command::new(program);
    let output = finish(command.args(arguments).current_dir(&directory).env_clear());
    let files = fs::read_dir(&directory).expect("the directory").map(|entry| {
        let entry = entry.expect("an entry");
        let text = fs::read_to_string(entry.path()).expect("a text");
        (entry.file_name().to_string_lossy().into_owned(), text.replace(&url, "URL"))
    });
    let files = files.collect();
    let requests = server.requests().iter().map(|request| normalized(request, server.port)).collect();
    (LineResult { code: output.code, out: output.out.replace(&url, "URL"), files, requests }, output)
}

/// The request without the headers that one of the programs sends on purpose, and with placeholders for the port, the
/// program's name, and the boundary of a form.
fn normalized(request: &str, port: u16) -> String {
    let request = request.replace(&format!(":{port}"), ":PORT").replace("curl-trigger/0.1.0", "NAME");
    let request = request.replace("curl/7.88.1", "NAME");
    let dropped = ["Connection: close\r\n", "Expect: 100-continue\r\n", "Content-Length: 0\r\n"];
    let request = dropped.iter().fold(request, |request, line| request.replace(line, ""));
    let dashes = "------------------------";
    match request.split_once(&format!("boundary={dashes}")) {
        Some((_, rest)) => request.replace(&rest[..16], "BOUNDARY"),
        None => request,
    }
}

pub(crate) fn curl_line(line: &str) -> LineResult {
    run_line(Path::new("curl"), line).0
}

pub(crate) fn our_line(line: &str) -> (LineResult, CommandOutput) {
    run_line(plain(), line)
}
