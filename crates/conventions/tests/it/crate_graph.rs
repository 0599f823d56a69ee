//! The graph of crates in docs/ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::DependencyKind;

use crate::sources::{metadata, read, root};

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Each package of the workspace, with its normal dependencies of the workspace.
fn actual() -> Graph {
    let packages = &metadata().packages;
    let members: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let dependencies = |package: &cargo_metadata::Package| {
        let normal = package.dependencies.iter().filter(|one| one.kind == DependencyKind::Normal);
        normal.map(|one| one.name.clone()).filter(|name| members.contains(name)).collect()
    };
    packages.iter().map(|package| (package.name.to_string(), dependencies(package))).collect()
}

/// The lines `crate -> dependency, dependency` of the first text block after the words "crate graph".
fn documented(page: &str) -> Graph {
    let lower = page.to_lowercase();
    let start = lower.find("crate graph").expect("docs/ARCHITECTURE.md has the words \"crate graph\"");
    // The title may be part of the opening fence.
    let start = page[..start].rfind('\n').map_or(0, |end| end + 1);
    let (_, block) = page[start..].split_once("```text").expect("a block ```text follows");
    let lines = block.lines().skip(1).take_while(|line| !line.starts_with("```"));
    let parse = |line: &str| {
        let (name, dependencies) = line.split_once("->").unwrap_or((line, ""));
        let dependencies = dependencies.split(',').map(|name| name.trim().to_owned());
        (name.trim().to_owned(), dependencies.filter(|name| !name.is_empty()).collect())
    };
    lines.filter(|line| !line.trim().is_empty()).map(parse).collect()
}

fn shown(graph: &Graph) -> String {
    let line = |(name, dependencies): (&String, &BTreeSet<String>)| {
        let dependencies: Vec<_> = dependencies.iter().map(String::as_str).collect();
        format!("{name} -> {}", dependencies.join(", ")).trim_end().to_owned()
    };
    graph.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documented_graph_is_that_of_cargo() {
    let documented = documented(&read(&root().join("docs/ARCHITECTURE.md")));
    let actual = actual();
    assert!(
        documented == actual,
        "docs/ARCHITECTURE.md has\n{}\n\nand cargo metadata has\n{}",
        shown(&documented),
        shown(&actual)
    );
}
