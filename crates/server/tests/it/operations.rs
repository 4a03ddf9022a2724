//! What docs/operations.md says: a replica serves lists, a backup can be restored, servers are replaced one by one, operators leave a
//! trace.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use atelier_contract::CommentView;
use atelier_server::app::{self, App};
use atelier_server::local::postgres::Cluster;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::harness::{House, Line, Program, cluster, cluster_folder, config, database, fresh_cluster};
use crate::money::books_are_right;
use crate::reconcile::shop_at_work;
use crate::studio::{Studio, png};

fn ran(command: &mut Command) -> String {
    let answer = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned();
    assert!(answer.status.success(), "{command:?}: {said}");
    said
}

/// Rows of every table.
async fn counts(house: &House) -> BTreeMap<String, i64> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(house.pool())
            .await
            .expect("their names");
    let mut counts = BTreeMap::new();
    for table in tables {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows = sqlx::query_scalar(count).fetch_one(house.pool()).await;
        counts.insert(table, rows.expect("counted"));
    }
    counts
}

#[tokio::test]
async fn a_backup_is_restored_with_every_row_and_rule() {
    let house = House::new().await;
    let (artist, style, buyer) = shop_at_work(&house).await;
    let thumbnail = artist.upload("thumbnail", &png(3)).await;
    artist
        .patch(&format!("/styles/{style}"), json!({ "thumbnail": thumbnail }))
        .await
        .is::<Value>();
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(house.pool())
        .await
        .expect("its name");

    // Database first, objects and key after it.
    let folder = cluster().data().parent().expect("a folder").join("backup");
    ran(cluster()
        .program("pg_dump")
        .args(["--format=custom", "--file"])
        .arg(&folder)
        .args(["--dbname", &cluster().url(&name)]));
    let data = TempDir::new().expect("a folder");
    ran(Command::new("cp")
        .arg("-R")
        .arg(house.app.config.data_folder.join("."))
        .arg(data.path()));
    cluster().make_database("restored").expect("made");
    ran(cluster()
        .program("pg_restore")
        .args(["--exit-on-error", "--dbname", &cluster().url("restored")])
        .arg(&folder));

    let url = cluster().url("restored");
    let reconciled = ran(Program::command(data.path(), Some(&url), &[("ATELIER_LOG_FILTER", "off")]).arg("reconcile"));
    assert!(reconciled.starts_with("database restored of "), "{reconciled}");
    let restored = House::with(|config| {
        config.database_url = Some(url.into());
        config.data_folder = data.path().to_owned();
    })
    .await;
    assert!(restored.app.is_migrated().await.expect("it answers"));
    let before = counts(&house).await;
    assert_eq!(counts(&restored).await, before);
    for table in [
        "transactions",
        "ledger_entries",
        "purchases",
        "tickets",
        "vouchers",
        "feed_entries",
    ] {
        assert!(before[table] > 0, "{table} has something to lose");
    }
    // Objects, the key that signed what people hold, numbers, rules and triggers came along.
    let mine = restored
        .nobody()
        .with_token(artist.token())
        .get("/users/me")
        .await
        .is(200);
    assert_eq!(mine["username"], "ines");
    let artist = artist.elsewhere(&restored).await;
    let picture = artist.bytes(&format!("/styles/{style}/thumbnail")).await;
    assert!(picture.starts_with(b"\x89PNG"));
    buyer.elsewhere(&restored).await.reserve(style, 10).await;
    books_are_right(&restored).await;
    for refused in [
        "UPDATE users SET token_balance = -1",
        "UPDATE ledger_entries SET amount = amount + 1",
        "DELETE FROM ledger_entries",
    ] {
        let done = sqlx::query(refused).execute(restored.pool()).await;
        assert!(done.is_err(), "{refused}");
    }
}

