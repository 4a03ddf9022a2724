//! What a page asks for, by ids: an order before it is one, the choices there are, and how styles fit before anything is made.

use std::collections::HashMap;

use atelier_contract::{AspectRatio, JobId, Number, Refusal, StyleId, Tag};
use atelier_worker_protocol::{Outcome, Sampler, Task};
use serde::{Deserialize, Serialize};

use super::order::{COUNT_MAX, GUIDANCE_MAX, Order, STEPS_MAX, STRENGTH_MAX, Settings, size_of};
use super::{SAMPLER, STEPS, guidance_of, place};
use crate::models::{self, Model};
use crate::styles::{self, Style};
use crate::worker::Workshop;
use crate::{Config, Error, Library, jobs};

/// Most styles of one picture: more than that is mud.
pub const STYLES_MAX: u32 = 5;

/// A style and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct StyleUse {
    /// Which.
    pub style: StyleId,
    /// 1 as trained.
    pub strength: f64,
}

/// Pictures that are asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct GenerationRequest {
    /// In order.
    pub styles: Vec<StyleUse>,
    /// Ordered.
    pub tags: Vec<String>,
    /// What should be absent.
    pub negative: Vec<String>,
    /// Width to height.
    pub aspect: AspectRatio,
    /// 64 bits as a decimal number; the next pictures count up. Random when `None`.
    pub seed: Option<String>,
    /// How many.
    pub count: u32,
    /// `None`: what suits the model.
    pub steps: Option<u32>,
    /// `None`: what suits the model.
    pub guidance: Option<f64>,
    /// `None`: what suits the model.
    pub sampler: Option<Sampler>,
    /// `None`: the first style's, or the starter.
    pub model: Option<String>,
}

/// What may be chosen with a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "a field is what its name says")]
pub struct Choices {
    pub model: String,
    pub architecture: String,
    pub aspects: Vec<AspectChoice>,
    pub samplers: Vec<Sampler>,
    pub sampler_default: Sampler,
    pub steps_default: u32,
    pub steps_min: u32,
    pub steps_max: u32,
    pub guidance_default: f64,
    pub guidance_min: f64,
    pub guidance_max: f64,
    pub strength_max: f64,
    pub count_max: u32,
    pub styles_max: u32,
}

/// An aspect ratio and its size with a model, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[expect(missing_docs, reason = "a field is what its name says")]
pub struct AspectChoice {
    pub aspect: AspectRatio,
    pub width: u32,
    pub height: u32,
}

/// How a style fits a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct StyleReceipt {
    /// Which.
    pub style: StyleId,
    /// Its name.
    pub name: String,
    /// Layers of its LoRA that the model has.
    pub layers_matched: u32,
    /// Layers of its LoRA.
    pub layers: u32,
    /// Whether it was made for this model's architecture.
    pub base_model_matches: bool,
    /// Names of the layers that the model lacks.
    pub missing: Vec<String>,
}

/// Writes down what was asked for; see [`place`].
///
/// # Errors
/// Those of [`place`], and [`Refusal::NumberOutOfRange`] for a seed that has more than 64 bits or for more than [`STYLES_MAX`] styles.
pub async fn place_request(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    request: &GenerationRequest,
) -> Result<JobId, Error> {
    if request.styles.len() > STYLES_MAX as usize {
        return Err(Number::Styles.out_of_range(request.styles.len(), 0, STYLES_MAX).into());
    }
    let seed = match request.seed.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_no_u64| Number::Seed.out_of_range(text, 0, u64::MAX))?,
        ),
    };
    let mut named = Vec::with_capacity(request.styles.len());
    for wanted in &request.styles {
        named.push((styles::show(library, wanted.style).await?.name, wanted.strength));
    }
    let tags = |texts: &[String]| texts.iter().map(|text| Tag::parse(text)).collect::<Result<Vec<_>, _>>();
    let order = Order {
        styles: named,
        tags: tags(&request.tags)?,
        negative: tags(&request.negative)?,
        aspect: request.aspect,
        seed,
        count: request.count,
        steps: request.steps,
        guidance: request.guidance,
        sampler: request.sampler,
        model: request.model.clone(),
        out: None,
    };
    place(library, config, workshop, &order).await
}

