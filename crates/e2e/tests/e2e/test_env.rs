//! A scenario's access to the environment.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::release::Release;
use crate::wait::PATIENCE;

static SHARED: OnceLock<TestEnv> = OnceLock::new();

/// The environment, and what this process keeps of it.
#[derive(Debug)]
pub(crate) struct TestEnv {
    pub(crate) environment: Environment,
    first: OnceLock<Release>,
    second: OnceLock<Release>,
    printed: AtomicBool,
    /// The environment's process, if this process started it.
    own: Mutex<Option<Child>>,
}

impl TestEnv {
    /// Uses the environment that `TRADEOPS_E2E_ENVIRONMENT` names, or starts one for this process.
    pub(crate) fn shared() -> &'static Self {
        SHARED.get_or_init(|| {
            #[expect(clippy::disallowed_methods, reason = "scripts/test.sh sets the variable, not a user")]
            let given = std::env::var_os("TRADEOPS_E2E_ENVIRONMENT");
            let (folder, own) = given.map_or_else(start_environment, |folder| (folder.into(), None));
            Self {
                environment: Environment::read(&folder),
                first: OnceLock::new(),
                second: OnceLock::new(),
                printed: AtomicBool::new(false),
                own: Mutex::new(own),
            }
        })
    }

    /// Stops the environment if this process started it. Returns whether everything was removed.
    pub(crate) fn stop_own_environment() -> bool {
        let own = SHARED.get().and_then(|env| env.own.lock().expect("no thread panicked").take());
        own.is_none_or(|mut process| {
            drop(process.stdin.take());
            process.wait().is_ok_and(|status| status.success())
        })
    }

    /// The release that works.
    pub(crate) fn first(&self) -> &Release {
        self.first.get_or_init(|| self.deployed("first"))
    }

    /// The release with an invalid database URL.
    pub(crate) fn second(&self) -> &Release {
        self.second.get_or_init(|| self.deployed("second"))
    }

    /// Waits until the environment has deployed a release.
    fn deployed(&self, name: &str) -> Release {
        let deadline = Instant::now() + PATIENCE;
        let file =
            |suffix: &str| fs::read_to_string(self.environment.folder.join(format!("{name}.{suffix}")));
        loop {
            if let Ok(text) = file("json") {
                return serde_json::from_str(&text).expect("this program wrote it");
            }
            if let Ok(text) = file("error") {
                panic!("the {name} release could not be deployed:\n{text}");
            }
            assert!(Instant::now() < deadline, "the {name} release was not deployed in time");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Prints what the releases' namespaces contain, once for each process.
    pub(crate) fn print_namespaces(&self) {
        if self.printed.swap(true, Ordering::Relaxed) {
            return;
        }
        for namespace in self.environment.namespaces() {
            let show = |arguments: &[&str]| {
                let arguments = [&["--namespace", &namespace], arguments].concat();
                self.environment.cluster.try_kubectl(&arguments).stdout
            };
            let objects = show(&["get", "cronjobs,jobs,pods", "--output=wide"]);
            let events = show(&["get", "events", "--sort-by=.lastTimestamp"]);
            let selector = "--selector=app.kubernetes.io/part-of in (tradeops, aegis-trader)";
            let logs = show(&["logs", selector, "--prefix", "--tail=15"]);
            #[expect(clippy::print_stderr, reason = "it is part of the failed test's output")]
            {
                eprintln!("in the namespace {namespace}:\n{objects}\n{events}\n{logs}");
            }
        }
    }
}

/// Starts this program as an environment; returns its folder.
fn start_environment() -> (PathBuf, Option<Child>) {
    let program = std::env::current_exe().expect("Linux has /proc");
    let mut command = Command::new(program);
    command.arg("environment").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("this program can be run");
    let mut line = String::new();
    let stdout = process.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a path in UTF-8");
    assert!(!line.is_empty(), "the environment did not start");
    (line.trim_end().into(), Some(process))
}
