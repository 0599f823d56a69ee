//! Expands `$(VAR)` in arguments and variables, as Kubernetes does.

use std::collections::BTreeMap;

/// Replaces every `$(NAME)` by the variable's value. A reference to an unknown variable is kept as it is, `$$` is an
/// escaped `$`, and a `$` before any other character is kept. Values are not expanded again.
pub(super) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let reference = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        rest = match reference {
            Some((name, after)) => {
                match variables.get(name) {
                    Some(value) => expanded.push_str(value),
                    None => {
                        expanded.push_str("$(");
                        expanded.push_str(name);
                        expanded.push(')');
                    }
                }
                after
            }
            None => {
                expanded.push('$');
                after.strip_prefix('$').unwrap_or(after)
            }
        };
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases are those of Kubernetes' own test in `third_party/forked/golang/expansion`.
    #[test]
    fn variables_are_expanded_as_kubernetes_expands_them() {
        let variables = [("VAR_A", "A"), ("VAR_B", "B"), ("VAR_REF", "$(VAR_A)"), ("VAR_EMPTY", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, expected) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_B)___", "___B___"),
            ("$(VAR_A)$(VAR_B)", "AB"),
            ("$(VAR_REF)", "$(VAR_A)"),
            ("$(VAR_EMPTY)|", "|"),
            ("$(VAR_MISSING)", "$(VAR_MISSING)"),
            ("$$(VAR_A)", "$(VAR_A)"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("foo$$foo", "foo$foo"),
            ("foo$bar", "foo$bar"),
            ("$VAR_A)", "$VAR_A)"),
            ("$(VAR_A", "$(VAR_A"),
            ("$()", "$()"),
            ("f000-$$VAR_A", "f000-$VAR_A"),
            ("foo\\$(VAR_A)bar", "foo\\Abar"),
            ("50% $", "50% $"),
            ("$$", "$"),
            ("\u{e4}$(VAR_A)\u{e4}", "\u{e4}A\u{e4}"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
