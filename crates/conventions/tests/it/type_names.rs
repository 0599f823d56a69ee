//! Names of types.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::Ident;
use syn::visit::{self, Visit};

use crate::sources::{assert_none, files, packages, parse, shown};

/// Where each type of a crate is declared, by its name.
#[derive(Default)]
struct Declarations {
    file: String,
    places: BTreeMap<String, Vec<String>>,
}

impl Declarations {
    fn add(&mut self, name: &Ident) {
        let place = format!("{}:{}", self.file, name.span().start().line);
        self.places.entry(name.to_string()).or_default().push(place);
    }
}

impl<'a> Visit<'a> for Declarations {
    fn visit_item_enum(&mut self, item: &'a syn::ItemEnum) {
        self.add(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_struct(&mut self, item: &'a syn::ItemStruct) {
        self.add(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.add(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'a syn::ItemType) {
        self.add(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_union(&mut self, item: &'a syn::ItemUnion) {
        self.add(&item.ident);
        visit::visit_item_union(self, item);
    }
}

fn declarations(folder: &Path) -> Declarations {
    let mut declarations = Declarations::default();
    for file in files(folder, &["rs"]) {
        declarations.file = shown(&file);
        declarations.visit_file(&parse(&file));
    }
    declarations
}

#[test]
fn no_two_types_of_a_crate_have_the_same_name() {
    let mut problems = Vec::new();
    for (package, folder) in packages() {
        let places = declarations(&folder).places;
        let repeated = places.into_iter().filter(|(_, places)| places.len() > 1);
        problems.extend(repeated.map(|(name, places)| format!("{package}: {name}: {}", places.join(", "))));
    }
    assert_none("the types of a crate, its tests and benchmarks included, have different names", &problems);
}
