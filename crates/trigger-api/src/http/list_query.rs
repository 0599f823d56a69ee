//! The query of a list of runs.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use common::service::ServiceError;
use trigger_core::run::{RunId, State};
use trigger_core::run_store::{Cursor, RunFilter};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::documents::{state_schema, trigger_schema};

/// The pattern of a target's name.
pub(super) const TARGET_PATTERN: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

const DEFAULT_PAGE_SIZE: u16 = 50;
const MAX_PAGE_SIZE: u16 = 500;
/// The maximum number of targets of a query.
const MAX_TARGETS: usize = 32;
/// The maximum length of a text that is searched, in characters.
const MAX_TEXT_LENGTH: usize = 200;

/// The parameters that may occur several times.
const LISTS: [&str; 2] = ["target", "state"];

/// The filter of the query parameters. Unknown parameters are ignored.
pub(super) fn filter(parameters: &[(String, String)]) -> Result<RunFilter, ServiceError> {
    let mut filter = RunFilter { limit: DEFAULT_PAGE_SIZE, ..RunFilter::default() };
    let mut names = BTreeSet::new();
    for (name, value) in parameters {
        match name.as_str() {
            "target" => filter.targets.extend(parsed_list(name, value)?),
            "state" => filter.states.extend(parsed_list::<State>(name, value)?),
            "trigger" => filter.trigger = Some(parsed(name, value)?),
            "requested_by" => filter.requested_by = text(value),
            "since" => filter.since = Some(parsed(name, value)?),
            "until" => filter.until = Some(parsed(name, value)?),
            "q" => filter.text = text(value),
            "job_name" => filter.job_name = Some(value.clone()),
            "limit" => filter.limit = parsed(name, value)?,
            "cursor" => filter.after = Some(parse_cursor(value).map_err(|problem| invalid(name, problem))?),
            _ => continue,
        }
        if !names.insert(name) && !LISTS.contains(&name.as_str()) {
            return Err(invalid(name, "it occurs twice"));
        }
    }
    if !(1..=MAX_PAGE_SIZE).contains(&filter.limit) {
        return Err(invalid("limit", format!("use a number from 1 to {MAX_PAGE_SIZE}")));
    }
    filter.targets.sort();
    filter.targets.dedup();
    if filter.targets.len() > MAX_TARGETS {
        return Err(invalid("target", format!("use at most {MAX_TARGETS} targets")));
    }
    if filter.text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT_LENGTH) {
        return Err(invalid("q", format!("use at most {MAX_TEXT_LENGTH} characters")));
    }
    Ok(filter)
}

/// A text without the white space around it; None if nothing is left, as an empty field of a form.
fn text(value: &str) -> Option<String> {
    let text = value.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn parsed<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, ServiceError> {
    value.parse().map_err(|problem| invalid(name, problem))
}

fn parsed_list<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<Vec<T>, ServiceError> {
    value.split(',').map(|part| parsed(name, part.trim())).collect()
}

fn invalid(name: &str, problem: impl Display) -> ServiceError {
    ServiceError::bad_request(format!("{name}: {problem}"))
}

/// The schema of a query parameter; the parameters may be absent, but not null.
pub(super) fn schema_of(name: &str) -> Option<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let known = |format| Some(SchemaFormat::KnownFormat(format));
    let schema = match name {
        "target" => {
            let targets = ArrayBuilder::new().items(text().pattern(Some(TARGET_PATTERN)));
            return Some(targets.min_items(Some(1)).max_items(Some(MAX_TARGETS)).build().into());
        }
        "state" => return Some(ArrayBuilder::new().items(state_schema()).min_items(Some(1)).build().into()),
        "trigger" => return Some(trigger_schema().into()),
        "since" | "until" => text().format(known(KnownFormat::DateTime)),
        "q" => text().max_length(Some(MAX_TEXT_LENGTH)),
        "requested_by" | "job_name" | "cursor" => text(),
        "limit" => {
            let number = ObjectBuilder::new().schema_type(Type::Integer).format(known(KnownFormat::Int32));
            number.minimum(Some(1)).maximum(Some(MAX_PAGE_SIZE))
        }
        _ => return None,
    };
    Some(schema.build().into())
}

/// The `Link` header of the next page (RFC 8288): the same query with another cursor.
pub(super) fn next_link(query: &str, cursor: &str) -> String {
    let others = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let pairs: Vec<&str> = others.collect();
    let rest: String = pairs.iter().flat_map(|pair| ["&", pair]).collect();
    format!("</v1/runs?cursor={cursor}{rest}>; rel=\"next\"")
}

/// An opaque text for a position in the list.
pub(super) fn cursor_text(cursor: &Cursor) -> String {
    hex::encode(format!("{} {}", cursor.created_at, cursor.id))
}

fn parse_cursor(text: &str) -> Result<Cursor, &'static str> {
    let invalid = "it is not the `next` of a page";
    let bytes = hex::decode(text).map_err(|_| invalid)?;
    let text = String::from_utf8(bytes).map_err(|_| invalid)?;
    let (created_at, id) = text.split_once(' ').ok_or(invalid)?;
    Ok(Cursor { created_at: created_at.parse().map_err(|_| invalid)?, id: RunId::new(id) })
}

#[cfg(test)]
mod tests {
    use trigger_core::run::Trigger;

    use super::*;

    fn filter_of(pairs: &[(&str, &str)]) -> Result<RunFilter, ServiceError> {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        filter(&pairs)
    }

    #[test]
    fn lists_are_repeated_or_separated_by_commas_and_empty_texts_are_no_condition() {
        let filter = filter_of(&[
            ("state", "failed,cancelled"),
            ("target", "sync"),
            ("state", "running"),
            ("target", "analysis, sync"),
            ("trigger", "manual"),
            ("requested_by", ""),
            ("q", " 100% "),
            ("since", "2026-02-11T00:00:00+01:00"),
            ("unknown", "ignored"),
        ]);
        let filter = filter.unwrap();
        assert_eq!(filter.states, [State::Failed, State::Cancelled, State::Running]);
        assert_eq!(filter.targets, ["analysis", "sync"].map(|name| name.parse().unwrap()));
        assert_eq!((filter.trigger, filter.requested_by), (Some(Trigger::Manual), None));
        assert_eq!((filter.text.as_deref(), filter.limit), (Some("100%"), 50));
        assert_eq!(filter.since, "2026-02-10T23:00:00Z".parse().ok());
    }

    #[test]
    fn a_wrong_value_is_an_error() {
        let (many, long) =
            ((0..33).map(|number| format!("t{number}")).collect::<Vec<_>>().join(","), "x".repeat(201));
        for pairs in [
            &[("state", "odd")][..],
            &[("state", "failed,")],
            &[("target", "No!")],
            &[("target", many.as_str())],
            &[("trigger", "chance")],
            &[("since", "yesterday")],
            &[("until", "2026-02-11")],
            &[("q", long.as_str())],
            &[("limit", "0")],
            &[("limit", "501")],
            &[("limit", "5"), ("limit", "6")],
            &[("cursor", "00")],
        ] {
            assert!(filter_of(pairs).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn the_link_to_the_next_page_has_the_other_parameters_as_they_were_sent() {
        assert_eq!(next_link("", "ab"), "</v1/runs?cursor=ab>; rel=\"next\"");
        let query = "q=a%26b&cursor=00&state=failed&state=running";
        let link = "</v1/runs?cursor=ab&q=a%26b&state=failed&state=running>; rel=\"next\"";
        assert_eq!(next_link(query, "ab"), link);
    }
}
