//! Comments written, changed and removed, whether a request of its own or one of many brings the change. All of it holds the
//! generation's row, so that its count is exact.

use atelier_contract::{
    COMMENT_CHARS_MAX, CommentId, GenerationId, NewComment, NotificationId, NotificationType, Refusal, TargetType,
    UserId,
};
use serde_json::json;
use sqlx::PgTransaction;

use super::unknown;
use crate::feed::{Change, Changes};
use crate::notices::{self, NewNotice};
use crate::refused::Answer;
use crate::resources::generations;

/// Characters of a comment that its notification shows.
const PREVIEW_CHARS: usize = 80;

/// Adds a comment of `user`'s.
///
/// # Errors
/// [`Refusal::GenerationUnknown`], [`Refusal::CommentUnknown`] for a parent that is not there, [`Refusal::ReplyTooDeep`],
/// [`Refusal::NumberOutOfRange`] for words that are too many or none.
pub(crate) async fn add_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    generation: GenerationId,
    comment: &NewComment,
    changes: &mut Changes,
) -> Answer<CommentId> {
    let content = words(&comment.content)?;
    let owner = generations::owner_of_visible(tx, generation, user).await?;
    count(tx, generation, 1).await?;
    let replied_to = match comment.parent {
        Some(parent) => Some(author_of(tx, parent, generation).await?),
        None => None,
    };
    let id = sqlx::query_scalar!(
        r#"INSERT INTO comments (generation_id, user_id, parent_id, content)
           VALUES ($1, $2, $3, $4)
        RETURNING id AS "id: CommentId""#,
        generation.get(),
        user.get(),
        comment.parent.map(CommentId::get),
        content,
    )
    .fetch_one(&mut **tx)
    .await?;
    changes.note(user, Change::Comment(id));
    changes.note(owner, Change::Generation(generation));
    if let (Some(parent), Some(author)) = (comment.parent, replied_to) {
        changes.note(author, Change::Comment(parent));
    }
    let preview = preview(content);
    for recipient in [Some(owner), replied_to.filter(|author| *author != owner)]
        .into_iter()
        .flatten()
    {
        let notice = NewNotice {
            recipient,
            actor: Some(user),
            kind: NotificationType::Comment,
            target: Some((TargetType::Comment, id.get())),
            metadata: Some(json!({ "generation": generation, "preview": preview })),
        };
        notices::write(tx, notice, changes).await?;
    }
    Ok(id)
}

/// Who wrote the comment that is replied to. The generation's row is held, so it stays.
async fn author_of(tx: &mut PgTransaction<'_>, parent: CommentId, generation: GenerationId) -> Answer<UserId> {
    let row = sqlx::query!(
        r#"SELECT user_id AS "user: UserId", parent_id IS NOT NULL AS "reply!"
             FROM comments
            WHERE id = $1 AND generation_id = $2"#,
        parent.get(),
        generation.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(parent))?;
    if row.reply {
        return Err(Refusal::ReplyTooDeep { comment: parent.get() }.into());
    }
    Ok(row.user)
}

async fn count(tx: &mut PgTransaction<'_>, generation: GenerationId, by: i32) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE generations SET comment_count = comment_count + $2 WHERE id = $1",
        generation.get(),
        by,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn words(content: &str) -> Result<&str, Refusal> {
    let content = content.trim();
    let chars = content.chars().count();
    if content.contains('\0') {
        return Err(Refusal::RequestInvalid {
            reason: "a comment has no control characters".to_owned(),
        });
    }
    if (1..=COMMENT_CHARS_MAX).contains(&chars) {
        return Ok(content);
    }
    Err(Refusal::NumberOutOfRange {
        name: "comment, characters".to_owned(),
        value: chars.to_string(),
        min: 1.to_string(),
        max: COMMENT_CHARS_MAX.to_string(),
    })
}

/// Other words for a comment of `user`'s.
///
/// # Errors
/// [`Refusal::CommentUnknown`] for one that is not theirs, [`Refusal::NumberOutOfRange`].
pub(crate) async fn edit_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: CommentId,
    content: &str,
    changes: &mut Changes,
) -> Answer<()> {
    let content = words(content)?;
    let edited = sqlx::query!(
        r#"UPDATE comments
              SET content = $3, updated_at = now()
             FROM generations, users AS owners
            WHERE comments.id = $1 AND comments.user_id = $2
              AND generations.id = comments.generation_id AND owners.id = generations.user_id
              AND (generations.user_id = $2 OR (generations.is_public AND owners.is_active))"#,
        id.get(),
        user.get(),
        content,
    )
    .execute(&mut **tx)
    .await?;
    if edited.rows_affected() == 0 {
        return Err(unknown(id));
    }
    requote(tx, user, id, content, changes).await?;
    changes.note(user, Change::Comment(id));
    Ok(())
}

