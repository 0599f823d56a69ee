//! The workspace's packages and files.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand};
use walkdir::WalkDir;

/// Folders of other people's files, or of build output.
const FOREIGN: [&str; 7] =
    [".git", ".hypothesis", ".venv", ".wrangler", "node_modules", "target", "__pycache__"];

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// The output of `cargo metadata`, without foreign packages.
pub(crate) fn metadata() -> &'static Metadata {
    static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
        let mut command = MetadataCommand::new();
        command.manifest_path(root().join("Cargo.toml")).no_deps();
        command.exec().expect("cargo metadata succeeds")
    });
    &METADATA
}

/// The files below a folder whose names end in one of the extensions, sorted.
pub(crate) fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let own =
        |entry: &walkdir::DirEntry| entry.file_name().to_str().is_none_or(|name| !FOREIGN.contains(&name));
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().filter_entry(own);
    let paths = entries.map(|entry| entry.expect("the checkout can be read").into_path());
    let wanted = |path: &PathBuf| {
        path.is_file()
            && path.extension().and_then(|text| text.to_str()).is_some_and(|text| extensions.contains(&text))
    };
    paths.filter(wanted).collect()
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A Rust file's syntax tree.
pub(crate) fn parse(path: &Path) -> syn::File {
    syn::parse_file(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A path as the messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// A package's name and folder, for each package of the workspace.
pub(crate) fn packages() -> Vec<(String, PathBuf)> {
    let folder = |path: &cargo_metadata::camino::Utf8PathBuf| {
        path.parent().expect("a manifest is in a folder").as_std_path().to_owned()
    };
    let packages = metadata().packages.iter();
    packages.map(|package| (package.name.to_string(), folder(&package.manifest_path))).collect()
}

/// Fails with all the problems, one a line.
#[track_caller]
pub(crate) fn assert_none(rule: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{rule}; {} problems:\n{}", problems.len(), problems.join("\n"));
}
