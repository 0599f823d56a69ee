//! A root file system like that of the images: a program and one writable folder, without `/tmp`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The user of the images.
const IMAGE_USER: u32 = 65532;

/// A root file system with one program and the libraries that it is linked with. Only `/data` is writable.
#[derive(Debug)]
pub struct BareRoot {
    folder: TempDir,
}

impl BareRoot {
    /// A root file system for a program.
    ///
    /// # Panics
    /// When the program or one of its libraries can't be copied.
    pub fn of(program: &Path) -> Self {
        // In the folder of the program, where a hard link can replace a copy of some hundred megabytes.
        let parent = program.parent().expect("a program is in a folder");
        let folder = tempfile::Builder::new().prefix("bare-root-").tempdir_in(parent).expect("a new folder");
        let root = Self { folder };
        root.add(program, Path::new("/program"));
        for library in libraries(program) {
            root.add(&library, &library);
        }
        fs::create_dir(root.data()).expect("the folder belongs to this process");
        let closed = Permissions::from_mode(0o555);
        fs::set_permissions(root.folder.path(), closed).expect("the folder belongs to this process");
        root
    }

    /// The path of the program's `/data` in this process.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The command of the program in this root, without environment variables. It runs as an unprivileged user: the user of
    /// the images when this process is root, else the user of this process. That user owns the files that `/data` contains
    /// now.
    ///
    /// # Panics
    /// When the owner of the files in `/data` can't be changed.
    pub fn command(&self) -> Command {
        let root = self.folder.path();
        let is_root = fs::metadata("/proc/self").expect("Linux has /proc").uid() == 0;
        let mut command = if is_root {
            change_owner(&self.data());
            let mut command = Command::new("/usr/sbin/chroot");
            command.arg(format!("--userspec={IMAGE_USER}:{IMAGE_USER}")).arg(root);
            command
        } else {
            // In a user namespace, an unprivileged user can change the root. The program has no capabilities in it.
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
        fs::create_dir_all(folder).expect("the folder belongs to this process");
        // The target of a symbolic link, because the link would be broken here.
        let file = file.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if fs::hard_link(&file, &place).is_err() {
            let copied = fs::copy(&file, &place);
            copied.unwrap_or_else(|error| panic!("{} can't be copied: {error}", file.display()));
        }
    }
}

impl Drop for BareRoot {
    fn drop(&mut self) {
        // A read-only folder can't be emptied.
        let _ = fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755));
    }
}

/// The libraries that the program is linked with, including the loader; empty for a static program.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output =
        Command::new("ldd").arg(program).output().expect("ldd can be run; it comes with the C library");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    // For a static program, ldd may print the program's own path with a colon.
    paths.filter(|path| !path.ends_with(':')).map(PathBuf::from).collect()
}

fn change_owner(path: &Path) {
    chown(path, Some(IMAGE_USER), Some(IMAGE_USER)).expect("root can change owners");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("root can read it") {
            change_owner(&entry.expect("root can read it").path());
        }
    }
}
