//! Limits the number of bodies that are received at the same time.
//!
//! Senders with an API key have separate slots, so that senders without a key cannot block them by
//! slow or endless bodies. One address cannot take all slots for senders without a key.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::CollectLimits;

pub(super) struct Places {
    known: Semaphore,
    unkeyed: Semaphore,
    by_address: Addresses,
}

/// The slot of one body, released on drop.
pub(crate) struct Place<'s> {
    _permit: SemaphorePermit<'s>,
    _address: Option<OneOfAddress<'s>>,
}

impl Places {
    pub(super) fn new(limits: &CollectLimits) -> Self {
        Self {
            known: Semaphore::new(limits.collect_streams.into()),
            unkeyed: Semaphore::new(limits.collect_unkeyed_streams.into()),
            by_address: Addresses { each: limits.collect_address_streams, taken: Mutex::default() },
        }
    }

    /// Takes a slot for a sender with an API key. The error is the reason as text.
    pub(super) fn known(&self) -> Result<Place<'_>, &'static str> {
        let permit =
            self.known.try_acquire().map_err(|_| "the server takes too many bodies at once")?;
        Ok(Place { _permit: permit, _address: None })
    }

    /// Takes a slot for a sender without an API key from this address.
    pub(super) fn unkeyed(&self, address: Option<IpAddr>) -> Result<Place<'_>, &'static str> {
        let address = address.map(|address| {
            self.by_address.take(address).ok_or("one address sends too many bodies at once")
        });
        let address = address.transpose()?;
        let permit = self
            .unkeyed
            .try_acquire()
            .map_err(|_| "the server takes too many bodies without a key at once")?;
        Ok(Place { _permit: permit, _address: address })
    }
}

struct Addresses {
    each: u16,
    /// The addresses that hold slots. There are at most as many as slots.
    taken: Mutex<HashMap<IpAddr, u16>>,
}

struct OneOfAddress<'s> {
    addresses: &'s Addresses,
    address: IpAddr,
}

impl Addresses {
    fn take(&self, address: IpAddr) -> Option<OneOfAddress<'_>> {
        let address = subscriber(address);
        let mut taken = self.taken();
        let count = taken.entry(address).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(OneOfAddress { addresses: self, address })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, u16>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OneOfAddress<'_> {
    fn drop(&mut self) {
        let mut taken = self.addresses.taken();
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Returns the address, for IPv6 the network of 64 bits: one subscriber usually has the whole
/// network.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_gets_all_and_who_is_known_gets_his() {
        let limits = CollectLimits {
            collect_streams: 1,
            collect_unkeyed_streams: 3,
            collect_address_streams: 2,
            ..CollectLimits::default()
        };
        let places = Places::new(&limits);
        let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let first = places.unkeyed(from("2001:db8::1")).ok();
        let second = places.unkeyed(from("2001:db8::2")).ok();
        assert_eq!(
            places.unkeyed(from("2001:db8::3")).err(),
            Some("one address sends too many bodies at once")
        );
        let third = places.unkeyed(from("192.0.2.1")).ok();
        assert_eq!(
            places.unkeyed(None).err(),
            Some("the server takes too many bodies without a key at once")
        );
        assert!(places.unkeyed(from("192.0.2.1")).is_err() && first.is_some() && second.is_some());
        assert!(places.known().is_ok());
        drop((first, third));
        assert!(places.unkeyed(from("2001:db8::3")).is_ok());
        drop(second);
        assert!(places.by_address.taken().is_empty(), "nothing is remembered of who is gone");
    }
}
