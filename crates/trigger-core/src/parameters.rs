//! The parameters that a CronJob declares: variables of its template whose values a request may set.
//!
//! A declaration is an annotation of the CronJob, `parameters.tradeops.dev/NAME` for the variable NAME. Its value is a JSON
//! Schema of a string. A declaration that can't be used is reported, and the target can be started without that parameter.

mod declaration;
mod pattern;
mod pod_variable;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::declaration::Declaration;
use self::pattern::Pattern;
use self::pod_variable::PodVariable;

/// The values of a run's parameters: the members of a JSON object.
pub type Parameters = Map<String, Value>;

/// The prefix of the annotations that declare parameters; the rest of the key is the name of the variable.
pub const ANNOTATION_PREFIX: &str = "parameters.tradeops.dev/";

/// The parameters that a CronJob declares.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeclaredParameters {
    usable: BTreeMap<String, DeclaredParameter>,
    unusable: BTreeMap<String, String>,
}

/// A declaration whose variable the template has.
#[derive(Clone, Debug, Eq, PartialEq)]
struct DeclaredParameter {
    declaration: Declaration,
    pattern: Option<Pattern>,
    variable: PodVariable,
}

impl DeclaredParameters {
    /// Reads the declarations from the annotations of a CronJob, given the spec of its pods.
    pub fn of<'a>(annotations: impl IntoIterator<Item = (&'a str, &'a str)>, pod: &Value) -> Self {
        let mut parameters = Self::default();
        for (key, text) in annotations {
            let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
            match DeclaredParameter::read(name, text, pod) {
                Ok(parameter) => drop(parameters.usable.insert(name.to_owned(), parameter)),
                Err(problem) => drop(parameters.unusable.insert(name.to_owned(), problem)),
            }
        }
        parameters
    }

    /// The parameters that can't be used, and why.
    pub fn unusable(&self) -> &BTreeMap<String, String> {
        &self.unusable
    }

    /// The JSON Schema of the values that a request may set.
    pub fn schema(&self) -> Value {
        let properties = self.usable.iter().map(|(name, parameter)| (name.clone(), parameter.schema()));
        let required = self.usable.iter().filter(|(_, parameter)| parameter.declaration.required);
        object_schema(&properties.collect(), required.map(|(name, _)| name.as_str()))
    }

    /// Checks the values of a request.
    ///
    /// # Errors
    /// With a sentence for the caller, which does not repeat the value.
    pub fn check(&self, values: &Parameters) -> Result<(), String> {
        for (name, value) in values {
            self.get(name)?.check(value).map_err(|problem| format!("{name} {problem}"))?;
        }
        let mut required = self.usable.iter().filter(|(_, parameter)| parameter.declaration.required);
        match required.find(|(name, _)| !values.contains_key(*name)) {
            Some((name, _)) => Err(format!("{name} is required")),
            None => Ok(()),
        }
    }

    /// Sets the values of a request in the spec of the pods, which is the one that the declarations were read with.
    ///
    /// # Errors
    /// As [`Self::check`]; nothing is changed then.
    pub fn set(&self, values: &Parameters, pod: &mut Value) -> Result<(), String> {
        self.check(values)?;
        for (name, value) in values {
            if let (Some(parameter), Some(text)) = (self.usable.get(name), value.as_str()) {
                parameter.variable.set(text, pod);
            }
        }
        Ok(())
    }

    fn get(&self, name: &str) -> Result<&DeclaredParameter, String> {
        if let Some(problem) = self.unusable.get(name) {
            return Err(format!("{name} can't be set, because its declaration is not valid: {problem}"));
        }
        self.usable.get(name).ok_or_else(|| {
            if self.usable.is_empty() {
                return format!("the CronJob does not declare {name:?}, nor any other parameter");
            }
            let known: Vec<&str> = self.usable.keys().map(String::as_str).collect();
            format!("the CronJob does not declare {name:?}; its parameters are {}", known.join(", "))
        })
    }
}

impl DeclaredParameter {
    fn read(name: &str, text: &str, pod: &Value) -> Result<Self, String> {
        let declaration = Declaration::parse(text)?;
        let pattern = declaration.pattern.as_deref().map(Pattern::new).transpose()?;
        let variable = PodVariable::find(pod, name, declaration.container.as_deref())?;
        let parameter = Self { declaration, pattern, variable };
        parameter.check_default()?;
        Ok(parameter)
    }

    /// A run without parameters equals a scheduled run, so the template has the only default.
    fn check_default(&self) -> Result<(), String> {
        match &self.declaration.default {
            Some(default) if *default != self.variable.value => {
                Err("default is not the value in the template, which applies when no value is set".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Checks a value. The template's own value is always accepted.
    fn check(&self, value: &Value) -> Result<(), String> {
        let text = value.as_str().ok_or("must be a string")?;
        if text == self.variable.value {
            return Ok(());
        }
        self.declaration.check(text)?;
        match &self.pattern {
            Some(pattern) if !pattern.matches(text) => Err(format!("must match {pattern}")),
            _ => Ok(()),
        }
    }

    fn schema(&self) -> Value {
        self.declaration.schema(&self.variable.value)
    }
}

/// The JSON Schema of an object with those properties and no others.
pub(super) fn object_schema<'a>(
    properties: &Parameters,
    required: impl IntoIterator<Item = &'a str>,
) -> Value {
    let required: Vec<&str> = required.into_iter().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

#[cfg(test)]
mod tests;
