//! The modules of a compilation target, and the files that they use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::sources::parse;

/// The path of a module from the root of its target.
type ModulePath = Vec<String>;

/// The module tree of one target.
#[derive(Default)]
pub(crate) struct ModuleTree {
    files: BTreeMap<ModulePath, PathBuf>,
    /// Paths that a module names, relative to the root of the target.
    uses: Vec<(ModulePath, ModulePath)>,
}

/// One file uses an item of another one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct FileUse {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    /// Whether one of the modules contains the other one.
    pub(crate) is_nested: bool,
}

impl ModuleTree {
    /// Reads a target from its root file.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.add_file(Vec::new(), root, root.parent().expect("a file is in a folder"));
        tree
    }

    fn add_file(&mut self, module: ModulePath, path: &Path, folder: &Path) {
        let syntax = parse(path);
        self.files.insert(module.clone(), path.to_owned());
        self.add_children(&module, &syntax.items, path, folder);
        let mut visitor = PathVisitor { module, uses: &mut self.uses };
        visitor.visit_file(&syntax);
    }

    fn add_children(&mut self, module: &ModulePath, items: &[syn::Item], path: &Path, folder: &Path) {
        for item in items {
            let syn::Item::Mod(item) = item else { continue };
            let name = item.ident.to_string();
            let child = [module.as_slice(), std::slice::from_ref(&name)].concat();
            if let Some((_, items)) = &item.content {
                self.files.insert(child.clone(), path.to_owned());
                self.add_children(&child, items, path, &folder.join(&name));
                continue;
            }
            let file = explicit_path(item).map_or_else(
                || {
                    let file = folder.join(format!("{name}.rs"));
                    if file.exists() { file } else { folder.join(&name).join("mod.rs") }
                },
                |explicit| path.parent().expect("a file is in a folder").join(explicit),
            );
            self.add_file(child, &file, &folder.join(&name));
        }
    }

    /// The uses between different files.
    pub(crate) fn file_uses(&self) -> BTreeSet<FileUse> {
        let file_use = |(module, path): &(ModulePath, ModulePath)| {
            let target = self.deepest_module(module, path);
            let (from, to) = (self.files[module].clone(), self.files[target].clone());
            let is_nested = module.starts_with(target) || target.starts_with(module);
            (from != to).then_some(FileUse { from, to, is_nested })
        };
        self.uses.iter().filter_map(file_use).collect()
    }

    /// The module that contains the item: the longest known prefix of its path. A path that starts with no child of the module
    /// names an item of the module itself, or a foreign crate.
    fn deepest_module<'a>(&self, module: &'a ModulePath, path: &'a ModulePath) -> &'a [String] {
        let mut length = path.len();
        while !self.files.contains_key(&path[..length]) {
            length -= 1;
        }
        if path.starts_with(module) && length == module.len() { module } else { &path[..length] }
    }
}

fn explicit_path(item: &syn::ItemMod) -> Option<String> {
    item.attrs.iter().find_map(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
        pair.path.is_ident("path").then(|| text.value())
    })
}

/// Collects the paths of a file as paths from the root of the target.
struct PathVisitor<'a> {
    module: ModulePath,
    uses: &'a mut Vec<(ModulePath, ModulePath)>,
}

impl PathVisitor<'_> {
    fn add(&mut self, segments: &[String]) {
        let mut path = self.module.clone();
        for (index, segment) in segments.iter().enumerate() {
            match segment.as_str() {
                "crate" if index == 0 => path.clear(),
                "self" => {}
                "super" => drop(path.pop()),
                other => path.push(other.to_owned()),
            }
        }
        self.uses.push((self.module.clone(), path));
    }

    fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(prefix),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
        }
    }
}

impl<'a> Visit<'a> for PathVisitor<'_> {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.add_tree(&[], &item.tree);
        }
    }

    // The path of pub(in ...), and that of an attribute, uses nothing.
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.add(&segments);
        }
        visit::visit_path(self, path);
    }
}
