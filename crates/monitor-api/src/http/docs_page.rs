//! The page `/docs`: the operations of the OpenAPI document, without scripts and outside resources.

use askama::Template;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::{OpenApi, RefOr};

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'d> {
    title: &'d str,
    version: &'d str,
    description: &'d str,
    operations: Vec<OperationView<'d>>,
}

struct OperationView<'d> {
    method: &'static str,
    path: &'d str,
    id: &'d str,
    summary: &'d str,
    description: &'d str,
    parameters: Vec<&'d Parameter>,
    responses: Vec<(&'d str, &'d str)>,
}

/// The page of a document.
///
/// # Panics
/// Never: writing to a text does not fail.
pub(super) fn render(document: &OpenApi) -> String {
    let operations = document.paths.paths.iter().flat_map(|(path, item)| {
        let methods =
            [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("DELETE", &item.delete)];
        let present =
            methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)));
        present.map(move |(method, operation)| OperationView::new(method, path, operation))
    });
    let page = DocsPage {
        title: &document.info.title,
        version: &document.info.version,
        description: document.info.description.as_deref().unwrap_or_default(),
        operations: operations.collect(),
    };
    page.render().expect("writing to a String never fails")
}

impl<'d> OperationView<'d> {
    fn new(method: &'static str, path: &'d str, operation: &'d Operation) -> Self {
        let responses =
            operation.responses.responses.iter().filter_map(|(status, response)| match response {
                RefOr::T(response) => Some((status.as_str(), response.description.as_str())),
                RefOr::Ref(_) => None,
            });
        let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        Self {
            method,
            path,
            id: operation.operation_id.as_deref().unwrap_or_default(),
            summary: operation.summary.as_deref().unwrap_or_default(),
            description: operation.description.as_deref().unwrap_or_default(),
            parameters: parameters.collect(),
            responses: responses.collect(),
        }
    }
}
