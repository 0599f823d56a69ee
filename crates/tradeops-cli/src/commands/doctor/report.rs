//! The results of checks.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// Lines in sections.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
}

enum Line {
    Section(String),
    Ok(String),
    Note(String),
    Missing { what: String, fix: String },
}

impl Report {
    pub(super) fn section(&mut self, name: impl Into<String>) {
        self.lines.push(Line::Section(name.into()));
    }

    pub(super) fn ok(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Ok(text.into()));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Note(text.into()));
    }

    pub(super) fn lacks(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.lines.push(Line::Missing { what: what.into(), fix: fix.into() });
    }

    /// A check that could not be made.
    pub(super) fn failure(&mut self, what: &str, failure: &Failure) {
        let text = failure.to_string();
        let (message, next) = text.split_once('\n').unwrap_or((&text, ""));
        self.lacks(format!("{what}: {message}"), next.trim());
    }

    /// What is missing.
    pub(super) fn missing(&self) -> Vec<String> {
        let missing = self.lines.iter().filter_map(|line| match line {
            Line::Missing { what, .. } => Some(what.clone()),
            _ => None,
        });
        missing.collect()
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.missing().is_empty() { Outcome::Done } else { Outcome::Failed }
    }

    pub(super) fn documents(&self) -> Vec<Value> {
        let documents = self.lines.iter().filter_map(|line| match line {
            Line::Section(_) => None,
            Line::Ok(text) => Some(json!({ "result": "ok", "check": text })),
            Line::Note(text) => Some(json!({ "result": "note", "check": text })),
            Line::Missing { what, fix } => Some(json!({ "result": "missing", "check": what, "fix": fix })),
        });
        documents.collect()
    }

    pub(super) fn text(&self, hints: &Hints) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let line = match line {
                Line::Section(name) => format!("== {name}"),
                Line::Ok(what) => format!("ok       {what}"),
                Line::Note(what) => format!("note     {what}"),
                Line::Missing { what, fix } if fix.is_empty() => format!("missing  {what}"),
                Line::Missing { what, fix } => {
                    format!("missing  {what}\n         {}", fix.replace("\n      ", "\n         "))
                }
            };
            text.push_str(&line);
            text.push('\n');
        }
        let end = match self.missing().len() {
            0 => format!("nothing is missing\n  {}", hints.to("see what runs", "status")),
            count => format!("{count} missing\n  {}", hints.to("check again", "doctor")),
        };
        format!("{text}\n{end}\n")
    }
}
