//! Training a style: LoRA adapters (Hu et al. 2021) learn what a set of pictures has in common.
//!
//! Everything random follows from the seed and the number of the batch, so that a training that was interrupted and resumed goes through
//! exactly the same losses as one that was not. Nothing but adapters changes; when training ends, the model is as its file says.

mod adapters;
mod buckets;
mod chance;
mod checkpoint;
mod data;
mod health;
mod loss;
mod measure;
mod optimizer;
mod pictures;
mod preflight;
mod request;
mod result;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::time::Instant;

use candle_core::{D, DType, Tensor};

pub use adapters::AdaptedPart;
pub use buckets::bucket;
pub(crate) use checkpoint::write_whole;
pub use measure::measured_step;
pub use preflight::preflight;
pub use request::{
    Control, Health, HealthProblem, Preflight, PreflightProblem, PreflightWarning, TrainEvent, TrainPhase,
    TrainProgress, TrainRequest, TrainSettings, Trained, TrainingPicture,
};

use crate::error::{EngineError, FileFault, Result};
use crate::model::Model;
use crate::ops::AdapterGradients;
use adapters::Adapters;
use checkpoint::Checkpoint;
use data::{Batch, Data};
use optimizer::AdamW;

/// Trains a style and writes it to `request.output`. `observe` is asked after every step whether to go on.
///
/// # Errors
/// [`EngineError::RequestInvalid`] for settings or pictures with which nothing can be trained, [`EngineError::FileInvalid`] for a picture
/// that cannot be read, [`EngineError::LossNotFinite`] at the first loss that is no number, [`EngineError::Cancelled`] when `observe` said
/// so (after a checkpoint, for a pause).
pub fn train(model: &Model, request: &TrainRequest, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<Trained> {
    data::check(request)?;
    model.clear_adapters();
    let mut training = Training::begin(model, request, observe)?;
    let resumed_at = training.resume()?;
    let losses = training.run(observe)?;
    let layers = training.adapters.count();
    let (before, began) = (training.before, training.began);
    result::write(model, request, &training.adapters)?;
    drop(training);
    say(observe, TrainPhase::Checking, 0, 1)?;
    Ok(Trained {
        output: request.output.clone(),
        steps: request.settings.steps,
        resumed_at,
        losses,
        seconds: before + began.elapsed().as_secs_f64(),
        health: health::check(model, request, layers)?,
    })
}

/// Formats of a model that a training may have been begun with.
const FORMATS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// A training under way.
struct Training<'a> {
    model: &'a Model,
    request: &'a TrainRequest,
    adapters: Adapters,
    data: Data<'a>,
    optimizer: AdamW,
    gathered: AdapterGradients,
    /// Whether activations are computed again instead of kept.
    recompute: bool,
    /// Hash of all that decides how it goes on.
    made_of: String,
    /// Steps done.
    step: u32,
    /// When this call began.
    began: Instant,
    /// Seconds that went before, up to the checkpoint that it goes on from.
    before: f64,
}

impl<'a> Training<'a> {
    fn begin(
        model: &'a Model,
        request: &'a TrainRequest,
        observe: &mut dyn FnMut(TrainEvent) -> Control,
    ) -> Result<Self> {
        let began = Instant::now();
        let count = request.pictures.len() as u32;
        let data = Data::encode(model, request, &mut |done| {
            say(observe, TrainPhase::Encoding, done, count)
        })?;
        let adapters = Adapters::new(model, &request.settings)?;
        let parameters = adapters.parameters();
        Ok(Self {
            model,
            request,
            recompute: preflight::recompute(model, request)?,
            made_of: made_of(model, request, &adapters, model.dtype)?,
            adapters,
            data,
            optimizer: AdamW::new(parameters.clone())?,
            gathered: AdapterGradients::new(parameters),
            step: 0,
            began,
            before: 0.0,
        })
    }

