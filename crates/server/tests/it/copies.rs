//! A studio's copy of its user's things: who follows the feed has what who begins anew gets, and both have what the routes give.

use std::collections::BTreeMap;

use atelier_contract::{JournalEntry, JournalState, Sha256, VoucherId, VouchersBought};
use atelier_server::operators::withdrawal::{self, WithdrawalCommand};
use clap::Parser;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::signed_in;
use crate::harness::{House, Person};
use crate::money::{execute, seller, welcome, welcomed_studio};
use crate::shop::Shop;
use crate::studio::{Studio, png, sha256};

/// Things by kind and number.
type Things = BTreeMap<(String, i64), Value>;

/// What a studio keeps: made from the feed alone.
#[derive(Default)]
pub(crate) struct Kept {
    cursor: String,
    pub(crate) things: Things,
}

impl Kept {
    /// Takes over what changed since the last time.
    pub(crate) async fn follow(&mut self, person: &Person) {
        loop {
            let after = if self.cursor.is_empty() { "" } else { "&after=" };
            let page = person
                .get(&format!("/feed?limit=7{after}{}", self.cursor))
                .await
                .is(200);
            if page["restarted"] == true {
                self.things.clear();
            }
            for item in page["items"].as_array().expect("items") {
                self.take(item);
            }
            page["cursor"].as_str().expect("a cursor").clone_into(&mut self.cursor);
            if page["more"] != true {
                return;
            }
        }
    }

    fn take(&mut self, item: &Value) {
        let kind = item["kind"].as_str().expect("a kind").to_owned();
        let state = item["state"].clone();
        let id = if kind == "follow" { &state["user"] } else { &item["id"] };
        let thing = (kind, id.as_i64().unwrap_or_default());
        if state.is_null() || state["following"] == false || state["liked"] == false {
            self.things.remove(&thing);
        } else {
            self.things.insert(thing.clone(), of_the_user(&thing.0, state));
        }
    }
}

/// How many like it besides is not the user's, and is told to nobody but its maker.
fn of_the_user(kind: &str, mut state: Value) -> Value {
    if kind == "like" {
        state.as_object_mut().expect("an object").remove("like_count");
    }
    state
}

