//! Lists objects one at a time.
//!
//! A list has everything that the namespace contains, and only a small part of it may belong to a target. So it is read
//! in pages, a page is split into its objects while it arrives, and only the object that is being applied is in memory.

use futures_util::AsyncBufReadExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::api::{ListParams, Request};
use kube::{Api, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use trigger_core::recorder::Recorder;

use super::list_splitter::ListSplitter;

/// The number of objects of a page. The API server has a whole page in memory.
const PAGE_SIZE: u32 = 500;

/// How much may be unsaved when the next page is read. Otherwise thousands of observed runs would wait for the store.
const MAX_UNSAVED_BYTES: usize = 512 * 1024;

/// A list without its items.
#[derive(Deserialize)]
struct Envelope {
    metadata: ListMeta,
}

/// Lists objects, and applies each of them. Returns the resourceVersion of the list. With a recorder, the next page is read when
/// the recorder has written most of what the objects changed.
pub(super) async fn list_each<K: Resource + Clone + DeserializeOwned>(
    api: &Api<K>,
    params: &ListParams,
    mut apply: impl FnMut(K) + Send,
    recorder: Option<&Recorder>,
) -> kube::Result<String> {
    let mut params = params.clone().limit(PAGE_SIZE);
    loop {
        let metadata = read_page(api, &params, &mut apply).await?;
        let Some(token) = metadata.continue_.filter(|token| !token.is_empty()) else {
            return Ok(metadata.resource_version.unwrap_or_default());
        };
        params.continue_token = Some(token);
        if let Some(recorder) = recorder {
            recorder.keep_up(MAX_UNSAVED_BYTES).await;
        }
    }
}

async fn read_page<K: Resource + Clone + DeserializeOwned>(
    api: &Api<K>,
    params: &ListParams,
    apply: &mut (impl FnMut(K) + Send),
) -> kube::Result<ListMeta> {
    let request = Request::new(api.resource_url()).list(params).map_err(kube::Error::BuildRequest)?;
    let body = api.clone().into_client().request_stream(request).await?;
    let mut body = std::pin::pin!(body);
    let mut splitter = ListSplitter::default();
    loop {
        let chunk = body.fill_buf().await.map_err(kube::Error::ReadEvents)?;
        if chunk.is_empty() {
            break;
        }
        let length = chunk.len();
        splitter.push(chunk, |item| {
            apply(serde_json::from_slice(item).map_err(kube::Error::SerdeError)?);
            Ok(())
        })?;
        body.consume_unpin(length);
    }
    let envelope: Envelope = serde_json::from_slice(splitter.envelope()).map_err(kube::Error::SerdeError)?;
    Ok(envelope.metadata)
}
