//! How the runs of a filter are found: by which indexes, and by which conditions on each run.

use std::collections::BTreeSet;

use trigger_core::run::{State, Trigger};
use trigger_core::run_store::RunFilter;
use trigger_core::target_name::TargetName;

/// The maximum number of branches. Postgres needs about half a millisecond to plan each of them, so the targets are checked
/// instead if there are more.
const MAX_BRANCHES: usize = 16;

/// The values of some columns, which select the entries of an index that has these columns before the time.
pub(super) type Branch<'a> = Vec<(&'static str, &'a str)>;

/// How the runs of a filter are found.
pub(super) struct Plan<'a> {
    /// Every combination has an index; see the last step of the schema.
    pub(super) branches: Vec<Branch<'a>>,
    /// The conditions that the branches do not have. Each run is checked for them.
    pub(super) targets: Vec<&'a str>,
    pub(super) states: Vec<&'a str>,
    pub(super) trigger: Option<&'a str>,
    pub(super) caller: Option<&'a str>,
    pub(super) text: Option<&'a str>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(filter: &'a RunFilter) -> Self {
        let targets: BTreeSet<&str> = filter.targets.iter().map(TargetName::as_str).collect();
        let states = State::ALL.into_iter().filter(|state| filter.states.contains(state));
        let all = Self {
            branches: vec![Vec::new()],
            targets: targets.into_iter().collect(),
            states: states.map(State::as_str).collect(),
            trigger: filter.trigger.map(Trigger::as_str),
            caller: filter.requested_by.as_deref(),
            text: filter.text.as_deref(),
        };
        match (filter.job_name.as_deref(), all.caller) {
            (Some(name), _) => Self { branches: vec![vec![("job_name", name)]], ..all },
            (None, Some(caller)) => {
                let states = or_all(&all.states, State::ALL.map(State::as_str));
                let branches = divided(vec![vec![("requested_by", caller)]], "state", &states);
                Self { branches, states: Vec::new(), caller: None, ..all }
            }
            (None, None) => all.by_target_and_state(),
        }
    }

    fn by_target_and_state(self) -> Self {
        let mut branches = self.branches;
        if !self.states.is_empty() || self.trigger.is_some() {
            let states = or_all(&self.states, State::ALL.map(State::as_str));
            let triggers: Vec<&str> = self.trigger.into_iter().collect();
            let triggers = or_all(&triggers, Trigger::ALL.map(Trigger::as_str));
            branches = divided(divided(branches, "state", &states), "triggered_by", &triggers);
        }
        let is_checked = self.targets.len() * branches.len() > MAX_BRANCHES;
        let targets = if is_checked {
            self.targets
        } else {
            branches = divided(branches, "target", &self.targets);
            Vec::new()
        };
        Self { branches, targets, states: Vec::new(), trigger: None, ..self }
    }

    /// Whether runs are checked for conditions.
    pub(super) fn has_checks(&self) -> bool {
        !(self.targets.is_empty() && self.states.is_empty())
            || self.trigger.or(self.caller).or(self.text).is_some()
    }
}

fn or_all<'a, const COUNT: usize>(values: &[&'a str], all: [&'a str; COUNT]) -> Vec<&'a str> {
    if values.is_empty() { all.to_vec() } else { values.to_vec() }
}

/// Each branch once for every value of the column.
fn divided<'a>(branches: Vec<Branch<'a>>, column: &'static str, values: &[&'a str]) -> Vec<Branch<'a>> {
    if values.is_empty() {
        return branches;
    }
    let with = |branch: &Branch<'a>, value| [branch.as_slice(), &[(column, value)]].concat();
    branches.iter().flat_map(|branch| values.iter().map(move |value| with(branch, *value))).collect()
}
