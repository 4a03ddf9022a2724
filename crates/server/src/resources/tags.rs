//! Tags: completion, the popular ones, and how things get theirs.
//!
//! A tag is made by its first use and never removed; an operator takes it out of use. `usage_count` is rolled up by the clock, see
//! `counts`.

use atelier_contract::{Page, Refusal, TAGS_MAX, Tag, TagId, TagView};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use sqlx::PgTransaction;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::pages::at_most;
use crate::refused::Answer;

/// Most tags that a completion gives.
const COMPLETIONS_MAX: u16 = 50;
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
    let beginning = like_beginning(query.beginning.as_deref().unwrap_or_default());
    let rows = sqlx::query!(
        r#"SELECT name, usage_count
             FROM tags
            WHERE is_active AND name LIKE $1
         ORDER BY usage_count DESC, name
            LIMIT $2"#,
        beginning,
        i64::from(limit),
    )
    .fetch_all(&app.reads)
    .await?;
    let items = rows
        .into_iter()
        .filter_map(|row| Some((Tag::parse(&row.name).ok()?, row.usage_count)))
        .map(|(name, uses)| TagView {
            name,
            usage_count: u32::try_from(uses).unwrap_or(0),
        })
        .collect();
    Ok(Json(Page { items, next: None }))
}

/// A pattern for `LIKE` that finds what begins as the person typed it, written as tags are stored.
fn like_beginning(typed: &str) -> String {
    let mut pattern = String::with_capacity(typed.len() + 1);
    for c in typed.trim_start().to_lowercase().chars() {
        match c {
            '_' => pattern.push(' '),
            '%' | '\\' => {
                pattern.push('\\');
                pattern.push(c);
            }
            '\0' => {}
            c => pattern.push(c),
        }
    }
    pattern.push('%');
    pattern
}

/// Ids of these tags in order, each once; makes those that are new.
///
/// # Errors
/// [`Refusal::NumberOutOfRange`] when there are more than [`TAGS_MAX`], [`Refusal::TagBanned`].
pub(crate) async fn ids(tx: &mut PgTransaction<'_>, tags: &[Tag]) -> Answer<Vec<TagId>> {
    let names = distinct(tags)?;
    let found = find(tx, &names).await?;
    if found.len() == names.len() {
        return in_order(&names, &found);
    }
    // In order of their names, so that two who bring the same new tags wait for each other instead of in a circle. What another
    // brought meanwhile is seen by the statement after.
    sqlx::query!(
        r#"INSERT INTO tags (name)
           SELECT name FROM unnest($1::text[]) AS wanted(name) ORDER BY name
               ON CONFLICT (name) DO NOTHING"#,
        &names as &[&str],
    )
    .execute(&mut **tx)
    .await?;
    let found = find(tx, &names).await?;
    in_order(&names, &found)
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

fn in_order(names: &[&str], found: &[Found]) -> Answer<Vec<TagId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let Some(tag) = found.iter().find(|tag| tag.name == *name) else {
            return Err(sqlx::Error::RowNotFound.into());
        };
        if !tag.is_active {
            return Err(Refusal::TagBanned {
                tag: (*name).to_owned(),
            }
            .into());
        }
        ids.push(tag.id);
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_pattern() {
        assert_eq!(like_beginning(" Night_S"), "night s%");
        assert_eq!(like_beginning("100%"), "100\\%%");
        assert_eq!(like_beginning(""), "%");
    }
}