/// All that is in a list; nothing in one that is not for this person.
async fn all(person: &Person, path: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let reply = person.get(&format!("{path}?limit=100{after}")).await;
        if reply.status == 403 {
            return items;
        }
        let page = reply.is(200);
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

/// What the routes give.
async fn shown(house: &House, person: &Person) -> Things {
    let mut things = Things::new();
    for (kind, path) in [("balance", "/balance"), ("earnings", "/earnings")] {
        let reply = person.get(path).await;
        if reply.status != 403 {
            things.insert((kind.to_owned(), 0), reply.is(200));
        }
    }
    for (kind, path) in [
        ("generation", "/generations/mine"),
        ("style", "/styles/mine"),
        ("notification", "/notifications"),
        ("purchase", "/purchases"),
        ("voucher", "/vouchers"),
        ("withdrawal", "/withdrawals"),
    ] {
        for item in all(person, path).await {
            let id = item["id"].as_i64().expect("a number");
            let state = match kind {
                "style" => person.get(&format!("/styles/{id}")).await.is(200),
                _ => item,
            };
            things.insert((kind.to_owned(), id), state);
        }
    }
    for followed in all(person, &format!("/users/{}/following", person.id())).await {
        let user = followed["user"].as_i64().expect("a number");
        things.insert(("follow".to_owned(), user), json!({ "user": user, "following": true }));
    }
    for (kind, ids, path) in [
        ("like", "SELECT id FROM generations", ("/generations/", "/like")),
        (
            "comment",
            "SELECT id FROM comments WHERE user_id = $1",
            ("/comments/", ""),
        ),
    ] {
        let ids: Vec<i64> = match kind {
            "like" => sqlx::query_scalar(ids).fetch_all(house.pool()).await,
            _ => {
                sqlx::query_scalar(ids)
                    .bind(person.id().get())
                    .fetch_all(house.pool())
                    .await
            }
        }
        .expect("numbers");
        for id in ids {
            let reply = person.get(&format!("{}{id}{}", path.0, path.1)).await;
            if reply.status == 200 && reply.body["liked"] != false {
                things.insert((kind.to_owned(), id), of_the_user(kind, reply.body));
            }
        }
    }
    things
}

/// The copy that was kept up, one that is made anew, and the routes say the same.
async fn agree(house: &House, person: &Person, kept: &mut Kept, when: &str) {
    kept.follow(person).await;
    let mut fresh = Kept::default();
    fresh.follow(person).await;
    let shown = shown(house, person).await;
    same(&kept.things, &fresh.things, &format!("kept up and made anew, {when}"));
    same(&fresh.things, &shown, &format!("made anew and shown, {when}"));
}

fn same(one: &Things, other: &Things, what: &str) {
    let differ: Vec<_> = one
        .keys()
        .chain(other.keys())
        .filter(|thing| one.get(*thing) != other.get(*thing))
        .map(|thing| (thing, one.get(thing), other.get(thing)))
        .collect();
    assert!(differ.is_empty(), "{what}: {differ:#?}");
}

/// The feed told of tokens what the routes say.
async fn knows(kept: &mut Kept, person: &Person, after: &str) {
    kept.follow(person).await;
    for (kind, path) in [("balance", "/balance"), ("earnings", "/earnings")] {
        let reply = person.get(path).await;
        if reply.status != 403 {
            let told = kept.things.get(&(kind.to_owned(), 0));
            assert_eq!(told, Some(&reply.is(200)), "{kind} after {after}");
        }
    }
}

fn entry(voucher: VoucherId) -> JournalEntry {
    let nothing = Sha256::new([0; 32]);
    let mut entry = JournalEntry {
        voucher,
        tags: vec![atelier_contract::Tag::parse("sea").expect("English")],
        aspect_ratio: atelier_contract::AspectRatio::Square,
        seed: 7.into(),
        result_sha256: sha256(b"picture"),
        made_at: chrono::Utc::now(),
        previous: nothing,
        hash: nothing,
    };
    entry.hash = sha256(&entry.hashed_bytes());
    entry
}

async fn decide(house: &House, what: &str, id: &Value) {
    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: WithdrawalCommand,
    }
    let line = [
        "withdrawal",
        what,
        &id.to_string(),
        "--reason",
        "looked at",
        "--operator",
        "ada",
    ];
    let line = Line::try_parse_from(line).expect("a command");
    withdrawal::run(&house.app, line.command).await.expect("decided");
}

