//! `trigger` and `retry`.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Context;
use super::following::{report_end, until_end};
use crate::api::documents::{Run, Target};
use crate::api::problem::Refusal;
use crate::api::{Api, escaped, idempotency_key, parsed};
use crate::cli::{StartArgs, TriggerArgs};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::note;

/// Starts a run of a target.
///
/// # Errors
/// When it can't be started.
pub async fn trigger(context: &Context, arguments: TriggerArgs) -> Result<Outcome, Failure> {
    let TriggerArgs { mut target, mut parameters, start } = arguments;
    // Without a target, the first argument is a parameter.
    if let Some(first) = target.take_if(|target| target.contains('=')) {
        parameters.insert(0, first);
    }
    let values = pairs(&parameters)?;
    let api = Api::connect(&context.config).await?;
    let (path, values) = match &target {
        Some(target) => (format!("/v1/targets/{}/runs", escaped(target)), typed(&api, target, values).await?),
        None => ("/trigger-sync".to_owned(), values),
    };
    let mut body = json!({ "reason": start.reason });
    if !values.is_empty() {
        body["parameters"] = values.into();
    }
    begin(context, &api, &path, target.as_deref(), body, &start).await
}

/// Starts the target of a run again.
///
/// # Errors
/// When it can't be started.
pub async fn retry(context: &Context, run: &str, start: StartArgs) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let (run, _) = api.find_run(run).await?;
    let path = format!("/v1/runs/{}/retry", escaped(&run.run_id));
    begin(context, &api, &path, Some(&run.target), json!({ "reason": start.reason }), &start).await
}

async fn begin(
    context: &Context,
    api: &Api,
    path: &str,
    target: Option<&str>,
    body: Value,
    start: &StartArgs,
) -> Result<Outcome, Failure> {
    // One key for all attempts, so that a lost answer does not start a second run.
    let answer = api.request(Method::POST, path, Some(&body), Some(&idempotency_key())).await?;
    let mut document = match answer {
        Ok(document) => document,
        Err(refusal) => return Err(refused(api, refusal, target).await),
    };
    if document.get("created_at").is_none() {
        // The answer of the default target is not a run.
        let id = document["run_id"].as_str().unwrap_or_default();
        document = api.get(&format!("/v1/runs/{}", escaped(id))).await?;
    }
    let run: Run = parsed(&document)?;
    if start.wait {
        note(&format!("started {}", run.name()));
        document = until_end(api, document, start.timeout).await?;
    }
    let run: Run = parsed(&document)?;
    let text = || {
        let follow = api.hints.to("follow it", &format!("logs -f {}", run.name()));
        if start.wait {
            String::new()
        } else {
            format!("started {}: {}\n  {follow}", run.name(), run.summary())
        }
    };
    context.format.print(&document, || vec![run.run_id.clone()], text)?;
    Ok(if start.wait { report_end(api, &run) } else { Outcome::Done })
}

/// Explains why nothing was started.
async fn refused(api: &Api, refusal: Refusal, target: Option<&str>) -> Failure {
    let other = refusal.problem.run.as_ref().map(|run| run.run_id.clone());
    let kind = refusal.kind().to_owned();
    let failure = refusal.into_failure(&api.hints);
    match (kind.as_str(), other, target) {
        ("conflicting-run", Some(id), _) => match api.find_run(&id).await {
            Ok((run, _)) => failure
                .with_next(format!("{} is {}", run.name(), run.summary()))
                .with_next(api.hints.to("wait for it", &format!("logs -f {}", run.name())))
                .with_next(api.hints.to("end it", &format!("cancel {} --wait", run.name()))),
            Err(_) => failure.with_next(api.hints.to("end it", &format!("cancel {id} --wait"))),
        },
        ("bad-parameters", _, Some(target)) => {
            failure.with_next(api.hints.to("see the parameters", &format!("targets {target}")))
        }
        ("target-suspended", _, _) => failure.with_next(api.hints.to("see what is stopped", "status")),
        _ => failure,
    }
}

fn pairs(parameters: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for parameter in parameters {
        let pair = parameter.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = pair else {
            let message = format!("{parameter:?} is not a parameter; write it as NAME=VALUE");
            return Err(Failure::new(Outcome::Usage, message));
        };
        if values.insert(name.to_owned(), value.into()).is_some() {
            return Err(Failure::new(Outcome::Usage, format!("the parameter {name} is given twice")));
        }
    }
    Ok(values)
}

/// Values of the types that the target declares. Those of a CronJob are texts.
async fn typed(api: &Api, target: &str, values: Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    if values.is_empty() {
        return Ok(values);
    }
    let path = format!("/v1/targets/{}", escaped(target));
    let Some(document) = api.get_unless(&path, "unknown-target").await? else { return Ok(values) };
    let target: Target = parsed(&document)?;
    let schema = target.parameters.unwrap_or_default();
    let convert = |(name, value): (String, Value)| {
        let kinds = schema["properties"][&name]["type"].to_string();
        let is_text = kinds == "null" || kinds.contains("string");
        let read = value.as_str().filter(|_| !is_text).and_then(|text| serde_json::from_str(text).ok());
        (name, read.unwrap_or(value))
    };
    Ok(values.into_iter().map(convert).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_a_name_and_may_have_an_empty_value() {
        let values = pairs(&["A=1".to_owned(), "B=".to_owned(), "C=x=y".to_owned()]).expect("they are valid");
        assert_eq!(Value::from(values), json!({ "A": "1", "B": "", "C": "x=y" }));
        for wrong in [&["A"][..], &["=1"], &["A=1", "A=2"]] {
            let wrong: Vec<String> = wrong.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(pairs(&wrong).expect_err("it is wrong").outcome, Outcome::Usage);
        }
    }
}
