//! Lists of generations: the public ones, newest or best liked first, and one's own.
//!
//! The public ones are read from `publications` and `publication_tags`, which are kept in these orders. A page looks at no more than
//! [`SIFTED_MAX`] rows whatever the tables hold, so it may be short, or empty, and still have a `next`.

use atelier_contract::{
    GenerationId, GenerationStatus, GenerationView, Page, Refusal, StyleId, TagId, UserId, parse_tags,
};
use axum::Json;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use super::view::views;
use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::pages::{Cursor, NEWEST_AT, PageQuery};
use crate::refused::Answer;
use crate::resources::tags;

// How far a page looks stands in its query as a number: as a parameter it would be unknown to a plan for any page, which might then read
// and sort everything.
/// Most rows that one page looks at.
const SIFTED_MAX: i64 = 2_000;
/// The same when all but a few that are looked at are shown: four for each row of the longest page.
const CANDIDATES_MAX: i64 = 404;

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GenerationSort {
    /// The newest.
    #[default]
    Recent,
    /// The best liked, as of the last roll-up.
    Popular,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PublicFilter {
    /// Tags separated by commas; generations that have all of them.
    tags: Option<String>,
    /// Made with this style.
    #[param(value_type = Option<i64>, minimum = 1)]
    style: Option<StyleId>,
    /// Made by this user.
    #[param(value_type = Option<i64>, minimum = 1)]
    user: Option<UserId>,
    /// What comes first.
    sort: Option<GenerationSort>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnFilter {
    /// Made with this style.
    #[param(value_type = Option<i64>, minimum = 1)]
    style: Option<StyleId>,
    /// In this status.
    #[param(inline)]
    status: Option<GenerationStatus>,
    /// Only those everybody sees, or only those they do not.
    is_public: Option<bool>,
}

/// Where a page ended. Of one order only.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum After {
    Recent(i64),
    Popular(i32, i64),
}

#[derive(sqlx::FromRow)]
struct Key {
    generation_id: GenerationId,
    likes: i32,
}

impl Key {
    fn after(&self, sort: GenerationSort) -> After {
        match sort {
            GenerationSort::Recent => After::Recent(self.generation_id.get()),
            GenerationSort::Popular => After::Popular(self.likes, self.generation_id.get()),
        }
    }
}

/// Generations that everybody sees.
#[utoipa::path(get, path = "/generations", tag = "generations", security((), ("bearer" = [])), params(PublicFilter, PageQuery),
    responses((status = 200, body = Page<GenerationView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Query(filter): Query<PublicFilter>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<GenerationView>>> {
    let sort = filter.sort.unwrap_or_default();
    let wanted = parse_tags(filter.tags.as_deref().unwrap_or_default()).map_err(Refusal::from)?;
    let Some(found) = tags::sought(&app.reads, &wanted).await? else {
        return Ok(Json(Page {
            items: Vec::new(),
            next: None,
        }));
    };
    let search = Search {
        sort,
        tags: found.iter().map(|(id, _): &(TagId, i32)| id.get()).collect(),
        style: filter.style,
        user: filter.user,
        after: page.after(None)?,
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
    let ids: Vec<GenerationId> = keys.iter().map(|key| key.generation_id).collect();
    let items = views(&app.reads, &ids, caller.map(|caller| caller.user)).await?;
    Ok(Json(Page { items, next }))
}

struct Search {
    sort: GenerationSort,
    /// All wanted; the rarest first.
    tags: Vec<i64>,
    style: Option<StyleId>,
    user: Option<UserId>,
    after: Option<After>,
}

impl Search {
    /// Publications that the page looks at.
    fn candidates_max(&self) -> i64 {
        if self.tags.len() > 1 || self.sifts_makers() {
            SIFTED_MAX
        } else {
            CANDIDATES_MAX
        }
    }

    /// Whether user or style are looked up for each candidate: the list of a tag knows neither, and that of a user's best liked is not
    /// kept for each style.
    fn sifts_makers(&self) -> bool {
        let (style, user) = (self.style.is_some(), self.user.is_some());
        if self.tags.is_empty() {
            style && user && self.sort == GenerationSort::Popular
        } else {
            style || user
        }
    }

    /// Keys of the page.
    fn keys(&self, rows: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT candidates.generation_id, candidates.likes FROM (");
        match self.tags.split_first() {
            Some((_, others)) if !others.is_empty() => self.tagged(&mut query, others),
            _ => self.candidates(&mut query),
        }
        query.push(
            ") AS candidates WHERE (SELECT users.is_active FROM publications JOIN users ON users.id = publications.user_id \
             WHERE publications.generation_id = candidates.generation_id",
        );
        if self.sifts_makers() {
            self.of_user(&mut query);
            self.of_style(&mut query);
        }
        query.push(")");
        self.order(&mut query, "candidates");
        query.push(" LIMIT ").push_bind(rows);
        query
    }

    /// Candidates that have the other tags too. Each is looked up, by scalar subqueries that cannot become a join with the whole of a
    /// popular tag, before anything else is asked about it: `OFFSET 0` keeps the database from another order.
    fn tagged(&self, query: &mut QueryBuilder<Postgres>, others: &[i64]) {
        query.push("SELECT candidates.generation_id, candidates.likes FROM (");
        self.candidates(query);
        query.push(") AS candidates WHERE TRUE");
        for tag in others {
            query
                .push(
                    " AND (SELECT TRUE FROM publication_tags WHERE publication_tags.generation_id = candidates.generation_id \
                     AND publication_tags.tag_id = ",
                )
                .push_bind(*tag)
                .push(")");
        }
        self.order(query, "candidates");
        query.push(" OFFSET 0");
    }

    /// The key at which a page stops looking; nothing when there are fewer candidates.
    fn last_candidate(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT candidates.generation_id, candidates.likes FROM (");
        self.candidates(&mut query);
        query.push(") AS candidates");
        self.order(&mut query, "candidates");
        query
            .push(" OFFSET ")
            .push_bind(self.candidates_max() - 1)
            .push(" LIMIT 1");
        query
    }

    /// Publications after the cursor, in order; those of the rarest tag when there is one.
    fn candidates(&self, query: &mut QueryBuilder<Postgres>) {
        let table = if self.tags.is_empty() {
            "publications"
        } else {
            "publication_tags"
        };
        // Likes only where they are the order: whoever asks for them would be given the popular list's index to read, and sort all of it.
        let likes = match self.sort {
            GenerationSort::Recent => "0",
            GenerationSort::Popular => "likes",
        };
        query.push(format!(
            "SELECT generation_id, {likes} AS likes FROM {table} WHERE TRUE"
        ));
        match self.tags.first() {
            Some(rarest) => {
                query.push(" AND publication_tags.tag_id = ").push_bind(*rarest);
            }
            None => {
                self.of_user(query);
                if !self.sifts_makers() {
                    self.of_style(query);
                }
            }
        }
        match (&self.after, self.sort) {
            (Some(After::Recent(id)), GenerationSort::Recent) => {
                query.push(format!(" AND {table}.generation_id < ")).push_bind(*id);
            }
            (Some(After::Popular(likes, id)), GenerationSort::Popular) => {
                query
                    .push(format!(" AND ({table}.likes, {table}.generation_id) < ("))
                    .push_bind(*likes);
                query.push(", ").push_bind(*id).push(")");
            }
            // A cursor of the other order: from the beginning.
            (Some(_) | None, _) => {}
        }
        self.order(query, table);
        query.push(format!(" LIMIT {}", self.candidates_max()));
    }

    fn of_style(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(style) = self.style {
            query.push(" AND publications.style_id = ").push_bind(style.get());
        }
    }

    fn of_user(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(user) = self.user {
            query.push(" AND publications.user_id = ").push_bind(user.get());
        }
    }

    fn order(&self, query: &mut QueryBuilder<Postgres>, table: &str) {
        query.push(match self.sort {
            GenerationSort::Recent => format!(" ORDER BY {table}.generation_id DESC"),
            GenerationSort::Popular => format!(" ORDER BY {table}.likes DESC, {table}.generation_id DESC"),
        });
    }
}

/// One's own generations, newest first.
#[utoipa::path(get, path = "/generations/mine", tag = "generations", params(OwnFilter, PageQuery),
    responses((status = 200, body = Page<GenerationView>)))]
pub(crate) async fn mine(
    State(app): State<App>,
    caller: Caller,
    Query(filter): Query<OwnFilter>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Page<GenerationView>>> {
    let own = Own {
        user: caller.user,
        filter,
        after: page.after(NEWEST_AT)?,
    };
    // From the primary: people look here for what they just made.
    let keys = own.keys(page.rows()).build_query_as().fetch_all(&app.pool).await?;
    let key = |(id, at): &(GenerationId, DateTime<Utc>)| (*at, id.get());
    let (keys, mut next) = page.cut(keys, key)?;
    if next.is_none() && own.is_sifted() {
        let last = own.last_candidate().build_query_as().fetch_optional(&app.pool).await?;
        next = last.as_ref().map(|last| Cursor::encode(&key(last))).transpose()?;
    }
    let ids: Vec<GenerationId> = keys.iter().map(|(id, _)| *id).collect();
    let items = views(&app.pool, &ids, Some(caller.user)).await?;
    Ok(Json(Page { items, next }))
}

/// One's own: walked by user and style; what is asked for beside is looked at along the way.
struct Own {
    user: UserId,
    filter: OwnFilter,
    after: (DateTime<Utc>, i64),
}

impl Own {
    fn is_sifted(&self) -> bool {
        self.filter.status.is_some() || self.filter.is_public.is_some()
    }

    /// Keys of the page.
    fn keys(&self, rows: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT id, created_at FROM (");
        self.candidates(&mut query);
        query.push(") AS candidates WHERE TRUE");
        if let Some(status) = self.filter.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(is_public) = self.filter.is_public {
            query.push(" AND is_public = ").push_bind(is_public);
        }
        query.push(" ORDER BY created_at DESC, id DESC LIMIT ").push_bind(rows);
        query
    }

    /// The key at which a page stops looking; nothing when there are fewer candidates.
    fn last_candidate(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT id, created_at FROM (");
        self.candidates(&mut query);
        query
            .push(") AS candidates ORDER BY created_at DESC, id DESC OFFSET ")
            .push_bind(SIFTED_MAX - 1)
            .push(" LIMIT 1");
        query
    }

    /// Generations after the cursor, in order.
    fn candidates(&self, query: &mut QueryBuilder<Postgres>) {
        let (at, id) = self.after;
        query
            .push("SELECT id, created_at, status, is_public FROM generations WHERE user_id = ")
            .push_bind(self.user.get());
        if let Some(style) = self.filter.style {
            query.push(" AND style_id = ").push_bind(style.get());
        }
        query.push(" AND (created_at, id) < (").push_bind(at);
        query.push(", ").push_bind(id);
        // In the order of the index, that of time, to the end of a moment: whatever plan is taken, there is nothing to sort.
        query.push(format!(
            ") ORDER BY created_at DESC FETCH FIRST {SIFTED_MAX} ROWS WITH TIES"
        ));
    }
}
