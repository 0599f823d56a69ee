//! The program, built once for all tests with the profile and flags of its release.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

/// The program of the plain flavor.
pub(crate) fn plain() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("plain"))
}

/// The program of the TLS flavor.
pub(crate) fn tls() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("tls"))
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn build(flavor: &str) -> PathBuf {
    let script = root().join("scripts/build-curl-trigger.sh");
    // A separate target folder, because cargo has locked the one of this test run.
    let output =
        Command::new(script).args([flavor, env!("CARGO_TARGET_TMPDIR")]).output().expect("the build script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }
}

/// Runs the plain program with these arguments and an empty environment.
pub(crate) fn run(arguments: &[&str]) -> CommandOutput {
    run_with(arguments, &[])
}

/// The same with an environment.
pub(crate) fn run_with(arguments: &[&str], environment: &[(&str, &str)]) -> CommandOutput {
    finish(Command::new(plain()).args(arguments).env_clear().envs(environment.iter().copied()))
}

/// Runs Debian's curl with these arguments.
pub(crate) fn curl(arguments: &[&str]) -> CommandOutput {
    finish(Command::new("curl").args(arguments).env_clear())
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> CommandOutput {
    let output: Output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    CommandOutput { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A root directory that contains only the program and these files.
pub(crate) struct EmptyRoot(tempfile::TempDir);

impl EmptyRoot {
    pub(crate) fn new(program: &Path, files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        // Copied by another process: a child that this process forks during the copy would inherit the open file, and
        // a file that is open for writing can't be executed.
        let copied = Command::new("cp").arg(program).arg(root.path().join("curl-trigger")).status();
        assert!(copied.expect("cp runs").success());
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        Self(root)
    }

    /// Runs the program with this directory as its root: with chroot as root, else in a user namespace.
    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> CommandOutput {
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

    /// The path of a file outside of the root directory.
    pub(crate) fn path(&self, path: &str) -> String {
        self.0.path().join(path).to_str().expect("a path").to_string()
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path)).expect("a file")
    }
}
