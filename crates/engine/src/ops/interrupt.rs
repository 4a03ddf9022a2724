//! Breaking off in the middle of a pass, which on a processor can take many seconds.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Result;

thread_local! {
    static STOP: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Runs `f`. Once `stop` is set, the next operator that this thread reaches inside it fails, so that `f` ends within the time that one
/// operator takes; those that can take a second ask on their way, too. What `f` then returns is an error without a meaning of its own: whoever set `stop` knows why.
pub fn interruptible<T>(stop: &Arc<AtomicBool>, f: impl FnOnce() -> T) -> T {
    /// Restores what was there before when `f` is left, by a panic too.
    struct Before(Option<Arc<AtomicBool>>);
    impl Drop for Before {
        fn drop(&mut self) {
            STOP.set(self.0.take());
        }
    }
    let _before = Before(STOP.replace(Some(Arc::clone(stop))));
    f()
}

/// Fails when this thread is to break off. Every operator that can take long asks.
pub(crate) fn go_on() -> Result<()> {
    if watch()() {
        candle_core::bail!("interrupted");
    }
    Ok(())
}

/// Tells whether this thread is to break off, to the helpers of an operator that works on several threads at once.
pub(super) fn watch() -> impl Fn() -> bool + Sync {
    let stop = STOP.with_borrow(Clone::clone);
    move || stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::ops::linear;

    #[test]
    fn an_operator_fails_once_it_is_to_stop_and_only_inside() {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).expect("small tensors fit");
        let (x, weight) = (ones(&[1, 2]), ones(&[3, 2]));
        let stop = Arc::new(AtomicBool::new(false));
        interruptible(&stop, || {
            assert!(linear(&x, &weight, None).is_ok());
            stop.store(true, Ordering::Relaxed);
            assert!(linear(&x, &weight, None).is_err());
        });
        assert!(linear(&x, &weight, None).is_ok());
    }
}
