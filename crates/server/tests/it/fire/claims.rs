//! What the server said, held against what its database holds.

use std::collections::BTreeMap;

use atelier_contract::{CommentId, GenerationId, PurchaseId, TicketState, UserId, VoucherId, WithdrawalId};
use rust_decimal::Decimal;

use crate::harness::House;
use crate::money::{books_are_right, number};
use crate::toss::Toss;

/// Something that was answered with success.
#[derive(Debug, Clone)]
pub(super) enum Claim {
    Reserved(GenerationId),
    /// The ticket came into this state.
    Ticket(GenerationId, TicketState),
    Voucher(VoucherId),
    Redeemed(VoucherId, GenerationId),
    Purchase(PurchaseId),
    /// The order is paid.
    Paid(String),
    Withdrawal(WithdrawalId),
}

/// All that one person was told.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) user: UserId,
    pub(super) claims: Vec<Claim>,
    pub(super) reservations: i64,
    pub(super) reservations_unknown: i64,
    pub(super) purchases: i64,
    pub(super) purchases_unknown: i64,
    /// What they like, and whom they follow, as last answered; nothing when the last answer never came.
    pub(super) likes: BTreeMap<GenerationId, Option<bool>>,
    pub(super) follows: BTreeMap<UserId, Option<bool>>,
    /// Theirs that nobody asked to delete.
    pub(super) comments: Vec<CommentId>,
}

impl Said {
    pub(super) fn new(user: UserId) -> Self {
        Self {
            user,
            claims: Vec::new(),
            reservations: 0,
            reservations_unknown: 0,
            purchases: 0,
            purchases_unknown: 0,
            likes: BTreeMap::new(),
            follows: BTreeMap::new(),
            comments: Vec::new(),
        }
    }
}

/// How much of what was said.
pub(super) fn kinds(said: &[Said]) -> BTreeMap<&'static str, u32> {
    let mut kinds = BTreeMap::new();
    for claim in said.iter().flat_map(|said| &said.claims) {
        let kind = match claim {
            Claim::Reserved(_) => "reserved",
            Claim::Ticket(_, state) => state.as_str(),
            Claim::Voucher(_) => "voucher",
            Claim::Redeemed(..) => "redeemed",
            Claim::Purchase(_) => "purchase",
            Claim::Paid(_) => "paid",
            Claim::Withdrawal(_) => "withdrawal",
        };
        *kinds.entry(kind).or_default() += 1;
    }
    kinds
}

/// Whether a ticket that was in `before` may be in `now`.
fn may_follow(before: TicketState, now: TicketState) -> bool {
    use TicketState::{Committed, Completed, Released, Reserved, Review, Voided};
    match before {
        Reserved | Released | Review => now != Reserved,
        Committed => matches!(now, Committed | Completed),
        Completed => now == Completed,
        Voided => now == Voided,
    }
}

/// Whatever was answered with success is there, once.
pub(super) async fn hold(house: &House, said: &[Said]) {
    let tickets: Vec<(i64, i64, String)> = rows(house, "SELECT generation_id, user_id, state FROM tickets").await;
    let tickets: BTreeMap<_, _> = tickets
        .into_iter()
        .map(|(id, user, state)| (id, (user, state)))
        .collect();
    let vouchers: Vec<(i64, i64, Option<i64>)> = rows(house, "SELECT id, user_id, generation_id FROM vouchers").await;
    let vouchers: BTreeMap<_, _> = vouchers
        .into_iter()
        .map(|(id, user, generation)| (id, (user, generation)))
        .collect();
    let purchases: Vec<(i64, i64, String, String)> =
        rows(house, "SELECT id, buyer_id, provider_order_id, status FROM purchases").await;
    let paid = |order: &str| {
        purchases
            .iter()
            .any(|(.., other, status)| other == order && status == "paid")
    };
    let withdrawals: Vec<(i64, i64)> = rows(house, "SELECT id, artist_id FROM withdrawals").await;

    for Said { user, claims, .. } in said {
        let user = user.get();
        for claim in claims {
            let holds = match claim {
                Claim::Reserved(id) => tickets.get(&id.get()).is_some_and(|(owner, _)| *owner == user),
                Claim::Ticket(id, before) => tickets.get(&id.get()).is_some_and(|(owner, state)| {
                    *owner == user && may_follow(*before, state.parse().expect("a state"))
                }),
                Claim::Voucher(id) => vouchers.get(&id.get()).is_some_and(|(owner, _)| *owner == user),
                Claim::Redeemed(id, generation) => vouchers.get(&id.get()) == Some(&(user, Some(generation.get()))),
                Claim::Purchase(id) => purchases
                    .iter()
                    .any(|(other, buyer, ..)| *other == id.get() && *buyer == user),
                Claim::Paid(order) => paid(order),
                Claim::Withdrawal(id) => withdrawals.contains(&(id.get(), user)),
            };
            assert!(holds, "{user} was told {claim:?}, and it is not so");
        }
    }
    for one in said {
        let made = tickets.values().filter(|(owner, _)| *owner == one.user.get()).count();
        let most = one.reservations + one.reservations_unknown;
        let made = i64::try_from(made).expect("few");
        assert!(
            (one.reservations..=most).contains(&made),
            "{made} reservations of {}",
            one.user
        );
        let begun = purchases
            .iter()
            .filter(|(_, buyer, ..)| *buyer == one.user.get())
            .count();
        let most = one.purchases + one.purchases_unknown;
        let begun = i64::try_from(begun).expect("few");
        assert!(
            (one.purchases..=most).contains(&begun),
            "{begun} purchases of {}",
            one.user
        );
    }
}