/// A replica of a cluster, by streaming replication over its socket.
fn replica(primary: &Cluster) -> Cluster {
    let folder = cluster_folder();
    drop(Cluster::open(&folder, &["fsync=off"]).expect("made"));
    std::fs::remove_dir_all(folder.join("data")).expect("removed, to be copied");
    let mut copy = primary.program("pg_basebackup");
    copy.arg("--host").arg(primary.sockets()).args([
        "--username",
        "atelier",
        "--checkpoint=fast",
        "--write-recovery-conf",
    ]);
    ran(copy.arg("--pgdata").arg(folder.join("data")));
    Cluster::open(&folder, &["fsync=off", "hot_standby=on"]).expect("follows")
}

/// All lists of the document that are for everybody, of somebody's things that have something in each.
async fn public_lists(house: &House) -> Vec<String> {
    let artist = Studio::new(house, "ines", "artist", 0).await;
    let style = artist.style("Harbour ink", &["ink"], 5).await;
    let user = Studio::new(house, "bo", "user", 100).await;
    let picture = user.make(style, 5, &["sea"]).await;
    user.publish(picture).await;
    artist
        .put(&format!("/generations/{picture}/like"), json!({}))
        .await
        .is::<Value>();
    for (follower, followed) in [(&user, &artist), (&artist, &user)] {
        let follow = format!("/users/{}/follow", followed.user);
        follower.put(&follow, json!({})).await.is::<Value>();
    }
    let comments = format!("/generations/{picture}/comments");
    let comment: CommentView = artist
        .post(&comments, json!({ "content": "As if it moved." }))
        .await
        .is();
    let reply = json!({ "content": "It does.", "parent": comment.id });
    user.post(&comments, reply).await.is::<Value>();
    let document = serde_json::to_value(app::openapi()).expect("plain data");
    let paths = document["paths"].as_object().expect("paths");
    // What is new has a test of its own, and nothing to show to who begins.
    let public = paths.iter().filter(|(path, item)| {
        let parameters = item["get"]["parameters"].as_array();
        let is_list = parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "limit"));
        let ways = item["get"]["security"].as_array();
        is_list && *path != "/generations/news" && ways.is_some_and(|ways| ways.contains(&json!({})))
    });
    let lists: Vec<_> = public
        .map(|(path, _)| match path.split('/').nth(1) {
            Some("comments") => path.replace("{id}", &comment.id.to_string()),
            Some("generations") => path.replace("{id}", &picture.to_string()),
            _ => path.replace("{id}", &artist.user.to_string()),
        })
        .collect();
    assert!(lists.len() >= 8, "{lists:?}");
    lists
}

