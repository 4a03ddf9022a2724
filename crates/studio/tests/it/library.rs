//! Opening, locking and surviving.

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
    let half = folder.join("images/incoming/half");
    std::fs::write(&half, "ha").unwrap();

    let Desk { library, .. } = &desk;
    assert!(orphan.is_file());
    // What a killed program leaves: its lock is gone, the word in the file is not.
    let copy = tempfile::tempdir().unwrap();
    copy_all(&folder, copy.path());
    drop(library.clone());
    open(copy.path()).await;
    let there = |path: &std::path::Path| copy.path().join(path.strip_prefix(&folder).unwrap()).is_file();
    assert!(there(&kept) && !there(&orphan) && !there(&half));
}

#[tokio::test]
async fn a_lora_goes_once_neither_a_style_nor_an_order_that_waits_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = open(folder.path()).await;
    for style in ["trained", "anew"] {
        styles::create(&library, style, "starter").await.unwrap();
    }
    let db = made::database(folder.path()).await;
    for sql in [
        "UPDATE styles SET model_path = 'styles/aa/now.safetensors' WHERE name = 'trained'",
        r#"INSERT INTO jobs (kind, status, request) VALUES
             ('generate', 'queued', '{"loras":["styles/bb/waits.safetensors"]}'),
             ('generate', 'completed', '{"loras":["styles/cc/done.safetensors"]}')"#,
    ] {
        sqlx::query(sql).execute(&db).await.unwrap();
    }
    db.close().await;
    let files = [
        "aa/now.safetensors",
        "bb/waits.safetensors",
        "cc/done.safetensors",
        "dd/half.part",
    ]
    .map(|file| folder.path().join("styles").join(file));
    for file in &files {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "weights").unwrap();
    }
    drop(library);
    open(folder.path()).await;
    assert_eq!(files.map(|file| file.exists()), [true, true, false, false]);
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
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
