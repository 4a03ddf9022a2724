//! Lists of generations: the public ones, newest or best liked first, and one's own.
//!
//! The public ones are read from `publications` and `publication_tags`, which are kept in these orders. A page looks at no more than
//! [`CANDIDATES_MAX`] of them whatever the tables hold, so it may be short, or empty, and still have a `next`.

use atelier_contract::{
    GenerationId, GenerationStatus, GenerationView, Page, Refusal, StyleId, TagId, UserId, parse_tags,
};
use axum::Json;
use axum::extract::{Query, State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use super::view::views;
use crate::app::App;
use crate::caller::{Caller, MaybeCaller};
use crate::pages::{Cursor, PageQuery};
use crate::refused::Answer;
use crate::resources::tags;

/// Most publications that one page looks at.
const CANDIDATES_MAX: i64 = 2_000;
/// For each row of a page, when all but a few that are looked at are shown: so few that the database reads them in order.
const CANDIDATES_PER_ROW: i64 = 4;

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
    let limit = usize::from(page.limit());
    let sifted = found.len() > 1 || (found.len() == 1 && (filter.style.is_some() || filter.user.is_some()));
    let search = Search {
        sort,
        candidates_max: if sifted {
            CANDIDATES_MAX
        } else {
            CANDIDATES_PER_ROW * (i64::from(page.limit()) + 1)
        },
        tags: found.iter().map(|(id, _): &(TagId, i32)| id.get()).collect(),
        style: filter.style,
        user: filter.user,
        after: page.after.as_deref().map(Cursor::decode::<After>).transpose()?,
    };
    let (keys, next) = search.page(&app.reads, limit).await?;
    let ids: Vec<GenerationId> = keys.iter().map(|key| key.generation_id).collect();
    Ok(Json(Page {
        items: views(&app.reads, &ids, caller.map(|caller| caller.user)).await?,
        next: next.as_ref().map(Cursor::encode).transpose()?,
    }))
}

struct Search {
    sort: GenerationSort,
    /// Publications that the page looks at.
    candidates_max: i64,
    /// All wanted; the rarest first.
    tags: Vec<i64>,
    style: Option<StyleId>,
    user: Option<UserId>,
    after: Option<After>,
}

impl Search {
    async fn page(&self, pool: &PgPool, limit: usize) -> Answer<(Vec<Key>, Option<After>)> {
        let mut keys: Vec<Key> = self.keys(limit + 1).build_query_as().fetch_all(pool).await?;
        if keys.len() > limit {
            keys.truncate(limit);
            let next = keys.last().map(|key| key.after(self.sort));
            return Ok((keys, next));
        }
        // Short: either the end, or as far as one page looks.
        let last: Option<Key> = self.last_candidate().build_query_as().fetch_optional(pool).await?;
        Ok((keys, last.map(|key| key.after(self.sort))))
    }

    /// Keys of the page.
    fn keys(&self, rows: usize) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT candidates.generation_id, candidates.likes FROM (");
        match self.tags.split_first() {
            Some((_, others)) if !others.is_empty() => self.tagged(&mut query, others),
            _ => self.candidates(&mut query),
        }
        query.push(
            ") AS candidates WHERE (SELECT users.is_active FROM publications JOIN users ON users.id = publications.user_id \
             WHERE publications.generation_id = candidates.generation_id",
        );
        // What the list of a tag does not know of itself.
        if !self.tags.is_empty() {
            self.makers(&mut query);
        }
        query.push(")");
        self.order(&mut query, "candidates");
        query.push(" LIMIT ").push_bind(i64::try_from(rows).unwrap_or(i64::MAX));
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
            .push_bind(self.candidates_max - 1)
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
        query.push(format!(
            "SELECT {table}.generation_id, {table}.likes FROM {table} WHERE TRUE"
        ));
        match self.tags.first() {
            Some(rarest) => {
                query.push(" AND publication_tags.tag_id = ").push_bind(*rarest);
            }
            None => self.makers(query),
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
        query.push(" LIMIT ").push_bind(self.candidates_max);
    }

    fn makers(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(style) = self.style {
            query.push(" AND publications.style_id = ").push_bind(style.get());
        }
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
    let after = page
        .after
        .as_deref()
        .map(Cursor::decode::<(DateTime<Utc>, i64)>)
        .transpose()?;
    let limit = usize::from(page.limit());
    let mut query = QueryBuilder::<Postgres>::new("SELECT id, created_at FROM generations WHERE user_id = ");
    query.push_bind(caller.user.get());
    if let Some(style) = filter.style {
        query.push(" AND style_id = ").push_bind(style.get());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(is_public) = filter.is_public {
        query.push(" AND is_public = ").push_bind(is_public);
    }
    if let Some((at, id)) = after {
        query
            .push(" AND (created_at, id) < (")
            .push_bind(at)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    query
        .push(" ORDER BY created_at DESC, id DESC LIMIT ")
        .push_bind(i64::from(page.limit()) + 1);
    // From the primary: people look here for what they just made.
    let mut keys: Vec<(GenerationId, DateTime<Utc>)> = query.build_query_as().fetch_all(&app.pool).await?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys
        .last()
        .filter(|_| more)
        .map(|(id, at)| Cursor::encode(&(*at, id.get())))
        .transpose()?;
    let ids: Vec<GenerationId> = keys.iter().map(|(id, _)| *id).collect();
    Ok(Json(Page {
        items: views(&app.pool, &ids, Some(caller.user)).await?,
        next,
    }))
}