/// Waits until the replica has everything that was written so far.
async fn replayed(house: &House) {
    let written: String = sqlx::query_scalar("SELECT pg_current_wal_lsn()::text")
        .fetch_one(house.pool())
        .await
        .expect("it answers");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let there: bool = sqlx::query_scalar("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn")
            .bind(&written)
            .fetch_one(&house.app.reads)
            .await
            .expect("it answers");
        if there {
            break;
        }
        assert!(Instant::now() < deadline, "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_replica_serves_lists_and_is_never_written() {
    let primary = fresh_cluster(&["fsync=off", "wal_level=replica", "max_wal_senders=4"]);
    primary.make_database("atelier").expect("made");
    let url = primary.url("atelier");
    let first = TempDir::new().expect("a folder");
    let app = App::connect(config(first.path().to_owned(), url.clone()))
        .await
        .expect("it answers");
    app.migrate().await.expect("migrates");
    let replica = replica(&primary);
    let reads = replica.url("atelier");
    let house = House::with(|config| {
        config.database_url = Some(url.into());
        config.reads_url = Some(reads.into());
    })
    .await;
    let standby: bool = sqlx::query_scalar("SELECT pg_is_in_recovery()")
        .fetch_one(&house.app.reads)
        .await
        .expect("it answers");
    assert!(standby);

    let lists = public_lists(&house).await;
    let ada = house.user("late").await;
    late_news(&house, ada.id().get()).await;
    replayed(&house).await;
    let nobody = house.nobody();
    let mut before = Vec::new();
    for list in &lists {
        let page = nobody.get(list).await.is(200);
        assert!(
            page["items"].as_array().is_some_and(|items| !items.is_empty()),
            "{list}: {page}"
        );
        before.push(page);
    }
    // The primary goes away: lists are still answered, all else is to come again.
    primary
        .stop(atelier_server::local::postgres::Stop::Immediate)
        .expect("ends");
    for (list, before) in lists.iter().zip(before) {
        assert_eq!(nobody.get(list).await.is(200), before, "{list}");
    }
    ada.post("/styles", &json!({ "name": "oil" }))
        .await
        .refused(503, "server_busy");
    drop(replica);
}

/// Time for a balancer to learn that a server is being stopped: more than a slow machine needs.
const LAME_DUCK: (&str, &str) = ("ATELIER_LIMITS__LAME_DUCK_S", "6");

#[tokio::test]
async fn a_server_asked_to_stop_says_so_before_it_is_gone() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let url = house.app.config.database_url.as_ref().expect("set").expose();
    // Its own key would make ada nobody there. She is slower than anybody is waited for otherwise.
    let patience = ("ATELIER_LIMITS__BODY_IDLE_S_MAX", "60");
    let program = Program::start(&house.app.config.data_folder, Some(url), &[LAME_DUCK, patience]);
    let address = program.base.trim_start_matches("http://").to_owned();
    let body = json!({ "purpose": "artwork", "bytes": 1, "sha256": "00".repeat(32) }).to_string();
    let headers = [
        ("authorization", &*format!("Bearer {}", ada.token())),
        ("content-type", "application/json"),
        ("idempotency-key", "k1"),
    ];
    let mut begun = Line::waiting_for_body(&address, "POST /uploads", &headers, body.len()).await;

    program.ask_to_stop();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = reqwest::get(format!("{}/readyz", program.base))
            .await
            .expect("still answers");
        match answer.status().as_u16() {
            200 => assert!(Instant::now() < deadline, "it does not say that it stops"),
            503 => break assert_eq!(answer.text().await.expect("text"), "stopping\n"),
            other => panic!("{other}"),
        }
    }
    let new = reqwest::get(format!("{}/tags", program.base)).await;
    assert_eq!(new.expect("whoever has not heard yet is answered").status(), 200);
    // Then it takes nobody any more, but answers whom it has begun to hear.
    let deadline = Instant::now() + Duration::from_secs(20);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < deadline, "it goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.say(&body).await;
    let answer = begun.hear("}").await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(program.ended().success());
}

