//! Sizes of files and crates. Clippy limits the size of functions: `too-many-lines-threshold` in `clippy.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::sources::{assert_none, files, packages, read, root, shown};

const MAX_FILE_LINES: usize = 400;
const MAX_MEDIAN_FILE_LINES: usize = 130;
const SOURCES: [&str; 8] = ["go", "mjs", "py", "rs", "sh", "tpl", "ts", "yaml"];
/// Rendered from the charts.
const GENERATED: &str = "deploy/manifests";

fn line_count(path: &Path) -> usize {
    read(path).lines().count()
}

fn sources() -> Vec<PathBuf> {
    let generated = root().join(GENERATED);
    files(&root(), &SOURCES).into_iter().filter(|path| !path.starts_with(&generated)).collect()
}

#[test]
fn no_file_is_too_long() {
    let too_long = |path: &PathBuf| {
        let lines = line_count(path);
        (lines > MAX_FILE_LINES).then(|| format!("{}: {lines} lines", shown(path)))
    };
    let problems: Vec<_> = sources().iter().filter_map(too_long).collect();
    assert_none(&format!("a file has at most {MAX_FILE_LINES} lines"), &problems);
}

#[test]
fn the_median_rust_file_is_short() {
    let mut counts: Vec<_> = files(&root(), &["rs"]).iter().map(|path| line_count(path)).collect();
    counts.sort_unstable();
    let median = counts[counts.len() / 2];
    assert!(median <= MAX_MEDIAN_FILE_LINES, "the median of {} files is {median} lines", counts.len());
}

#[test]
fn no_crate_has_more_than_a_quarter_of_the_lines() {
    let size = |folder: &Path| files(folder, &["rs"]).iter().map(|path| line_count(path)).sum::<usize>();
    let sizes: BTreeMap<_, _> = packages().into_iter().map(|(name, folder)| (name, size(&folder))).collect();
    let all: usize = sizes.values().sum();
    let too_large = |(name, lines): (&String, &usize)| {
        (lines * 4 > all).then(|| format!("{name}: {lines} of {all} lines, {} %", lines * 100 / all))
    };
    assert_none(
        "a crate has at most a quarter of the workspace's lines of Rust",
        &sizes.iter().filter_map(too_large).collect::<Vec<_>>(),
    );
}
