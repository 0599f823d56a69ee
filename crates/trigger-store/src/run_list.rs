//! The statements that list and count runs.
//!
//! An index has the order of the list only within one combination of the columns before the time. A filter of several targets
//! or states is therefore divided into branches, each with one value per column, which are merged. Conditions that no index
//! has, such as a text, are checked for a limited number of runs per statement, so that no request reads the whole history.

mod plan;

use trigger_core::run::{State, Trigger};
use trigger_core::run_store::{Cursor, RunFilter};
use trigger_core::target_name::TargetName;

use self::plan::{Branch, Plan};
use super::run_row::COLUMNS;
use super::statement::{SqlValue, Statement};

/// How many runs one statement checks for conditions that no index has.
const MAX_CHECKED: usize = 5_000;
/// How many entries of an index are counted if there is no such condition.
const MAX_COUNTED: usize = 20_000;

const NEWEST_FIRST: &str = "ORDER BY created_at DESC, id DESC";
/// The columns of the conditions that no index has.
const CHECKED_COLUMNS: &str =
    "target, triggered_by, requested_by, job_name, reason, cause_reason, cause_message";

/// Whether the filter has a condition that no index has. The runs of one Job are few.
pub(super) fn is_search(filter: &RunFilter) -> bool {
    filter.job_name.is_none() && Plan::of(filter).has_checks()
}

/// The position up to which a search reads; no row if that is the end of the list.
pub(super) fn search_end(filter: &RunFilter) -> Statement {
    let mut sql = Sql::default();
    let range = sql.range(filter, None);
    let branches = Plan::of(filter).branches;
    let last = MAX_CHECKED / branches.len() - 1;
    let parts = branches.iter().map(|branch| {
        let conditions = sql.conditions(branch, &range);
        format!("SELECT created_at, id FROM runs {conditions}{NEWEST_FIRST} LIMIT 1 OFFSET {last}")
    });
    // The newest of the ends: up to there, every branch is read.
    let parts = union(parts);
    sql.statement(format!("SELECT created_at, id FROM ({parts}) AS ends {NEWEST_FIRST} LIMIT 1"))
}

/// The runs that the filter selects, up to a position.
pub(super) fn page(filter: &RunFilter, read_to: Option<&Cursor>) -> Statement {
    let mut sql = Sql::default();
    let limit = sql.bind(SqlValue::number(filter.limit));
    let mut common = sql.range(filter, read_to);
    let plan = Plan::of(filter);
    common.extend(sql.checks(&plan));
    let branches = plan.branches;
    if let [branch] = &branches[..] {
        let conditions = sql.conditions(branch, &common);
        return sql.statement(format!("SELECT {COLUMNS} FROM runs {conditions}{NEWEST_FIRST} LIMIT {limit}"));
    }
    let parts = branches.iter().map(|branch| {
        let conditions = sql.conditions(branch, &common);
        format!("SELECT created_at, id FROM runs {conditions}{NEWEST_FIRST} LIMIT {limit}")
    });
    // Only the keys are merged and sorted, so that only the rows of the page are in memory.
    let parts = union(parts);
    sql.statement(format!(
        "SELECT {COLUMNS} FROM runs WHERE id IN (SELECT id FROM ({parts}) AS parts {NEWEST_FIRST} LIMIT {limit}) \
         {NEWEST_FIRST}"
    ))
}

/// The numbers of runs in each state, and the number of runs from which a branch is incomplete. Each row has a branch, a state,
/// and how many of the branch's runs were read (`checked`) and selected (`runs`).
pub(super) fn counts(filter: &RunFilter) -> (Statement, usize) {
    let is_counted = filter.since.or(filter.until).is_none()
        && filter.requested_by.as_ref().or(filter.job_name.as_ref()).or(filter.text.as_ref()).is_none();
    if is_counted { (stored_counts(filter), 1) } else { counts_by_reading(filter) }
}

/// Reads the table that triggers keep up to date.
fn stored_counts(filter: &RunFilter) -> Statement {
    let mut sql = Sql::default();
    let mut conditions = Vec::new();
    conditions.extend(sql.one_of("target", filter.targets.iter().map(TargetName::as_str)));
    conditions.extend(sql.one_of("triggered_by", filter.trigger.map(Trigger::as_str)));
    let conditions = sql.conditions(&Vec::new(), &conditions);
    sql.statement(format!(
        "SELECT CAST(0 AS BIGINT) AS branch, state, CAST(0 AS BIGINT) AS checked, \
         CAST(SUM(number) AS BIGINT) AS runs FROM run_counts {conditions}GROUP BY state"
    ))
}

