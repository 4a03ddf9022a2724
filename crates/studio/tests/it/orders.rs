//! Orders that wait, and which of them an end is meant for.

use atelier_studio::contract::{AspectRatio, JobId, Refusal, Tag};
use atelier_studio::generations::{self, Order};
use atelier_studio::worker::{Wish, Workshop};
use sqlx::Row;
use tokio::sync::watch;

use crate::made::database;
use crate::pictures::Desk;

async fn place(desk: &Desk, workshop: &mut Workshop) -> JobId {
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
        out: None,
    };
    generations::place(&desk.library, &desk.config, workshop, &order)
        .await
        .unwrap()
}

#[tokio::test]
async fn who_cancels_an_order_leaves_those_of_before_in_the_queue() {
    let desk = Desk::new().await;
    let mut workshop = Workshop::new(&desk.config.programs, None);
    let before = place(&desk, &mut workshop).await;
    let ours = place(&desk, &mut workshop).await;
    let (_wisher, mut wish) = watch::channel(Wish::Cancel);
    let ended = generations::run_queue(&desk.library, &mut workshop, Some(ours), &mut wish, &mut |_| {}).await;
    assert_eq!(ended.unwrap(), Some(Refusal::Cancelled {}));
    let db = database(&desk.config.data).await;
    let states = sqlx::query("SELECT id, status FROM jobs ORDER BY id")
        .fetch_all(&db)
        .await
        .unwrap();
    let states: Vec<(i64, String)> = states.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        states,
        [(before.get(), "queued".into()), (ours.get(), "cancelled".into())]
    );
}
