//! Paid generations on machines that nobody can trust.

use atelier_contract::{
    Attempt, GenerationView, JournalEntry, JournalState, Page, Seed, Sha256, TicketClaims, TicketState, TicketView,
    VoucherView, VouchersBought,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::House;
use crate::studio::{Studio, lora, png, seal, sha256, unseal};

/// A style at five tokens, and a user with a hundred.
async fn shop() -> (House, Studio, Studio, atelier_contract::StyleId) {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 100).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    (house, artist, user, style)
}

async fn number(house: &House, query: &'static str) -> i64 {
    sqlx::query_scalar(query)
        .fetch_one(house.pool())
        .await
        .expect("it is there")
}

#[tokio::test]
async fn a_reservation_takes_tokens_once_and_gives_a_signed_ticket() {
    let (house, _, user, style) = shop().await;
    let order = Studio::order(style, 5, &["sea"]);
    let first = user.send_as("one", Method::POST, "/generations", Some(&order)).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = user.send_as("one", Method::POST, "/generations", Some(&order)).await;
    assert_eq!(first.body, again.body);
    assert_eq!(user.balance(&house).await, 95);
    let other = Studio::order(style, 5, &["sky"]);
    let reused = user.send_as("one", Method::POST, "/generations", Some(&other)).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    let ticket: TicketView = first.is();
    let (json, signature) = ticket.ticket.split_once('.').expect("it is there");
    let json = URL_SAFE_NO_PAD.decode(json).expect("it is there");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("it is there");
    assert!(
        house
            .app
            .signer
            .signed(&[b"atelier ticket\0".as_slice(), &json].concat(), &signature)
    );
    assert!(
        !house
            .app
            .signer
            .signed(&[b"atelier receipt\0".as_slice(), &json].concat(), &signature)
    );
    let claims: TicketClaims = serde_json::from_slice(&json).expect("it is there");
    assert_eq!(
        (claims.generation, claims.user, claims.cost_tokens.get()),
        (ticket.generation, user.user, 5)
    );
}

