//! A Job's `podFailurePolicy`: what an exit code means for the retries.

use k8s_openapi::api::batch::v1::PodFailurePolicyRule;

/// What becomes of a Job after an attempt failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It has failed; nothing is tried again.
    FailJob,
    /// It is tried again, and the attempt doesn't count.
    Ignore,
    /// It is tried again while `backoffLimit` allows it.
    Count,
}

/// The rules on exit codes, in their order. Conditions of pods do not come up here, so rules on them never apply.
#[derive(Debug, Default)]
pub(super) struct FailurePolicy(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    verdict: Verdict,
    /// Whether the exit codes are those in the list, or those not in it.
    within: bool,
    codes: Vec<i32>,
}

impl FailurePolicy {
    /// The rules that concern the container. The error is the field, below the rules, and what is wrong with it.
    pub(super) fn new(
        rules: &[PodFailurePolicyRule],
        container: &str,
    ) -> Result<Self, (String, &'static str)> {
        let mut concerned = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let verdict = match rule.action.as_str() {
                "FailJob" => Verdict::FailJob,
                "Ignore" => Verdict::Ignore,
                "Count" => Verdict::Count,
                _ => return Err((format!("rules[{index}].action"), "is none of FailJob, Ignore and Count")),
            };
            let Some(codes) = &rule.on_exit_codes else { continue };
            let within = match codes.operator.as_str() {
                "In" => true,
                "NotIn" => false,
                _ => {
                    let field = format!("rules[{index}].onExitCodes.operator");
                    return Err((field, "is neither In nor NotIn"));
                }
            };
            if codes.container_name.as_deref().is_none_or(|name| name == container) {
                concerned.push(Rule { verdict, within, codes: codes.values.clone() });
            }
        }
        Ok(Self(concerned))
    }

    /// What the first rule that applies to a failure with that exit code says.
    pub(super) fn verdict(&self, exit_code: i32) -> Verdict {
        let rule = self.0.iter().find(|rule| rule.codes.contains(&exit_code) == rule.within);
        rule.map_or(Verdict::Count, |rule| rule.verdict)
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
    fn the_first_rule_that_applies_decides_and_without_one_the_attempt_counts() {
        let policy = policy(json!([
            { "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }] },
            { "action": "FailJob", "onExitCodes": { "containerName": "other", "operator": "In", "values": [1] } },
            { "action": "FailJob", "onExitCodes": { "containerName": "main", "operator": "In", "values": [2, 4, 5] } },
            { "action": "Count", "onExitCodes": { "operator": "In", "values": [1, 2] } },
            { "action": "Ignore", "onExitCodes": { "operator": "NotIn", "values": [3] } },
        ]))
        .unwrap();
        for (code, verdict) in [
            (1, Verdict::Count),
            (2, Verdict::FailJob),
            (5, Verdict::FailJob),
            (3, Verdict::Count),
            (137, Verdict::Ignore),
        ] {
            assert_eq!(policy.verdict(code), verdict, "{code}");
        }
        assert_eq!(FailurePolicy::default().verdict(2), Verdict::Count);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let action =
            policy(json!([{ "action": "FailIndex", "onExitCodes": { "operator": "In", "values": [1] } }]));
        assert_eq!(action.unwrap_err().0, "rules[0].action");
        let operator =
            policy(json!([{ "action": "Count", "onExitCodes": { "operator": "Eq", "values": [1] } }]));
        assert_eq!(operator.unwrap_err().0, "rules[0].onExitCodes.operator");
    }
}
