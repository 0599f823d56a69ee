//! The variable of a pod's container that a parameter sets.

use serde_json::{Value, json};

/// The lists of containers of a pod whose variables can be parameters.
const CONTAINER_LISTS: [&str; 2] = ["initContainers", "containers"];

/// A variable with a plain value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PodVariable {
    /// Its place in the spec of the pod, as a JSON pointer.
    pointer: String,
    /// Its value in the template.
    pub(super) value: String,
}

impl PodVariable {
    /// Finds the variable of that name, in the container of that name if one is named. The admission policy applies the
    /// same rule.
    pub(super) fn find(pod: &Value, name: &str, container: Option<&str>) -> Result<Self, String> {
        let mut containers = containers(pod);
        containers.retain(|(_, other)| container.is_none_or(|wanted| other["name"] == wanted));
        if let (Some(wanted), true) = (container, containers.is_empty()) {
            return Err(format!("there is no container {wanted:?}"));
        }
        let found: Vec<(String, &Value)> =
            containers.iter().flat_map(|(pointer, container)| variables(pointer, container, name)).collect();
        match found.as_slice() {
            [] => Err("no container has this variable in its env".to_owned()),
            [(_, variable)] if !variable["valueFrom"].is_null() => {
                Err("the variable has valueFrom; only a variable with a plain value can be a parameter"
                    .to_owned())
            }
            [(pointer, variable)] => {
                let value = variable["value"].as_str().unwrap_or_default().to_owned();
                Ok(Self { pointer: pointer.clone(), value })
            }
            _ if container.is_some() => Err("the container has this variable several times".to_owned()),
            _ => Err(
                "the template has this variable several times; name one container in the member container"
                    .to_owned(),
            ),
        }
    }

    /// Sets the value. The template's own value is not changed, so that its references to other variables are kept.
    pub(super) fn set(&self, value: &str, pod: &mut Value) {
        if value == self.value {
            return;
        }
        if let Some(variable) = pod.pointer_mut(&self.pointer) {
            variable["value"] = json!(escaped(value));
        }
    }
}

/// The value as it is written in a template. Kubernetes expands `$(VAR)` in values: without the escape, a request could
/// copy a Secret's value into a variable that the program prints.
fn escaped(value: &str) -> String {
    value.replace('$', "$$")
}

fn containers(pod: &Value) -> Vec<(String, &Value)> {
    let of_list = |list| {
        let containers = pod[list].as_array().into_iter().flatten().enumerate();
        containers.map(move |(index, container)| (format!("/{list}/{index}"), container))
    };
    CONTAINER_LISTS.into_iter().flat_map(of_list).collect()
}

fn variables<'a>(
    pointer: &str,
    container: &'a Value,
    name: &str,
) -> impl Iterator<Item = (String, &'a Value)> + use<'a> {
    let (pointer, name) = (pointer.to_owned(), name.to_owned());
    let variables = container["env"].as_array().into_iter().flatten().enumerate();
    variables
        .filter(move |(_, variable)| variable["name"] == name.as_str())
        .map(move |(index, variable)| (format!("{pointer}/env/{index}"), variable))
}
