//! Lists of styles: by tag (all of those named), artist and words; newest or most used first. Only those that can be used now.
//!
//! A page looks at no more than [`SIFTED_MAX`] styles whatever the tables hold, so it may be short, or empty, and still have a `next`.
//! A tag or word that few styles have leads the search; what many have is looked up along the way.

use atelier_contract::{Page, Refusal, StyleCard, StyleId, TagId, UserId, parse_tags};
use axum::Json;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use super::view::cards;
use super::{StylePage, today};
use crate::app::App;
use crate::caller::Caller;
use crate::pages::{Cursor, NEWEST, PageQuery, at_most};
use crate::refused::Answer;
use crate::resources::tags;

// How far a page looks stands in its query as a number: as a parameter it would be unknown to a plan for any page, which might then read
// and sort everything.
/// Most styles that one page looks at; a tag or word that more styles have does not lead the search.
const SIFTED_MAX: i64 = 2_000;
/// The same when all but a few that are looked at are shown: four for each row of the longest page.
const CANDIDATES_MAX: i64 = 404;
/// Longest search.
const WORDS_CHARS_MAX: usize = 200;
/// Most words of a search.
const WORDS_MAX: usize = 8;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StyleSort {
    /// The newest.
    #[default]
    Recent,
    /// The most used, as of the last roll-up.
    Popular,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StyleFilter {
    /// Tags separated by commas; styles that have all of them.
    tags: Option<String>,
    /// Styles of this artist.
    #[param(value_type = Option<i64>, minimum = 1)]
    artist: Option<UserId>,
    /// Words of name or description, or beginnings of them; styles that have all.
    #[param(max_length = 200)]
    words: Option<String>,
    /// What comes first.
    sort: Option<StyleSort>,
}

/// Where a page ended. Of one order only.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum After {
    Recent(DateTime<Utc>, i64),
    Popular(i32, i64),
}

#[derive(sqlx::FromRow)]
struct Key {
    id: StyleId,
    usage_count: i32,
    published_at: DateTime<Utc>,
}

impl Key {
    fn after(&self, sort: StyleSort) -> After {
        match sort {
            StyleSort::Recent => After::Recent(self.published_at, self.id.get()),
            StyleSort::Popular => After::Popular(self.usage_count, self.id.get()),
        }
    }
}

