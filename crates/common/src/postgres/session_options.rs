//! `options`: server settings of the session.

use super::values::Values;

/// Parses `-c name=value` and `--name=value`. A backslash escapes a space or a backslash in a value.
pub(super) fn parse(values: &Values<'_>) -> Result<Vec<(String, String)>, String> {
    const FORM: &str = "has options of another form than -c name=value or --name=value";

    if values.is_set_twice("options") {
        // sqlx always adds PGOPTIONS.
        return Err("has options, and PGOPTIONS is set as well; use one of the two".to_owned());
    }
    let mut options = Vec::new();
    let mut words = split_words(values.get("options").unwrap_or_default()).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => setting.to_owned(),
            None if word == "-c" => words.next().ok_or(FORM)?,
            None => word.strip_prefix("-c").ok_or(FORM)?.to_owned(),
        };
        let (name, value) = setting.split_once('=').ok_or(FORM)?;
        options.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(options)
}

/// Splits `options` into words as the server does.
fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            space if space.is_ascii_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Values, parse};
    use crate::postgres::conninfo::Parameters;
    use crate::postgres::environment::Environment;

    fn options(text: &str, variables: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let environment = Environment::of_user("user", variables.iter().copied());
        let parameters = Parameters::from([("options", text.to_owned())]);
        parse(&Values { parameters, environment: &environment })
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_three_forms_of_an_option_are_equal() {
        for text in ["-c work_mem=3MB", "-cwork_mem=3MB", "--work-mem=3MB"] {
            assert_eq!(options(text, &[]), Ok(vec![pair("work_mem", "3MB")]), "{text}");
        }
        assert_eq!(options("", &[]), Ok(vec![]));
    }

    #[test]
    fn a_backslash_escapes_a_space_and_a_backslash() {
        let parsed = options(r"-c a=x\ y  -c b=\\z", &[]);
        assert_eq!(parsed, Ok(vec![pair("a", "x y"), pair("b", r"\z")]));
    }

    #[test]
    fn other_forms_and_a_second_source_are_rejected() {
        for text in ["-d 1", "-c", "work_mem=3MB", "--geqo"] {
            assert!(options(text, &[]).is_err(), "{text}");
        }
        assert!(
            options("-c a=1", &[("PGOPTIONS", "-c b=2")]).is_err_and(|error| error.contains("PGOPTIONS"))
        );
        assert_eq!(options("", &[("PGOPTIONS", "-c b=2")]), Ok(vec![]));
    }
}