#[tokio::test]
async fn every_move_of_tokens_is_told_to_whose_they_are() {
    let shop = Shop::new().await;
    let house = &shop.house;
    let (ada, _) = signed_in(house, "ada").await;
    knows(&mut Kept::default(), &ada, "the welcome bonus").await;

    let (artist, style) = seller(house, 5).await;
    welcome(house, artist.user).await;
    let buyer = welcomed_studio(house, "bea").await;
    let (mut sold, mut bought) = (Kept::default(), Kept::default());
    let id = buyer.reserve(style, 5).await.generation;
    knows(&mut bought, &buyer.person, "a reservation").await;
    buyer
        .post(&format!("/generations/{id}/void"), json!({}))
        .await
        .is::<Value>();
    knows(&mut bought, &buyer.person, "a ticket given back").await;
    let id = buyer.reserve(style, 5).await.generation;
    for fence in 1..=3 {
        buyer.begin(id, fence).await.is::<Value>();
        buyer.fail(id, fence).await.is::<Value>();
    }
    knows(&mut bought, &buyer.person, "three failures").await;
    buyer.reserve(style, 5).await;
    execute(house, "UPDATE tickets SET expires_at = now() WHERE state = 'reserved'").await;
    house.sweep().await;
    knows(&mut bought, &buyer.person, "a reservation that ran out").await;
    let id = buyer.reserve(style, 5).await.generation;
    buyer.begin(id, 1).await.is::<Value>();
    buyer.commit(id, 1).await.is::<Value>();
    knows(&mut bought, &buyer.person, "a payment").await;
    house.sweep().await;
    knows(&mut sold, &artist.person, "a sale").await;

    let order = json!({ "style": style, "count": 2, "cost_tokens": 5 });
    let vouchers: VouchersBought = buyer.post("/vouchers", order).await.is();
    knows(&mut bought, &buyer.person, "vouchers").await;
    let journal = json!({ "entries": [entry(vouchers.vouchers[0].id)] });
    buyer.post("/vouchers/journal", journal).await.is::<JournalState>();
    knows(&mut bought, &buyer.person, "a voucher that was spent").await;
    execute(house, "UPDATE vouchers SET expires_at = now() - interval '8 days'").await;
    house.sweep().await;
    knows(&mut bought, &buyer.person, "a voucher that came back").await;
    knows(&mut sold, &artist.person, "a voucher that was spent").await;

    execute(house, "UPDATE earnings SET earned_at = earned_at - interval '8 days'").await;
    house.sweep().await;
    knows(&mut sold, &artist.person, "a settlement").await;
    for decision in ["reject", "pay"] {
        let asked: Value = artist.post("/withdrawals", json!({ "tokens": 10 })).await.is();
        knows(&mut sold, &artist.person, "a withdrawal").await;
        decide(house, decision, &asked["id"]).await;
        knows(&mut sold, &artist.person, decision).await;
    }

    let mut paid = Kept::default();
    let (purchase, _) = shop.buy(100).await;
    knows(&mut paid, &shop.buyer, "a purchase").await;
    let (purchase, user) = (purchase.view.id.to_string(), shop.buyer.id().to_string());
    for words in [&["purchase", &purchase], &["give", &user, "7"], &["take", &user, "3"]] as [&[&str]; 3] {
        shop.operator(words).await.expect("done");
        knows(&mut paid, &shop.buyer, words[0]).await;
    }
}

/// Two people who do whatever comes to mind.
struct Drawn {
    rng: StdRng,
    house: House,
    people: [Studio; 2],
    style: i64,
}

impl Drawn {
    async fn id(&mut self, query: &'static str) -> i64 {
        let ids: Vec<i64> = sqlx::query_scalar(query)
            .fetch_all(self.house.pool())
            .await
            .expect("numbers");
        ids.choose(&mut self.rng).copied().unwrap_or(1)
    }

    /// Does one thing. What is refused is refused.
    async fn act(&mut self) {
        let one = usize::from(self.rng.random_bool(0.5));
        let (studio, other) = (self.people[one].clone(), self.people[1 - one].user);
        let buyer = self.people[1].clone();
        let picture = self.id("SELECT id FROM generations").await;
        let comment = self.id("SELECT id FROM comments").await;
        let on = self.rng.random_bool(0.6);
        let method = if on { Method::PUT } else { Method::DELETE };
        match self.rng.random_range(0..19) {
            0 => drop(
                buyer
                    .post("/generations", Studio::order(self.sold(), 5, &["sea"]))
                    .await,
            ),
            1 => drop(buyer.begin(self.ticket("reserved").await, 1).await),
            2 => drop(buyer.commit(self.ticket("released").await, 1).await),
            3 => drop(buyer.complete(self.ticket("committed").await).await),
            4 => drop(buyer.fail(self.ticket("released").await, 1).await),
            5 => drop(buyer.post(&format!("/generations/{picture}/void"), json!({})).await),
            6 => {
                let progress =
                    json!({ "progress_percent": 5, "current_step": 1, "total_steps": 20, "last_updated": "now" });
                let progress = json!({ "fence": 1, "progress": progress });
                let id = self.ticket("released").await;
                drop(buyer.put(&format!("/generations/{id}/lease"), progress).await);
            }
            7 => {
                let upload = studio.upload("picture", &png(7)).await;
                let change = json!({ "result": upload, "is_public": true });
                drop(studio.patch(&format!("/generations/{picture}"), change).await);
            }
            8 => drop(
                studio
                    .patch(&format!("/generations/{picture}"), json!({ "is_public": on }))
                    .await,
            ),
            9 | 10 => {
                let path = format!("/generations/{picture}/like");
                drop(studio.send(method, &path, Some(&json!({}))).await);
            }
            11 => {
                let parent = (!on).then_some(comment);
                let said = json!({ "content": "so", "parent": parent });
                drop(studio.post(&format!("/generations/{picture}/comments"), said).await);
            }
            12 => drop(
                studio
                    .patch(&format!("/comments/{comment}"), json!({ "content": "or so" }))
                    .await,
            ),
            13 => drop(studio.delete(&format!("/comments/{comment}")).await),
            14 => drop(
                studio
                    .send(method, &format!("/users/{other}/follow"), Some(&json!({})))
                    .await,
            ),
            15 => {
                let told = self.id("SELECT id FROM notifications").await;
                drop(studio.post("/notifications/read", json!({ "until": told })).await);
            }
            16 => {
                let order = json!({ "style": self.style, "count": 2, "cost_tokens": 5 });
                drop(buyer.post("/vouchers", order).await);
                drop(buyer.post("/purchases", json!({ "tokens": 100 })).await);
            }
            17 => {
                let artist = self.people[0].clone();
                let artwork = self.id("SELECT id FROM artworks").await;
                let valid = json!({ "is_valid": on });
                drop(artist.patch(&format!("/artworks/{artwork}"), valid).await);
                drop(artist.post("/withdrawals", json!({ "tokens": 3 })).await);
            }
            _ => self.time_passes().await,
        }
    }

