//! Bringing pictures into a style. What cannot be used is reported and the rest goes on; what cannot be written ends the import.
//!
//! Every picture is a file, then one transaction. An import that was killed is simply started again: a file that is there already is known
//! by its content and not read twice.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use atelier_contract::{ArtworkId, Refusal, Tag, split_tags};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::file::{self, ARTWORK_BYTES_MAX, Prepared};
use super::source::{self, PictureSource};
use super::validity::{self, Facts};
use crate::styles::{self, Style};
use crate::{Error, Library, paths, tags};

/// What an import did. Nothing that was named is missing from it. Paths are as a person reads them: a name need not be Unicode.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct ImportReport {
    /// New artworks, in the order of their paths.
    pub imported: Vec<Imported>,
    /// Files that the style has already, also under another name.
    pub already_there: Vec<Known>,
    /// Files and folders that gave nothing, and why.
    pub refused: Vec<Refusal>,
    /// Parts of captions that are no tags.
    pub tags_refused: Vec<TagRefused>,
    /// Files in folders that are neither pictures nor captions.
    pub passed_over: Vec<String>,
    /// Files that were not looked at because the import was ended.
    pub not_reached: usize,
    /// Whether pictures were checked for nudity: only when a classifier is installed.
    pub nsfw_checked: bool,
}

/// A new artwork.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Imported {
    /// Its id.
    pub artwork: ArtworkId,
    /// Where it came from.
    pub path: String,
    /// How many tags its caption gave.
    pub tags: usize,
    /// Why training will not use it; `None` when it will.
    pub reason: Option<Refusal>,
}

/// An artwork that was there before.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Known {
    /// Its id.
    pub artwork: ArtworkId,
    /// The file that was named.
    pub path: String,
}

/// A part of a caption that is no tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct TagRefused {
    /// The picture.
    pub path: String,
    /// Why.
    pub refusal: Refusal,
}

/// A picture after the part of the work that needs no library.
enum Ready {
    Known(i64),
    New {
        sha256: String,
        prepared: Prepared,
        url: String,
        caption: Caption,
    },
    Refused(Refusal),
}

#[derive(Default)]
struct Caption {
    tags: Vec<Tag>,
    refused: Vec<Refusal>,
}

