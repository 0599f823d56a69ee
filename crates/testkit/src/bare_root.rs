//! A root like that of the images: a program and one folder that it may write to, without `/tmp`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The user of the images.
const NONROOT: u32 = 65532;

/// A root with one program and the libraries that it is linked with. Nothing in it can be written but `/data`.
#[derive(Debug)]
pub struct BareRoot {
    folder: TempDir,
}

impl BareRoot {
    /// A root for that program.
    ///
    /// # Panics
    /// When the program or one of its libraries can't be copied.
    pub fn of(program: &Path) -> Self {
        // Beside the program, where a hard link replaces a copy of some hundred megabytes.
        let beside = program.parent().expect("a program is in a folder");
        let folder = tempfile::Builder::new().prefix("bare-root-").tempdir_in(beside).expect("a new folder");
        let root = Self { folder };
        root.add(program, Path::new("/program"));
        for library in libraries(program) {
            root.add(&library, &library);
        }
        fs::create_dir(root.data()).expect("the folder is ours");
        let closed = Permissions::from_mode(0o555);
        fs::set_permissions(root.folder.path(), closed).expect("the folder is ours");
        root
    }

    /// The folder that the program sees as `/data`, as this process sees it.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The program, in this root and without any environment variable. It runs as a user without rights: the images' when
    /// this process is root, else as this process's own user. What is in `/data` by now belongs to that user.
    ///
    /// # Panics
    /// When the files in `/data` can't be handed over.
    pub fn command(&self) -> Command {
        let root = self.folder.path();
        let is_root = fs::metadata("/proc/self").expect("every Linux has it").uid() == 0;
        let mut command = if is_root {
            hand_over(&self.data());
            let mut command = Command::new("/usr/sbin/chroot");
            command.arg(format!("--userspec={NONROOT}:{NONROOT}")).arg(root);
            command
        } else {
            // A user namespace gives the right to change the root; the program itself has no right in it.
            let mut command = Command::new("/usr/bin/unshare");
            command.args(["--user", "--map-current-user", "--wd=/", "--root"]).arg(root);
            command
        };
        command.arg("/program").env_clear();
        command
    }

    fn add(&self, file: &Path, place: &Path) {
        let place = self.folder.path().join(place.strip_prefix("/").unwrap_or(place));
        let folder = place.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("the folder is ours");
        // The file itself: a link to it would lead nowhere here.
        let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if fs::hard_link(&file, &place).is_err() {
            let copied = fs::copy(&file, &place);
            copied.unwrap_or_else(|error| panic!("{} can't be copied: {error}", file.display()));
        }
    }
}

impl Drop for BareRoot {
    fn drop(&mut self) {
        // Only what can be written can be emptied.
        let _ = fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755));
    }
}

/// The libraries that the program is linked with, the loader among them; none of a static program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output =
        Command::new("ldd").arg(program).output().expect("ldd can be run; it comes with the C library");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    // The first word of an answer about a static program may be the program's own path, with a colon.
    paths.filter(|path| !path.ends_with(':')).map(PathBuf::from).collect()
}

fn hand_over(path: &Path) {
    chown(path, Some(NONROOT), Some(NONROOT)).expect("root may hand files over");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("root may read it") {
            hand_over(&entry.expect("root may read it").path());
        }
    }
}