    fn sold(&self) -> atelier_contract::StyleId {
        self.style.try_into().expect("an id")
    }

    async fn ticket(&mut self, state: &'static str) -> atelier_contract::GenerationId {
        let ids: Vec<i64> = sqlx::query_scalar("SELECT generation_id FROM tickets WHERE state = $1")
            .bind(state)
            .fetch_all(self.house.pool())
            .await
            .expect("numbers");
        let id = ids.choose(&mut self.rng).copied().unwrap_or(1);
        id.try_into().expect("an id")
    }

    async fn time_passes(&mut self) {
        for statement in [
            "UPDATE earnings SET earned_at = earned_at - interval '8 days' WHERE settlement_id IS NULL",
            "UPDATE tickets SET expires_at = now() WHERE state = 'reserved' AND random() < 0.3",
            "UPDATE vouchers SET expires_at = now() - interval '8 days' WHERE state = 'held' AND random() < 0.3",
            "UPDATE notifications SET created_at = created_at - interval '31 days' WHERE is_read AND random() < 0.5",
            "UPDATE feed_entries SET changed_at = changed_at - interval '91 days' WHERE random() < 0.3",
        ] {
            execute(&self.house, statement).await;
        }
        self.house.sweep().await;
    }
}

#[tokio::test]
async fn a_copy_is_what_the_routes_give_whatever_two_people_did() {
    let seed = std::env::var("COPY_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a number"));
    eprintln!("COPY_SEED={seed}");
    let house = House::new().await;
    let (artist, style) = seller(&house, 5).await;
    let buyer = welcomed_studio(&house, "bo").await;
    welcome(&house, artist.user).await;
    for _ in 0..2 {
        let picture = buyer.make(style, 5, &["sea"]).await;
        buyer.publish(picture).await;
    }
    let made = json!({ "style": style, "tags": ["sea"], "seed": "7" });
    artist.post("/generations/made", made).await.is::<Value>();
    let mut drawn = Drawn {
        rng: StdRng::seed_from_u64(seed),
        house,
        people: [artist, buyer],
        style: style.get(),
    };
    let mut kept = [Kept::default(), Kept::default()];
    for round in 0..8 {
        for _ in 0..20 {
            drawn.act().await;
            // Now and then one looks in between, and has half of it when the rest comes.
            let one = usize::from(drawn.rng.random_bool(0.5));
            if drawn.rng.random_bool(0.3) {
                kept[one].follow(&drawn.people[one].person).await;
            }
        }
        drawn.house.sweep().await;
        for (studio, kept) in drawn.people.iter().zip(&mut kept) {
            agree(&drawn.house, &studio.person, kept, &format!("round {round} of {seed}")).await;
        }
    }
}

