//! Tells connections that a feed moved, from whichever process: one look a second at the feeds of those who are connected to this one.
//!
//! A look, not `LISTEN`: a notification takes a lock of the whole database at the end of every transaction that sends one, money among
//! them, and a listening connection is not to be had through a pool that parts transactions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use atelier_contract::UserId;
use sqlx::PgPool;
use tokio::sync::watch;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// Who of this process waits for which feed.
#[derive(Debug)]
pub struct Hub {
    pool: PgPool,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    feeds: HashMap<UserId, watch::Sender<i64>>,
    looking: bool,
}

impl Hub {
    /// Looks into `pool`, as long as somebody waits.
    #[must_use]
    pub fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self {
            pool,
            watched: Mutex::default(),
        })
    }

    /// The number of the newest change of the user's feed, as it rises from `seen`.
    #[must_use]
    pub fn watch(self: &Arc<Self>, user: UserId, seen: i64) -> watch::Receiver<i64> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = watched
            .feeds
            .entry(user)
            .or_insert_with(|| watch::Sender::new(seen))
            .subscribe();
        if !watched.looking {
            watched.looking = true;
            tokio::spawn(Self::look(Arc::downgrade(self)));
        }
        receiver
    }

    async fn look(hub: Weak<Self>) {
        let mut clock = tokio::time::interval(EVERY);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            let Some(hub) = hub.upgrade() else { return };
            let Some(users) = hub.watched_users() else { return };
            match hub.newest(&users).await {
                Ok(newest) => hub.tell(newest),
                Err(error) => tracing::warn!(%error, "feeds could not be looked at"),
            }
        }
    }

    /// Nobody: then the next to come begins looking again.
    fn watched_users(&self) -> Option<Vec<i64>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.feeds.retain(|_, sender| sender.receiver_count() > 0);
        watched.looking = !watched.feeds.is_empty();
        watched
            .looking
            .then(|| watched.feeds.keys().map(|user| user.get()).collect())
    }

    async fn newest(&self, users: &[i64]) -> sqlx::Result<Vec<(UserId, i64)>> {
        let rows = sqlx::query!(
            r#"SELECT user_id AS "user: UserId", seq FROM user_feed WHERE user_id = ANY($1)"#,
            users
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.user, row.seq)).collect())
    }

    fn tell(&self, newest: Vec<(UserId, i64)>) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for (user, seq) in newest {
            if let Some(sender) = watched.feeds.get(&user) {
                sender.send_if_modified(|told| std::mem::replace(told, seq) != seq);
            }
        }
    }
}
