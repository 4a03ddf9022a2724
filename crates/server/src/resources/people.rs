//! People in lists: who follows, is followed, or likes.

use atelier_contract::{Page, PersonCard, UserId};
use chrono::{DateTime, Utc};

use crate::pages::PageQuery;
use crate::refused::Answer;

/// Somebody, and the row that the list is of.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) user: UserId,
    pub(crate) username: String,
    pub(crate) artist_name: Option<String>,
    pub(crate) since: DateTime<Utc>,
}

/// A page of `rows`, which are one more than fit when there is another.
pub(crate) fn page(page: &PageQuery, rows: Vec<Person>) -> Answer<Page<PersonCard>> {
    let (rows, next) = page.cut(rows, |row| row.id)?;
    let items = rows.into_iter().map(|row| PersonCard {
        user: row.user,
        username: row.username,
        artist_name: row.artist_name,
        since: row.since,
    });
    Ok(Page {
        items: items.collect(),
        next,
    })
}
