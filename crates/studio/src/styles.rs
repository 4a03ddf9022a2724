//! Styles: made by a person, filled with artworks, trained by a job, used to generate.

pub mod exchange;
mod removed;

use atelier_contract::{Refusal, StyleId, Tag, TrainingStatus};
use serde::Serialize;
use serde_json::Value;
use sqlx::{Sqlite, Transaction};

use crate::{Error, Library, tags};

pub use removed::{RemovedStyle, removed, sweep};

/// Fewest valid artworks that a style is trained from.
pub const ARTWORKS_MIN: u32 = 10;
/// Most valid artworks that a style is trained from.
pub const ARTWORKS_MAX: u32 = 100;
/// Id of the base model that ships with the program.
pub const STARTER_MODEL: &str = "starter";
/// Side of the square that the starter model was made for.
const STARTER_SIDE_PX: u32 = 128;
/// Shorter side that training on any other base model needs, whatever its native size.
const SIDE_PX_MIN: u32 = 512;

/// A row of `styles`, with what its artworks add up to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Style {
    /// Its id in this library.
    pub id: StyleId,
    /// Also its first tag.
    pub name: String,
    /// The base model that it is for.
    pub base_model: String,
    /// Where its training stands.
    pub training_status: TrainingStatus,
    /// In the shape of `contract::TrainingProgress`, while it is trained.
    #[cfg_attr(feature = "specta", specta(skip))]
    pub training_progress: Option<Value>,
    /// What the last training measured.
    #[cfg_attr(feature = "specta", specta(skip))]
    pub training_metric: Option<Value>,
    /// Why the last training failed.
    pub training_failure: Option<Refusal>,
    /// The LoRA, relative to the library's folder.
    pub model_path: Option<String>,
    /// Whether that LoRA is another artist's.
    pub imported: bool,
    /// Pictures made with it.
    pub usage_count: i64,
    /// Artworks that training would use.
    pub valid_artworks: u32,
    /// Artworks that are not valid.
    pub invalid_artworks: u32,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// ISO 8601, UTC.
    pub updated_at: String,
}

/// How far a style is from being trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Readiness {
    /// Artworks that training would use.
    pub valid: u32,
    /// Artworks that are not valid.
    pub invalid: u32,
    /// Fewest that do.
    pub valid_min: u32,
    /// Most that do.
    pub valid_max: u32,
    /// What speaks against training; `None` when it is ready.
    pub missing: Option<Refusal>,
}

impl Style {
    /// Whether there are enough artworks, and not too many.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let (style, valid) = (self.name.clone(), self.valid_artworks);
        let missing = if valid < ARTWORKS_MIN {
            Some(Refusal::StyleTooFewArtworks {
                style,
                valid,
                valid_min: ARTWORKS_MIN,
            })
        } else if valid > ARTWORKS_MAX {
            Some(Refusal::StyleTooManyArtworks {
                style,
                valid,
                valid_max: ARTWORKS_MAX,
            })
        } else {
            None
        };
        Readiness {
            valid,
            invalid: self.invalid_artworks,
            valid_min: ARTWORKS_MIN,
            valid_max: ARTWORKS_MAX,
            missing,
        }
    }

    /// # Errors
    /// [`Refusal::StyleTooFewArtworks`] or [`Refusal::StyleTooManyArtworks`].
    pub fn require_ready(&self) -> Result<(), Error> {
        self.readiness().missing.map_or(Ok(()), |missing| Err(missing.into()))
    }

    /// Where the LoRA is.
    ///
    /// # Errors
    /// [`Refusal::StyleNotTrained`] when there is none yet.
    pub fn require_trained(&self, library: &Library) -> Result<std::path::PathBuf, Error> {
        match &self.model_path {
            Some(path) => Ok(library.path_of(path)),
            None => Err(Refusal::StyleNotTrained {
                style: self.name.clone(),
            }
            .into()),
        }
    }
}

/// Makes a style for the base model `base_model`.
///
/// # Errors
/// [`Refusal::StyleNameNotATag`], [`Refusal::StyleNameTaken`], [`Error::Database`].
pub async fn create(library: &Library, name: &str, base_model: &str) -> Result<Style, Error> {
    let name = parse_name(name)?;
    let mut tx = library.begin().await?;
    insert(&mut tx, &name, base_model).await?;
    tx.commit().await?;
    find(library, name.as_str()).await
}

/// A style's name from what a person typed.
///
/// # Errors
/// [`Refusal::StyleNameNotATag`].
fn parse_name(name: &str) -> Result<Tag, Refusal> {
    Tag::parse(name).map_err(|error| {
        tracing::debug!(%error, "not a style's name");
        Refusal::StyleNameNotATag {
            style: name.trim().to_owned(),
        }
    })
}

/// Writes the row of a new style; gives its id.
///
/// # Errors
/// [`Refusal::StyleNameTaken`], [`Error::Database`].
async fn insert(tx: &mut Transaction<'static, Sqlite>, name: &Tag, base_model: &str) -> Result<i64, Error> {
    let name = name.as_str();
    release_name(tx, name).await?;
    let id = sqlx::query_scalar!(
        r#"INSERT INTO styles (name, base_model) VALUES ($1, $2)
               ON CONFLICT (name) DO NOTHING
        RETURNING id"#,
        name,
        base_model,
    )
    .fetch_optional(&mut **tx)
    .await?
    .ok_or_else(|| Refusal::StyleNameTaken { style: name.to_owned() })?;
    tags::aggregate(tx, id).await?;
    Ok(id)
}

