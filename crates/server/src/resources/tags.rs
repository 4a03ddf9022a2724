//! Tags: completion, the popular ones, and how things get theirs.
//!
//! A tag is made by its first use and never removed; an operator takes it out of use. `usage_count` is rolled up by the clock, see
//! `counts`.

use atelier_contract::{Page, Refusal, TAGS_MAX, Tag, TagId, TagView};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use sqlx::{PgTransaction, Postgres, QueryBuilder};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::pages::at_most;
use crate::refused::Answer;

/// Most tags that a completion gives.
const COMPLETIONS_MAX: u16 = 50;
/// Tags that a completion looks at, twice.
const CANDIDATES_MAX: i64 = 500;
/// Longest beginning: as long as a tag.
const BEGINNING_CHARS_MAX: usize = 100;
/// As many as a person looks at.
const COMPLETIONS: u16 = 10;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Beginning {
    /// What the person has typed so far; the most used tags of all when absent.
    #[param(max_length = 100)]
    beginning: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u16>,
}

/// Tags that begin so, the most used first.
#[utoipa::path(get, path = "/tags", tag = "tags", security(()), params(Beginning), responses((status = 200, body = Page<TagView>)))]
async fn list(State(app): State<App>, Query(query): Query<Beginning>) -> Answer<Json<Page<TagView>>> {
    at_most("beginning", query.beginning.as_deref(), BEGINNING_CHARS_MAX)?;
    let limit = query.limit.unwrap_or(COMPLETIONS);
    if !(1..=COMPLETIONS_MAX).contains(&limit) {
        return Err(Refusal::NumberOutOfRange {
            name: "limit".to_owned(),
            value: limit.to_string(),
            min: 1.to_string(),
            max: COMPLETIONS_MAX.to_string(),
        }
        .into());
    }
    let beginning = as_stored(query.beginning.as_deref().unwrap_or_default());
    let rows: Vec<(String, i32)> = completions(&beginning, limit)
        .build_query_as()
        .fetch_all(&app.reads)
        .await?;
    let items = rows
        .into_iter()
        .filter_map(|(name, uses)| Some((Tag::parse(&name).ok()?, uses)))
        .map(|(name, uses)| TagView {
            name,
            usage_count: u32::try_from(uses).unwrap_or(0),
        })
        .collect();
    Ok(Json(Page { items, next: None }))
}

/// The most used of those that begin so. It looks at the [`CANDIDATES_MAX`] tags that follow in the order of the alphabet and at as many that are
/// the most used of all: when more begin so, one is left out that is neither. `~<~` goes by bytes, as the index does. The index is walked to
/// a number that stands in the query: a plan for any beginning that knew an end, or not the number, might read and sort everything.
fn completions(beginning: &str, limit: u16) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(
        "SELECT name, usage_count FROM ((SELECT name, usage_count FROM tags WHERE is_active AND name ~>=~ ",
    );
    query.push_bind(beginning.to_owned());
    query.push(format!(
        " ORDER BY name USING ~<~ LIMIT {CANDIDATES_MAX}) UNION \
         (SELECT name, usage_count FROM tags WHERE is_active ORDER BY usage_count DESC LIMIT {CANDIDATES_MAX})) AS candidates \
         WHERE starts_with(name, "
    ));
    query.push_bind(beginning.to_owned());
    query.push(") ORDER BY usage_count DESC, name LIMIT ");
    query.push_bind(i64::from(limit));
    query
}

/// What the person typed, written as tags are stored.
fn as_stored(typed: &str) -> String {
    let typed = typed.trim_start().to_lowercase();
    typed.replace('_', " ").replace('\0', "")
}

/// Ids of these tags in order, each once; makes those that are new.
///
/// # Errors
/// [`Refusal::NumberOutOfRange`] when there are more than [`TAGS_MAX`], [`Refusal::TagBanned`].
pub(crate) async fn ids(tx: &mut PgTransaction<'_>, tags: &[Tag]) -> Answer<Vec<TagId>> {
    let found = made(tx, &distinct(tags)?).await?;
    if let Some(banned) = found.iter().find(|tag| !tag.is_active) {
        return Err(Refusal::TagBanned {
            tag: banned.name.clone(),
        }
        .into());
    }
    Ok(found.into_iter().map(|tag| tag.id).collect())
}