#[tokio::test]
async fn a_refused_reservation_leaves_the_balance_alone() {
    let (house, artist, _, style) = shop().await;
    let poor = Studio::new(&house, "poor", "user", 4).await;
    assert_eq!(
        poor.post("/generations", Studio::order(style, 5, &[])).await.code(),
        "not_enough_tokens"
    );
    assert_eq!(
        poor.post("/generations", Studio::order(style, 4, &[])).await.code(),
        "price_differs"
    );
    assert_eq!(
        artist.post("/generations", Studio::order(style, 5, &[])).await.code(),
        "request_invalid"
    );
    artist.delete(&format!("/styles/{style}/terms")).await.is::<Value>();
    assert_eq!(
        poor.post("/generations", Studio::order(style, 5, &[])).await.code(),
        "style_unknown"
    );
    assert_eq!(poor.balance(&house).await, 4);
    assert_eq!(number(&house, "SELECT count(*) FROM generations").await, 0);
    assert_eq!(
        number(
            &house,
            "SELECT count(*) FROM idempotency_keys WHERE route = 'POST /generations'"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_picture_is_made_paid_and_opened() {
    let (house, _, user, style) = shop().await;
    let ticket = user.reserve(style, 5).await;
    let id = ticket.generation;
    assert_eq!(user.commit(id, 1).await.code(), "ticket_moved");
    let attempt: Attempt = user.begin(id, 1).await.is();
    assert_eq!(
        user.begin(id, 1).await.is::<Attempt>().ticket.fence,
        1,
        "a repeat is the same attempt"
    );
    assert_eq!(user.open(&attempt.package).await, lora());
    let progress = json!({ "progress_percent": 75, "current_step": 38, "total_steps": 50, "last_updated": "2025-01-15T12:00:05Z" });
    let beat = json!({ "fence": 1, "progress": progress });
    user.put(&format!("/generations/{id}/lease"), beat)
        .await
        .is::<TicketView>();
    let view: GenerationView = user.get(&format!("/generations/{id}")).await.is();
    assert_eq!(view.status.as_str(), "processing");
    assert_eq!(view.generation_progress.map(|progress| progress.current_step), Some(38));
    let sealed = seal(&attempt.seal_to, b"a picture");
    let commit = json!({ "fence": 1, "ciphertext_sha256": sha256(&sealed) });
    let path = format!("/generations/{id}/commit");
    let paid: TicketView = user.post(&path, &commit).await.is();
    let key = paid.opening_key.expect("paid");
    assert_eq!(
        unseal(&key, &sealed, b"atelier result", b"").as_deref(),
        Some(b"a picture".as_slice())
    );
    assert_eq!(
        user.post(&path, &commit).await.is::<TicketView>(),
        paid,
        "a repeat pays nothing"
    );
    let other = json!({ "fence": 1, "ciphertext_sha256": sha256(b"another") });
    assert_eq!(user.post(&path, &other).await.code(), "ticket_moved");
    assert_eq!(
        user.begin(id, 1).await.is::<Attempt>().ticket.state,
        TicketState::Committed,
        "a free re-run"
    );
    assert_eq!(
        user.post(&format!("/generations/{id}/void"), json!({})).await.code(),
        "ticket_moved"
    );
    user.complete(id).await.is::<TicketView>();
    let done: TicketView = user.complete(id).await.is();
    assert_eq!((done.state, done.receipt), (TicketState::Completed, paid.receipt));
    assert_eq!(user.balance(&house).await, 95);
    assert_eq!(
        number(&house, "SELECT count(*) FROM transactions WHERE status = 'completed'").await,
        1
    );
    assert_eq!(
        number(
            &house,
            "SELECT count(*) FROM notifications WHERE type = 'generation_complete'"
        )
        .await,
        1
    );
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    assert_eq!(number(&house, "SELECT usage_count::bigint FROM styles").await, 1);
}

#[tokio::test]
async fn another_device_and_an_older_attempt_are_told_so() {
    let (house, artist, user, style) = shop().await;
    let ticket = user.reserve(style, 5).await;
    let id = ticket.generation;
    let elsewhere = user.elsewhere(&house).await;
    assert_eq!(elsewhere.begin(id, 1).await.code(), "device_elsewhere");
    assert_eq!(artist.begin(id, 1).await.code(), "generation_unknown");
    user.begin(id, 1).await.is::<Attempt>();
    user.begin(id, 2).await.is::<Attempt>();
    assert_eq!(user.commit(id, 1).await.code(), "attempt_stale");
    assert_eq!(
        user.put(&format!("/generations/{id}/lease"), json!({ "fence": 1 }))
            .await
            .code(),
        "attempt_stale"
    );
    assert_eq!(user.begin(id, 1).await.code(), "attempt_stale");
    let view: GenerationView = user.get(&format!("/generations/{id}")).await.is();
    assert_eq!(view.status.as_str(), "retrying");
    user.commit(id, 2).await.is::<TicketView>();
}

#[tokio::test]
async fn three_failures_are_paid_back_within_a_budget_and_then_reviewed() {
    let (house, _, user, style) = shop().await;
    for round in 0..4 {
        let id = user.reserve(style, 5).await.generation;
        for fence in 1..=3 {
            user.begin(id, fence).await.is::<Attempt>();
            let once: TicketView = user.fail(id, fence).await.is();
            assert_eq!(
                user.fail(id, fence).await.is::<TicketView>(),
                once,
                "a repeat is no failure more"
            );
        }
        let ticket: TicketView = user.get(&format!("/generations/{id}/ticket")).await.is();
        if round < 3 {
            assert_eq!(ticket.state, TicketState::Voided);
            assert_eq!(user.begin(id, 4).await.code(), "ticket_moved");
            let publish = user
                .patch(&format!("/generations/{id}"), json!({ "is_public": true }))
                .await;
            assert_eq!(
                publish.code(),
                "generation_not_showable",
                "what was paid back is never shown"
            );
        } else {
            assert_eq!(ticket.state, TicketState::Review);
            assert_eq!(user.balance(&house).await, 95);
            user.begin(id, 4).await.is::<Attempt>();
            user.commit(id, 4).await.is::<TicketView>();
        }
    }
    assert_eq!(user.balance(&house).await, 95);
    assert_eq!(
        number(
            &house,
            "SELECT count(*) FROM notifications WHERE type = 'generation_failed'"
        )
        .await,
        3
    );
}

#[tokio::test]
async fn only_what_was_paid_buys_refunds_without_a_look() {
    let (house, _, user, style) = shop().await;
    let paid = user.make(style, 5, &["sea"]).await;
    let give_up = async || {
        let id = user.reserve(style, 5).await.generation;
        user.begin(id, 1).await.is::<Attempt>();
        let given: TicketView = user.post(&format!("/generations/{id}/void"), json!({})).await.is();
        given.state
    };
    let execute = async |query: &'static str| {
        let query = sqlx::query(query).bind(paid.get()).execute(house.pool());
        query.await.expect("the database answers");
    };
    execute(
        "INSERT INTO generations (user_id, style_id, status)
         SELECT user_id, style_id, 'completed' FROM generations, generate_series(1, 80) WHERE id = $1",
    )
    .await;
    for _ in 0..80 {
        let id = user.reserve(style, 5).await.generation;
        let never_begun: TicketView = user.post(&format!("/generations/{id}/void"), json!({})).await.is();
        assert_eq!(never_begun.state, TicketState::Voided);
    }
    for _ in 0..3 {
        assert_eq!(give_up().await, TicketState::Voided);
    }
    assert_eq!(
        give_up().await,
        TicketState::Review,
        "neither free nor given back counts"
    );
    execute(
        "WITH made AS (
             INSERT INTO generations (user_id, style_id, status)
             SELECT user_id, style_id, 'completed' FROM generations, generate_series(1, 79) WHERE id = $1
          RETURNING id
         )
         INSERT INTO tickets (generation_id, user_id, style_version_id, device_key, cost_tokens, state, seal_public, seal_secret,
                              ticket, ciphertext_sha256, receipt, expires_at, committed_at)
         SELECT made.id, user_id, style_version_id, device_key, cost_tokens, state, seal_public, seal_secret, ticket,
                ciphertext_sha256, receipt, expires_at, committed_at
           FROM made, tickets
          WHERE generation_id = $1",
    )
    .await;
    assert_eq!(give_up().await, TicketState::Voided, "eighty paid ones buy four");
    assert_eq!(give_up().await, TicketState::Review);
}

#[tokio::test]
async fn styles_paid_ahead_and_never_used_are_only_so_many() {
    let house = House::with(|config| config.styles_per_artist_max = 9).await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let user = Studio::new(&house, "bo", "user", 1_000).await;
    let mut styles = Vec::new();
    for n in 0..5 {
        styles.push(artist.style(&format!("Ink {n}"), &["ink"], 5).await);
    }
    let buy = async |n: usize| {
        let order = json!({ "style": styles[n], "count": 1, "cost_tokens": 5 });
        user.post("/vouchers", order).await
    };
    let execute = async |query: &'static str| {
        let query = sqlx::query(query).execute(house.pool());
        query.await.expect("the database answers");
    };
    for n in 0..3 {
        buy(n).await.is::<VouchersBought>();
    }
    assert_eq!(buy(3).await.code(), "number_out_of_range");
    assert_eq!(user.balance(&house).await, 985, "what is refused costs nothing");
    buy(0).await.is::<VouchersBought>();
    execute("UPDATE vouchers SET expires_at = now() - interval '8 days'").await;
    house.sweep().await;
    assert_eq!(user.balance(&house).await, 1_000, "what was not used is paid back");
    assert_eq!(buy(3).await.code(), "number_out_of_range");
    // One of them is used after all.
    let again: VouchersBought = buy(0).await.is();
    let push = json!({ "entries": journal(&again.vouchers) });
    let state: JournalState = user.post("/vouchers/journal", push).await.is();
    assert!(state.outcomes[0].generation.is_some());
    buy(3).await.is::<VouchersBought>();
    assert_eq!(buy(4).await.code(), "number_out_of_range");
    execute("UPDATE vouchers SET created_at = created_at - interval '31 days' WHERE state = 'returned'").await;
    buy(4).await.is::<VouchersBought>();
}

