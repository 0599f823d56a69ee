//! Tests that need variables of their own start this program again, with one test that does what is asked of it.

use std::process::Command;

/// What the child is asked for. The test does nothing without it.
const REQUEST: &str = "TEST_CHILD_REQUEST";

const MARK: &str = "child: ";

/// In the child: what is asked for.
#[expect(clippy::disallowed_methods, reason = "the test that starts the child asks it through this variable")]
pub(crate) fn request() -> Option<String> {
    std::env::var(REQUEST).ok()
}

/// In the child: the answer.
#[expect(clippy::print_stdout, reason = "this is what the test that started the child reads")]
pub(crate) fn answer(text: &str) {
    println!("{MARK}{}", text.escape_debug());
}

/// Runs a test as a child with these variables; its answer, or all of its output when there is none.
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
