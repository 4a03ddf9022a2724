//! What the UNet sees in training: latents and captions, encoded once, and batches drawn from them.

use candle_core::{Device, Tensor};

use super::buckets::{self, Bucket, Order};
use super::chance::Chance;
use super::request::{TrainRequest, TrainingPicture};
use super::{loss, pictures};
use crate::error::{EngineError, RequestFault, Result};
use crate::model::Model;
use crate::samplers::Prediction;
use crate::schedule::alphas_cumprod;
use crate::unet::{AddedConditions, Conditioning};

/// Pictures and captions in the model's own terms.
pub(super) struct Data<'a> {
    model: &'a Model,
    request: &'a TrainRequest,
    order: Order,
    pictures: Vec<Encoded>,
    /// ᾱ of every timestep.
    alpha_bars: Vec<f64>,
    prediction: Prediction,
}

/// One picture, as it is and mirrored.
struct Encoded {
    upright: Moments,
    mirrored: Option<Moments>,
    /// The caption's, and the empty caption's; `None` while the text encoder learns.
    words: Option<[Conditioning; 2]>,
}

/// Distribution of a picture's latents, scaled as the UNet wants them, `[1, C, h, w]` each.
struct Moments {
    mean: Tensor,
    deviation: Tensor,
}

/// What is seen together, on the model's device and in its format.
pub(super) struct Batch {
    /// `[B, C, h, w]`.
    pub(super) noisy: Tensor,
    /// `[B]`, f32.
    pub(super) timestep: Tensor,
    pub(super) conditioning: Conditioning,
    /// What should be predicted, `[B, C, h, w]`, f32.
    pub(super) target: Tensor,
    /// How much each picture's error counts, `[B]`, f32.
    pub(super) weight: Tensor,
}

/// Buckets of the pictures of a request.
pub(super) fn buckets(model: &Model, request: &TrainRequest) -> Result<Vec<Bucket>> {
    let sizes = request
        .pictures
        .iter()
        .map(pictures::size)
        .collect::<Result<Vec<_>>>()?;
    Ok(buckets::sort(
        &sizes,
        request.settings.resolution,
        model.size_multiple() as u32,
    ))
}

impl<'a> Data<'a> {
    /// Encodes all pictures and captions; `said` hears after each how many are done.
    pub(super) fn encode(
        model: &'a Model,
        request: &'a TrainRequest,
        said: &mut dyn FnMut(u32) -> Result<()>,
    ) -> Result<Self> {
        let settings = &request.settings;
        let buckets = buckets(model, request)?;
        let mut encoded: Vec<Option<Encoded>> = request.pictures.iter().map(|_| None).collect();
        let mut done = 0;
        for bucket in &buckets {
            for &i in &bucket.pictures {
                encoded[i] = Some(Encoded::new(model, request, &request.pictures[i], bucket)?);
                done += 1;
                said(done)?;
            }
        }
        Ok(Self {
            model,
            request,
            order: Order::new(buckets, settings.batch as usize, settings.seed),
            pictures: encoded.into_iter().flatten().collect(),
            alpha_bars: alphas_cumprod(&model.scheduler),
            prediction: Prediction::of(&model.scheduler),
        })
    }

    /// Batch number `index` of the training; the same whenever it is asked for.
    pub(super) fn batch(&self, index: u64) -> Result<Batch> {
        let (bucket, members) = self.order.batch(index);
        let settings = &self.request.settings;
        let mut chance = Chance::new(settings.seed, "batch", index);
        let (mut noisy, mut target, mut timesteps, mut weights) = (vec![], vec![], vec![], vec![]);
        let mut dropped = Vec::with_capacity(members.len());
        for &member in &members {
            // All draws are made whether they are used or not, so that settings change nothing but themselves.
            let (mirror, drop) = (chance.uniform() < 0.5, chance.uniform() < settings.caption_dropout);
            let timestep = chance.below(self.alpha_bars.len());
            let picture = &self.pictures[member];
            let moments = picture.mirrored.as_ref().filter(|_| mirror).unwrap_or(&picture.upright);
            let shape = moments.mean.shape();
            let mut draw = || {
                Tensor::from_vec(chance.normal(shape.elem_count()), shape, &Device::Cpu)?.to_device(&self.model.device)
            };
            let latents = (&moments.mean + (&moments.deviation * draw()?)?)?;
            let noise = draw()?;
            let alpha_bar = self.alpha_bars[timestep];
            let (of_noise, of_latents) = loss::target(self.prediction, alpha_bar);
            noisy.push(((&latents * alpha_bar.sqrt())? + (&noise * (1.0 - alpha_bar).sqrt())?)?);
            target.push(((&noise * of_noise)? + (&latents * of_latents)?)?);
            timesteps.push(timestep as f32);
            weights.push(loss::weight(self.prediction, alpha_bar, settings.min_snr_gamma) as f32);
            dropped.push(drop);
        }
        let device = &self.model.device;
        Ok(Batch {
            noisy: Tensor::cat(&noisy, 0)?.to_dtype(self.model.dtype)?,
            timestep: Tensor::new(timesteps, device)?,
            conditioning: self.words(bucket, &members, &dropped)?,
            target: Tensor::cat(&target, 0)?,
            weight: Tensor::new(weights, device)?,
        })
    }

