//! Opening, locking and surviving.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atelier_studio::contract::{Finding, Refusal};
use atelier_studio::{Access, Library, styles};
use sqlx::SqlitePool;

use crate::made;
use crate::pictures::{Desk, open, png};

#[tokio::test]
async fn a_second_writer_waits_and_is_then_refused_while_readers_pass() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).await;
    styles::create(&first, "inkwell", "starter").await.unwrap();
    let started = Instant::now();
    let second = Library::open(folder.path(), Access::Write, Duration::from_millis(300))
        .await
        .unwrap_err();
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(matches!(second.refusal(), Refusal::LibraryInUse { .. }));
    let reader = Library::open(folder.path(), Access::Read, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(styles::list(&reader).await.unwrap().len(), 1);
    drop(first);
    open(folder.path()).await;
}

#[tokio::test]
async fn a_file_that_no_row_names_is_removed_after_a_kill() {
    let desk = Desk::new().await;
    desk.import(&desk.put("a.png", png(1))).await;
    let kept = desk.artworks().await[0].path.clone();
    let orphan = desk
        .library
        .path_of(&desk.library.store_picture(b"half an import", "png").unwrap());
    let folder = desk.library.folder().to_owned();
    let half = put(&folder, &format!("images/incoming/{}-0", "a".repeat(64)));

    let Desk { library, .. } = &desk;
    assert!(orphan.is_file());
    // What a killed program leaves: its lock is gone, the word in the file is not.
    let copy = tempfile::tempdir().unwrap();
    copy_all(&folder, copy.path());
    drop(library.clone());
    open(copy.path()).await;
    let there = |path: &Path| copy.path().join(path.strip_prefix(&folder).unwrap()).is_file();
    assert!(there(&kept) && !there(&orphan) && !there(&half));
}

#[tokio::test]
async fn a_lora_goes_once_neither_a_style_nor_an_order_that_waits_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path()).await;
    for style in ["trained", "anew"] {
        styles::create(&library, style, "starter").await.unwrap();
    }
    let urls = [
        lora('a', "safetensors"),
        lora('b', "safetensors"),
        lora('c', "safetensors"),
        lora('d', "part"),
        lora('e', "safetensors.0.part"),
    ];
    let [now, waits, done, ..] = &urls;
    let db = made::database(folder.path()).await;
    let order = |lora: &str| serde_json::json!({ "loras": [lora] }).to_string();
    for (sql, value) in [
        ("UPDATE styles SET model_path = $1 WHERE name = 'trained'", now.clone()),
        (
            "INSERT INTO jobs (kind, status, request) VALUES ('generate', 'queued', $1)",
            order(waits),
        ),
        (
            "INSERT INTO jobs (kind, status, request) VALUES ('generate', 'completed', $1)",
            order(done),
        ),
    ] {
        sqlx::query(sql).bind(value).execute(&db).await.unwrap();
    }
    db.close().await;
    let files = urls.map(|url| put(folder.path(), &url));
    drop(library);
    open(folder.path()).await;
    assert_eq!(files.map(|file| file.exists()), [true, true, false, false, false]);
}

#[tokio::test]
async fn what_the_library_did_not_make_stays_however_often_it_is_opened_there() {
    let folder = tempfile::tempdir().unwrap();
    let own = [
        "styles/site.css",
        "styles/mine.safetensors",
        "styles/ab/mine.safetensors",
        "images/holiday.png",
        "images/ab/1.png",
        "images/incoming/scan.png",
        "samples/2024/12-0.jpg",
        "samples/2024/summer.jpg",
        "training/7/checkpoint-00000500.safetensors",
        "training/7/notes.md",
    ]
    .map(|path| put(folder.path(), path));
    for _ in 0..3 {
        drop(open(folder.path()).await);
        mark_as_killed(folder.path());
    }
    for file in own {
        assert!(file.is_file(), "{}", file.display());
    }
}

#[tokio::test]
async fn the_start_that_makes_a_library_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    mark_as_killed(folder.path());
    let own = [
        lora('a', "safetensors"),
        format!("images/ab/{}.png", "c".repeat(62)),
        "samples/7/12-0.jpg".into(),
        "training/7/style.safetensors".into(),
    ]
    .map(|path| put(folder.path(), &path));
    open(folder.path()).await;
    for file in own {
        assert!(file.is_file(), "{}", file.display());
    }
}

