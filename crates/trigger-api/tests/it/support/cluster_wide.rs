//! Objects of the whole cluster that belong to one test.

use serde_json::{Value, json};
use testkit::cluster::Namespace;

use super::objects;

/// Applies cluster-wide objects that go when the namespace goes, however the test ends: they are owned by it.
pub(crate) async fn apply(namespace: &Namespace, mut documents: Vec<Value>) {
    let path = format!("/api/v1/namespaces/{}", namespace.name);
    let owner = objects::call(&namespace.client, "GET", &path, None).await.expect("the namespace is there");
    let uid = &owner["metadata"]["uid"];
    for document in &mut documents {
        document["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "v1", "kind": "Namespace", "name": namespace.name, "uid": uid }]);
    }
    namespace.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": documents }).to_string());
}