    fn words(&self, bucket: &Bucket, members: &[usize], dropped: &[bool]) -> Result<Conditioning> {
        let cached = members.iter().zip(dropped).map(|(&member, &dropped)| {
            let words = self.pictures[member].words.as_ref();
            words.map(|words| &words[usize::from(dropped)])
        });
        if let Some(cached) = cached.collect::<Option<Vec<_>>>() {
            return join(&cached);
        }
        let captions = members.iter().zip(dropped).map(|(&member, &dropped)| {
            if dropped {
                String::new()
            } else {
                self.request.caption(&self.request.pictures[member])
            }
        });
        let captions: Vec<_> = captions.collect();
        let captions: Vec<_> = captions.iter().map(String::as_str).collect();
        self.model
            .encode_prompts(&captions, bucket.height as usize, bucket.width as usize)
    }
}

impl Encoded {
    fn new(model: &Model, request: &TrainRequest, picture: &TrainingPicture, bucket: &Bucket) -> Result<Self> {
        let mut image = pictures::read(picture, bucket.width, bucket.height)?;
        let upright = Moments::of(model, &pictures::to_tensor(&image, &model.device)?)?;
        let mirrored = if request.settings.flip {
            image::imageops::flip_horizontal_in_place(&mut image);
            Some(Moments::of(model, &pictures::to_tensor(&image, &model.device)?)?)
        } else {
            None
        };
        let words = if request.settings.text_encoder {
            None
        } else {
            let (height, width) = (bucket.height as usize, bucket.width as usize);
            let encode = |caption: &str| model.encode_prompts(&[caption], height, width);
            Some([encode(&request.caption(picture))?, encode("")?])
        };
        Ok(Self {
            upright,
            mirrored,
            words,
        })
    }
}

impl Moments {
    fn of(model: &Model, picture: &Tensor) -> Result<Self> {
        let (mean, logarithm) = model.vae.encode(picture)?;
        let factor = model.vae_config.scaling_factor;
        let shift = model.vae_config.shift_factor.unwrap_or(0.0);
        Ok(Self {
            mean: ((mean - shift)? * factor)?,
            deviation: ((logarithm * 0.5)?.exp()? * factor)?,
        })
    }
}

fn join(parts: &[&Conditioning]) -> Result<Conditioning> {
    let context: Vec<_> = parts.iter().map(|part| &part.context).collect();
    let added: Option<Vec<_>> = parts.iter().map(|part| part.added.as_ref()).collect();
    let added = match added {
        Some(added) => Some(AddedConditions {
            text_embeds: Tensor::cat(&added.iter().map(|part| &part.text_embeds).collect::<Vec<_>>(), 0)?,
            time_ids: Tensor::cat(&added.iter().map(|part| &part.time_ids).collect::<Vec<_>>(), 0)?,
        }),
        None => None,
    };
    Ok(Conditioning {
        context: Tensor::cat(&context, 0)?,
        added,
    })
}

/// Refuses a request whose pictures cannot be trained on at all.
pub(super) fn check(request: &TrainRequest) -> Result<()> {
    request.settings.check()?;
    if request.pictures.is_empty() {
        return Err(EngineError::RequestInvalid(RequestFault::NoPictures));
    }
    Ok(())
}
