//! The rules on exit codes of a Job's `podFailurePolicy`.

use k8s_openapi::api::batch::v1::PodFailurePolicyRule;

/// What a failed attempt means for the Job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FailureAction {
    /// The Job fails without a retry.
    FailJob,
    /// The Job retries, and the attempt does not count towards `backoffLimit`.
    Ignore,
    /// The Job retries within its `backoffLimit`.
    Count,
}

/// The rules on exit codes, in order. Rules on pod conditions are ignored, because there are no pods.
#[derive(Debug, Default)]
pub(super) struct FailurePolicy(Vec<ExitCodeRule>);

#[derive(Debug)]
struct ExitCodeRule {
    action: FailureAction,
    /// True for the operator `In`, false for `NotIn`.
    is_in: bool,
    codes: Vec<i32>,
}

impl FailurePolicy {
    /// Keeps the rules that apply to the container. The error is the field, relative to the policy, and its problem.
    pub(super) fn new(
        rules: &[PodFailurePolicyRule],
        container: &str,
    ) -> Result<Self, (String, &'static str)> {
        let mut applicable = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let action = match rule.action.as_str() {
                "FailJob" => FailureAction::FailJob,
                "Ignore" => FailureAction::Ignore,
                "Count" => FailureAction::Count,
                _ => return Err((format!("rules[{index}].action"), "must be FailJob, Ignore or Count")),
            };
            let Some(codes) = &rule.on_exit_codes else { continue };
            let is_in = match codes.operator.as_str() {
                "In" => true,
                "NotIn" => false,
                _ => {
                    let field = format!("rules[{index}].onExitCodes.operator");
                    return Err((field, "must be In or NotIn"));
                }
            };
            if codes.container_name.as_deref().is_none_or(|name| name == container) {
                applicable.push(ExitCodeRule { action, is_in, codes: codes.values.clone() });
            }
        }
        Ok(Self(applicable))
    }

    /// The action of the first rule that matches the exit code; [`FailureAction::Count`] if none does.
    pub(super) fn action(&self, exit_code: i32) -> FailureAction {
        let rule = self.0.iter().find(|rule| rule.codes.contains(&exit_code) == rule.is_in);
        rule.map_or(FailureAction::Count, |rule| rule.action)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(rules: Value) -> Result<FailurePolicy, (String, &'static str)> {
        FailurePolicy::new(&serde_json::from_value::<Vec<_>>(rules).unwrap(), "main")
    }

    #[test]
    fn the_first_matching_rule_decides_and_an_attempt_without_one_counts() {
        let policy = policy(json!([
            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
            { "action": "FailJob", "onExitCodes": { "containerName": "other", "operator": "In", "values": [1] } },
            { "action": "FailJob", "onExitCodes": { "containerName": "main", "operator": "In", "values": [2, 4, 5] } },
            { "action": "Count", "onExitCodes": { "operator": "In", "values": [1, 2] } },
            { "action": "Ignore", "onExitCodes": { "operator": "NotIn", "values": [3] } },
        ]))
        .unwrap();
        for (code, action) in [
            (1, FailureAction::Count),
            (2, FailureAction::FailJob),
            (5, FailureAction::FailJob),
            (3, FailureAction::Count),
            (137, FailureAction::Ignore),
        ] {
            assert_eq!(policy.action(code), action, "{code}");
        }
        assert_eq!(FailurePolicy::default().action(2), FailureAction::Count);
    }

    #[test]
    fn an_unknown_action_or_operator_is_named() {
        let action =
            policy(json!([{ "action": "FailIndex", "onExitCodes": { "operator": "In", "values": [1] } }]));
        assert_eq!(action.unwrap_err().0, "rules[0].action");
        let operator =
            policy(json!([{ "action": "Count", "onExitCodes": { "operator": "Eq", "values": [1] } }]));
        assert_eq!(operator.unwrap_err().0, "rules[0].onExitCodes.operator");
    }
}
