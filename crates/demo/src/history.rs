//! The history of trigger-api: a run is started again, and the runs are listed.

use std::error::Error;

use serde_json::Value;

use crate::print;
use crate::trigger::TriggerApi;

/// Starts the newest run again, waits for its end, and prints the history.
///
/// # Errors
/// If the run can't be started again, or does not succeed.
pub(crate) async fn show(api: &TriggerApi) -> Result<(), Box<dyn Error>> {
    let newest = get(api, "/v1/runs?limit=1").await?;
    let retry = newest["runs"][0]["links"]["retry"].as_str().ok_or("the history is empty")?;
    print::step(&format!("curl -X POST -H 'Prefer: wait=60' ... {}{retry}", api.url));
    let sent = api.client.post(format!("{}{retry}", api.url)).header("Prefer", "wait=60").send().await?;
    let run: Value = sent.json().await?;
    if run["state"] != "succeeded" {
        return Err(format!("the retry did not succeed: {run}").into());
    }
    print::line(&format!("{} succeeded", text(&run, "job_name")));
    let list = "/v1/runs?state=succeeded,failed";
    print::step(&format!("curl ... '{}{list}'", api.url));
    let page = get(api, list).await?;
    for run in page["runs"].as_array().into_iter().flatten() {
        print::line(&format!(
            "{:36} {:10} {:10} retry of {}",
            text(run, "job_name"),
            text(run, "trigger"),
            text(run, "state"),
            text(run, "retry_of")
        ));
    }
    print::line(&format!("counts: {}", page["counts"]));
    Ok(())
}

async fn get(api: &TriggerApi, path: &str) -> Result<Value, reqwest::Error> {
    api.client.get(format!("{}{path}", api.url)).send().await?.json().await
}

fn text<'a>(run: &'a Value, field: &str) -> &'a str {
    run[field].as_str().unwrap_or("-")
}