/// Who likes what, follows whom and said what is as they were told.
pub(super) async fn social_life_holds(house: &House, said: &[Said]) {
    let likes: Vec<(i64, i64)> = rows(house, "SELECT user_id, generation_id FROM likes").await;
    let follows: Vec<(i64, i64)> = rows(house, "SELECT follower_id, following_id FROM follows").await;
    let comments: Vec<(i64, i64)> = rows(house, "SELECT user_id, id FROM comments").await;
    for one in said {
        let user = one.user.get();
        for (picture, liked) in &one.likes {
            let likes = likes.contains(&(user, picture.get()));
            assert!(
                liked.is_none_or(|liked| liked == likes),
                "{user} and {picture}: {liked:?}"
            );
        }
        for (artist, following) in &one.follows {
            let follows = follows.contains(&(user, artist.get()));
            assert!(
                following.is_none_or(|following| following == follows),
                "{user} and {artist}: {following:?}"
            );
        }
        for comment in &one.comments {
            assert!(comments.contains(&(user, comment.get())), "{user} said {comment}");
        }
    }
}

async fn rows<T>(house: &House, query: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    sqlx::query_as(query).fetch_all(house.pool()).await.expect("rows")
}

/// The tokens that came in are those that the provider was paid for and did not give back, order by order.
pub(super) async fn money_is_what_was_paid(house: &House, toss: &Toss) {
    let mut takings = toss.takings();
    let purchases: Vec<(String, String, i64, Decimal)> = rows(
        house,
        "SELECT provider_order_id, status, amount_tokens - cancelled_tokens, price_per_token FROM purchases",
    )
    .await;
    for (order, status, tokens, price) in purchases {
        let won = Decimal::from(takings.remove(&order).unwrap_or(0));
        let tokens = if status == "paid" { tokens } else { 0 };
        assert_eq!((won / price).floor(), Decimal::from(tokens), "{order} is {status}");
    }
    assert!(takings.is_empty(), "paid for orders that nobody has: {takings:?}");
}

/// What is counted beside is what there is.
pub(super) async fn counters_are_exact(house: &House) {
    for query in [
        "SELECT count(*) FROM styles WHERE usage_count <>
                (SELECT count(*) FROM generations WHERE style_id = styles.id AND status = 'completed')",
        "SELECT count(*) FROM tags WHERE usage_count <>
                (SELECT count(*) FROM generation_tags WHERE tag_id = tags.id)
                + (SELECT count(*) FROM style_tags WHERE tag_id = tags.id)
                + (SELECT count(*) FROM artwork_tags WHERE tag_id = tags.id)",
        "SELECT count(*) FROM generations WHERE
                like_count <> (SELECT count(*) FROM likes WHERE generation_id = generations.id)
                OR comment_count <> (SELECT count(*) FROM comments WHERE generation_id = generations.id)",
        "SELECT count(*) FROM artists WHERE follower_count <>
                (SELECT count(*) FROM follows WHERE following_id = artists.user_id)",
        "SELECT count(*) FROM users WHERE token_balance < 0",
        "SELECT count(*) FROM artists WHERE earned_token_balance < 0",
        "SELECT count(*) FROM (SELECT FROM transactions WHERE kind = 'purchase' GROUP BY purchase_id HAVING count(*) > 1) AS twice",
        "SELECT count(*) FROM generations WHERE status = 'completed' AND EXISTS
                (SELECT FROM transactions WHERE related_generation_id = generations.id AND (kind = 'refund' OR refunded))",
        "SELECT abs(sum(amount))::bigint FROM ledger_entries",
    ] {
        assert_eq!(number(house, query).await, 0, "{query}");
    }
    books_are_right(house).await;
}