/// Takes a style out of sight. Its artworks, its LoRA and the pictures made with it stay, and [`restore`] brings it back until, after
/// [`REMOVED_KEPT`](crate::gallery::REMOVED_KEPT), all but the pictures go for good.
///
/// # Errors
/// [`Refusal::StyleInTraining`], [`Refusal::StyleUnknown`], [`Error::Database`].
pub async fn remove(library: &Library, style: StyleId) -> Result<(), Error> {
    let found = show(library, style).await?;
    let id = style.get();
    let removed = sqlx::query!(
        "UPDATE styles
            SET is_active = FALSE, removed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
          WHERE id = $1 AND is_active AND training_status <> 'training'",
        id
    )
    .execute(library.pool())
    .await?;
    if removed.rows_affected() == 0 {
        return Err(Refusal::StyleInTraining { style: found.name }.into());
    }
    Ok(())
}

/// Brings a removed style back; does nothing to one that is there. If another style took its name, it comes back under a longer one.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Error::Database`].
pub async fn restore(library: &Library, style: StyleId) -> Result<Style, Error> {
    let id = style.get();
    sqlx::query!(
        "UPDATE styles SET is_active = TRUE, removed_at = NULL WHERE id = $1",
        id
    )
    .execute(library.pool())
    .await?;
    show(library, style).await
}

/// Makes a removed style give up its name to one that is about to be made.
async fn release_name(tx: &mut Transaction<'static, Sqlite>, name: &str) -> Result<(), Error> {
    // Still a tag, and no longer than a name may be: an id has at most 19 digits.
    let renamed = sqlx::query_scalar!(
        r#"UPDATE styles
              SET name = rtrim(substr(name, 1, 70)) || ' removed ' || id
            WHERE name = $1 AND NOT is_active
        RETURNING id AS "id!""#,
        name,
    )
    .fetch_optional(&mut **tx)
    .await?;
    match renamed {
        Some(id) => tags::aggregate(tx, id).await,
        None => Ok(()),
    }
}

/// Makes a style of a LoRA file that is already in the library's folder under `model_path`; `own` when this library's artist made it.
///
/// # Errors
/// As [`create`].
pub async fn create_trained(
    library: &Library,
    name: &str,
    base_model: &str,
    model_path: &str,
    own: bool,
) -> Result<Style, Error> {
    let name = parse_name(name)?;
    let mut tx = library.begin().await?;
    let id = insert(&mut tx, &name, base_model).await?;
    let imported_path = (!own).then_some(model_path);
    sqlx::query!(
        "UPDATE styles SET model_path = $2, imported_path = $3, training_status = 'completed' WHERE id = $1",
        id,
        model_path,
        imported_path,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    find(library, name.as_str()).await
}

/// All styles by name.
///
/// # Errors
/// [`Error::Database`].
pub async fn list(library: &Library) -> Result<Vec<Style>, Error> {
    select(library, None, None).await
}

/// The style with this id.
///
/// # Errors
/// [`Refusal::StyleUnknown`], also when it was removed; [`Error::Database`].
pub async fn show(library: &Library, style: StyleId) -> Result<Style, Error> {
    let unknown = || Refusal::StyleUnknown {
        style: style.to_string(),
    };
    Ok(select(library, Some(style), None).await?.pop().ok_or_else(unknown)?)
}

/// The style of this name, in whatever case it is written.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Error::Database`].
pub async fn find(library: &Library, name: &str) -> Result<Style, Error> {
    let unknown = || Refusal::StyleUnknown {
        style: name.trim().to_owned(),
    };
    let Ok(tag) = Tag::parse(name) else {
        return Err(unknown().into());
    };
    Ok(select(library, None, Some(tag.as_str()))
        .await?
        .pop()
        .ok_or_else(unknown)?)
}

/// Shorter side in pixels that an artwork of a style for `base_model` needs.
#[must_use]
pub fn side_px_min(base_model: &str) -> u32 {
    if base_model == STARTER_MODEL {
        STARTER_SIDE_PX
    } else {
        SIDE_PX_MIN
    }
}

async fn select(library: &Library, id: Option<StyleId>, name: Option<&str>) -> Result<Vec<Style>, Error> {
    let id = id.map(StyleId::get);
    let rows = sqlx::query!(
        r#"SELECT id, name, base_model, training_status, training_progress, training_metric, training_failure, model_path,
                  usage_count, created_at, updated_at, coalesce(imported_path = model_path, FALSE) AS "imported!: bool",
                  (SELECT count(*) FROM artworks
                    WHERE style_id = styles.id AND is_valid AND removed_at IS NULL) AS "valid_artworks!: u32",
                  (SELECT count(*) FROM artworks
                    WHERE style_id = styles.id AND NOT is_valid AND removed_at IS NULL) AS "invalid_artworks!: u32"
             FROM styles
            WHERE is_active AND ($1 IS NULL OR id = $1) AND ($2 IS NULL OR name = $2)
            ORDER BY name"#,
        id,
        name,
    )
    .fetch_all(library.pool())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Style {
                id: StyleId::try_from(row.id).expect("SQLite counts ids from 1"),
                name: row.name,
                base_model: row.base_model,
                training_status: TrainingStatus::try_from(row.training_status.as_str())
                    .expect("styles_training_status allows no other word"),
                training_progress: parse(row.training_progress.as_deref())?,
                training_metric: parse(row.training_metric.as_deref())?,
                training_failure: parse(row.training_failure.as_deref())?,
                model_path: row.model_path,
                imported: row.imported,
                usage_count: row.usage_count,
                valid_artworks: row.valid_artworks,
                invalid_artworks: row.invalid_artworks,
                created_at: row.created_at,
                updated_at: row.updated_at,
            })
        })
        .collect()
}

fn parse<T: serde::de::DeserializeOwned>(json: Option<&str>) -> Result<Option<T>, Error> {
    Ok(json.map(serde_json::from_str).transpose()?)
}
