//! Child processes for tests that need their own environment: this program again, with one test that performs a request.

use std::process::Command;

/// The request. Without it, the child's test does nothing.
const REQUEST: &str = "TEST_CHILD_REQUEST";

/// Precedes the answer in the child's output.
const MARK: &str = "child: ";

/// In the child: the request.
#[expect(clippy::disallowed_methods, reason = "the parent passes the request in this variable")]
pub(crate) fn request() -> Option<String> {
    std::env::var(REQUEST).ok()
}

/// In the child: the answer.
#[expect(clippy::print_stdout, reason = "the parent reads the standard output")]
pub(crate) fn answer(text: &str) {
    println!("{MARK}{}", text.escape_debug());
}

/// Runs a test in a child process with these variables. Returns its answer, or its whole output when there is none.
pub(crate) fn run(test: &str, request: &str, variables: &[(&str, &str)]) -> Result<String, String> {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        child.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    let output = child.env(REQUEST, request).envs(variables.iter().copied()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = printed.lines().find_map(|line| line.split_once(MARK).map(|(_, found)| found.to_owned()));
    found.ok_or_else(|| format!("{printed}{}", String::from_utf8_lossy(&output.stderr)))
}
