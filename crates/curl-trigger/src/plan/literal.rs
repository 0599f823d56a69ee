//! Variables that were not expanded.
//!
//! Kubernetes expands `$(NAME)` in `command` and `args` if the container has this variable, and never `${NAME}`. It
//! leaves the text of any other variable.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// The warnings about a request; one for each variable.
#[derive(Default)]
pub(super) struct LiteralVariables(Vec<String>);

impl LiteralVariables {
    /// Searches a text. The warnings name the place, such as `the URL`, and never contain another part of the text.
    pub(super) fn search(&mut self, place: &str, text: &str) {
        for (at, _) in text.match_indices('$') {
            let Some(variable) = variable(text.get(at + 1..).unwrap_or_default()) else { continue };
            let why = if variable.starts_with('{') {
                format!("write $({}), which Kubernetes expands", variable.trim_matches(['{', '}']))
            } else {
                "the container has no such variable".to_string()
            };
            let warning = format!("warning: {place} contains ${variable} literally: {why}");
            if !self.0.contains(&warning) {
                self.0.push(warning);
            }
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.0
    }
}

/// The name with its braces or parentheses, if the text starts with one.
fn variable(text: &str) -> Option<&str> {
    let close = match text.chars().next()? {
        '{' => '}',
        '(' => ')',
        _ => return None,
    };
    let end = text.find(close)?;
    let name = text.get(1..end)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_valid =
        !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(is_name);
    text.get(..=end).filter(|_| is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_reported_once_with_its_place() {
        let mut found = LiteralVariables::default();
        found.search("the URL", "http://a/${HOST_ID}/$(HOST_ID)?x=$y&z=$&${HOST_ID}${}${1}$(a b)${");
        let warnings = found.into_warnings();
        assert_eq!(
            warnings,
            [
                "warning: the URL contains ${HOST_ID} literally: write $(HOST_ID), which Kubernetes expands",
                "warning: the URL contains $(HOST_ID) literally: the container has no such variable",
            ]
        );
    }
}
