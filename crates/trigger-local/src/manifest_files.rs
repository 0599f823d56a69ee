//! Finds a CronJob in YAML files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::manifest::{ConfigMaps, Manifest, ManifestError};

/// Finds the CronJob of that name. A document without a namespace belongs to every namespace, as with
/// `kubectl apply -n`.
pub(super) fn find(path: &Path, namespace: &str, name: &str) -> Result<Option<Manifest>, ManifestError> {
    let mut documents = Vec::new();
    let mut invalid = None;
    for file in files(path)? {
        match read(&file) {
            Ok(read) => documents.extend(read),
            // An invalid file is only an error if no other file defines the CronJob.
            Err(error) => {
                invalid.get_or_insert(error);
            }
        }
    }
    match (select(documents, namespace, name)?, invalid) {
        (None, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}

/// A document and its origin: the file and its position there.
type OriginAndDocument = (String, Value);

fn select(
    documents: Vec<OriginAndDocument>,
    namespace: &str,
    name: &str,
) -> Result<Option<Manifest>, ManifestError> {
    let mut found: Option<OriginAndDocument> = None;
    let mut config_maps = ConfigMaps::new();
    for (origin, document) in documents {
        if !is_in(&document, namespace) {
            continue;
        }
        config_maps.extend(config_map(&document));
        if document["kind"] != "CronJob" || document["metadata"]["name"] != name {
            continue;
        }
        if let Some((first, _)) = found {
            return Err(ManifestError::Duplicate { name: name.to_owned(), first, second: origin });
        }
        found = Some((origin, document));
    }
    found.map(|(origin, document)| Manifest::new(origin, document, config_maps)).transpose()
}

fn is_in(document: &Value, namespace: &str) -> bool {
    let written = &document["metadata"]["namespace"];
    written.is_null() || *written == namespace
}

/// The name and the data of a ConfigMap; None for any other document.
fn config_map(document: &Value) -> Option<(String, BTreeMap<String, String>)> {
    let name = document["metadata"]["name"].as_str().filter(|_| document["kind"] == "ConfigMap")?;
    let data = document["data"].as_object().into_iter().flatten();
    let data = data.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    Some((name.to_owned(), data.collect()))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    let unreadable = |error| ManifestError::Unreadable { path: path.to_owned(), error };
    if !path.metadata().map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_yaml = file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<OriginAndDocument>, ManifestError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ManifestError::Unreadable { path: file.to_owned(), error })?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| ManifestError::NotYaml { path: file.to_owned(), problem: error.to_string() })?;
    let origin = |index: usize| format!("{}, document {}", file.display(), index + 1);
    Ok(documents.into_iter().enumerate().map(|(index, document)| (origin(index), document)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(kind: &str, namespace: Option<&str>, name: &str) -> Value {
        let mut document = json!({
            "kind": kind,
            "metadata": { "name": name },
            "data": { "ZONE": "UTC", "COUNT": 1 },
            "spec": { "schedule": "", "jobTemplate": {} },
        });
        if let Some(namespace) = namespace {
            document["metadata"]["namespace"] = json!(namespace);
        }
        document
    }

    fn select_sync(documents: &[Value]) -> Result<Option<Manifest>, ManifestError> {
        let numbered = documents.iter().enumerate();
        let documents = numbered.map(|(index, document)| (format!("document {index}"), document.clone()));
        select(documents.collect(), "trading", "sync")
    }

    #[test]
    fn a_cronjob_is_selected_by_kind_name_and_namespace() {
        for (kind, namespace, name, is_found) in [
            ("CronJob", Some("trading"), "sync", true),
            ("CronJob", None, "sync", true),
            ("CronJob", Some("other"), "sync", false),
            ("CronJob", None, "other", false),
            ("Job", None, "sync", false),
        ] {
            let found = select_sync(&[document(kind, namespace, name)]).unwrap();
            assert_eq!(found.is_some(), is_found, "{kind} {namespace:?} {name}");
        }
        assert!(select_sync(&[Value::Null, json!([1])]).unwrap().is_none());
    }

    #[test]
    fn a_second_cronjob_of_the_same_name_and_namespace_is_an_error() {
        let other = document("CronJob", Some("other"), "sync");
        let documents =
            [document("CronJob", None, "sync"), other, document("CronJob", Some("trading"), "sync")];
        assert_eq!(
            select_sync(&documents).unwrap_err().to_string(),
            "the CronJob sync is defined twice: in document 0 and in document 2"
        );
    }

    #[test]
    fn text_values_of_the_config_maps_of_the_namespace_are_kept() {
        let documents = [
            document("ConfigMap", None, "common"),
            document("ConfigMap", Some("other"), "other"),
            document("CronJob", None, "sync"),
            document("ConfigMap", Some("trading"), "after"),
        ];
        let config_maps = select_sync(&documents).unwrap().unwrap().config_maps;
        let data = BTreeMap::from([("ZONE".to_owned(), "UTC".to_owned())]);
        assert_eq!(config_maps, [("common".to_owned(), data.clone()), ("after".to_owned(), data)].into());
    }
}