/// What was asked for, from what the order `job` came to. A style that is gone is left out, also when another has its name.
pub(crate) async fn asked(
    library: &Library,
    job: i64,
    settings: &Settings,
    seed: Option<i64>,
    count: u32,
) -> Result<GenerationRequest, Error> {
    let there = sqlx::query!(
        r#"SELECT DISTINCT styles.id AS "id!: i64", styles.name AS "name!: String"
             FROM generations
             JOIN generation_styles ON generation_styles.generation_id = generations.id
             JOIN styles ON styles.id = generation_styles.style_id AND styles.is_active
            WHERE generations.job_id = $1"#,
        job,
    )
    .fetch_all(library.pool())
    .await?;
    let mut uses = Vec::with_capacity(settings.styles.len());
    for facts in &settings.styles {
        if let Some(style) = there.iter().find(|style| style.name == facts.name) {
            uses.push(StyleUse {
                style: jobs::id(style.id)?,
                strength: facts.strength,
            });
        }
    }
    let negative = settings.negative_prompt.split(", ").filter(|tag| !tag.is_empty());
    Ok(GenerationRequest {
        styles: uses,
        tags: settings.tags.clone(),
        negative: negative.map(str::to_owned).collect(),
        aspect: settings.aspect,
        seed: seed.map(|seed| u64::from_ne_bytes(seed.to_ne_bytes()).to_string()),
        count,
        steps: Some(settings.steps),
        guidance: Some(settings.guidance),
        sampler: Some(settings.sampler),
        model: Some(settings.model.id.clone()),
    })
}

/// What may be chosen with this model, else with the one that the first of these styles is for.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Refusal::ModelUnknown`].
pub async fn choices(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    model: Option<&str>,
    wanted: &[StyleId],
) -> Result<Choices, Error> {
    let first = match wanted.first() {
        Some(style) => Some(styles::show(library, *style).await?),
        None => None,
    };
    let model = model_of(library, config, workshop, model, first.as_ref()).await?;
    let aspects = AspectRatio::ALL.iter().map(|&aspect| {
        let (width, height) = size_of(aspect, model.native_size_px);
        AspectChoice { aspect, width, height }
    });
    Ok(Choices {
        aspects: aspects.collect(),
        samplers: super::SAMPLERS.map(|(_, sampler)| sampler).into(),
        sampler_default: SAMPLER,
        steps_default: STEPS,
        steps_min: 1,
        steps_max: STEPS_MAX,
        guidance_default: guidance_of(&model),
        guidance_min: 0.0,
        guidance_max: GUIDANCE_MAX,
        strength_max: STRENGTH_MAX,
        count_max: COUNT_MAX,
        styles_max: STYLES_MAX,
        model: model.id,
        architecture: model.architecture,
    })
}

async fn model_of(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    model: Option<&str>,
    style: Option<&Style>,
) -> Result<Model, Error> {
    let id = model.or(style.map(|style| style.base_model.as_str()));
    models::resolve(library, config, workshop, id.unwrap_or(styles::STARTER_MODEL)).await
}

/// How each style fits the model, layer by layer. One that does not fit is told with the names that are missing, not refused.
///
/// # Errors
/// [`Refusal::StyleUnknown`], [`Refusal::StyleNotTrained`], [`Refusal::ModelUnknown`], and what keeps the worker from looking.
pub async fn receipts(
    library: &Library,
    config: &Config,
    workshop: &mut Workshop,
    wanted: &[StyleUse],
    model: Option<&str>,
) -> Result<Vec<StyleReceipt>, Error> {
    let mut found = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        found.push(styles::show(library, wanted.style).await?);
    }
    let model = model_of(library, config, workshop, model, found.first()).await?;
    let mut known: HashMap<StyleId, StyleReceipt> = HashMap::new();
    let mut receipts = Vec::with_capacity(found.len());
    for style in found {
        let receipt = match known.get(&style.id) {
            Some(receipt) => receipt.clone(),
            None => receipt(library, workshop, &model, &style).await?,
        };
        known.insert(style.id, receipt.clone());
        receipts.push(receipt);
    }
    Ok(receipts)
}

async fn receipt(
    library: &Library,
    workshop: &mut Workshop,
    model: &Model,
    style: &Style,
) -> Result<StyleReceipt, Error> {
    let task = Task::CheckLora {
        model: model.path.clone(),
        lora: style.require_trained(library)?,
    };
    let told = |layers_matched, layers, base_model_matches, missing| StyleReceipt {
        style: style.id,
        name: style.name.clone(),
        layers_matched,
        layers,
        base_model_matches,
        missing,
    };
    let refusal = match workshop.run(task).await {
        Ok(Outcome::Checked(receipt)) => {
            return Ok(told(
                receipt.layers_matched,
                receipt.layers,
                receipt.base_model_matches,
                Vec::new(),
            ));
        }
        Ok(other) => Refusal::Internal {
            reason: format!("the worker answers {other:?}"),
        },
        Err(error) => error.refusal(1),
    };
    match refusal {
        Refusal::LoraMismatch {
            matched,
            layers,
            missing,
            ..
        } => Ok(told(matched, layers, false, missing)),
        Refusal::LoraForOtherModel { .. } => Ok(told(0, 0, false, Vec::new())),
        other => Err(other.into()),
    }
}
