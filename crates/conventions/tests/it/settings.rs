//! The settings that the documentation names.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::sources::{assert_none, read, root};

const PAGES: [&str; 6] = [
    "README.md",
    "docs/API.md",
    "docs/ARCHITECTURE.md",
    "docs/DEPLOY.md",
    "docs/OPERATIONS.md",
    "docs/SECURITY.md",
];
const PROGRAMS: [&[&str]; 4] =
    [&["monitor-api"], &["trigger-api"], &["trades-sync"], &["trades-sync", "run"]];

/// The words of the programs' help texts.
fn help_words() -> BTreeSet<String> {
    let words = |command: &&[&str]| {
        let output = Command::new(program(command[0])).args(&command[1..]).arg("--help").output();
        let output = output.expect("the program can be run");
        assert!(output.status.success(), "{command:?} --help fails");
        let text = String::from_utf8(output.stdout).expect("a text in UTF-8");
        let words = text.split(|character: char| !is_of_name(character)).map(str::to_owned);
        words.collect::<Vec<_>>()
    };
    PROGRAMS.iter().flat_map(words).collect()
}

/// A program of the workspace. Cargo builds it beside this test's folder, with the tests of its own package.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("Linux has /proc");
    let program = test.ancestors().nth(2).expect("target/debug/deps").join(name);
    assert!(program.exists(), "{} is missing: run cargo build --package {name}", program.display());
    program
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_'
}

/// The environment variables in the first cells of a page's tables, with their line numbers.
fn documented(page: &str) -> Vec<(usize, String)> {
    let cells = page
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.strip_prefix('|')?.split('|').next()?.to_owned())));
    let names = cells.flat_map(|(line, cell)| {
        let quoted: Vec<_> = cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        quoted.into_iter().map(move |name| (line, name))
    });
    names.filter(|(_, name)| name.contains('_') && name.chars().all(is_of_name)).collect()
}

#[test]
fn every_documented_setting_is_in_a_help_text() {
    let known = help_words();
    let mut problems = Vec::new();
    for page in PAGES {
        for (line, name) in documented(&read(&root().join(page))) {
            // Each secret NAME can also be read from the file that NAME_FILE names.
            if !known.contains(&name) && !known.contains(name.trim_end_matches("_FILE")) {
                problems.push(format!("{page}:{line}: {name}"));
            }
        }
    }
    assert_none("the help of a program lists each documented setting", &problems);
}
