//! Places that somebody holds for long: so many in all, and so many of them for one who comes, be it a user or an address.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atelier_contract::Refusal;
use metrics::counter;

use super::BUSY_RETRY_S;
use crate::metrics::TURNED_AWAY;
use crate::refused::Refused;

/// Seconds after which who holds all that one may have may ask again.
const SHARE_RETRY_S: u64 = 5;

/// The places.
#[derive(Debug)]
pub(crate) struct Seats<K: Eq + Hash> {
    max: usize,
    each_max: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat<K: Eq + Hash> {
    seats: Arc<Seats<K>>,
    who: K,
}

impl<K: Eq + Hash + Copy> Seats<K> {
    pub(crate) fn new(max: usize, each_max: usize) -> Arc<Self> {
        let taken = Taken {
            all: 0,
            of: HashMap::new(),
        };
        Arc::new(Self {
            max,
            each_max,
            taken: Mutex::new(taken),
        })
    }

    /// A place for `who`.
    ///
    /// # Errors
    /// [`Refusal::TooManyRequests`] when they have theirs, [`Refusal::ServerBusy`] when all are taken.
    pub(crate) fn take(self: &Arc<Self>, who: K) -> Result<Seat<K>, Refused> {
        let mut taken = self.taken();
        if taken.of.get(&who).is_some_and(|own| *own >= self.each_max) {
            counter!(TURNED_AWAY, "reason" => "share").increment(1);
            return Err(Refusal::TooManyRequests { retry_s: SHARE_RETRY_S }.into());
        }
        if taken.all >= self.max {
            counter!(TURNED_AWAY, "reason" => "busy").increment(1);
            return Err(Refusal::ServerBusy { retry_s: BUSY_RETRY_S }.into());
        }
        taken.all += 1;
        *taken.of.entry(who).or_default() += 1;
        Ok(Seat {
            seats: self.clone(),
            who,
        })
    }
}

impl<K: Eq + Hash> Seats<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        taken.all -= 1;
        if let Some(own) = taken.of.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                taken.of.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use atelier_contract::UserId;

    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_is_dropped() {
        let seats = Seats::new(3, 2);
        let [ada, ben] = [1, 2].map(|id| UserId::try_from(id).expect("an id"));
        let (first, _second) = (seats.take(ada).expect("one"), seats.take(ada).expect("two"));
        let refused = seats.take(ada).expect_err("more than ada's share");
        assert!(matches!(refused.refusal(), Refusal::TooManyRequests { .. }));
        let _third = seats.take(ben).expect("ben has had none");
        let refused = seats.take(ben).expect_err("all are taken");
        assert!(matches!(refused.refusal(), Refusal::ServerBusy { .. }));
        drop(first);
        assert!(seats.take(ben).is_ok());
        assert_eq!(seats.taken().of.len(), 2);
    }
}
