//! The kubeconfig files, with the rules of kubectl.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::config::{file_from_environment, input_file};

/// Reads the files of `KUBECONFIG`, or `~/.kube/config`, merged: the first file that has a value wins. None if no file
/// exists, or none has a current context.
pub(super) fn read() -> Result<Option<Kubeconfig>, String> {
    let paths: Vec<PathBuf> = match file_from_environment("KUBECONFIG") {
        Some(list) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => file_from_environment("HOME").map(|home| home.join(".kube/config")).into_iter().collect(),
    };
    merged(&paths)
}

fn merged(paths: &[PathBuf]) -> Result<Option<Kubeconfig>, String> {
    let mut merged = Kubeconfig::default();
    for path in paths {
        let Some(next) = read_file(path).map_err(|problem| format!("{}: {problem}", path.display()))? else {
            continue;
        };
        merged = merged.merge(next).map_err(|error| error.to_string())?;
    }
    Ok(Some(merged).filter(|merged| merged.current_context.is_some()))
}

/// The file with empty values as absent ones; None if it does not exist.
fn read_file(path: &Path) -> Result<Option<Kubeconfig>, String> {
    // The library resolves relative paths, but its read is not bounded.
    match input_file::read(path, input_file::MAX_BYTES) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    }
    let mut file = Kubeconfig::read_from(path).map_err(|error| match error {
        // A snippet would contain a part of the file, which may be a secret.
        KubeconfigError::Parse(error) => error.without_snippet().to_string(),
        other => other.to_string(),
    })?;
    file.current_context = file.current_context.filter(|name| !name.is_empty());
    for context in file.contexts.iter_mut().filter_map(|named| named.context.as_mut()) {
        context.namespace = context.namespace.take().filter(|namespace| !namespace.is_empty());
    }
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
apiVersion: v1
kind: Config
current-context: main
contexts: [{name: main, context: {cluster: main, user: main, namespace: ''}}]
clusters: [{name: main, cluster: {server: 'https://main', certificate-authority: ca.crt}}]
users: [{name: main, user: {token: hunter2}}]
";

    /// The merged content of these files; `None` is a file that does not exist.
    fn merge(files: &[Option<&str>]) -> Result<Option<Kubeconfig>, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let paths: Vec<PathBuf> =
            (0..files.len()).map(|index| folder.path().join(index.to_string())).collect();
        for (path, text) in paths.iter().zip(files) {
            if let Some(text) = text {
                std::fs::write(path, text).expect("the file can be written");
            }
        }
        merged(&paths)
    }

    #[test]
    fn files_that_do_not_exist_or_are_empty_are_skipped() {
        for first in [
            None,
            Some(""),
            Some(
                "apiVersion: v1\nkind: Config\ncurrent-context: ''\ncontexts: null\nclusters: null\nusers: null\n",
            ),
            Some("contexts: []\npreferences: {}\n"),
        ] {
            let found =
                merge(&[first, Some(CONFIG)]).expect("the files are valid").expect("there is a context");
            assert_eq!(found.current_context.as_deref(), Some("main"), "{first:?}");
            assert_eq!(found.contexts.len(), 1);
        }
        assert!(merge(&[None, None]).expect("no file is no error").is_none());
        assert!(merge(&[Some("current-context: ''\n")]).expect("the file is valid").is_none());
    }

    #[test]
    fn the_first_file_that_has_a_value_wins() {
        let other = CONFIG
            .replace("current-context: main", "current-context: other")
            .replace("https://main", "https://other");
        let found =
            merge(&[Some(CONFIG), Some(&other)]).expect("the files are valid").expect("there is a context");
        assert_eq!(found.current_context.as_deref(), Some("main"));
        let server = found.clusters[0].cluster.as_ref().and_then(|cluster| cluster.server.as_deref());
        assert_eq!((found.clusters.len(), server), (1, Some("https://main")));
    }

    #[test]
    fn an_empty_namespace_is_no_namespace_and_paths_are_relative_to_the_file() {
        let found = merge(&[Some(CONFIG)]).expect("the file is valid").expect("there is a context");
        assert_eq!(found.contexts[0].context.as_ref().and_then(|context| context.namespace.as_ref()), None);
        let authority =
            found.clusters[0].cluster.as_ref().and_then(|cluster| cluster.certificate_authority.as_ref());
        assert!(
            authority.is_some_and(|path| path.starts_with('/') && path.ends_with("/ca.crt")),
            "{authority:?}"
        );
    }

    #[test]
    fn a_file_that_can_t_be_used_is_an_error_without_its_text() {
        for wrong in
            ["users: [{name: a, user: {token: hunter2, token: hunter2}}]\n", "current-context: [hunter2\n"]
        {
            let error = merge(&[Some(wrong), Some(CONFIG)]).expect_err("the file is invalid");
            assert!(error.contains("/0: ") && !error.contains("hunter2"), "{error}");
        }
        let error = merged(&["/dev/zero".into()]).expect_err("it is a device");
        assert_eq!(error, "/dev/zero: is a device; a regular file is needed");
    }
}