/// What is new in the gallery is read there too, and who commits late on the primary is not skipped.
async fn late_news(house: &House, user: i64) {
    const CHANGES: &str = "SELECT count(*) FROM publication_changes";
    let shown = "INSERT INTO generations (user_id, status, is_public) VALUES ($1, 'completed', TRUE)";
    let before: i64 = sqlx::query_scalar(CHANGES)
        .fetch_one(house.pool())
        .await
        .expect("it answers");
    let begin = house.nobody().get("/generations/news").await.is(200);
    let mut cursor = begin["cursor"].as_str().expect("a cursor").to_owned();
    let mut late = house.pool().begin().await.expect("begins");
    sqlx::query(shown).bind(user).execute(&mut *late).await.expect("shown");
    sqlx::query(shown)
        .bind(user)
        .execute(house.pool())
        .await
        .expect("shown");
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut late = Some(late);
    let mut told = Vec::new();
    while told.len() < 2 {
        assert!(Instant::now() < deadline, "only {told:?} are told");
        let there: i64 = sqlx::query_scalar(CHANGES)
            .fetch_one(&house.app.reads)
            .await
            .expect("it answers");
        let page = house
            .nobody()
            .get(&format!("/generations/news?after={cursor}"))
            .await
            .is(200);
        page["cursor"].as_str().expect("a cursor").clone_into(&mut cursor);
        let ids = page["items"].as_array().expect("items").iter();
        told.extend(ids.map(|item| item["id"].as_i64().expect("a number")));
        // The newer one is there, and was looked for.
        if there == before + 1
            && let Some(late) = late.take()
        {
            late.commit().await.expect("commits");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        told[0] < told[1],
        "the older transaction comes first, though it ended last"
    );
}

#[tokio::test]
async fn servers_are_replaced_one_by_one_while_requests_come() {
    let url = database().await;
    let folder = TempDir::new().expect("a folder");
    let start = || Program::start(folder.path(), Some(&url), &[LAME_DUCK]);
    let (first, second, third) = (start(), start(), start());
    let bases = [&first, &second, &third].map(|program| program.base.clone());
    let client = reqwest::Client::new();
    let ask = async |base: &str, path: &str| {
        let answer = client.get(format!("{base}{path}")).send().await.expect("answers");
        answer.status().as_u16()
    };
    // As a balancer does: who said that it is ready gets requests until the next look.
    for base in &bases {
        assert_eq!(ask(base, "/readyz").await, 200);
    }
    first.ask_to_stop();
    for base in bases.iter().cycle().take(60) {
        assert_eq!(ask(base, "/tags").await, 200);
    }
    assert_eq!(ask(&bases[0], "/readyz").await, 503);
    for base in bases[1..].iter().cycle().take(20) {
        assert_eq!(ask(base, "/readyz").await, 200);
        assert_eq!(ask(base, "/tags").await, 200);
    }
    assert!(
        tokio::task::spawn_blocking(move || first.ended())
            .await
            .expect("ends")
            .success()
    );
    assert!(client.get(format!("{}/healthz", bases[0])).send().await.is_err());
    second.kill();
    assert_eq!(ask(&bases[2], "/tags").await, 200);
}

#[tokio::test]
async fn what_an_operator_does_leaves_a_row_that_stays() {
    let house = House::new().await;
    let ada = house.artist("ada").await;
    let style = ada.post("/styles", &json!({ "name": "ink" })).await.is(201)["id"].to_string();
    let url = house.app.config.database_url.as_ref().expect("set").expose().to_owned();
    let folder = TempDir::new().expect("a folder");
    let operate = |words: &[&str]| {
        let mut command = Program::command(folder.path(), Some(&url), &[]);
        command.args(words).output().expect("it starts")
    };
    let why = ["--reason", "a complaint", "--operator", "eve"];
    let flag = [&["style", "flag", &style], &why[..]].concat();
    let done = operate(&flag);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = operate(&flag);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is so already"));
    assert!(
        !operate(&["style", "flag", "999", "--reason", "x", "--operator", "eve"])
            .status
            .success()
    );
    assert!(
        !operate(&["style", "unflag", &style, "--operator", "eve"])
            .status
            .success(),
        "without a reason"
    );
    for nothing in [
        ["--reason", " ", "--operator", "eve"],
        ["--reason", "x", "--operator", ""],
    ] {
        let refused = operate(&[&["style", "unflag", &style], &nothing[..]].concat());
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("say it in a word or more"),
            "{said}"
        );
    }
    assert!(
        operate(&[&["tag", "deactivate", "Gore"], &why[..]].concat())
            .status
            .success()
    );

    let flagged: bool = sqlx::query_scalar("SELECT is_flagged FROM styles")
        .fetch_one(house.pool())
        .await
        .expect("it is there");
    assert!(flagged);
    let acts: Vec<(String, String, String)> =
        sqlx::query_as("SELECT operator, action, reason FROM operator_actions ORDER BY id")
            .fetch_all(house.pool())
            .await
            .expect("rows");
    let act = |action: &str| ("eve".to_owned(), action.to_owned(), "a complaint".to_owned());
    assert_eq!(acts, [act("style flag"), act("tag deactivate")]);
    for change in [
        "UPDATE operator_actions SET reason = 'none'",
        "DELETE FROM operator_actions",
    ] {
        let error = sqlx::query(change)
            .execute(house.pool())
            .await
            .expect_err("append-only");
        assert_eq!(
            error.as_database_error().and_then(|error| error.constraint()),
            Some("operator_actions_stay")
        );
    }
}

