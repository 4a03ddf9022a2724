//! Orders that wait, and which of them an end is meant for.

use std::path::PathBuf;

use atelier_studio::contract::{AspectRatio, JobId, Refusal, Tag};
use atelier_studio::generations::{self, Order, Update};
use atelier_studio::worker::{Wish, Workshop};
use tokio::sync::watch;

#[cfg(unix)]
use crate::actor::{Actor, generated, picture};
use crate::made::database;
use crate::pictures::Desk;

async fn place(desk: &Desk, workshop: &mut Workshop, out: Option<PathBuf>) -> JobId {
    let order = Order {
        styles: Vec::new(),
        tags: vec![Tag::parse("castle").unwrap()],
        negative: Vec::new(),
        aspect: AspectRatio::Square,
        seed: Some(7),
        count: 2,
        steps: None,
        guidance: None,
        sampler: None,
        model: None,
        out,
    };
    generations::place(&desk.library, &desk.config, workshop, &order)
        .await
        .unwrap()
}

#[tokio::test]
async fn who_cancels_an_order_leaves_those_of_before_in_the_queue() {
    let desk = Desk::new().await;
    let mut workshop = Workshop::new(&desk.config.programs, None);
    let before = place(&desk, &mut workshop, None).await;
    let ours = place(&desk, &mut workshop, None).await;
    let (_wisher, mut wish) = watch::channel(Wish::Cancel);
    let ended = generations::run_queue(&desk.library, &mut workshop, Some(ours), &mut wish, &mut |_| {}).await;
    assert_eq!(ended.unwrap(), Some(Refusal::Cancelled {}));
    assert_eq!(
        states(&desk).await,
        [(before.get(), "queued".into()), (ours.get(), "cancelled".into())]
    );
}

async fn states(desk: &Desk) -> Vec<(i64, String)> {
    sqlx::query_as("SELECT id, status FROM jobs ORDER BY id")
        .fetch_all(&database(&desk.config.data).await)
        .await
        .unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn an_order_of_before_whose_stick_is_pulled_out_keeps_ours_from_nothing() {
    let desk = Desk::new().await;
    let programs = desk.desk().join("programs");
    let actor = Actor::new(&programs, 1 << 30);
    for start in 1..=2 {
        actor.says(start, &[picture(0), picture(1), generated()]);
    }
    let mut workshop = Workshop::new(&programs, None);
    let stick = desk.desk().join("stick");
    let before = place(&desk, &mut workshop, Some(stick.clone())).await;
    let ours = place(&desk, &mut workshop, None).await;
    std::fs::remove_dir_all(&stick).unwrap();
    std::fs::write(&stick, "no folder").unwrap();
    let (_wisher, mut wish) = watch::channel(Wish::Run);
    let mut given_up = Vec::new();
    let mut listen = |update| {
        if let Update::Failed { pictures, .. } = update {
            given_up.push(pictures);
        }
    };
    let ended = generations::run_queue(&desk.library, &mut workshop, Some(ours), &mut wish, &mut listen).await;
    assert_eq!(ended.unwrap(), None);
    assert_eq!(given_up, [1], "the first one is in the library");
    assert_eq!(
        states(&desk).await,
        [(before.get(), "failed".into()), (ours.get(), "completed".into())]
    );
}