/// As much of a comment as its notification shows.
fn preview(content: &str) -> String {
    content.chars().take(PREVIEW_CHARS).collect()
}

/// Puts the words of an edited comment in the place of those that were told of it.
async fn requote(
    tx: &mut PgTransaction<'_>,
    author: UserId,
    id: CommentId,
    content: &str,
    changes: &mut Changes,
) -> sqlx::Result<()> {
    let told = sqlx::query!(
        r#"UPDATE notifications
              SET metadata = jsonb_set(metadata, '{preview}', to_jsonb($3::text))
            WHERE actor_id = $1 AND type = 'comment' AND target_id = $2
        RETURNING id AS "id: NotificationId", recipient_id AS "recipient: UserId""#,
        author.get(),
        id.get(),
        preview(content),
    )
    .fetch_all(&mut **tx)
    .await?;
    for notice in told {
        changes.note(notice.recipient, Change::Notification(notice.id));
    }
    Ok(())
}

/// Removes a comment that `user` wrote or that is on their picture, with its replies.
///
/// # Errors
/// [`Refusal::CommentUnknown`].
pub(crate) async fn remove_in(
    tx: &mut PgTransaction<'_>,
    user: UserId,
    id: CommentId,
    changes: &mut Changes,
) -> Answer<()> {
    // Held from here on: nobody adds a reply in between.
    let on = sqlx::query!(
        r#"SELECT generations.id AS "generation: GenerationId", generations.user_id AS "owner: UserId",
                  comments.parent_id AS "parent: CommentId", parents.user_id AS "author?: UserId"
             FROM generations
             JOIN comments ON comments.generation_id = generations.id
        LEFT JOIN comments AS parents ON parents.id = comments.parent_id
            WHERE comments.id = $1 AND (comments.user_id = $2 OR generations.user_id = $2)
              FOR NO KEY UPDATE OF generations"#,
        id.get(),
        user.get(),
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| unknown(id))?;
    let gone = sqlx::query_as!(
        Gone,
        r#"SELECT id AS "id: CommentId", user_id AS "user: UserId" FROM comments WHERE id = $1 OR parent_id = $1"#,
        id.get()
    )
    .fetch_all(&mut **tx)
    .await?;
    if gone.is_empty() {
        // Another removed it while this waited.
        return Err(unknown(id));
    }
    sqlx::query!("DELETE FROM comments WHERE id = $1", id.get())
        .execute(&mut **tx)
        .await?;
    count(tx, on.generation, -i32::try_from(gone.len()).unwrap_or(i32::MAX)).await?;
    forget_previews(tx, &gone, changes).await?;
    for comment in gone {
        changes.note(comment.user, Change::Comment(comment.id));
    }
    changes.note(on.owner, Change::Generation(on.generation));
    if let (Some(parent), Some(author)) = (on.parent, on.author) {
        changes.note(author, Change::Comment(parent));
    }
    Ok(())
}

/// A comment that is gone, and who wrote it.
struct Gone {
    id: CommentId,
    user: UserId,
}

/// Takes the words of comments that are gone out of what was told of them.
async fn forget_previews(tx: &mut PgTransaction<'_>, gone: &[Gone], changes: &mut Changes) -> sqlx::Result<()> {
    let comments: Vec<i64> = gone.iter().map(|comment| comment.id.get()).collect();
    let authors: Vec<i64> = gone.iter().map(|comment| comment.user.get()).collect();
    let told = sqlx::query!(
        r#"UPDATE notifications
              SET metadata = metadata - 'preview'
             FROM unnest($1::bigint[], $2::bigint[]) AS gone(comment, author)
            WHERE actor_id = gone.author AND type = 'comment' AND target_id = gone.comment
        RETURNING id AS "id: NotificationId", recipient_id AS "recipient: UserId""#,
        &comments,
        &authors,
    )
    .fetch_all(&mut **tx)
    .await?;
    for notice in told {
        changes.note(notice.recipient, Change::Notification(notice.id));
    }
    Ok(())
}