#[tokio::test]
async fn who_likes_or_said_something_is_told_when_it_is_hidden_and_shown_again() {
    let house = House::new().await;
    let (artist, style) = seller(&house, 5).await;
    let buyer = welcomed_studio(&house, "bo").await;
    let picture = buyer.make(style, 5, &["sea"]).await;
    buyer.publish(picture).await;
    artist
        .put(&format!("/generations/{picture}/like"), json!({}))
        .await
        .is::<Value>();
    let said = json!({ "content": "fine" });
    artist
        .post(&format!("/generations/{picture}/comments"), said)
        .await
        .is::<Value>();
    let mut kept = Kept::default();
    let has = |kept: &Kept, kind: &str| kept.things.keys().any(|(of, _)| of == kind);
    for shown in [true, false, true] {
        let change = json!({ "is_public": shown });
        buyer
            .patch(&format!("/generations/{picture}"), change)
            .await
            .is::<Value>();
        house.sweep().await;
        kept.follow(&artist.person).await;
        assert_eq!((has(&kept, "like"), has(&kept, "comment")), (shown, shown));
    }
    // Its maker learns how many like it.
    let mut own = Kept::default();
    own.follow(&buyer.person).await;
    let generation = ("generation".to_owned(), picture.get());
    assert_eq!(own.things[&generation]["like_count"], 1);
    assert_eq!(own.things[&generation]["comment_count"], 1);
    artist
        .delete(&format!("/generations/{picture}/like"))
        .await
        .is::<Value>();
    house.sweep().await;
    own.follow(&buyer.person).await;
    assert_eq!(own.things[&generation]["like_count"], 0);
}

#[tokio::test]
async fn whoever_shows_and_hides_what_many_like_notes_it_once_and_all_are_told_later() {
    let house = House::new().await;
    let (_, style) = seller(&house, 5).await;
    let buyer = welcomed_studio(&house, "bo").await;
    let picture = buyer.make(style, 5, &["sea"]).await;
    buyer.publish(picture).await;
    house.sweep().await;
    let crowd = "WITH crowd AS (
                     INSERT INTO users (username, provider, provider_user_id)
                     SELECT 'fan' || n, 'test', 'fan' || n FROM generate_series(1, 12000) AS n
                  RETURNING id
                 ), liked AS (
                     INSERT INTO likes (user_id, generation_id) SELECT id, $1 FROM crowd
                 )
                 INSERT INTO comments (user_id, generation_id, content) SELECT id, $1, 'fine' FROM crowd ORDER BY id LIMIT 3";
    sqlx::query(crowd)
        .bind(picture)
        .execute(house.pool())
        .await
        .expect("many");
    let count = async |query: &'static str| -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(house.pool())
            .await
            .expect("counted")
    };
    let path = format!("/generations/{picture}");
    for shown in [false, true, false] {
        buyer.patch(&path, json!({ "is_public": shown })).await.is::<Value>();
    }
    assert_eq!(count("SELECT count(*) FROM feed_changes").await, 0);
    assert_eq!(count("SELECT count(*) FROM shown_changes").await, 3);
    house.sweep().await;
    assert_eq!(
        count("SELECT (SELECT count(*) FROM feed_changes) + (SELECT count(*) FROM shown_changes)").await,
        0
    );
    assert_eq!(
        count("SELECT count(*) FROM feed_entries WHERE kind = 'like'").await,
        12_000
    );
    assert_eq!(
        count("SELECT count(*) FROM feed_entries WHERE kind = 'comment'").await,
        3
    );
    // Once each, however often it was shown and hidden before they were told.
    assert_eq!(
        count("SELECT max(seq) FROM user_feed JOIN users ON id = user_id WHERE username LIKE 'fan%'").await,
        2
    );
}
