//! One person's studio and browser: draws what to do next, does it, asks again when no answer came, and remembers what it was told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use atelier_contract::{
    AspectRatio, CommentView, GenerationId, JournalEntry, JournalState, NewGeneration, PurchaseView, Seed, Sha256, Tag,
    TicketView, VoucherId, VouchersBought, WithdrawalView,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Field;
use super::claims::{Claim, Said};
use crate::studio::{Studio, sha256};
use crate::toss::Mishap;

const MISHAPS: [Mishap; 6] = [
    Mishap::AnswerLost,
    Mishap::NeverArrives,
    Mishap::FailsAfter,
    Mishap::FailsBefore,
    Mishap::Processing,
    Mishap::Declined,
];

/// What is known of a ticket: the newest attempt.
struct Ticket {
    generation: GenerationId,
    fence: u32,
    committed: bool,
}

/// A purchase and the payments that were agreed to for it.
struct Purchase {
    order: String,
    price: i64,
    payments: Vec<String>,
}

/// See above.
pub(super) struct Client {
    field: Arc<Field>,
    studio: Studio,
    rng: StdRng,
    http: reqwest::Client,
    keys: u32,
    tickets: Vec<Ticket>,
    vouchers: Vec<VoucherId>,
    head: Sha256,
    purchases: Vec<Purchase>,
    said: Said,
}

/// An answer.
struct Reply {
    status: u16,
    body: Value,
}

impl Reply {
    fn is<T: DeserializeOwned>(self) -> Option<T> {
        (200..300)
            .contains(&self.status)
            .then(|| serde_json::from_value(self.body).expect("the type that the contract names"))
    }
}

impl Client {
    pub(super) fn new(field: Arc<Field>, studio: Studio, rng: StdRng) -> Self {
        Self {
            said: Said::new(studio.user),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .build()
                .expect("a client"),
            field,
            studio,
            rng,
            keys: 0,
            tickets: Vec::new(),
            vouchers: Vec::new(),
            head: Sha256::new([0; 32]),
            purchases: Vec::new(),
        }
    }

    /// Goes on until there was enough. Gives what it was told.
    pub(super) async fn run(mut self) -> Said {
        while self.field.goes_on() {
            match self.rng.random_range(0..100) {
                0..24 => self.reserve().await,
                24..55 => self.advance().await,
                55..60 => self.buy_vouchers().await,
                60..67 => self.spend_voucher().await,
                67..71 => self.begin_purchase().await,
                71..77 => self.pay().await,
                77..81 => self.hint().await,
                81..83 => self.cancel_payment().await,
                83..86 => self.withdraw().await,
                86..90 => self.like().await,
                90..93 => self.follow().await,
                93..96 => self.comment().await,
                _ => self.look().await,
            }
        }
        self.said
    }