#[tokio::test]
async fn a_server_does_not_start_on_tables_that_are_too_old() {
    cluster().make_database("empty").expect("made");
    let url = cluster().url("empty");
    let folder = TempDir::new().expect("a folder");
    let run = |word: &str| {
        Program::command(folder.path(), Some(&url), &[])
            .arg(word)
            .output()
            .expect("it starts")
    };
    let refused = run("serve");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("atelier-server migrate"));
    // Two at once do it once.
    let both = std::thread::scope(|scope| {
        [scope.spawn(|| run("migrate")), scope.spawn(|| run("migrate"))].map(|it| it.join().expect("ends"))
    });
    assert!(both.iter().all(|done| done.status.success()));
    let mut database = PgConnection::connect(&url).await.expect("it answers");
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut database)
        .await
        .expect("counted");
    assert!(tables > 15);
}

#[tokio::test]
async fn a_migration_takes_and_waits_longer_than_a_request_may() {
    cluster().make_database("locked").expect("made");
    let url = cluster().url("locked");
    let folder = TempDir::new().expect("a folder");
    let mut config = config(folder.path().to_owned(), url.clone());
    config.statement_ms_max = 100;
    let app = App::connect(config).await.expect("it answers");
    app.migrate().await.expect("migrates");
    let mut holder = PgConnection::connect(&url).await.expect("it answers");
    holder
        .execute("BEGIN; LOCK TABLE _sqlx_migrations")
        .await
        .expect("locked");
    // Another connection: what a transaction has seen of others stays as it is for it.
    let mut watcher = PgConnection::connect(&url).await.expect("it answers");
    let hold = async {
        let waits = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = 'locked' AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '0.5 s'";
        let deadline = Instant::now() + Duration::from_secs(20);
        while sqlx::query_scalar::<_, i64>(waits)
            .fetch_one(&mut watcher)
            .await
            .expect("counted")
            == 0
        {
            assert!(Instant::now() < deadline, "it does not wait");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        holder.execute("COMMIT").await.expect("let go");
    };
    let (migrated, ()) = tokio::join!(app.migrate(), hold);
    migrated.expect("it waited");
}

#[test]
fn settings_that_are_wrong_are_named() {
    let folder = TempDir::new().expect("a folder");
    let said = |settings: &[(&str, &str)]| {
        let answer = Program::command(folder.path(), None, settings)
            .arg("serve")
            .output()
            .expect("it starts");
        assert!(!answer.status.success());
        String::from_utf8_lossy(&answer.stderr).to_lowercase()
    };
    assert!(said(&[("ATELIER_LISTEN", "everywhere")]).contains("listen"));
    assert!(said(&[("ATELIER_LISTEN", "0.0.0.0:80")]).contains("loopback only"));
    assert!(said(&[("ATELIER_LISTENS", "127.0.0.1:80")]).contains("listens"));
    assert!(said(&[("ATELIER_MODE", "hosted")]).contains("database_url"));
    assert!(said(&[("DATABASE_URL", "sqlite:library.db")]).contains("database_url"));
    assert!(said(&[("ATELIER_OBJECTS__ENDPOINT", "http://127.0.0.1:1")]).contains("objects.bucket"));
    assert!(said(&[("ATELIER_LIMITS__REQUESTS_MAX", "0")]).contains("limits.requests_max"));
    let hidden = said(&[("ATELIER_SIGNING_KEY", "hunter2")]);
    assert!(
        hidden.contains("signing_key") && !hidden.contains("hunter2"),
        "{hidden}"
    );
    let hidden = said(&[("ATELIER_DATABASE_URL", "postgres://a:hunter2@127.0.0.1:1/x")]);
    assert!(!hidden.contains("hunter2"), "{hidden}");
}
