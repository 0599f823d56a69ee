//! The program, built once for all tests with the profile and flags that it ships with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

/// The plain-HTTP program.
pub(crate) fn plain() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("plain"))
}

/// The one that speaks TLS.
pub(crate) fn tls() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("tls"))
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn build(flavour: &str) -> PathBuf {
    let script = root().join("scripts/build-curl-trigger.sh");
    // A folder of its own, as cargo holds a lock on the one of this test run.
    let output =
        Command::new(script).args([flavour, env!("CARGO_TARGET_TMPDIR")]).output().expect("the build script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

/// What a run of the program, or of curl, left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Asserts the exit code, showing everything when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// Runs the plain program with these arguments and nothing in its environment.
pub(crate) fn run(arguments: &[&str]) -> Ran {
    run_with(arguments, &[])
}

/// The same with an environment.
pub(crate) fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    finish(Command::new(plain()).args(arguments).env_clear().envs(environment.iter().copied()))
}

/// Runs Debian's curl with these arguments.
pub(crate) fn curl(arguments: &[&str]) -> Ran {
    finish(Command::new("curl").args(arguments).env_clear())
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Ran {
    let output: Output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A root directory that holds the program and these files, and nothing else.
pub(crate) struct EmptyRoot(tempfile::TempDir);

impl EmptyRoot {
    pub(crate) fn new(program: &Path, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        // By another process: whatever this one forks while it writes would hold the program open, and so keep it busy.
        let copied = Command::new("cp").arg(program).arg(root.path().join("curl-trigger")).status();
        assert!(copied.expect("cp runs").success());
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self(root)
    }

    /// Runs the program with this directory as its root: as root by chroot, else in a user namespace.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let status = fs::read_to_string("/proc/self/status").expect("proc");
        let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t0"));
        let mut command = Command::new(if is_root { "chroot" } else { "unshare" });
        if !is_root {
            command.args(["--map-root-user", "chroot"]);
        }
        command.arg(self.0.path()).arg("/curl-trigger").args(arguments);
        let path = std::iter::once(("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"));
        finish(command.env_clear().envs(path).envs(environment.iter().copied()))
    }

    /// Where a file is, seen from outside.
    pub(crate) fn path(&self, path: &str) -> String {
        self.0.path().join(path).to_str().expect("a path").to_string()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path)).expect("a file")
    }
}