fn counts_by_reading(filter: &RunFilter) -> (Statement, usize) {
    let states = if filter.job_name.is_some() { Vec::new() } else { State::ALL.to_vec() };
    let filter = RunFilter { states, after: None, ..filter.clone() };
    let mut sql = Sql::default();
    let range = sql.range(&filter, None);
    let plan = Plan::of(&filter);
    let checks = sql.checks(&plan).join(" AND ");
    let branches = plan.branches;
    let (max, columns, selected) = if checks.is_empty() {
        (MAX_COUNTED, "state".to_owned(), "COUNT(*)".to_owned())
    } else {
        let selected = format!("CAST(SUM(CASE WHEN {checks} THEN 1 ELSE 0 END) AS BIGINT)");
        (MAX_CHECKED, format!("state, {CHECKED_COLUMNS}"), selected)
    };
    let max = max / branches.len();
    let parts = branches.iter().enumerate().map(|(number, branch)| {
        let conditions = sql.conditions(branch, &range);
        format!(
            "SELECT CAST({number} AS BIGINT) AS branch, {columns} FROM runs {conditions}{NEWEST_FIRST} LIMIT {max}"
        )
    });
    let parts = union(parts);
    let statement = sql.statement(format!(
        "SELECT branch, state, COUNT(*) AS checked, {selected} AS runs FROM ({parts}) AS parts GROUP BY branch, state"
    ));
    (statement, max)
}

/// The rows of all parts. A part has a limit, which SQL allows only in a subquery.
fn union(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.map(|part| format!("SELECT * FROM ({part}) AS part")).collect();
    parts.join(" UNION ALL ")
}

/// The values of a statement, as its SQL is composed.
#[derive(Default)]
struct Sql {
    values: Vec<SqlValue>,
}

impl Sql {
    /// Adds a value, and returns its place in the SQL.
    fn bind(&mut self, value: SqlValue) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// A `WHERE` of a branch; empty if there is no condition.
    fn conditions(&mut self, branch: &Branch<'_>, common: &[String]) -> String {
        let equal =
            branch.iter().map(|(column, value)| format!("{column} = {}", self.bind(SqlValue::text(value))));
        let all: Vec<String> = equal.collect::<Vec<_>>().into_iter().chain(common.iter().cloned()).collect();
        if all.is_empty() { String::new() } else { format!("WHERE {} ", all.join(" AND ")) }
    }

    /// The part of the list. There is only one limit per direction, because SQLite uses only one for its search in the index.
    fn range(&mut self, filter: &RunFilter, read_to: Option<&Cursor>) -> Vec<String> {
        let mut limits = Vec::new();
        let until =
            filter.until.filter(|until| filter.after.as_ref().is_none_or(|after| after.created_at >= *until));
        if let Some(until) = until {
            limits.push(format!("created_at < {}", self.bind(SqlValue::time(until))));
        } else if let Some(after) = &filter.after {
            limits.push(format!("(created_at, id) < {}", self.position(after)));
        }
        if let Some(read_to) = read_to {
            limits.push(format!("(created_at, id) >= {}", self.position(read_to)));
        } else if let Some(since) = filter.since {
            limits.push(format!("created_at >= {}", self.bind(SqlValue::time(since))));
        }
        limits
    }

    fn position(&mut self, cursor: &Cursor) -> String {
        let time = self.bind(SqlValue::time(cursor.created_at));
        format!("({time}, {})", self.bind(SqlValue::text(cursor.id.as_str())))
    }

    /// The conditions that the branches do not have.
    fn checks(&mut self, plan: &Plan<'_>) -> Vec<String> {
        let mut checks = Vec::new();
        checks.extend(self.one_of("target", plan.targets.iter().copied()));
        checks.extend(self.one_of("state", plan.states.iter().copied()));
        checks.extend(self.one_of("triggered_by", plan.trigger));
        checks.extend(self.one_of("requested_by", plan.caller));
        if let Some(text) = plan.text {
            let pattern = self.bind(SqlValue::text(&contains(text)));
            let like = ["job_name", "reason", "cause_reason", "cause_message"]
                .map(|column| format!("LOWER({column}) LIKE LOWER({pattern}) ESCAPE '\\'"));
            checks.push(format!("({})", like.join(" OR ")));
        }
        checks
    }

    /// The condition that a column has one of the values; None if there is no value.
    fn one_of<'a>(&mut self, column: &str, values: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let places: Vec<String> = values.into_iter().map(|value| self.bind(SqlValue::text(value))).collect();
        (!places.is_empty()).then(|| format!("{column} IN ({})", places.join(", ")))
    }

    fn statement(self, sql: String) -> Statement {
        Statement::new(sql, self.values)
    }
}

/// A pattern of LIKE that matches texts which contain this one.
fn contains(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
