//! Lists of styles: by tag (all of those named), artist and words; newest or most used first. Only those that can be used now.
//!
//! A page looks at no more than [`CANDIDATES_MAX`] styles whatever the tables hold, so it may be short, or empty, and still have a
//! `next`. A tag that few styles have leads the search; one that many have is looked up along the way.

use atelier_contract::{Page, Refusal, StyleCard, StyleId, TagId, UserId, parse_tags};
use axum::Json;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use super::{StylePage, cards, today};
use crate::app::App;
use crate::caller::Caller;
use crate::pages::{Cursor, PageQuery, at_most};
use crate::refused::Answer;
use crate::resources::tags;

/// Most styles that one page looks at; a tag that more styles have does not lead the search.
const CANDIDATES_MAX: i64 = 2_000;
/// For each row of a page, when all but a few that are looked at are shown: so few that the database reads them in order.
const CANDIDATES_PER_ROW: i64 = 4;
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
    let words = filter.words.as_deref().map(query_of).filter(|words| !words.is_empty());
    let after = page.after.as_deref().map(Cursor::decode::<After>).transpose()?;
    let Some(found) = tags::sought(&app.reads, &wanted).await? else {
        return Ok(Json(Page {
            items: Vec::new(),
            next: None,
        }));
    };
    let lead = leading(&app.reads, &found).await?;
    // The list of one tag that leads is no more sifted than that of all.
    let sifted = found.len() > usize::from(lead.is_some());
    let search = Search {
        sort,
        candidates_max: if sifted {
            CANDIDATES_MAX
        } else {
            CANDIDATES_PER_ROW * (i64::from(page.limit()) + 1)
        },
        lead,
        tags: found.iter().map(|(id, _)| id.get()).collect(),
        artist: filter.artist,
        words,
        after,
    };
    let limit = usize::from(page.limit());
    let mut keys: Vec<Key> = search.keys(limit + 1).build_query_as().fetch_all(&app.reads).await?;
    let next = if keys.len() > limit {
        keys.truncate(limit);
        keys.last().map(|key| key.after(sort))
    } else {
        // Short: either the end, or as far as one page looks.
        let last: Option<Key> = search
            .last_candidate()
            .build_query_as()
            .fetch_optional(&app.reads)
            .await?;
        last.map(|key| key.after(sort))
    };
    let ids: Vec<StyleId> = keys.iter().map(|key| key.id).collect();
    Ok(Json(Page {
        items: cards(&app.reads, &ids).await?,
        next: next.as_ref().map(Cursor::encode).transpose()?,
    }))
}

/// One's own styles, drafts among them, newest first.
#[utoipa::path(get, path = "/styles/mine", tag = "styles", params(PageQuery), responses((status = 200, body = Page<StyleCard>)))]
pub(crate) async fn mine(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Answer<Json<StylePage>> {
    let after = page.after.as_deref().map(Cursor::decode::<i64>).transpose()?;
    let limit = usize::from(page.limit());
    let mut ids = sqlx::query_scalar!(
        r#"SELECT id AS "id: StyleId"
             FROM styles
            WHERE artist_id = $1 AND ($2::bigint IS NULL OR id < $2)
         ORDER BY id DESC
            LIMIT $3"#,
        caller.user.get(),
        after,
        i64::from(page.limit()) + 1,
    )
    .fetch_all(&app.pool)
    .await?;
    let more = ids.len() > limit;
    ids.truncate(limit);
    let next = ids
        .last()
        .filter(|_| more)
        .map(|id| Cursor::encode(&id.get()))
        .transpose()?;
    Ok(Json(Page {
        items: cards(&app.pool, &ids).await?,
        next,
    }))
}

/// The tag that the fewest styles have, if few enough have it to be looked at one by one.
async fn leading(pool: &PgPool, found: &[(TagId, i32)]) -> Answer<Option<i64>> {
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
        CANDIDATES_MAX,
    )
    .fetch_optional(pool)
    .await?;
    Ok(lead)
}

/// Words as `to_tsquery` reads them: beginnings, all of them. Everything that is not a letter or a digit parts words.
fn query_of(words: &str) -> String {
    words
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| format!("{}:*", word.to_lowercase()))
        .collect::<Vec<_>>()
        .join(" & ")
}

struct Search {
    sort: StyleSort,
    /// Styles that the page looks at.
    candidates_max: i64,
    /// The tag whose styles are the candidates; in its absence all that are listed.
    lead: Option<i64>,
    tags: Vec<i64>,
    artist: Option<UserId>,
    words: Option<String>,
    after: Option<After>,
}

impl Search {
    /// Keys of the page.
    fn keys(&self, rows: usize) -> QueryBuilder<Postgres> {
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
        self.order(&mut query, "candidates");
        query.push(" LIMIT ").push_bind(i64::try_from(rows).unwrap_or(i64::MAX));
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
            .push_bind(self.candidates_max - 1)
            .push(" LIMIT 1");
        query
    }

    /// Listed styles after the cursor, in order.
    fn candidates(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(
            "SELECT styles.id, styles.artist_id, styles.usage_count, styles.published_at, styles.valid_from, styles.valid_to, \
             styles.training_status ",
        );
        match self.lead {
            // `OFFSET 0` keeps the two from becoming a join for which the database would rather read all styles.
            Some(tag) => query
                .push("FROM style_tags, LATERAL (SELECT id, artist_id, name, description, usage_count, published_at, valid_from, valid_to, \
                     training_status, is_active, is_flagged FROM styles WHERE styles.id = style_tags.style_id OFFSET 0) AS styles")
                .push(" WHERE style_tags.tag_id = ")
                .push_bind(tag)
                .push(" AND "),
            None => query.push("FROM styles WHERE "),
        };
        query.push("styles.published_at IS NOT NULL AND styles.is_active AND NOT styles.is_flagged");
        if let Some(artist) = self.artist {
            query.push(" AND styles.artist_id = ").push_bind(artist.get());
        }
        if let Some(words) = &self.words {
            query
                .push(" AND to_tsvector('simple', styles.name || ' ' || coalesce(styles.description, '')) @@ to_tsquery('simple', ")
                .push_bind(words)
                .push(")");
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
        query.push(" LIMIT ").push_bind(self.candidates_max);
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
        assert_eq!(query_of("수채 Ink & !'x"), "수채:* & ink:* & x:*");
        assert_eq!(query_of("  &|!  "), "");
    }
}
