//! What a studio changed while it was offline, applied in the order in which it did. Each mutation is a transaction of its own, together
//! with the number of the newest that is done with; one that is refused moves that number as well.

use std::str::FromStr as _;

use atelier_contract::{
    CommentId, GenerationChange, MUTATIONS_PER_PUSH_MAX, Mutation, MutationOutcome, MutationPush, MutationResult,
    MutationsPushed, NewComment, NewMutation, Refusal, UserId,
};
use axum::Json;
use axum::extract::State;
use serde_json::Value;
use sqlx::{Acquire as _, PgTransaction};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{comments, follows, generations, likes, notifications};
use crate::app::App;
use crate::caller::Caller;
use crate::feed::Changes;
use crate::refused::{Answer, Refused};

/// Days for which what came of a mutation is known.
const OUTCOME_DAYS: i32 = 30;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(push))
}

/// Applies mutations of one studio. What was applied before is answered as it was then.
#[utoipa::path(post, path = "/mutations", tag = "mutations", request_body = MutationPush,
    responses((status = 200, body = MutationsPushed)))]
async fn push(
    State(app): State<App>,
    caller: Caller,
    Json(request): Json<MutationPush>,
) -> Answer<Json<MutationsPushed>> {
    let client = Uuid::from_str(&request.client)
        .ok()
        .ok_or_else(|| invalid("the client is a UUID"))?;
    if !(1..=MUTATIONS_PER_PUSH_MAX).contains(&request.mutations.len()) {
        return Err(invalid(&format!("a push has 1 to {MUTATIONS_PER_PUSH_MAX} mutations")).into());
    }
    let without_gaps = request
        .mutations
        .windows(2)
        .all(|pair| pair[0].id.checked_add(1) == Some(pair[1].id));
    if !without_gaps || request.mutations[0].id < 1 {
        return Err(invalid("mutations are numbered from 1 on without gaps").into());
    }
    let mut outcomes = Vec::with_capacity(request.mutations.len());
    for mutation in request.mutations {
        // Of a long one the parts that are done stay done, so that it ends however often it is interrupted.
        let outcome = loop {
            if let Some(outcome) = one(&app, caller.user, client, &mutation).await? {
                break outcome;
            }
        };
        outcomes.push(outcome);
    }
    let last_mutation_id = sqlx::query_scalar!(
        "SELECT last_mutation_id FROM sync_clients WHERE user_id = $1 AND client_id = $2",
        caller.user.get(),
        client,
    )
    .fetch_one(&app.pool)
    .await?;
    Ok(Json(MutationsPushed {
        last_mutation_id,
        outcomes,
    }))
}

fn invalid(reason: &str) -> Refusal {
    Refusal::RequestInvalid {
        reason: reason.to_owned(),
    }
}

/// What came of a mutation; nothing when a part of it was done and the rest is for the next transaction.
async fn one(app: &App, user: UserId, client: Uuid, mutation: &NewMutation) -> Answer<Option<MutationOutcome>> {
    let mut tx = app.pool.begin().await?;
    // Holds the client: pushes of one studio come one after the other, also on several servers.
    let last = sqlx::query_scalar!(
        r#"INSERT INTO sync_clients (user_id, client_id)
           VALUES ($1, $2)
               ON CONFLICT (user_id, client_id) DO UPDATE SET pushed_at = now()
        RETURNING last_mutation_id"#,
        user.get(),
        client,
    )
    .fetch_one(&mut *tx)
    .await?;
    let id = mutation.id;
    if id <= last {
        return before(&mut tx, user, client, id).await.map(Some);
    }
    if id != last + 1 {
        return Err(Refusal::MutationGap {
            expected: last + 1,
            got: id,
        }
        .into());
    }
    let mut changes = Changes::default();
    let result = apply(&mut tx, user, mutation, &mut changes).await?;
    if let Some(result) = &result {
        keep(&mut tx, user, client, id, result).await?;
    }
    changes.append(&mut tx).await?;
    tx.commit().await?;
    Ok(result.map(|result| MutationOutcome { id, result }))
}

