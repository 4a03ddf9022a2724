//! Who comes from a provider: known, or new and welcomed.

use atelier_contract::{UserId, hex};
use sqlx::PgTransaction;

use crate::app::App;
use crate::feed::{self, Change};
use crate::ledger;
use crate::refused::Answer;
use crate::resources::users::check_username;
use crate::sign_in::{self, Identity, refusal};

/// Longest `sub`: the width of its column.
const SUBJECT_CHARS_MAX: usize = 255;
/// How often another name is tried.
const NAMES_TRIED: usize = 4;

/// The user of an identity: one of (provider, subject), made and given the welcome bonus when there was none.
pub(super) async fn come(app: &App, identity: &Identity) -> Answer<UserId> {
    if identity.subject.is_empty()
        || identity.subject.chars().count() > SUBJECT_CHARS_MAX
        || identity.subject.contains('\0')
    {
        return Err(refusal("the provider named nobody"));
    }
    let provider = sign_in::provider(app);
    let mut tx = app.pool.begin().await?;
    let user = match find(&mut tx, provider, &identity.subject).await? {
        Some(user) => user,
        None => make(&mut tx, provider, identity).await?,
    };
    tx.commit().await?;
    Ok(user)
}

async fn find(tx: &mut PgTransaction<'_>, provider: &str, subject: &str) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT id AS "id: UserId" FROM users WHERE provider = $1 AND provider_user_id = $2"#,
        provider,
        subject,
    )
    .fetch_optional(&mut **tx)
    .await
}

async fn make(tx: &mut PgTransaction<'_>, provider: &str, identity: &Identity) -> Answer<UserId> {
    let wished = identity.name.clone().filter(|name| check_username(name).is_ok());
    for tried in 0..NAMES_TRIED {
        let username = match &wished {
            Some(name) if tried == 0 => name.clone(),
            _ => format!("user-{}", hex(&rand::random::<[u8; 5]>())),
        };
        let made = sqlx::query_scalar!(
            r#"INSERT INTO users (username, provider, provider_user_id)
               VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING
            RETURNING id AS "id: UserId""#,
            username,
            provider,
            identity.subject,
        )
        .fetch_optional(&mut **tx)
        .await?;
        if let Some(user) = made {
            ledger::welcome(tx, user).await?;
            feed::append_all(tx, user, &[Change::Profile, Change::Balance]).await?;
            return Ok(user);
        }
        // The name is taken, or they came twice at once.
        if let Some(user) = find(tx, provider, &identity.subject).await? {
            return Ok(user);
        }
    }
    Err(refusal("no name was free"))
}
