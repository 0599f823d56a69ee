//! Headless Chromium, which lays out pages.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The script that measures a page; `WIDTHS` and `PAGE` are replaced.
const MEASURE: &str = include_str!("browser/measure.html");

/// What is cut off in the page at each of these widths of the window, in pixels: elements that reach beyond the window, or
/// whose content reaches beyond them, unless they can be scrolled. Also every element that has to be scrolled and is not
/// in `scrolled`, a list of values of `aria-label`.
///
/// # Panics
/// When Chromium is not installed, or fails.
pub fn cut_off(page: &str, widths: &[u32], scrolled: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("measure.html");
    let literal = |value: Value| value.to_string().replace('<', "\\u003c");
    let text = MEASURE
        .replace("WIDTHS", &literal(widths.into()))
        .replace("SCROLLED", &literal(scrolled.into()))
        .replace("PAGE", &literal(page.into()));
    std::fs::write(&file, text).expect("the folder is writable");
    let document = dump(folder.path(), &format!("file://{}", file.display()));
    let result = document.split("<pre id=\"result\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let result = result.unwrap_or_else(|| panic!("the page was not measured: {document}"));
    let result = result.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&result).unwrap_or_else(|error| panic!("{error}: {result}"))
}

/// The document after its scripts were executed.
fn dump(folder: &Path, url: &str) -> String {
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    // Virtual time ends as soon as there is nothing to wait for.
    command.args(["--virtual-time-budget=60000", "--dump-dom", url]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{error}: install the package chromium"));
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("Chromium writes UTF-8")
}

#[cfg(test)]
mod tests {
    use super::cut_off;

    fn faults(body: &str) -> Vec<String> {
        cut_off(&format!("<!doctype html><body style='margin:0'>{body}</body>"), &[400, 800], &["wide"])
    }

    #[test]
    fn what_is_cut_off_is_found_at_the_width_where_it_is() {
        let wide = "<p style='width:600px'>wide</p>";
        assert!(faults("<p>short</p>").is_empty());
        let found = faults(wide);
        assert!(!found.is_empty() && found.iter().all(|fault| fault.starts_with("400: ")), "{found:?}");
        let scrolled = |label| format!("<div style='overflow-x:auto' aria-label='{label}'>{wide}</div>");
        assert!(faults(&scrolled("wide")).is_empty());
        assert_eq!(faults(&scrolled("other")), ["400: other has to be scrolled"]);
        assert!(!faults(&format!("<div style='overflow:hidden'>{wide}</div>")).is_empty(), "it is clipped");
        let text = "<p style='width:50px;white-space:nowrap'>a text that is longer than its paragraph</p>";
        assert_eq!(faults(text).len(), 2, "it reaches beyond its element at both widths");
    }
}
