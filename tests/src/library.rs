//! Looks into a library from outside: what must hold after anything that may happen to it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::{AssertSqlSafe, Row, query};

/// A library, opened beside the programs.
pub struct Contents {
    pool: SqlitePool,
}

impl Contents {
    /// The library in a data folder.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn open(data: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(data.join("library.db"))
            .read_only(true);
        let pool = SqlitePool::connect_with(options).await.expect("the library opens");
        Self { pool }
    }

    /// One column of text.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn column(&self, sql: &'static str) -> Vec<String> {
        let rows = query(sql).fetch_all(&self.pool).await.expect("a sound database");
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// One number.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn number(&self, sql: &'static str) -> i64 {
        let row = query(sql).fetch_one(&self.pool).await.expect("a sound database");
        row.get(0)
    }
}

/// Makes everything in a library a day younger than it is, as after a clock that was a day ahead has been set right.
///
/// # Panics
/// When the library cannot be written.
pub async fn set_dates_ahead(data: &Path) {
    let options = SqliteConnectOptions::new().filename(data.join("library.db"));
    let pool = SqlitePool::connect_with(options).await.expect("the library opens");
    let later = "strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+1 day')";
    for table in ["styles", "artworks", "jobs", "generations"] {
        let sql = format!("UPDATE {table} SET created_at = {later}");
        query(AssertSqlSafe(sql)).execute(&pool).await.expect("written");
    }
    pool.close().await;
}

/// Takes every base model out of a library and leaves its files, as when what names them could not be written.
///
/// # Panics
/// When the library cannot be written.
pub async fn forget_models(data: &Path) {
    let options = SqliteConnectOptions::new().filename(data.join("library.db"));
    let pool = SqlitePool::connect_with(options).await.expect("the library opens");
    query("DELETE FROM models").execute(&pool).await.expect("written");
    pool.close().await;
}

/// Makes the pictures of a library `count`: rows like those there are, at dates of their own, over the same files.
///
/// # Panics
/// When the library cannot be written.
pub async fn multiply_generations(data: &Path, count: u32) {
    let options = SqliteConnectOptions::new().filename(data.join("library.db"));
    let pool = SqlitePool::connect_with(options).await.expect("the library opens");
    let statements = [
        "CREATE TEMP TABLE made AS
           SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM generations WHERE status = 'completed'",
        "CREATE TEMP TABLE places AS
           WITH RECURSIVE counted(n) AS (SELECT (SELECT count(*) FROM made) UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < $1)
           SELECT n, n % (SELECT count(*) FROM made) AS place FROM counted",
        "INSERT INTO generations (style_id, aspect_ratio, seed, result_url, status, settings, created_at)
           SELECT style_id, aspect_ratio, seed + n, result_url, status, settings,
                  strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '-' || (n * 5) || ' minutes')
             FROM places JOIN made USING (place)",
        "INSERT INTO generation_tags (generation_id, tag_id, sequence)
           SELECT copies.id, tag_id, sequence
             FROM generations AS copies
             JOIN made ON made.result_url = copies.result_url AND copies.id NOT IN (SELECT id FROM made)
             JOIN generation_tags ON generation_id = made.id",
    ];
    let mut connection = pool.acquire().await.expect("connected");
    for statement in statements {
        query(statement)
            .bind(count)
            .execute(&mut *connection)
            .await
            .expect("written");
    }
}

/// Fails unless the database is sound and every picture that a row names is there and whole.
///
/// # Panics
/// When it is not.
pub async fn assert_whole(data: &Path) {
    let contents = Contents::open(data).await;
    assert_eq!(contents.column("PRAGMA integrity_check").await, ["ok"]);
    let dangling = query("PRAGMA foreign_key_check").fetch_all(&contents.pool).await;
    assert!(dangling.expect("a sound database").is_empty());
    let urls = contents
        .column(
            "SELECT image_url FROM artworks
              UNION ALL SELECT result_url FROM generations WHERE status = 'completed'",
        )
        .await;
    for url in urls {
        let file = data.join(&url);
        let picture = image::open(&file).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(picture.width() > 0);
    }
    let styles = contents
        .column("SELECT model_path FROM styles WHERE training_status = 'completed'")
        .await;
    for url in styles {
        assert!(data.join(&url).is_file(), "{url} is missing");
    }
}
