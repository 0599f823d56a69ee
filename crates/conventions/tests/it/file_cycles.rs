//! Cycles between files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::modules::{FileUse, ModuleTree};
use crate::sources::{assert_none, metadata, shown};

type FileGraph = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The uses between the files of each target, except those between a module and its descendants.
fn graphs() -> Vec<FileGraph> {
    let targets = metadata().packages.iter().flat_map(|package| &package.targets);
    let graph = |target: &cargo_metadata::Target| {
        let uses = ModuleTree::read(target.src_path.as_std_path()).file_uses();
        let mut graph = FileGraph::new();
        for FileUse { from, to, .. } in uses.into_iter().filter(|one| !one.is_nested) {
            graph.entry(from).or_default().insert(to);
        }
        graph
    };
    targets.map(graph).collect()
}

/// The shortest way from a file back to itself.
fn cycle(graph: &FileGraph, start: &Path) -> Option<Vec<PathBuf>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut visited = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in graph.get(way.last()?).into_iter().flatten() {
                if next == start {
                    return Some(way);
                }
                if visited.insert(next.clone()) {
                    longer.push([way.as_slice(), std::slice::from_ref(next)].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn no_files_use_each_other_in_a_cycle() {
    let mut problems = BTreeSet::new();
    for graph in graphs() {
        for mut files in graph.keys().filter_map(|file| cycle(&graph, file)) {
            // The same cycle is found from each of its files.
            let first = (0..files.len()).min_by_key(|index| &files[*index]).unwrap_or_default();
            files.rotate_left(first);
            problems.insert(files.iter().map(|file| shown(file)).collect::<Vec<_>>().join(" -> "));
        }
    }
    assert_none("files do not use each other in a cycle", &problems.into_iter().collect::<Vec<_>>());
}
