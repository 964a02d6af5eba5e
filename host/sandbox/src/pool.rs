//! The pool's places, for all plugins together. A plugin may take a place while it has no more than are left for the others: one that
//! takes all it can get has half of the pool, two of them a third each, and something is always left.
//! After Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches" (1998).

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The places of a pool.
pub(crate) struct Pool {
    free: Mutex<usize>,
    freed: Notify,
}

/// What one plugin has of them.
#[derive(Clone)]
pub(crate) struct Share {
    pool: Arc<Pool>,
    taken: Arc<Mutex<usize>>,
}

/// Places of a plugin, until it is dropped.
pub(crate) struct Slots {
    share: Share,
    places: usize,
}

impl Pool {
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(places),
            freed: Notify::new(),
        })
    }

    /// The share of one plugin.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share {
            pool: self.clone(),
            taken: Arc::default(),
        }
    }
}

impl Share {
    /// Waits for so many places.
    pub(crate) async fn take(&self, places: usize) -> Slots {
        loop {
            let mut freed = pin!(self.pool.freed.notified());
            // Before it looks, so that it misses nothing.
            freed.as_mut().enable();
            if let Some(slots) = self.try_take(places) {
                return slots;
            }
            freed.await;
        }
    }

    fn try_take(&self, places: usize) -> Option<Slots> {
        let (mut free, mut taken) = (lock(&self.pool.free), lock(&self.taken));
        if *taken + places > *free {
            return None;
        }
        *free -= places;
        *taken += places;
        Some(Slots {
            share: self.clone(),
            places,
        })
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        let pool = &self.share.pool;
        {
            let (mut free, mut taken) = (lock(&pool.free), lock(&self.share.taken));
            *free += self.places;
            *taken -= self.places;
        }
        pool.freed.notify_waiters();
    }
}

fn lock(count: &Mutex<usize>) -> MutexGuard<'_, usize> {
    count.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn all(share: &Share, places: usize) -> Vec<Slots> {
        std::iter::from_fn(|| share.try_take(places)).collect()
    }

    #[test]
    fn who_takes_all_it_can_get_leaves_something() {
        let pool = Pool::new(1000);
        let shares = [pool.share(), pool.share(), pool.share()];
        let first = all(&shares[0], 1);
        assert_eq!(first.len(), 500);
        let second = all(&shares[1], 4);
        // 62 leave 252; four more are as many as are left.
        assert_eq!(second.len(), 63);
        assert!(shares[2].try_take(1).is_some());
        drop(first);
        assert_eq!(all(&shares[2], 1).len(), 374);
        drop(second);
        assert_eq!(*lock(&pool.free), 1000);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let pool = Pool::new(4);
        let share = pool.share();
        let held = all(&share, 2);
        let mut waits = pin!(share.take(2));
        assert!(waits.as_mut().now_or_never().is_none());
        // Another's place is as good as one of its own.
        drop(held);
        assert_eq!(waits.await.places, 2);
    }
}
