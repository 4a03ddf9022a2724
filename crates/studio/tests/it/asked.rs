//! What tests ask of a studio, and the news of it that they wait for.

use std::time::Duration;

use atelier_studio::Event;
use atelier_studio::contract::AspectRatio;
use atelier_studio::generations::GenerationRequest;
use tokio::sync::broadcast::Receiver;

/// One picture in no style.
pub(crate) fn castle() -> GenerationRequest {
    GenerationRequest {
        styles: Vec::new(),
        tags: vec!["castle".into()],
        negative: Vec::new(),
        aspect: AspectRatio::Square,
        seed: None,
        count: 1,
        steps: Some(4),
        guidance: None,
        sampler: None,
        model: None,
    }
}

/// The first event that `wanted` finds something in.
pub(crate) async fn wait<T>(events: &mut Receiver<Event>, wanted: impl Fn(Event) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(events.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found).await.unwrap()
}
