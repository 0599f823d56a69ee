//! The declaration of a program's variables, and their help text.

use std::fmt::Write;

/// A variable that a program reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment. A file may contain it in lower case.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: VariableKind,
    /// What it means, in a few words.
    pub description: &'static str,
    /// The default, which the help text contains.
    pub default: DefaultValue,
    /// Whether it decides who has access. An empty value, or one that is not a text, is then an error: as "not set" it
    /// would open the access that it limits.
    pub is_credential: bool,
}

/// A kind of value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VariableKind {
    /// A text that may be shown.
    Plain,
    /// A text that is never shown, and that can also be given as `NAME_FILE`.
    Secret,
    /// A list or a table, which only the file can contain.
    Structure,
}

/// The default of a variable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DefaultValue {
    /// There is none, or the description contains it.
    None,
    /// This text, which is read like a value of the variable.
    Text(&'static str),
    /// The program derives the default; this text describes it.
    Described(&'static str),
}

impl Variable {
    /// A variable whose value may be shown.
    pub const fn plain(name: &'static str, description: &'static str) -> Self {
        Self::new(name, VariableKind::Plain, description)
    }

    /// A variable whose value is never shown.
    pub const fn secret(name: &'static str, description: &'static str) -> Self {
        Self::new(name, VariableKind::Secret, description).credential()
    }

    /// A list or table of the configuration file.
    pub const fn structure(name: &'static str, description: &'static str) -> Self {
        Self::new(name, VariableKind::Structure, description)
    }

    const fn new(name: &'static str, kind: VariableKind, description: &'static str) -> Self {
        Self { name, kind, description, default: DefaultValue::None, is_credential: false }
    }

    /// The variable as one that decides who has access. Every secret is one.
    #[must_use]
    pub const fn credential(mut self) -> Self {
        self.is_credential = true;
        self
    }

    /// The variable with this default, which [`Settings::parsed_or_default`](super::Settings::parsed_or_default) reads.
    #[must_use]
    pub const fn with_default(mut self, text: &'static str) -> Self {
        self.default = DefaultValue::Text(text);
        self
    }

    /// The variable with a default that the program derives, such as `the pod's own`.
    #[must_use]
    pub const fn with_default_described(mut self, description: &'static str) -> Self {
        self.default = DefaultValue::Described(description);
        self
    }
}

/// The variables as a section of a help text.
pub fn help(variables: &[Variable]) -> String {
    let width = variables.iter().map(|variable| variable.name.len()).max().unwrap_or_default();
    let mut text =
        "Environment, or the same names in the file of --config (after the semicolon: the default):\n"
            .to_owned();
    for Variable { name, kind, description, default, .. } in variables {
        let mark = match kind {
            VariableKind::Plain => ' ',
            VariableKind::Secret => '*',
            VariableKind::Structure => '+',
        };
        let _ = write!(text, "  {name:width$}{mark} {description}");
        if let DefaultValue::Text(default) | DefaultValue::Described(default) = default {
            let _ = write!(text, "; {default}");
        }
        text.push('\n');
    }
    text.push_str("  * a secret: NAME_FILE may name a file that contains it");
    if variables.iter().any(|variable| variable.kind == VariableKind::Structure) {
        text.push_str("\n  + a list or table: it can only be set in the file, under the name in lower case");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Variable, help};

    #[test]
    fn the_help_contains_each_variable_with_its_default() {
        let text = help(&[
            Variable::plain("PORT", "the port").with_default("8000"),
            Variable::plain("NAMESPACE", "the namespace").with_default_described("the pod's own"),
            Variable::secret("TOKEN", "the token"),
        ]);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "  PORT       the port; 8000",
                "  NAMESPACE  the namespace; the pod's own",
                "  TOKEN    * the token",
                "  * a secret: NAME_FILE may name a file that contains it",
            ]
        );
    }

    #[test]
    fn the_help_explains_structures_only_when_there_is_one() {
        assert!(!help(&[Variable::plain("A", "a")]).contains("list or table"));
        assert!(help(&[Variable::structure("A", "a")]).contains("  A+ a\n"));
    }
}
