//! All that is known of one picture.

use std::path::{Path, PathBuf};

use atelier_contract::{AspectRatio, GenerationId, JobId, Refusal, StyleId, split_tags};
use serde::Serialize;

use super::seed;
use crate::generations::{Settings, sampler_name};
use crate::picture::Provenance;
use crate::picture::provenance::StyleFacts;
use crate::{Error, Library, inspect, jobs};

/// A picture and how it was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct GenerationDetail {
    /// Its id in this library.
    pub id: GenerationId,
    /// The order that it was made for.
    pub job: Option<JobId>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 to 5; 0 is none.
    pub rating: u8,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// As the model read it: first tags of the styles, then the tags.
    pub prompt: String,
    /// As the model read it.
    pub negative_prompt: String,
    /// Ordered, without the styles'.
    pub tags: Vec<String>,
    /// Ordered tags of what should be absent.
    pub negative: Vec<String>,
    /// 64 bits as a decimal number.
    pub seed: String,
    /// Width to height, as it was asked for.
    pub aspect: AspectRatio,
    /// Of the sampler.
    pub steps: u32,
    /// Weight of classifier-free guidance.
    pub guidance: f64,
    /// By the name that the command line uses.
    pub sampler: String,
    /// Id of the base model.
    pub model: String,
    /// Its kind: `sd15`, `sdxl`, `sd15-small`.
    pub architecture: String,
    /// In the order in which they were named.
    pub styles: Vec<GenerationStyle>,
    /// Whether the artist's signature stands in it.
    pub signed: bool,
    /// Of the file.
    pub bytes: u64,
    /// The file.
    pub path: PathBuf,
}

/// A style of a picture, and how it met the base model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct GenerationStyle {
    /// `None` when the library has it no longer.
    pub style: Option<StyleId>,
    /// Its name.
    pub name: String,
    /// 1 as trained.
    pub strength: f64,
    /// Layers of its LoRA that the model has.
    pub layers_matched: u32,
    /// Layers of its LoRA.
    pub layers: u32,
    /// Whether it was made for this model's architecture.
    pub base_model_matches: bool,
}

/// All that is known of a picture, also of one that was removed.
///
/// # Errors
/// [`Refusal::GenerationUnknown`], [`Refusal::FileMissing`], [`Error::Database`].
pub async fn show(library: &Library, generation: GenerationId) -> Result<GenerationDetail, Error> {
    let id = generation.get();
    let row = sqlx::query!(
        r#"SELECT job_id, rating AS "rating: u8", seed AS "seed!: i64", created_at, settings, result_url AS "url!"
             FROM generations
            WHERE id = $1 AND status = 'completed'"#,
        id,
    )
    .fetch_optional(library.pool())
    .await?
    .ok_or(Refusal::GenerationUnknown { generation: id })?;
    let settings: Settings = serde_json::from_str(&row.settings)?;
    let path = library.path_of(&row.url);
    let file = path.clone();
    let (bytes, provenance) = tokio::task::spawn_blocking(move || file_facts(&file)).await??;
    Ok(GenerationDetail {
        id: generation,
        job: row.job_id.map(jobs::id).transpose()?,
        width: settings.width,
        height: settings.height,
        rating: row.rating,
        created_at: row.created_at,
        negative: split_tags(&settings.negative_prompt)
            .0
            .into_iter()
            .map(String::from)
            .collect(),
        prompt: settings.prompt,
        negative_prompt: settings.negative_prompt,
        tags: settings.tags,
        seed: seed(row.seed),
        aspect: settings.aspect,
        steps: settings.steps,
        guidance: settings.guidance,
        sampler: sampler_name(settings.sampler).to_owned(),
        model: settings.model.id,
        architecture: settings.model.architecture,
        styles: styles_of(library, id, &row.settings).await?,
        signed: provenance.is_some_and(|provenance| provenance.signature.is_some()),
        bytes,
        path,
    })
}

/// Size of a picture's file and the record in it. Blocks.
fn file_facts(path: &Path) -> Result<(u64, Option<Provenance>), Error> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    Ok((bytes.len() as u64, inspect::record(&bytes)))
}

/// The styles that a picture's settings name, each with its row if there is one still: another style may have its name by now.
async fn styles_of(library: &Library, generation: i64, settings: &str) -> Result<Vec<GenerationStyle>, Error> {
    let rows = sqlx::query!(
        r#"SELECT styles.id AS "id?", CAST(used.value AS TEXT) AS "facts!: String"
             FROM json_each($1, '$.styles') AS used
             LEFT JOIN styles ON styles.name = json_extract(used.value, '$.name') AND styles.is_active
                  AND styles.id IN (SELECT style_id FROM generation_styles WHERE generation_id = $2)
            ORDER BY used.key"#,
        settings,
        generation,
    )
    .fetch_all(library.pool())
    .await?;
    rows.into_iter()
        .map(|row| {
            let facts: StyleFacts = serde_json::from_str(&row.facts)?;
            Ok(GenerationStyle {
                style: row.id.map(jobs::id).transpose()?,
                name: facts.name,
                strength: facts.strength,
                layers_matched: facts.layers_matched,
                layers: facts.layers,
                base_model_matches: facts.base_model_matches,
            })
        })
        .collect()
}
