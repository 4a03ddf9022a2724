//! What docs/operations.md says: a replica serves lists, a backup can be restored, servers are replaced one by one, operators leave a
//! trace.

use std::process::Command;
use std::time::{Duration, Instant};

use atelier_server::app::App;
use atelier_server::local::postgres::Cluster;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::harness::{House, Program, cluster, cluster_folder, config, database, fresh_cluster};

fn ran(command: &mut Command) -> String {
    let answer = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&[answer.stdout, answer.stderr].concat()).into_owned();
    assert!(answer.status.success(), "{command:?}: {said}");
    said
}

#[tokio::test]
async fn a_backup_is_restored_with_every_row_and_rule() {
    let house = House::new().await;
    let ada = house.artist("ada").await.given(&house, 70).await;
    ada.post("/styles", &json!({ "name": "ink", "tags": ["ink"] }))
        .await
        .is(201);
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(house.pool())
        .await
        .expect("its name");

    let folder = cluster().data().parent().expect("a folder").join("backup");
    ran(cluster()
        .program("pg_dump")
        .args(["--format=custom", "--file"])
        .arg(&folder)
        .args(["--dbname", &cluster().url(&name)]));
    cluster().make_database("restored").expect("made");
    ran(cluster()
        .program("pg_restore")
        .args(["--exit-on-error", "--dbname", &cluster().url("restored")])
        .arg(&folder));

    let restored = TempDir::new().expect("a folder");
    let app = App::connect(config(restored.path().to_owned(), cluster().url("restored")))
        .await
        .expect("it answers");
    assert!(app.is_migrated().await.expect("it answers"));
    for table in ["users", "artists", "styles", "tags", "style_tags", "_sqlx_migrations"] {
        let count = || sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let before: i64 = sqlx::query_scalar(count())
            .fetch_one(house.pool())
            .await
            .expect("counted");
        let after: i64 = sqlx::query_scalar(count()).fetch_one(&app.pool).await.expect("counted");
        assert_eq!(before, after, "{table}");
    }
    let negative = sqlx::query("UPDATE users SET token_balance = -1")
        .execute(&app.pool)
        .await;
    assert!(negative.is_err(), "the rules came along");
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

    let ada = house.artist("ada").await;
    ada.post("/styles", &json!({ "name": "ink", "tags": ["ink"] }))
        .await
        .is(201);
    // What was written arrives there by itself, and the list of tags is read there.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM tags")
            .fetch_one(&house.app.reads)
            .await
            .expect("it answers");
        if there == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "the replica does not follow");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.nobody().get("/tags").await.is(200)["items"][0]["name"], "ink");
    late_news(&house, ada.id().get()).await;
    // The primary goes away: lists are still answered, all else is to come again.
    primary
        .stop(atelier_server::local::postgres::Stop::Immediate)
        .expect("ends");
    assert_eq!(house.nobody().get("/tags").await.is(200)["items"][0]["name"], "ink");
    ada.post("/styles", &json!({ "name": "oil" }))
        .await
        .refused(503, "server_busy");
    drop(replica);
}

/// What is new in the gallery is read there too, and who commits late on the primary is not skipped.
async fn late_news(house: &House, user: i64) {
    let shown = "INSERT INTO generations (user_id, status, is_public) VALUES ($1, 'completed', TRUE)";
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
        let there: i64 = sqlx::query_scalar("SELECT count(*) FROM publication_changes")
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
        if there == 1
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
    let start = || Program::start(folder.path(), Some(&url), &[]);
    let (first, second, third) = (start(), start(), start());
    let stopped = tokio::task::spawn_blocking({
        let base = first.base.clone();
        move || (base, first.stop())
    });
    // The others answer all along; the first answers what it has taken, and then is gone.
    let client = reqwest::Client::new();
    for _ in 0..50 {
        for base in [&second.base, &third.base] {
            let answer = client.get(format!("{base}/tags")).send().await.expect("answers");
            assert_eq!(answer.status(), 200);
        }
    }
    let (base, status) = stopped.await.expect("ends");
    assert!(status.success());
    assert!(client.get(format!("{base}/healthz")).send().await.is_err());
    second.kill();
    assert_eq!(
        client
            .get(format!("{}/tags", third.base))
            .send()
            .await
            .expect("answers")
            .status(),
        200
    );
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
    let hidden = said(&[("ATELIER_DATABASE_URL", "postgres://a:hunter2@127.0.0.1:1/x")]);
    assert!(!hidden.contains("hunter2"), "{hidden}");
}
