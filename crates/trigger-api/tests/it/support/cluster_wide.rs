//! Cluster-scoped objects of one test.

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::objects;

/// Applies cluster-scoped objects whose owner is the namespace, so that they are deleted with it however the test ends.
pub(crate) async fn apply(namespace: &Namespace, mut documents: Vec<Value>) {
    let path = format!("/api/v1/namespaces/{}", namespace.name);
    let owner = objects::call(&namespace.client, "GET", &path, None).await.expect("the namespace exists");
    let uid = &owner["metadata"]["uid"];
    for document in &mut documents {
        document["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "v1", "kind": "Namespace", "name": namespace.name, "uid": uid }]);
    }
    namespace.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": documents }).to_string());
}
