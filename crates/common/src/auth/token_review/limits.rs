//! Limits of the reviews that requests without a valid credential can cause.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::auth::error::AuthError;

/// Reviews per second, over all addresses. The API server of a small cluster has room for several hundred.
const MAX_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("it is not 0");
/// Reviews per second for one address, so that one client does not use up the limit of all.
const MAX_PER_SECOND_AND_ADDRESS: NonZeroU32 = NonZeroU32::new(5).expect("it is not 0");
/// The number of reviews that may exceed the limit of an address, for a client with several tokens.
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(20).expect("it is not 0");
/// The number of requests that may wait for reviews. They occupy a part of the service while the API server does not
/// answer.
const MAX_WAITING: usize = 128;

/// The limits.
pub(super) struct ReviewLimits {
    all: DefaultDirectRateLimiter,
    addresses: RateLimiter<Option<IpAddr>, HashMapStateStore<Option<IpAddr>>, DefaultClock>,
    waiting: Semaphore,
}

impl ReviewLimits {
    pub(super) fn new() -> Self {
        let of_address = Quota::per_second(MAX_PER_SECOND_AND_ADDRESS).allow_burst(ADDRESS_BURST);
        Self {
            all: RateLimiter::direct(Quota::per_second(MAX_PER_SECOND)),
            addresses: RateLimiter::hashmap(of_address),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// Permits a request to wait for a review while the permit exists.
    pub(super) fn wait(&self) -> Result<SemaphorePermit<'_>, AuthError> {
        self.waiting.try_acquire().map_err(|_| AuthError::Throttled)
    }

    /// Permits one review for a client.
    pub(super) fn check(&self, address: Option<IpAddr>) -> Result<(), AuthError> {
        // The limit of the address comes first: its excess does not count for the limit of all.
        self.addresses.check_key(&address.map(network)).map_err(|_| AuthError::Throttled)?;
        self.all.check().map_err(|_| AuthError::Throttled)
    }

    /// Removes addresses without recent reviews.
    pub(super) fn remove_idle(&self) {
        self.addresses.retain_recent();
    }
}

/// The address, or the network of an IPv6 address, because one client has a whole network of those.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS_BURST, AuthError, ReviewLimits, network};

    #[test]
    fn one_address_does_not_use_up_the_limit_of_another() {
        let limits = ReviewLimits::new();
        let [flooding, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().ok());
        let permitted = (0..1000).filter(|_| limits.check(flooding).is_ok()).count();
        assert!((20..40).contains(&permitted), "{permitted}");
        assert_eq!(limits.check(other), Ok(()));
    }

    #[test]
    fn many_addresses_have_a_limit_together() {
        let limits = ReviewLimits::new();
        let addresses =
            (0..1000).map(|number| format!("10.0.{}.{}", number / 250, number % 250).parse().ok());
        let outcomes: Vec<_> = addresses.map(|address| limits.check(address)).collect();
        let permitted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!((50..100).contains(&permitted), "{permitted}");
        assert!(outcomes.contains(&Err(AuthError::Throttled)) && ADDRESS_BURST.get() < 50);
    }

    #[test]
    fn the_addresses_of_a_network_count_as_one() {
        let of = |text: &str| text.parse().map(network).ok();
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