/// Imports files and folders into `style`; `progress` hears how many of how many files are done. `cancel` ends it: what was begun is
/// taken in, the rest is not looked at.
///
/// All processors decode; at most one picture a processor is held in memory at its full size.
///
/// # Errors
/// [`Error::Database`] and [`Error::File`] when the library cannot be written: what was imported until then stays.
pub async fn import(
    library: &std::sync::Arc<Library>,
    style: &Style,
    paths: &[PathBuf],
    cancel: &CancellationToken,
    mut progress: impl FnMut(usize, usize),
) -> Result<ImportReport, Error> {
    let (paths, searching) = (paths.to_vec(), cancel.clone());
    let sources = tokio::task::spawn_blocking(move || source::find(&paths, &searching)).await?;
    let mut report = ImportReport {
        refused: sources.refused,
        passed_over: sources.passed_over.iter().map(|path| shown(path)).collect(),
        ..ImportReport::default()
    };
    let known = std::sync::Arc::new(known_sources(library, style).await?);
    let mut facts = validity::facts(library.pool(), style.id).await?;
    let total = sources.pictures.len();
    let processors = available_parallelism().map_or(1, std::num::NonZero::get);
    let mut ready = stream::iter(sources.pictures)
        .take_while(|_| std::future::ready(!cancel.is_cancelled()))
        .map(|picture| {
            let (library, known) = (library.clone(), known.clone());
            tokio::task::spawn_blocking(move || {
                let ready = prepare(&library, &known, &picture);
                (picture, ready)
            })
        })
        .buffered(processors);
    let mut done = 0;
    while let Some((picture, ready)) = ready.try_next().await? {
        take(library, style, &mut facts, &mut report, picture, ready?).await?;
        done += 1;
        progress(done, total);
    }
    report.not_reached = total - done;
    let there: Vec<_> = report.already_there.iter().map(|known| known.artwork).collect();
    super::restore(library, &there).await?;
    decide_anew(library, style, &mut report).await?;
    Ok(report)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Decides about all artworks of the style, and tells of the new ones what it came to. What was decided as each of them came in may have
/// grown old: artworks that had been removed came back with them, and a person may have removed others meanwhile.
async fn decide_anew(library: &Library, style: &Style, report: &mut ImportReport) -> Result<(), Error> {
    let mut reasons = super::check(library, style).await?;
    for new in &mut report.imported {
        new.reason = reasons.remove(&new.artwork.get());
    }
    Ok(())
}

/// Ids of the style's artworks by the content of the files that they came from.
async fn known_sources(library: &Library, style: &Style) -> Result<HashMap<String, i64>, Error> {
    let style = style.id.get();
    let rows = sqlx::query!("SELECT source_sha256, id FROM artworks WHERE style_id = $1", style)
        .fetch_all(library.pool())
        .await?;
    Ok(rows.into_iter().map(|row| (row.source_sha256, row.id)).collect())
}

fn prepare(library: &Library, known: &HashMap<String, i64>, picture: &PictureSource) -> Result<Ready, Error> {
    let path = &picture.path;
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(refusal) => return Ok(Ready::Refused(refusal)),
    };
    let sha256 = file::content_hash(&bytes);
    if let Some(artwork) = known.get(&sha256) {
        return Ok(Ready::Known(*artwork));
    }
    let prepared = match file::prepare(&shown(path), &bytes) {
        Ok(prepared) => prepared,
        Err(refusal) => return Ok(Ready::Refused(refusal)),
    };
    let url = library.store_picture(&prepared.bytes, prepared.extension)?;
    Ok(Ready::New {
        sha256,
        prepared,
        url,
        caption: caption(picture),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let unreachable = |error: std::io::Error| paths::unreadable(path, &error);
    // Looked at before it is read: a wrong file may be larger than the memory.
    let bytes = std::fs::metadata(path).map_err(unreachable)?.len();
    if bytes > ARTWORK_BYTES_MAX {
        return Err(Refusal::ArtworkTooLarge {
            file: shown(path),
            bytes,
            bytes_max: ARTWORK_BYTES_MAX,
        });
    }
    std::fs::read(path).map_err(unreachable)
}

fn caption(picture: &PictureSource) -> Caption {
    match picture.caption() {
        Ok(line) => {
            let (tags, errors) = split_tags(&line);
            Caption {
                tags,
                refused: errors.into_iter().map(Refusal::from).collect(),
            }
        }
        Err(error) => Caption {
            refused: vec![paths::unreadable(&picture.path, &error)],
            ..Caption::default()
        },
    }
}

/// Puts one picture's outcome into the library and the report.
async fn take(
    library: &Library,
    style: &Style,
    facts: &mut Vec<Facts>,
    report: &mut ImportReport,
    picture: PictureSource,
    ready: Ready,
) -> Result<(), Error> {
    let path = shown(&picture.path);
    match ready {
        Ready::Refused(refusal) => report.refused.push(refusal),
        Ready::Known(id) => {
            report.already_there.push(Known {
                artwork: artwork_id(id),
                path,
            });
        }
        Ready::New {
            sha256,
            prepared,
            url,
            caption,
        } => {
            let file = picture.path.file_name().unwrap_or_default().to_string_lossy();
            let new = NewArtwork {
                file: &file,
                sha256: &sha256,
                url: &url,
                prepared: &prepared,
                tags: &caption.tags,
            };
            match insert(library, style, facts, &new).await? {
                Inserted::New(artwork, reason) => {
                    let refused = caption.refused.into_iter().map(|refusal| TagRefused {
                        path: path.clone(),
                        refusal,
                    });
                    report.tags_refused.extend(refused);
                    report.imported.push(Imported {
                        artwork,
                        path,
                        tags: caption.tags.len(),
                        reason,
                    });
                }
                Inserted::Known(artwork) => report.already_there.push(Known { artwork, path }),
            }
        }
    }
    Ok(())
}

struct NewArtwork<'a> {
    file: &'a str,
    sha256: &'a str,
    url: &'a str,
    prepared: &'a Prepared,
    tags: &'a [Tag],
}

enum Inserted {
    New(ArtworkId, Option<Refusal>),
    /// The same content came twice in one import.
    Known(ArtworkId),
}

async fn insert(
    library: &Library,
    style: &Style,
    facts: &mut Vec<Facts>,
    new: &NewArtwork<'_>,
) -> Result<Inserted, Error> {
    let style_id = style.id.get();
    let mut tx = library.begin().await?;
    let twin = sqlx::query_scalar!(
        "SELECT id FROM artworks WHERE style_id = $1 AND source_sha256 = $2",
        style_id,
        new.sha256
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(twin) = twin {
        return Ok(Inserted::Known(artwork_id(twin)));
    }
    let Prepared {
        width_px,
        height_px,
        perceptual_hash,
        ..
    } = *new.prepared;
    let mut fact = Facts {
        id: 0,
        file: new.file.to_owned(),
        width_px,
        height_px,
        perceptual_hash,
        is_valid: true,
    };
    let reason = validity::reason(&fact, facts, styles::side_px_min(&style.base_model));
    let reason_json = reason.as_ref().map(serde_json::to_string).transpose()?;
    let is_valid = reason.is_none();
    let hash = perceptual_hash.as_slice();
    let id = sqlx::query_scalar!(
        r#"INSERT INTO artworks (style_id, image_url, is_valid, validation_reason, file_name, source_sha256,
                                 width_px, height_px, perceptual_hash)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING id AS "id!""#,
        style_id,
        new.url,
        is_valid,
        reason_json,
        new.file,
        new.sha256,
        width_px,
        height_px,
        hash,
    )
    .fetch_one(&mut *tx)
    .await?;
    tags::set_artwork_tags(&mut tx, id, new.tags).await?;
    tx.commit().await?;
    fact.id = id;
    fact.is_valid = is_valid;
    facts.push(fact);
    Ok(Inserted::New(artwork_id(id), reason))
}

fn artwork_id(id: i64) -> ArtworkId {
    ArtworkId::try_from(id).expect("SQLite counts ids from 1")
}
