//! Nothing in the window's process goes before the thread that paints.

use atelier_tests::processes::real_time_threads;
use atelier_tests::window::{SOON, within};
use atelier_tests::{Stage, Window};

/// Where the system refuses real time (an ordinary user without RealtimeKit) there is never one, and this says nothing.
#[tokio::test]
async fn no_thread_is_of_real_time() {
    let stage = Stage::new();
    let window = Window::open(&stage).await;
    let none = within(SOON, async || real_time_threads(window.pid()).is_empty().then_some(()));
    assert!(none.await.is_some(), "{:?}", real_time_threads(window.pid()));
    window.close(&stage).await;
}
