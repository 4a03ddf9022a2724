//! The things that entries of a feed name, as they are now: asked for at once, a query a kind, and put in the order of the entries.

use std::collections::HashMap;

use atelier_contract::{
    BalanceView, CommentView, EarningsView, FeedItem, FollowView, GenerationId, GenerationView, LikeView,
    NotificationView, PurchaseView, StyleView, UserId, VoucherView, WithdrawalView,
};

use super::Entry;
use crate::app::App;
use crate::columns::column;
use crate::refused::Answer;
use crate::resources::{
    comments, earnings, follows, generations, likes, notifications, purchases, styles, transactions, withdrawals,
};

/// The things that entries name. A kind that a newer server wrote is passed over.
///
/// # Errors
/// The database's.
pub(super) async fn items(app: &App, user: UserId, entries: &[Entry]) -> Answer<Vec<FeedItem>> {
    let mut states = States::of(app, user, entries).await?;
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        items.extend(states.take(entry)?);
    }
    Ok(items)
}

/// What there is of each kind, by its number.
struct States {
    balance: Option<BalanceView>,
    earnings: Option<EarningsView>,
    generations: HashMap<i64, GenerationView>,
    styles: HashMap<i64, StyleView>,
    notifications: HashMap<i64, NotificationView>,
    purchases: HashMap<i64, PurchaseView>,
    withdrawals: HashMap<i64, WithdrawalView>,
    vouchers: HashMap<i64, VoucherView>,
    follows: HashMap<i64, FollowView>,
    likes: HashMap<i64, LikeView>,
    comments: HashMap<i64, CommentView>,
}

impl States {
    async fn of(app: &App, user: UserId, entries: &[Entry]) -> Answer<Self> {
        let pool = &app.pool;
        let named = |kind: &str| entries.iter().any(|entry| entry.kind == kind);
        let of_own = async |ids: &[i64]| {
            let ids: Vec<GenerationId> = ids.iter().map(|id| column((*id).try_into())).collect::<Answer<_>>()?;
            generations::views(pool, &ids, Some(user)).await
        };
        let of_styles = async |ids: &[i64]| styles::views(pool, ids, Some(user)).await;
        let of_notifications = async |ids: &[i64]| notifications::views(pool, user, ids).await;
        let of_purchases = async |ids: &[i64]| purchases::views(app, user, ids).await;
        let of_withdrawals = async |ids: &[i64]| withdrawals::views(pool, user, ids).await;
        let of_vouchers = async |ids: &[i64]| generations::voucher_views(pool, user, ids).await;
        let of_follows = async |ids: &[i64]| follows::views(pool, user, ids).await;
        let of_likes = async |ids: &[i64]| likes::views(pool, user, ids).await;
        let of_comments = async |ids: &[i64]| comments::views(pool, ids, Some(user)).await;
        Ok(Self {
            balance: if named("balance") {
                Some(transactions::balance_of(app, user).await?)
            } else {
                None
            },
            earnings: if named("earnings") {
                earnings::of(app, user).await?
            } else {
                None
            },
            generations: of_kind(entries, "generation", of_own, |view| view.id.get()).await?,
            styles: of_kind(entries, "style", of_styles, |view| view.card.id.get()).await?,
            notifications: of_kind(entries, "notification", of_notifications, |view| view.id.get()).await?,
            purchases: of_kind(entries, "purchase", of_purchases, |view| view.id.get()).await?,
            withdrawals: of_kind(entries, "withdrawal", of_withdrawals, |view| view.id.get()).await?,
            vouchers: of_kind(entries, "voucher", of_vouchers, |view| view.id.get()).await?,
            follows: of_kind(entries, "follow", of_follows, |view| view.user.get()).await?,
            likes: of_kind(entries, "like", of_likes, |view| view.generation.get()).await?,
            comments: of_kind(entries, "comment", of_comments, |view| view.id.get()).await?,
        })
    }

    fn take(&mut self, Entry { kind, target, .. }: &Entry) -> Answer<Option<FeedItem>> {
        Ok(Some(match kind.as_str() {
            "profile" => FeedItem::Profile {},
            "balance" => return Ok(self.balance.map(|state| FeedItem::Balance { state })),
            "earnings" => return Ok(self.earnings.map(|state| FeedItem::Earnings { state })),
            "generation" => FeedItem::Generation {
                id: column((*target).try_into())?,
                state: self.generations.remove(target).map(Box::new),
            },
            "style" => FeedItem::Style {
                id: column((*target).try_into())?,
                state: self.styles.remove(target).map(Box::new),
            },
            "notification" => FeedItem::Notification {
                id: column((*target).try_into())?,
                state: self.notifications.remove(target),
            },
            "purchase" => FeedItem::Purchase {
                id: column((*target).try_into())?,
                state: self.purchases.remove(target),
            },
            "withdrawal" => FeedItem::Withdrawal {
                id: column((*target).try_into())?,
                state: self.withdrawals.remove(target),
            },
            "voucher" => FeedItem::Voucher {
                id: column((*target).try_into())?,
                state: self.vouchers.remove(target),
            },
            "follow" => FeedItem::Follow {
                state: self.follows.remove(target).ok_or(sqlx::Error::RowNotFound)?,
            },
            "like" => FeedItem::Like {
                id: column((*target).try_into())?,
                state: self.likes.remove(target),
            },
            "comment" => FeedItem::Comment {
                id: column((*target).try_into())?,
                state: self.comments.remove(target),
            },
            _ => return Ok(None),
        }))
    }
}

/// Those of one kind by their numbers, asked for at once.
async fn of_kind<V>(
    entries: &[Entry],
    kind: &str,
    find: impl AsyncFnOnce(&[i64]) -> Answer<Vec<V>>,
    number: impl Fn(&V) -> i64,
) -> Answer<HashMap<i64, V>> {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    let targets: Vec<i64> = of_kind.map(|entry| entry.target).collect();
    if targets.is_empty() {
        return Ok(HashMap::new());
    }
    let views = find(&targets).await?;
    Ok(views.into_iter().map(|view| (number(&view), view)).collect())
}
