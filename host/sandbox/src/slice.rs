//! Who computes when. Every call begins on threads of usual priority; one that computes for more than a slice goes on where it
//! gets only what the others leave.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

/// Twice the time after which a guest that computes gives way. Our translators need less than a millisecond for a call.
/// Measured by `cargo xtask bench` on two busy cores: the 99th percentile of a neighbour whose vendor takes 50 ms is 1.2 times as
/// much beside two components that spin as without them, and 1.3 times beside eight; without a slice it was 2.9 and 4.2 times.
const SLICE: Duration = Duration::from_millis(20);

/// What a call has used is forgotten at a tenth of the time that passes: a long stream computes a little all the time and
/// shall stay; who takes more than a tenth of a core shall not.
const FORGET: u32 = 10;

/// The priority of a call over its slice. 19 is the lowest; Linux gives such a thread 15 parts of time beside 1024 of a usual one.
/// <https://man7.org/linux/man-pages/man7/sched.7.html>
const OVER: i32 = 19;

/// The priority of kept instances: computing is all that they do, and there is one thread to each. A usual thread gets three
/// times as much where both want all.
/// Measured beside two answers in the making: a neighbour's 99th percentile is 5 ms, and 6 to 15 ms at usual priority.
const KEPT: i32 = 5;

/// The threads that guests compute on.
#[derive(Clone)]
pub struct Guests {
    /// Where every call begins.
    pub fast: Handle,
    /// Where calls go on that computed for more than a slice. Each of its threads begins with [`give_way`].
    pub slow: Handle,
}

impl Guests {
    /// Runs a call; dropping the handle ends it, wherever it runs. `None`: it was lost there by a panic or a shutdown.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        call: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<Option<T>> {
        let slow = self.slow.clone();
        let mut call = Box::pin(call);
        AbortOnDropHandle::new(self.fast.spawn(async move {
            let mut slice = Slice::new(Instant::now());
            let within = poll_fn(|cx| {
                if slice.is_over(Instant::now()) {
                    return Poll::Ready(None);
                }
                let polled = call.as_mut().poll(cx);
                slice.ran_until(Instant::now());
                polled.map(Some)
            });
            match within.await {
                Some(value) => Some(value),
                None => AbortOnDropHandle::new(slow.spawn(call)).await.ok(),
            }
        }))
    }
}

/// What a call has used.
struct Slice {
    used: Duration,
    /// When it last began or ended to compute.
    since: Instant,
}

impl Slice {
    fn new(now: Instant) -> Self {
        Self {
            used: Duration::ZERO,
            since: now,
        }
    }

    /// Asked before it computes.
    fn is_over(&mut self, now: Instant) -> bool {
        let waited = now.saturating_duration_since(self.since);
        self.used = self.used.saturating_sub(waited / FORGET);
        self.since = now;
        self.used >= SLICE
    }

    fn ran_until(&mut self, now: Instant) {
        self.used += now.saturating_duration_since(self.since);
        self.since = now;
    }
}

/// Makes the calling thread one of calls over their slice.
pub fn give_way() {
    lower(OVER);
}

/// Makes the calling thread one of a kept instance.
pub(crate) fn give_way_to_calls() {
    lower(KEPT);
}

/// Elsewhere than on Linux the number would be the whole process's.
fn lower(nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        tracing::warn!(%error, nice, "a thread's priority could not be lowered");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtimes() -> (Runtime, Runtime, Guests) {
        let runtime = |name: &str, begin: fn()| {
            let mut builder = Builder::new_multi_thread();
            let builder = builder.worker_threads(1).thread_name(name);
            builder.on_thread_start(begin).build().unwrap()
        };
        let (fast, slow) = (runtime("fast", || {}), runtime("slow", give_way));
        let guests = Guests {
            fast: fast.handle().clone(),
            slow: slow.handle().clone(),
        };
        (fast, slow, guests)
    }

    fn here() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }

    /// Computes for so long, giving way as guests do.
    async fn compute(time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let tick = Instant::now();
            while tick.elapsed() < Duration::from_millis(1) {}
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_call_over_its_slice_goes_on_at_low_priority() {
        let (fast, _slow, guests) = runtimes();
        let short = guests.spawn(async { here() });
        assert_eq!(fast.block_on(short).unwrap().unwrap(), "fast");
        let long = guests.spawn(async {
            let began = here();
            compute(2 * SLICE).await;
            (began, here())
        });
        let (began, ended) = fast.block_on(long).unwrap().unwrap();
        assert_eq!((began.as_str(), ended.as_str()), ("fast", "slow"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn priority_is_a_thread_s_own() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let (_fast, slow, guests) = runtimes();
        let there = slow.block_on(guests.slow.spawn(async move { nice() }));
        assert_eq!(there.unwrap(), OVER);
        let there = slow.block_on(guests.fast.spawn(async move { nice() }));
        assert_eq!((there.unwrap(), nice()), (before, before));
    }

    #[test]
    fn dropping_ends_it_there_too() {
        let (_fast, _slow, guests) = runtimes();
        let (moved, has_moved) = mpsc::channel();
        let (gone, is_gone) = mpsc::channel::<()>();
        let call = guests.spawn(async move {
            let _held = gone;
            compute(2 * SLICE).await;
            moved.send(here()).unwrap();
            std::future::pending::<()>().await;
        });
        assert_eq!(has_moved.recv().unwrap(), "slow");
        drop(call);
        let gone = is_gone.recv_timeout(Duration::from_secs(10));
        assert_eq!(gone, Err(mpsc::RecvTimeoutError::Disconnected));
    }

    #[test]
    fn a_panic_there_is_the_call_s_own() {
        let (fast, _slow, guests) = runtimes();
        let call = guests.spawn(async {
            compute(2 * SLICE).await;
            panic!("as asked");
        });
        assert!(fast.block_on(call).unwrap().is_none_or(|()| false));
        assert_eq!(fast.block_on(guests.spawn(async { 1 })).unwrap(), Some(1));
    }

    #[test]
    fn waiting_is_free_and_a_little_work_all_the_time_too() {
        let mut now = Instant::now();
        let mut slice = Slice::new(now);
        let mut turns = |work: Duration, wait: Duration, times: u32| {
            (0..times).find(|_| {
                let over = slice.is_over(now);
                now += work;
                slice.ran_until(now);
                now += wait;
                over
            })
        };
        let (work, second) = (Duration::from_millis(1), Duration::from_secs(1));
        assert_eq!(turns(work, 12 * work, 100_000), None);
        assert_eq!(turns(Duration::ZERO, second, 2), None);
        assert_eq!(turns(work, 5 * work, 1000), Some(40));
    }
}