#[tokio::test]
async fn what_runs_out_is_paid_back_by_itself() {
    let (house, _, user, style) = shop().await;
    let never_begun = user.reserve(style, 5).await.generation;
    let silent = user.reserve(style, 5).await.generation;
    user.begin(silent, 1).await.is::<Attempt>();
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    assert_eq!(user.balance(&house).await, 90);
    sqlx::query("UPDATE tickets SET expires_at = now() - interval '1 s', lease_until = lease_until - interval '1 h', first_started_at = first_started_at - interval '25 h'")
        .execute(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(user.begin(never_begun, 1).await.code(), "ticket_moved");
    let both = tokio::join!(
        atelier_server::sweeps::run_all(&house.app),
        atelier_server::sweeps::run_all(&house.app)
    );
    both.0.expect("it is there");
    both.1.expect("it is there");
    // The step that was refused lets go of its ticket only after its answer: then the next run takes it.
    for _ in 0..100 {
        if user.balance(&house).await == 100 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        house.sweep().await;
    }
    assert_eq!(user.balance(&house).await, 100);
    assert_eq!(
        number(&house, "SELECT count(*) FROM tickets WHERE state = 'voided'").await,
        2
    );
    assert_eq!(
        number(&house, "SELECT count(*) FROM tickets WHERE void_counts").await,
        1
    );
}

#[tokio::test]
async fn a_hold_goes_one_way_only() {
    let (house, _, user, style) = shop().await;
    for _ in 0..8 {
        let id = user.reserve(style, 5).await.generation;
        user.begin(id, 1).await.is::<Attempt>();
        let mut tries = Vec::new();
        for turn in 0..12 {
            let user = user.clone();
            tries.push(tokio::spawn(async move {
                if turn % 2 == 0 {
                    user.commit(id, 1).await.status
                } else {
                    user.post(&format!("/generations/{id}/void"), json!({})).await.status
                }
            }));
        }
        for answer in tries {
            let status = answer.await.expect("no panic");
            assert!(status.is_success() || status == StatusCode::CONFLICT, "{status}");
        }
    }
    let both = "SELECT count(*) FROM transactions AS paid JOIN transactions AS back USING (related_generation_id)
                 WHERE paid.status = 'completed' AND NOT paid.refunded AND paid.sender_id = (SELECT id FROM users WHERE username = 'bo')
                   AND back.refunded";
    assert_eq!(number(&house, both).await, 0);
    let paid = number(&house, "SELECT count(*) FROM tickets WHERE state = 'committed'").await;
    let review = number(&house, "SELECT count(*) FROM tickets WHERE state = 'review'").await;
    assert_eq!(user.balance(&house).await, 100 - 5 * (paid + review));
}

#[tokio::test]
async fn two_hundred_users_reserve_at_once() {
    let (house, _, _, style) = shop().await;
    let mut users = Vec::new();
    for n in 0..200 {
        users.push(Studio::new(&house, &format!("user{n}"), "user", 7).await);
    }
    let tries = users.into_iter().map(|user| {
        tokio::spawn(async move {
            let first = user
                .post("/generations", Studio::order(style, 5, &["sea", "sky"]))
                .await
                .status;
            (
                first,
                user.post("/generations", Studio::order(style, 5, &["sky", "sea"]))
                    .await
                    .status,
            )
        })
    });
    for answer in tries.collect::<Vec<_>>() {
        assert_eq!(
            answer.await.expect("no panic"),
            (StatusCode::CREATED, StatusCode::PAYMENT_REQUIRED)
        );
    }
    assert_eq!(
        number(
            &house,
            "SELECT sum(token_balance)::bigint FROM users WHERE username LIKE 'user%'"
        )
        .await,
        400
    );
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    assert_eq!(
        number(&house, "SELECT usage_count::bigint FROM tags WHERE name = 'sea'").await,
        200
    );
}

#[tokio::test]
async fn a_picture_is_shown_only_by_its_maker_and_only_when_it_is_there() {
    let (house, artist, user, style) = shop().await;
    let id = user.make(style, 5, &["sea", "night sky"]).await;
    let path = format!("/generations/{id}");
    assert_eq!(artist.get(&path).await.code(), "generation_unknown");
    let show = json!({ "is_public": true });
    assert_eq!(artist.patch(&path, &show).await.code(), "generation_unknown");
    assert_eq!(user.patch(&path, &show).await.code(), "generation_not_showable");
    user.publish(id).await;
    let seen: GenerationView = artist.get(&path).await.is();
    assert_eq!((seen.seed, seen.consumed_tokens), (None, None));
    let url = seen.result_url.expect("uploaded");
    assert!(artist.bytes(&url).await.starts_with(b"\x89PNG"));
    let second = user.upload("picture", &png(9)).await;
    assert_eq!(
        user.patch(&path, json!({ "result": second })).await.code(),
        "generation_not_showable"
    );
    let found = async |query: &str| {
        let page: Page<GenerationView> = artist.get(&format!("/generations?{query}")).await.is();
        page.items.len()
    };
    for query in [
        "",
        "tags=sea",
        "tags=sea,night%20sky",
        "sort=popular",
        "sort=popular&tags=sea",
    ] {
        assert_eq!(found(query).await, 1, "{query}");
    }
    assert_eq!(found(&format!("style={style}&user={}&tags=sea", user.user)).await, 1);
    assert_eq!(found("tags=sea,ink").await, 0);
    assert_eq!(found(&format!("user={}", artist.user)).await, 0);
    user.patch(&path, json!({ "is_public": false }))
        .await
        .is::<GenerationView>();
    assert_eq!(found("tags=sea").await, 0);
    user.patch(&path, &show).await.is::<GenerationView>();
    assert_eq!(found("tags=sea").await, 1);
    sqlx::query("UPDATE users SET is_active = FALSE WHERE id = $1")
        .bind(user.user)
        .execute(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(found("tags=sea").await, 0);
    assert_eq!(artist.get(&path).await.code(), "generation_unknown");
}

#[tokio::test]
async fn the_best_liked_come_first_and_mine_are_filtered() {
    let (house, _, user, style) = shop().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let id = user.make(style, 5, &["sea", &format!("tag {n}")]).await;
        user.publish(id).await;
        ids.push(id);
    }
    sqlx::query("UPDATE generations SET like_count = 9 WHERE id = $1")
        .bind(ids[0])
        .execute(house.pool())
        .await
        .expect("the database answers");
    user.reserve(style, 5).await;
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    let list = async |path: &str| -> Vec<_> {
        let page: Page<GenerationView> = user.get(path).await.is();
        page.items.into_iter().map(|view| view.id).collect()
    };
    assert_eq!(list("/generations").await, [ids[2], ids[1], ids[0]]);
    assert_eq!(
        list("/generations?sort=popular&tags=sea").await,
        [ids[0], ids[2], ids[1]]
    );
    let first: Page<GenerationView> = user.get("/generations?sort=popular&limit=1").await.is();
    let after = first.next.expect("there are more");
    assert_eq!(
        list(&format!("/generations?sort=popular&after={after}")).await,
        [ids[2], ids[1]]
    );
    assert_eq!(list("/generations/mine").await.len(), 4);
    assert_eq!(list("/generations/mine?status=queued").await.len(), 1);
    assert_eq!(list("/generations/mine?is_public=true&limit=2").await, [ids[2], ids[1]]);
}

#[tokio::test]
async fn own_and_free_pictures_need_no_ticket() {
    let (_, artist, user, style) = shop().await;
    let made = json!({ "style": style, "tags": ["sea"], "seed": "18446744073709551615" });
    assert_eq!(user.post("/generations/made", &made).await.code(), "price_differs");
    let view: GenerationView = artist.post("/generations/made", &made).await.is();
    assert_eq!(
        (view.status.as_str(), view.seed),
        ("completed", Some(Seed::from(u64::MAX)))
    );
    artist.publish(view.id).await;
    let report = async || {
        artist
            .send_as("made", Method::POST, "/generations/made", Some(&made))
            .await
    };
    let first = report().await;
    let path = format!("/generations/{}", first.body["id"]);
    artist
        .patch(&path, json!({ "description": "harbour" }))
        .await
        .is::<GenerationView>();
    assert_eq!(report().await.body, first.body, "a repeat gets the first answer");
}

/// A journal of a new device that spends `vouchers` one after the other.
fn journal(vouchers: &[VoucherView]) -> Vec<JournalEntry> {
    let mut previous = Sha256::new([0; 32]);
    let mut entries = Vec::new();
    for voucher in vouchers {
        let mut entry = JournalEntry {
            voucher: voucher.id,
            tags: vec![atelier_contract::Tag::parse("sea").expect("it is there")],
            aspect_ratio: atelier_contract::AspectRatio::Square,
            seed: Seed::from(7),
            result_sha256: sha256(b"picture"),
            made_at: chrono::Utc::now(),
            previous,
            hash: previous,
        };
        entry.hash = sha256(&entry.hashed_bytes());
        previous = entry.hash;
        entries.push(entry);
    }
    entries
}

#[tokio::test]
async fn a_journal_and_the_sweep_of_vouchers_do_not_wait_in_a_circle() {
    let (house, _, user, style) = shop().await;
    let bought: VouchersBought = user
        .post("/vouchers", json!({ "style": style, "count": 2, "cost_tokens": 5 }))
        .await
        .is();
    let entries = journal(&bought.vouchers);
    // As the sweep does: it has a voucher, and the feed of its user is next.
    let mut sweep = house.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM vouchers WHERE id = $1 FOR UPDATE")
        .bind(bought.vouchers[1].id)
        .execute(&mut *sweep)
        .await
        .expect("the database answers");
    let device = user.clone();
    let push = tokio::spawn(async move { device.post("/vouchers/journal", json!({ "entries": entries })).await });
    house.somebody_waits().await;
    sqlx::query("UPDATE user_feed SET seq = seq + 1 WHERE user_id = $1")
        .bind(user.user)
        .execute(&mut *sweep)
        .await
        .expect("the journal does not hold it");
    sweep.commit().await.expect("the database answers");
    let state: JournalState = push.await.expect("no panic").is();
    assert!(
        state.outcomes.iter().all(|outcome| outcome.generation.is_some()),
        "{state:?}"
    );
}

#[tokio::test]
async fn a_journal_is_taken_whatever_words_are_out_of_use_by_then() {
    let (house, _, user, style) = shop().await;
    let bought: VouchersBought = user
        .post("/vouchers", json!({ "style": style, "count": 2, "cost_tokens": 5 }))
        .await
        .is();
    let mut entries = journal(&bought.vouchers);
    // More than anybody may give, of which some are left.
    let words = (0..60).map(|n| atelier_contract::Tag::parse(&format!("word {n}")).expect("English"));
    entries[1].tags = words.collect();
    entries[1].hash = sha256(&entries[1].hashed_bytes());
    sqlx::query("INSERT INTO tags (name, is_active) VALUES ('sea', FALSE), ('word 7', FALSE)")
        .execute(house.pool())
        .await
        .expect("the database answers");
    let state: JournalState = user.post("/vouchers/journal", json!({ "entries": entries })).await.is();
    let mut tags = Vec::new();
    for outcome in &state.outcomes {
        let id = outcome.generation.expect("made by the rules");
        let view: GenerationView = user.get(&format!("/generations/{id}")).await.is();
        tags.push(view.tags.len());
    }
    assert_eq!(tags, [0, 49]);
    assert_eq!(
        number(&house, "SELECT sum(tokens)::bigint FROM earnings").await,
        10,
        "the artist is paid"
    );
}

#[tokio::test]
async fn vouchers_are_spent_offline_and_redeemed_once() {
    let (house, _, user, style) = shop().await;
    let bought: VouchersBought = user
        .post("/vouchers", json!({ "style": style, "count": 3, "cost_tokens": 5 }))
        .await
        .is();
    assert_eq!(user.balance(&house).await, 85);
    assert_eq!(user.open(&bought.package).await, lora());
    let entries = journal(&bought.vouchers[..2]);
    let push = async |entries: &[JournalEntry]| user.post("/vouchers/journal", json!({ "entries": entries })).await;
    assert_eq!(push(&entries[1..]).await.code(), "journal_broken");
    let mut forged = entries.clone();
    forged[0].seed = Seed::from(8);
    assert_eq!(push(&forged).await.code(), "journal_broken");
    let first: JournalState = push(&entries).await.is();
    assert_eq!(first.entries, 2);
    let again: JournalState = push(&entries).await.is();
    assert_eq!((again.head, &again.outcomes), (first.head, &first.outcomes));
    assert_eq!(
        number(&house, "SELECT count(*) FROM generations WHERE status = 'completed'").await,
        2
    );
    // One that cannot be spent again is told so, and the same when the answer was lost.
    let mut spent = entries[1].clone();
    (spent.voucher, spent.previous) = (99_999.try_into().expect("an id"), spent.hash);
    spent.hash = sha256(&spent.hashed_bytes());
    let all = [entries.clone(), vec![spent]].concat();
    for _ in 0..2 {
        let state: JournalState = push(&all).await.is();
        assert_eq!((state.entries, state.outcomes[2].generation), (3, None));
        assert_eq!(state.outcomes[..2], first.outcomes);
    }
    let thief = user.elsewhere(&house).await;
    let mut stolen = entries[0].clone();
    stolen.voucher = bought.vouchers[2].id;
    stolen.hash = sha256(&stolen.hashed_bytes());
    let outcome: JournalState = thief
        .post("/vouchers/journal", json!({ "entries": [stolen] }))
        .await
        .is();
    assert_eq!(
        outcome.outcomes[0].generation, None,
        "a voucher is spent on its device only"
    );
    sqlx::query("UPDATE vouchers SET expires_at = now() - interval '8 days'")
        .execute(house.pool())
        .await
        .expect("the database answers");
    atelier_server::sweeps::run_all(&house.app).await.expect("sweeps");
    assert_eq!(
        user.balance(&house).await,
        90,
        "the one that was never spent comes back"
    );
    assert_eq!(
        number(&house, "SELECT count(*) FROM vouchers WHERE state = 'returned'").await,
        1
    );
}