    /// Goes to the newest sound checkpoint, if that is wanted and there is one.
    fn resume(&mut self) -> Result<Option<u32>> {
        if !self.request.resume {
            return Ok(None);
        }
        // Adapters and moments are f32 whatever the model's format is, so that what was begun on a graphics card goes on without one.
        let ours = FORMATS.map(|dtype| made_of(self.model, self.request, &self.adapters, dtype));
        let ours = ours.into_iter().collect::<Result<Vec<_>>>()?;
        let Some(found) = checkpoint::newest(&self.request.folder, &ours, &self.model.device)? else {
            return Ok(None);
        };
        let [values, mean, square] = found.tensors;
        if values.dims() != self.optimizer.mean.dims() {
            return Err(EngineError::invalid(
                &self.request.folder,
                FileFault::OtherTraining,
                "its checkpoint has another size",
            ));
        }
        self.optimizer.set_values(&values)?;
        (self.optimizer.mean, self.optimizer.square) = (mean, square);
        (self.step, self.before) = (found.step, found.seconds);
        Ok(Some(found.step))
    }

    /// All steps that are left; their losses.
    fn run(&mut self, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<Vec<f64>> {
        let (settings, first) = (&self.request.settings, self.step);
        if settings.sample_every > 0 && first == 0 {
            // What the model paints before it has learnt anything: without it nobody sees what the training changed.
            self.sample(observe)?;
        }
        let began = Instant::now();
        let mut losses = Vec::new();
        while self.step < settings.steps {
            let learning_rate = settings.learning_rate_at(self.step);
            let loss = self.learn(learning_rate)?;
            losses.push(loss);
            let each = began.elapsed().as_secs_f64() / f64::from(self.step - first);
            let answer = observe(TrainEvent::Progress(TrainProgress {
                phase: TrainPhase::Training,
                step: self.step,
                steps: settings.steps,
                loss: Some(loss),
                learning_rate: Some(learning_rate),
                seconds_left: Some(each * f64::from(settings.steps - self.step)),
            }));
            self.answer(answer, observe)?;
            let due = |every: u32| every > 0 && self.step.is_multiple_of(every);
            if due(settings.checkpoint_every) {
                self.keep(observe)?;
            }
            if due(settings.sample_every) || (settings.sample_every > 0 && self.step == settings.steps) {
                self.sample(observe)?;
            }
        }
        Ok(losses)
    }

    fn answer(&self, answer: Control, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<()> {
        match answer {
            Control::Continue => return Ok(()),
            Control::Pause => self.keep(observe)?,
            Control::Cancel => {}
        }
        Err(EngineError::Cancelled)
    }

    /// One step; its loss.
    fn learn(&mut self, learning_rate: f64) -> Result<f64> {
        let settings = &self.request.settings;
        let accumulation = u64::from(settings.accumulation);
        self.gathered.clear();
        let mut sum = 0.0;
        for i in 0..accumulation {
            let batch = self.data.batch(u64::from(self.step) * accumulation + i)?;
            let loss = (self.loss(&batch)? / accumulation as f64)?;
            sum += f64::from(loss.to_scalar::<f32>()?);
            if !sum.is_finite() {
                return Err(self.not_finite());
            }
            self.gathered.backward(&loss)?;
        }
        let (gradient, norm) = self.optimizer.gradient(&self.gathered)?;
        if !norm.is_finite() {
            return Err(self.not_finite());
        }
        self.optimizer
            .step(&gradient, self.step, learning_rate, settings.weight_decay)?;
        self.step += 1;
        Ok(sum)
    }

    fn not_finite(&self) -> EngineError {
        EngineError::LossNotFinite {
            step: self.step + 1,
            kept: checkpoint::newest_step(&self.request.folder),
        }
    }

    /// Weighted mean of the squared errors, a scalar in the graph of the adapters.
    fn loss(&self, batch: &Batch) -> Result<Tensor> {
        let recompute = self.recompute.then_some(&self.gathered);
        let unet = &self.model.unet;
        let said = unet.forward(&batch.noisy, &batch.timestep, &batch.conditioning, recompute)?;
        let error = (said.to_dtype(DType::F32)? - &batch.target)?.sqr()?;
        let each = error.flatten_from(1)?.mean(D::Minus1)?;
        Ok((each * &batch.weight)?.mean_all()?)
    }

    /// Writes a checkpoint.
    fn keep(&self, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<()> {
        let state = Checkpoint {
            step: self.step,
            seconds: self.before + self.began.elapsed().as_secs_f64(),
            tensors: [
                self.optimizer.values()?,
                self.optimizer.mean.clone(),
                self.optimizer.square.clone(),
            ],
        };
        checkpoint::write(&self.request.folder, &self.made_of, &state)?;
        match observe(TrainEvent::Checkpoint { step: self.step }) {
            Control::Continue => Ok(()),
            Control::Pause | Control::Cancel => Err(EngineError::Cancelled),
        }
    }

    /// Pictures of the style as it is now, each from its own seed.
    fn sample(&self, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<()> {
        let samples = &self.request.settings.samples;
        for (i, (prompt, seed)) in samples.iter().enumerate() {
            self.report_sampling(i, observe)?;
            let prompt = self.request.with_trigger(std::iter::once(prompt.as_str()));
            let mut answer = Control::Continue;
            let made = result::sample(
                self.model,
                self.request,
                (&prompt, *seed),
                result::SAMPLE_STEPS,
                &mut || {
                    answer = observe(sampling(i, samples.len()));
                    match answer {
                        Control::Continue => ControlFlow::Continue(()),
                        Control::Pause | Control::Cancel => ControlFlow::Break(()),
                    }
                },
            );
            self.answer(answer, observe)?;
            let picture = made?;
            let answer = observe(TrainEvent::Sample {
                step: self.step,
                index: i as u32,
                picture,
            });
            self.answer(answer, observe)?;
        }
        Ok(())
    }

    fn report_sampling(&self, done: usize, observe: &mut dyn FnMut(TrainEvent) -> Control) -> Result<()> {
        let answer = observe(sampling(done, self.request.settings.samples.len()));
        self.answer(answer, observe)
    }
}

fn sampling(done: usize, samples: usize) -> TrainEvent {
    progress(TrainPhase::Sampling, done as u32, samples as u32)
}

fn progress(phase: TrainPhase, step: u32, steps: u32) -> TrainEvent {
    TrainEvent::Progress(TrainProgress {
        phase,
        step,
        steps,
        loss: None,
        learning_rate: None,
        seconds_left: None,
    })
}

/// Reports outside of the steps, where there is nothing to keep yet or any more.
fn say(observe: &mut dyn FnMut(TrainEvent) -> Control, phase: TrainPhase, step: u32, steps: u32) -> Result<()> {
    match observe(progress(phase, step, steps)) {
        Control::Continue => Ok(()),
        Control::Pause | Control::Cancel => Err(EngineError::Cancelled),
    }
}

/// Two trainings with the same hash go through the same losses; `dtype` is the format of the model.
fn made_of(model: &Model, request: &TrainRequest, adapters: &Adapters, dtype: DType) -> Result<String> {
    let settings = serde_json::to_string(&request.settings)
        .map_err(|error| EngineError::Defect(format!("the settings cannot be written down: {error}")))?;
    let mut parts = vec![settings, request.trigger.clone(), adapters.layout()];
    parts.push(format!("{} {} {dtype:?}", model.architecture.name(), model.parameters,));
    for picture in &request.pictures {
        // Not the folder: a library may move between two sessions.
        let name = picture.path.file_name();
        parts.push(format!(
            "{name:?} {:?} {} {:?}",
            picture.crop, picture.quarter_turns, picture.tags
        ));
    }
    Ok(checkpoint::hash(parts.iter().flat_map(|part| [part.as_bytes(), b"\0"])))
}
