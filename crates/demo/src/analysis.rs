//! The portfolio analysis, started with curl-trigger as its CronJob does.

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reqwest::header::ACCEPT;

use crate::print;
use crate::trigger::{ADMIN_SECRET, TriggerApi};

/// Starts an analysis with curl-trigger, waits for it, and writes its page to the folder.
///
/// # Errors
/// If curl-trigger can't be built, or the analysis does not succeed.
pub(crate) async fn show(api: &TriggerApi, folder: &Path) -> Result<(), Box<dyn Error>> {
    let program = curl_trigger()?;
    let url = format!("{}/api/admin/portfolio/trigger-analysis", api.url);
    print::step(&format!("ADMIN_SECRET={ADMIN_SECRET} TRIGGER_URL={url} curl-trigger --wait"));
    let mut command = Command::new(program);
    command.arg("--wait").env_clear().env("ADMIN_SECRET", ADMIN_SECRET).env("TRIGGER_URL", &url);
    command.env("TRIGGER_NAME", "Portfolio analysis");
    // One pipe for both streams keeps the order of the lines.
    let (mut reader, writer) = std::io::pipe()?;
    let mut child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The command also holds the pipe's writing end, so reading would never end.
    drop(command);
    let mut output = String::new();
    reader.read_to_string(&mut output)?;
    output.lines().for_each(print::line);
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("curl-trigger ended with {status}").into());
    }
    let run = output.lines().find_map(run_id).ok_or("curl-trigger printed no run id")?;
    let page = api.client.get(format!("{}/v1/runs/{run}/result", api.url)).header(ACCEPT, "text/html");
    let page = page.send().await?.error_for_status()?.text().await?;
    let path = folder.join("analysis.html");
    std::fs::write(&path, page)?;
    print::line(&format!("open the page of the analysis in a browser: {}", path.display()));
    Ok(())
}

/// The `run_id` of the response, which curl-trigger prints.
fn run_id(line: &str) -> Option<String> {
    let response: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(response["run_id"].as_str()?.to_owned())
}

/// Builds the released program, which takes some seconds the first time.
fn curl_trigger() -> Result<PathBuf, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-curl-trigger.sh");
    let Output { status, stdout, stderr } = Command::new(script).arg("plain").output()?;
    if !status.success() {
        return Err(format!("curl-trigger can't be built:\n{}", String::from_utf8_lossy(&stderr)).into());
    }
    Ok(PathBuf::from(String::from_utf8(stdout)?.trim()))
}