/// As [`ids`], of something that was made before it is told and cannot be told otherwise any more: tags that were taken out of use since,
/// and those beyond [`TAGS_MAX`], are left out.
///
/// # Errors
/// The database's.
pub(crate) async fn ids_in_use(tx: &mut PgTransaction<'_>, tags: &[Tag]) -> Answer<Vec<TagId>> {
    let some = tags.get(..TAGS_MAX).unwrap_or(tags);
    let found = made(tx, &distinct(some)?).await?;
    Ok(found
        .into_iter()
        .filter(|tag| tag.is_active)
        .map(|tag| tag.id)
        .collect())
}

/// The tags of these names, in that order; makes those that are new.
async fn made(tx: &mut PgTransaction<'_>, names: &[&str]) -> sqlx::Result<Vec<Found>> {
    let found = find(tx, names).await?;
    if found.len() == names.len() {
        return in_order(names, found);
    }
    // In order of their names, so that two who bring the same new tags wait for each other instead of in a circle. What another
    // brought meanwhile is seen by the statement after.
    sqlx::query!(
        r#"INSERT INTO tags (name)
           SELECT name FROM unnest($1::text[]) AS wanted(name) ORDER BY name
               ON CONFLICT (name) DO NOTHING"#,
        names as &[&str],
    )
    .execute(&mut **tx)
    .await?;
    let found = find(tx, names).await?;
    in_order(names, found)
}

/// Ids of tags that a search names; `None` when one of them was never used, so that nothing has them all. The rarest first.
pub(crate) async fn sought(pool: &sqlx::PgPool, tags: &[Tag]) -> Answer<Option<Vec<(TagId, i32)>>> {
    let names = distinct(tags)?;
    if names.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let rows = sqlx::query!(
        r#"SELECT id AS "id: TagId", usage_count
             FROM tags
            WHERE name = ANY($1::text[]) AND is_active
         ORDER BY usage_count, id"#,
        &names as &[&str],
    )
    .fetch_all(pool)
    .await?;
    let all = rows.len() == names.len();
    Ok(all.then(|| rows.into_iter().map(|row| (row.id, row.usage_count)).collect()))
}

fn distinct(tags: &[Tag]) -> Answer<Vec<&str>> {
    if tags.len() > TAGS_MAX {
        return Err(Refusal::NumberOutOfRange {
            name: "tags".to_owned(),
            value: tags.len().to_string(),
            min: "0".to_owned(),
            max: TAGS_MAX.to_string(),
        }
        .into());
    }
    let mut names: Vec<&str> = Vec::with_capacity(tags.len());
    for tag in tags {
        if !names.contains(&tag.as_str()) {
            names.push(tag.as_str());
        }
    }
    Ok(names)
}

struct Found {
    id: TagId,
    name: String,
    is_active: bool,
}

async fn find(tx: &mut PgTransaction<'_>, names: &[&str]) -> sqlx::Result<Vec<Found>> {
    sqlx::query_as!(
        Found,
        r#"SELECT id AS "id: TagId", name, is_active
             FROM tags
            WHERE name = ANY($1::text[])"#,
        names as &[&str],
    )
    .fetch_all(&mut **tx)
    .await
}

fn in_order(names: &[&str], mut found: Vec<Found>) -> sqlx::Result<Vec<Found>> {
    let place = |tag: &Found| names.iter().position(|name| *name == tag.name);
    found.sort_by_key(place);
    if found.len() == names.len() {
        Ok(found)
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_pattern() {
        assert_eq!(as_stored(" Night_S"), "night s");
        assert_eq!(as_stored("100%\\\0"), "100%\\");
        assert_eq!(as_stored(""), "");
    }
}