#[tokio::test]
async fn what_could_not_be_tidied_is_found_by_the_start_after_the_next() {
    let desk = Desk::new().await;
    let url = desk.library.store_picture(b"half an import", "png").unwrap();
    let orphan = desk.library.path_of(&url);
    let thumbnail = url.replacen("images", "thumbnails", 1).replace(".png", "-256.jpg");
    // A file cannot be taken away where a folder stands.
    let thumbnail = desk.library.path_of(&thumbnail);
    std::fs::create_dir_all(&thumbnail).unwrap();
    let folder = desk.config.data.clone();
    drop(desk.library);
    mark_as_killed(&folder);
    drop(open(&folder).await);
    std::fs::remove_dir(&thumbnail).unwrap();
    std::fs::write(&thumbnail, "small").unwrap();
    drop(open(&folder).await);
    assert!(!orphan.exists() && !thumbnail.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_lora_that_cannot_be_taken_away_does_not_keep_the_library_closed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).await);
    let left = put(folder.path(), &lora('a', "safetensors"));
    let shelf = left.parent().unwrap();
    std::fs::set_permissions(shelf, std::fs::Permissions::from_mode(0o555)).unwrap();
    drop(open(folder.path()).await);
    std::fs::set_permissions(shelf, std::fs::Permissions::from_mode(0o755)).unwrap();
    drop(open(folder.path()).await);
    assert!(!left.exists());
}

/// Where the library keeps a LoRA whose hash has this digit alone.
fn lora(digit: char, ending: &str) -> String {
    let hash = String::from(digit).repeat(64);
    format!("styles/{}/{}.{ending}", &hash[..2], &hash[2..])
}

fn put(folder: &Path, path: &str) -> PathBuf {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "content").unwrap();
    file
}

/// Leaves in the lock what a program leaves there that was killed.
fn mark_as_killed(folder: &Path) {
    std::fs::write(folder.join("library.lock"), "in use\n").unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("library.db");
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();
    let error = Library::open(folder.path(), Access::Write, Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(error.refusal(), Refusal::LibraryDamaged { .. }), "{error:?}");
    assert_eq!(std::fs::read(&file).unwrap(), vec![b'x'; 8192]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Library::open(&file.join("library"), Access::Write, Duration::ZERO)
        .await
        .unwrap_err();
    assert!(!matches!(error.refusal(), Refusal::Internal { .. }), "{error:?}");
}

#[tokio::test]
async fn failures_of_earlier_versions_can_still_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("library");
    std::fs::create_dir_all(&library).unwrap();
    let db = SqlitePool::connect(&format!("sqlite:{}?mode=rwc", library.join("library.db").display()))
        .await
        .unwrap();
    let mut old = sqlx::migrate!("../../migrations/library");
    old.migrations.to_mut().retain(|migration| migration.version < 10);
    old.run(&db).await.unwrap();
    let failures = [
        (
            "unfit",
            r#"{"code":"style_unhealthy","details":{"style":"unfit","problems":["the layer a has learnt nothing"]}}"#,
        ),
        (
            "crashed",
            r#"{"code":"worker_crashed","details":{"attempts":4,"reason":"signal 9"}}"#,
        ),
        (
            "short",
            r#"{"code":"out_of_memory","details":{"needed_mb":0,"available_mb":8000}}"#,
        ),
    ];
    for (name, failure) in failures {
        sqlx::query("INSERT INTO styles (name, training_status, training_failure) VALUES ($1, 'failed', $2)")
            .bind(name)
            .bind(failure)
            .execute(&db)
            .await
            .unwrap();
    }
    db.close().await;

    let library = open(&library).await;
    let failure = async |name| styles::find(&library, name).await.unwrap().training_failure.unwrap();
    let problems = vec![Finding::ReasonNotKept {}];
    let style = "unfit".to_owned();
    assert_eq!(failure("unfit").await, Refusal::StyleUnhealthy { style, problems });
    let reason = Finding::ReasonNotKept {};
    assert_eq!(failure("crashed").await, Refusal::WorkerCrashed { attempts: 4, reason });
    assert!(matches!(failure("short").await, Refusal::OutOfMemory { .. }));
}