/// Styles that are put up.
#[utoipa::path(get, path = "/styles", tag = "styles", security(()), params(StyleFilter, PageQuery),
    responses((status = 200, body = Page<StyleCard>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(filter): Query<StyleFilter>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<StylePage>> {
    let sort = filter.sort.unwrap_or_default();
    let wanted = parse_tags(filter.tags.as_deref().unwrap_or_default()).map_err(Refusal::from)?;
    at_most("words", filter.words.as_deref(), WORDS_CHARS_MAX)?;
    let words = filter.words.as_deref().map(words_of).unwrap_or_default();
    let after = page.after(None)?;
    let Some(found) = tags::sought(&app.reads, &wanted).await? else {
        return Ok(Json(Page {
            items: Vec::new(),
            next: None,
        }));
    };
    let search = Search {
        sort,
        lead: leading(&app.reads, &found, &words).await?,
        tags: found.iter().map(|(id, _)| id.get()).collect(),
        artist: filter.artist,
        words,
        after,
    };
    let keys: Vec<Key> = search.keys(page.rows()).build_query_as().fetch_all(&app.reads).await?;
    let (keys, mut next) = page.cut(keys, |key| key.after(sort))?;
    if next.is_none() {
        // Short: either the end, or as far as one page looks.
        let last: Option<Key> = search
            .last_candidate()
            .build_query_as()
            .fetch_optional(&app.reads)
            .await?;
        next = last.map(|key| Cursor::encode(&key.after(sort))).transpose()?;
    }
    let ids: Vec<StyleId> = keys.iter().map(|key| key.id).collect();
    let items = cards(&app.reads, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// One's own styles, drafts among them, newest first.
#[utoipa::path(get, path = "/styles/mine", tag = "styles", params(PageQuery), responses((status = 200, body = Page<StyleCard>)))]
pub(crate) async fn mine(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<StylePage>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT id AS "id: StyleId"
             FROM styles
            WHERE artist_id = $1 AND id < $2
         ORDER BY id DESC
            LIMIT $3"#,
        caller.user.get(),
        page.after(NEWEST)?,
        page.rows(),
    )
    .fetch_all(&app.pool)
    .await?;
    let (ids, next) = page.cut(ids, |id| id.get())?;
    let items = cards(&app.pool, &ids).await?;
    Ok(Json(Page { items, next }))
}

/// What so few styles have that they are looked at one by one.
enum Lead {
    Tag(i64),
    Word(String),
}

/// The tag, or else the word, that the fewest styles have, if few enough have it.
async fn leading(pool: &PgPool, tags: &[(TagId, i32)], words: &[String]) -> Answer<Option<Lead>> {
    if let Some(tag) = leading_tag(pool, tags).await? {
        return Ok(Some(Lead::Tag(tag)));
    }
    Ok(leading_word(pool, words).await?.map(Lead::Word))
}

async fn leading_tag(pool: &PgPool, found: &[(TagId, i32)]) -> Answer<Option<i64>> {
    if found.is_empty() {
        return Ok(None);
    }
    let ids: Vec<i64> = found.iter().map(|(id, _)| id.get()).collect();
    let lead = sqlx::query_scalar!(
        r#"SELECT wanted.id AS "id!"
             FROM unnest($1::bigint[]) AS wanted(id),
                  LATERAL (
                      SELECT count(*) AS styles
                        FROM (SELECT FROM style_tags WHERE tag_id = wanted.id LIMIT $2::bigint + 1) AS a_few
                  ) AS counted
            WHERE counted.styles <= $2
         ORDER BY counted.styles
            LIMIT 1"#,
        &ids,
        SIFTED_MAX,
    )
    .fetch_optional(pool)
    .await?;
    Ok(lead)
}

async fn leading_word(pool: &PgPool, words: &[String]) -> Answer<Option<String>> {
    if words.is_empty() {
        return Ok(None);
    }
    let ends: Vec<String> = words.iter().map(|word| end_of(word)).collect();
    let lead = sqlx::query_scalar!(
        r#"SELECT wanted.word AS "word!"
             FROM unnest($1::text[], $2::text[]) AS wanted(word, word_end),
                  LATERAL (
                      SELECT count(*) AS styles
                        FROM (SELECT
                                FROM style_words
                               WHERE style_words.word >= wanted.word AND style_words.word < wanted.word_end
                               LIMIT $3::bigint + 1) AS a_few
                  ) AS counted
            WHERE counted.styles <= $3
         ORDER BY counted.styles
            LIMIT 1"#,
        words,
        &ends,
        SIFTED_MAX,
    )
    .fetch_optional(pool)
    .await?;
    Ok(lead)
}

/// The words of a search: beginnings, in lower case. Everything that is not a letter or a digit parts them.
fn words_of(typed: &str) -> Vec<String> {
    typed
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(str::to_lowercase)
        .collect()
}

impl Lead {
    /// Its styles, each once.
    fn styles(&self, query: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Tag(tag) => {
                query
                    .push("SELECT style_id FROM style_tags WHERE tag_id = ")
                    .push_bind(*tag);
            }
            Self::Word(word) => {
                query.push("SELECT DISTINCT style_id FROM style_words WHERE TRUE");
                begins_with(query, word);
            }
        }
    }
}

fn begins_with(query: &mut QueryBuilder<Postgres>, word: &str) {
    query.push(" AND style_words.word >= ").push_bind(word.to_owned());
    query.push(" AND style_words.word < ").push_bind(end_of(word));
}

/// Behind everything that begins so.
fn end_of(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}

struct Search {
    sort: StyleSort,
    /// Whose styles are the candidates; in its absence all that are listed.
    lead: Option<Lead>,
    tags: Vec<i64>,
    artist: Option<UserId>,
    words: Vec<String>,
    after: Option<After>,
}

impl Search {
    /// Styles that the page looks at. The list of one tag or word that leads is no more sifted than that of all.
    fn candidates_max(&self) -> i64 {
        if self.tags.len() + self.words.len() > usize::from(self.lead.is_some()) {
            SIFTED_MAX
        } else {
            CANDIDATES_MAX
        }
    }

    /// Keys of the page.
    fn keys(&self, rows: i64) -> QueryBuilder<Postgres> {
        let mut query =
            QueryBuilder::new("SELECT candidates.id, candidates.usage_count, candidates.published_at FROM (");
        self.candidates(&mut query);
        query
            .push(") AS candidates WHERE candidates.training_status = 'completed' AND candidates.valid_from <= ")
            .push_bind(today());
        query
            .push(" AND (candidates.valid_to IS NULL OR candidates.valid_to >= ")
            .push_bind(today());
        query.push(") AND (SELECT users.is_active FROM users WHERE users.id = candidates.artist_id)");
        for tag in &self.tags {
            // A scalar subquery, not a join: looked up for each candidate, and never the whole of a popular tag.
            query
                .push(" AND (SELECT TRUE FROM style_tags WHERE style_tags.style_id = candidates.id AND style_tags.tag_id = ")
                .push_bind(*tag)
                .push(")");
        }
        for word in &self.words {
            query.push(" AND (SELECT TRUE FROM style_words WHERE style_words.style_id = candidates.id");
            begins_with(&mut query, word);
            query.push(" LIMIT 1)");
        }
        self.order(&mut query, "candidates");
        query.push(" LIMIT ").push_bind(rows);
        query
    }

    /// The key at which a page stops looking; nothing when there are fewer candidates.
    fn last_candidate(&self) -> QueryBuilder<Postgres> {
        let mut query =
            QueryBuilder::new("SELECT candidates.id, candidates.usage_count, candidates.published_at FROM (");
        self.candidates(&mut query);
        query.push(") AS candidates");
        self.order(&mut query, "candidates");
        query
            .push(" OFFSET ")
            .push_bind(self.candidates_max() - 1)
            .push(" LIMIT 1");
        query
    }

    /// Listed styles after the cursor, in order.
    fn candidates(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(
            "SELECT styles.id, styles.artist_id, styles.usage_count, styles.published_at, styles.valid_from, styles.valid_to, \
             styles.training_status ",
        );
        query.push("FROM ");
        if let Some(lead) = &self.lead {
            query.push("(");
            lead.styles(query);
            // `OFFSET 0` keeps the two from becoming a join for which the database would rather read all styles.
            query.push(
                ") AS led, LATERAL (SELECT id, artist_id, usage_count, published_at, valid_from, valid_to, training_status, \
                  is_active, is_flagged \
                 FROM styles WHERE styles.id = led.style_id OFFSET 0) AS ",
            );
        }
        query.push("styles WHERE ");
        query.push("styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged");
        if let Some(artist) = self.artist {
            // Kept from the planner, which would take one with many drafts for one whose styles are everywhere in the list of all.
            query
                .push(" AND styles.artist_id = (SELECT ")
                .push_bind(artist.get())
                .push("::bigint)");
        }
        match (&self.after, self.sort) {
            (Some(After::Recent(at, id)), StyleSort::Recent) => {
                query.push(" AND (styles.published_at, styles.id) < (").push_bind(*at);
                query.push(", ").push_bind(*id).push(")");
            }
            (Some(After::Popular(uses, id)), StyleSort::Popular) => {
                query.push(" AND (styles.usage_count, styles.id) < (").push_bind(*uses);
                query.push(", ").push_bind(*id).push(")");
            }
            // A cursor of the other order: from the beginning.
            (Some(_) | None, _) => {}
        }
        self.order(query, "styles");
        query.push(format!(" LIMIT {}", self.candidates_max()));
    }

    fn order(&self, query: &mut QueryBuilder<Postgres>, table: &str) {
        let key = match self.sort {
            StyleSort::Recent => "published_at",
            StyleSort::Popular => "usage_count",
        };
        query.push(format!(" ORDER BY {table}.{key} DESC, {table}.id DESC"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_query_language() {
        assert_eq!(words_of("수채 Ink & !'x%"), ["수채", "ink", "x"]);
        assert_eq!(words_of("  &|!  "), [""; 0]);
    }
}