    /// Asks until there is an answer, always under the same key; or, when `may_give_up`, sometimes never learns what came of it.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>, may_give_up: bool) -> Option<Reply> {
        self.keys += 1;
        let key = format!("fire-{}", self.keys);
        loop {
            let base = self.field.base.read().await.clone();
            let mut request = self
                .http
                .request(method.clone(), format!("{base}{path}"))
                .bearer_auth(self.studio.person.token())
                .header("idempotency-key", &key)
                .header(
                    "tosspayments-webhook-transmission-id",
                    format!("{}-{}", self.studio.user, self.keys),
                );
            if let Some(body) = &body {
                request = request.json(body);
            }
            if let Some(reply) = answer(request).await {
                if reply.status == 500 {
                    eprintln!("{method} {path}: {}", reply.body);
                    self.field.defects.fetch_add(1, Ordering::Relaxed);
                }
                // Once in a while the answer comes, and gets lost here: the same is asked again.
                if reply.status != 503 && !self.rng.random_bool(0.03) {
                    self.field.operations.fetch_add(1, Ordering::Relaxed);
                    return Some(reply);
                }
            }
            if self.field.over.load(Ordering::Relaxed) || (may_give_up && self.rng.random_bool(0.2)) {
                self.field.operations.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(10..200))).await;
        }
    }

    async fn post(&mut self, path: &str, body: Value) -> Option<Reply> {
        self.ask(Method::POST, path, Some(body), true).await
    }

    async fn reserve(&mut self) {
        let (style, cost) = *self.field.styles.choose(&mut self.rng).expect("styles");
        let order = NewGeneration {
            style,
            tags: vec![Tag::parse(["sea", "sky", "ink"][self.rng.random_range(0..3)]).expect("English")],
            aspect_ratio: AspectRatio::Square,
            seed: None,
            parameters_sha256: sha256(b"parameters"),
            cost_tokens: cost.try_into().expect("not negative"),
        };
        let order = serde_json::to_value(order).expect("JSON");
        let Some(reply) = self.post("/generations", order).await else {
            self.said.reservations_unknown += 1;
            return;
        };
        if let Some(ticket) = reply.is::<TicketView>() {
            let generation = ticket.generation;
            self.said.reservations += 1;
            self.said.claims.push(Claim::Reserved(generation));
            self.tickets.push(Ticket {
                generation,
                fence: 0,
                committed: false,
            });
        }
    }

    /// The next step of a picture, or one that does not fit.
    async fn advance(&mut self) {
        if self.tickets.is_empty() {
            return self.reserve().await;
        }
        let index = self.rng.random_range(0..self.tickets.len());
        let (id, fence) = (self.tickets[index].generation, self.tickets[index].fence);
        let done = self.tickets[index].committed && self.rng.random_bool(0.7);
        let step = if done { 9 } else { self.rng.random_range(0..10) };
        let (step, body) = match step {
            0..4 if fence == 0 || step == 0 => ("attempts", json!({ "fence": fence + 1 })),
            0..7 => (
                "commit",
                json!({ "fence": fence, "ciphertext_sha256": sha256(b"sealed") }),
            ),
            7 => ("failures", json!({ "fence": fence, "reason": "out of memory" })),
            8 => ("void", json!({})),
            _ => ("complete", json!({})),
        };
        let Some(reply) = self.post(&format!("/generations/{id}/{step}"), body).await else {
            return;
        };
        match step {
            "attempts" => {
                if reply.status == 200 {
                    self.tickets[index].fence = fence + 1;
                } else if let Some(newest) = reply.body["details"]["newest"].as_u64() {
                    self.tickets[index].fence = u32::try_from(newest).expect("few");
                }
            }
            _ => {
                let Some(ticket) = reply.is::<TicketView>() else { return };
                self.said.claims.push(Claim::Ticket(id, ticket.state));
                self.tickets[index].committed = step == "commit";
                if step == "complete" || step == "void" {
                    self.tickets.swap_remove(index);
                }
            }
        }
    }

    async fn buy_vouchers(&mut self) {
        let (style, cost) = *self.field.styles.choose(&mut self.rng).expect("styles");
        let count = self.rng.random_range(1..4);
        let reply = self
            .post(
                "/vouchers",
                json!({ "style": style, "count": count, "cost_tokens": cost }),
            )
            .await;
        if let Some(bought) = reply.and_then(Reply::is::<VouchersBought>) {
            for voucher in bought.vouchers {
                self.said.claims.push(Claim::Voucher(voucher.id));
                self.vouchers.push(voucher.id);
            }
        }
    }

    /// One picture more in the journal of this device, brought until the server has it.
    async fn spend_voucher(&mut self) {
        let Some(voucher) = self.vouchers.pop() else {
            return self.buy_vouchers().await;
        };
        let mut entry = JournalEntry {
            voucher,
            tags: vec![Tag::parse("sea").expect("English")],
            aspect_ratio: AspectRatio::Square,
            seed: Seed::from(7),
            result_sha256: sha256(b"picture"),
            made_at: chrono::Utc::now(),
            previous: self.head,
            hash: self.head,
        };
        entry.hash = sha256(&entry.hashed_bytes());
        let body = json!({ "entries": [entry] });
        let Some(reply) = self.ask(Method::POST, "/vouchers/journal", Some(body), false).await else {
            return;
        };
        assert_eq!(reply.status, 200, "a chain without a gap: {}", reply.body);
        let Some(journal) = reply.is::<JournalState>() else {
            return;
        };
        self.head = journal.head;
        if let Some(generation) = journal.outcomes[0].generation {
            self.said.claims.push(Claim::Redeemed(voucher, generation));
        }
    }

    async fn begin_purchase(&mut self) {
        let tokens = *[100, 500, 1_000].choose(&mut self.rng).expect("three");
        let Some(reply) = self.post("/purchases", json!({ "tokens": tokens })).await else {
            self.said.purchases_unknown += 1;
            return;
        };
        if let Some(view) = reply.is::<PurchaseView>() {
            self.said.purchases += 1;
            self.said.claims.push(Claim::Purchase(view.id));
            // A repeat after a webhook may find it decided.
            let Some(url) = view.checkout_url else { return };
            self.purchases.push(Purchase {
                order: url.rsplit('/').next().expect("an order").to_owned(),
                price: view.price.parse().expect("whole won"),
                payments: Vec::new(),
            });
        }
    }

    /// Agrees in the provider's window, now and then to another amount, and comes back, now and then not.
    async fn pay(&mut self) {
        if self.purchases.is_empty() {
            return self.begin_purchase().await;
        }
        let index = self.rng.random_range(0..self.purchases.len());
        let purchase = &mut self.purchases[index];
        let price = if self.rng.random_bool(0.1) { 100 } else { purchase.price };
        let key = self.field.toss.agree(&purchase.order, price);
        purchase.payments.push(key.clone());
        let (order, price) = (purchase.order.clone(), purchase.price);
        if self.rng.random_bool(0.3) {
            self.field.toss.next(&[*MISHAPS.choose(&mut self.rng).expect("six")]);
        }
        if self.rng.random_bool(0.2) {
            return;
        }
        let path = format!("/checkout/{order}/agreed?paymentKey={key}&orderId={order}&amount={price}");
        let reply = self.ask(Method::GET, &path, None, true).await;
        if reply
            .is_some_and(|reply| reply.status == 200 && reply.body.as_str().is_some_and(|page| page.contains("Paid.")))
        {
            self.said.claims.push(Claim::Paid(order));
        }
    }

    fn payment(&mut self) -> Option<String> {
        let purchase = self.purchases.choose(&mut self.rng)?;
        purchase.payments.choose(&mut self.rng).cloned()
    }

    /// A webhook that says anything; the provider brings it until it is taken.
    async fn hint(&mut self) {
        let Some(key) = self.payment() else {
            return self.pay().await;
        };
        let status = ["READY", "IN_PROGRESS", "DONE", "CANCELED", "ABORTED", "EXPIRED"];
        let body = self
            .field
            .toss
            .webhook(&key, status.choose(&mut self.rng).expect("six"));
        let reply = self.ask(Method::POST, "/payments/webhook", Some(body), false).await;
        assert!(reply.is_none_or(|reply| reply.status == 200));
    }

    async fn cancel_payment(&mut self) {
        let Some(key) = self.payment() else {
            return self.pay().await;
        };
        let part = self.rng.random_range(1..4);
        if self.field.toss.give_back(&key, part) {
            let body = self.field.toss.webhook(&key, "CANCELED");
            let reply = self.ask(Method::POST, "/payments/webhook", Some(body), false).await;
            assert!(reply.is_none_or(|reply| reply.status == 200));
        }
    }

    async fn withdraw(&mut self) {
        let tokens = self.rng.random_range(1..20);
        let reply = self.post("/withdrawals", json!({ "tokens": tokens })).await;
        if let Some(view) = reply.and_then(Reply::is::<WithdrawalView>) {
            self.said.claims.push(Claim::Withdrawal(view.id));
        }
    }

    async fn like(&mut self) {
        let picture = *self.field.pictures.choose(&mut self.rng).expect("pictures");
        let liked = self.rng.random_bool(0.6);
        let method = if liked { Method::PUT } else { Method::DELETE };
        let reply = self
            .ask(method, &format!("/generations/{picture}/like"), None, true)
            .await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 200));
        self.said.likes.insert(picture, reply.map(|_| liked));
    }

    async fn follow(&mut self) {
        let artist = *self.field.artists.choose(&mut self.rng).expect("artists");
        if artist == self.studio.user {
            return;
        }
        let following = self.rng.random_bool(0.6);
        let method = if following { Method::PUT } else { Method::DELETE };
        let reply = self.ask(method, &format!("/users/{artist}/follow"), None, true).await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 200));
        self.said.follows.insert(artist, reply.map(|_| following));
    }

    /// Says something, or takes something back.
    async fn comment(&mut self) {
        if self.rng.random_bool(0.3)
            && let Some(comment) = self.said.comments.pop()
        {
            self.ask(Method::DELETE, &format!("/comments/{comment}"), None, true)
                .await;
            return;
        }
        let picture = *self.field.pictures.choose(&mut self.rng).expect("pictures");
        let reply = self
            .post(&format!("/generations/{picture}/comments"), json!({ "content": "!" }))
            .await;
        if let Some(view) = reply.and_then(Reply::is::<CommentView>) {
            self.said.comments.push(view.id);
        }
    }

    async fn look(&mut self) {
        let path = *[
            "/balance",
            "/transactions?limit=5",
            "/generations/mine?limit=5",
            "/purchases?limit=5",
        ]
        .choose(&mut self.rng)
        .expect("four");
        let reply = self.ask(Method::GET, path, None, true).await;
        assert!(reply.is_none_or(|reply| reply.status == 200), "{path}");
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Option<Reply> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let body = response.bytes().await.ok()?;
    let body =
        serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    Some(Reply { status, body })
}
