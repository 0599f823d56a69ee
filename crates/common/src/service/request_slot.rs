//! The slot of a request that is in progress.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::error::ServiceError;
use super::shares::{CallerKey, NoSlot, Shares, Slot};

/// The slot of a request, and whose share it uses. [`Streams`](super::Streams) exchanges it for the slot of a stream, so
/// that neither streams nor waiting requests keep other requests out.
#[derive(Clone)]
pub struct RequestSlot(Arc<Mutex<Holder>>);

struct Holder {
    caller: CallerKey,
    slot: Option<Slot>,
}

impl RequestSlot {
    pub(super) fn acquire(shares: &Arc<Shares>, caller: CallerKey) -> Result<Self, NoSlot> {
        let slot = Some(shares.acquire(caller.clone())?);
        Ok(Self(Arc::new(Mutex::new(Holder { caller, slot }))))
    }

    pub(super) fn release(&self) {
        self.holder().slot = None;
    }

    /// Counts the request for this caller from now on.
    pub(super) fn give_to(&self, caller: CallerKey) -> Result<(), NoSlot> {
        let mut holder = self.holder();
        holder.caller = caller.clone();
        if let Some(slot) = holder.slot.take() {
            holder.slot = Some(slot.given_to(caller)?);
        }
        Ok(())
    }

    pub(super) fn caller(&self) -> CallerKey {
        self.holder().caller.clone()
    }

    fn holder(&self) -> MutexGuard<'_, Holder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestSlot {
    type Rejection = ServiceError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ServiceError> {
        let slot = parts.extensions.get::<Self>();
        slot.cloned()
            .ok_or_else(|| ServiceError::internal("the route is not behind the layers of the service"))
    }
}