/// What came of one that is done with.
async fn before(tx: &mut PgTransaction<'_>, user: UserId, client: Uuid, id: i64) -> Answer<MutationOutcome> {
    let outcome: Option<Value> = sqlx::query_scalar!(
        "SELECT outcome FROM mutations WHERE user_id = $1 AND client_id = $2 AND mutation_id = $3",
        user.get(),
        client,
        id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    let result = outcome
        .and_then(|outcome| serde_json::from_value(outcome).ok())
        .unwrap_or(MutationResult::Forgotten);
    Ok(MutationOutcome { id, result })
}

async fn keep(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    client: Uuid,
    id: i64,
    result: &MutationResult,
) -> sqlx::Result<()> {
    let outcome = serde_json::to_value(result).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        r#"WITH done AS (
               UPDATE sync_clients SET last_mutation_id = $3 WHERE user_id = $1 AND client_id = $2
           )
           INSERT INTO mutations (user_id, client_id, mutation_id, outcome) VALUES ($1, $2, $3, $4)"#,
        user.get(),
        client,
        id,
        outcome,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Applies one within a savepoint, so that nothing is left of one that is refused. Gives nothing when there is more to do.
async fn apply(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    mutation: &NewMutation,
    changes: &mut Changes,
) -> Answer<Option<MutationResult>> {
    let mutation: Mutation = match serde_json::from_value(Value::Object(mutation.mutation.clone())) {
        Ok(mutation) => mutation,
        // What is quoted may hold what JSONB does not take.
        Err(error) => {
            let refusal = invalid(&error.to_string().replace('\0', "\u{fffd}"));
            return Ok(Some(rejected(&refusal)));
        }
    };
    let mut part = tx.begin().await?;
    let mut of_this = Changes::default();
    match carry_out(&mut part, user, mutation, &mut of_this).await {
        Ok(done) => {
            part.commit().await?;
            *changes = of_this;
            Ok(match done {
                Done::Partly => None,
                Done::Wholly(comment) => Some(MutationResult::Applied { comment }),
            })
        }
        // Not the mutation's fault: nothing is noted, and it comes again.
        Err(refused) if passes(&refused) => Err(refused),
        Err(refused) => {
            part.rollback().await?;
            Ok(Some(rejected(refused.refusal())))
        }
    }
}

/// Whether the same mutation may well be applied later.
fn passes(refused: &Refused) -> bool {
    matches!(
        refused.refusal(),
        Refusal::Internal { .. } | Refusal::ServerBusy { .. } | Refusal::TooManyRequests { .. }
    )
}

fn rejected(refusal: &Refusal) -> MutationResult {
    let json = serde_json::to_value(refusal).unwrap_or_default();
    MutationResult::Rejected {
        code: json["code"].as_str().unwrap_or_default().to_owned(),
        details: json["details"].as_object().cloned().unwrap_or_default(),
    }
}

/// How far a mutation was carried out.
enum Done {
    /// So far as one transaction goes.
    Partly,
    /// To its end; with the comment that was made.
    Wholly(Option<CommentId>),
}

async fn carry_out(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    mutation: Mutation,
    changes: &mut Changes,
) -> Answer<Done> {
    match mutation {
        Mutation::Follow { user: whom, following } => follows::set(tx, user, whom, following, changes).await?,
        Mutation::Like { generation, liked } => likes::set(tx, user, generation, liked, changes).await?,
        Mutation::CommentAdd {
            generation,
            parent,
            content,
        } => {
            let comment = NewComment { content, parent };
            let comment = comments::add_in(tx, user, generation, &comment, changes).await?;
            return Ok(Done::Wholly(Some(comment)));
        }
        Mutation::CommentEdit { comment, content } => comments::edit_in(tx, user, comment, &content, changes).await?,
        Mutation::CommentRemove { comment } => comments::remove_in(tx, user, comment, changes).await?,
        Mutation::NotificationRead { notification, is_read } => {
            notifications::mark(tx, user, notification, is_read, changes).await?;
        }
        Mutation::NotificationsRead { until } => {
            if notifications::mark_until(tx, user, until, changes).await? {
                return Ok(Done::Partly);
            }
        }
        Mutation::Generation {
            generation,
            description,
            is_public,
        } => {
            let change = GenerationChange {
                description,
                is_public,
                result: None,
            };
            generations::change_in(tx, user, generation, &change, changes).await?;
        }
    }
    Ok(Done::Wholly(None))
}

/// Forgets what came of mutations long ago.
///
/// # Errors
/// The database's.
pub(crate) async fn sweep(app: &App) -> sqlx::Result<u64> {
    let gone = sqlx::query!(
        r#"DELETE FROM mutations
            WHERE (user_id, client_id, mutation_id) IN (SELECT user_id, client_id, mutation_id
                                                          FROM mutations
                                                         WHERE created_at < now() - make_interval(days => $1)
                                                         LIMIT 10000
                                                           FOR UPDATE SKIP LOCKED)"#,
        OUTCOME_DAYS,
    )
    .execute(&app.pool)
    .await?;
    Ok(gone.rows_affected())
}
