//! Pictures from a prompt.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Instant;

use atelier_engine::Result;
use atelier_engine::generate::{GenerateEvent, GenerateRequest, generate};
use atelier_engine::lora::LoraFile;
use atelier_engine::samplers::SamplerKind;
use atelier_worker_protocol::{Event, Generate, Outcome, Phase, Picture, Pixels, Preview, Sampler};
use image::RgbImage;

use crate::check::receipt;
use crate::jobs::Order;
use crate::models::Models;

pub(crate) fn run(task: &Generate, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    let began = Instant::now();
    let files = task.loras.iter().map(|lora| LoraFile::read(&lora.path));
    let files = files.collect::<Result<Vec<_>>>()?;
    let model = models.load(&task.model, task.dtype, order)?;
    // All or nothing: none is applied unless each of them fits.
    files.iter().try_for_each(|file| file.check(&model).map(drop))?;
    let applied = files
        .iter()
        .zip(&task.loras)
        .map(|(file, lora)| Ok(receipt(file.apply(&model, lora.strength)?)));
    let receipts = applied.collect::<Result<Vec<_>>>()?;
    let result = generate(&model, &request(task), &mut Observer::new(task, order).observe());
    model.clear_adapters();
    result?;
    Ok(Outcome::Generated {
        receipts,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn request(task: &Generate) -> GenerateRequest {
    GenerateRequest {
        prompt: task.prompt.clone(),
        negative_prompt: task.negative_prompt.clone(),
        width: task.width as usize,
        height: task.height as usize,
        seeds: task.seeds.clone(),
        steps: task.steps as usize,
        guidance: task.guidance,
        sampler: sampler(task.sampler),
        preview_every: task.preview_every as usize,
    }
}

/// The engine's word for a sampler.
pub(crate) fn sampler(sampler: Sampler) -> SamplerKind {
    match sampler {
        Sampler::Ddim => SamplerKind::Ddim,
        Sampler::Euler => SamplerKind::Euler,
        Sampler::EulerA => SamplerKind::EulerA,
        Sampler::Dpmpp2mKarras => SamplerKind::Dpmpp2mKarras,
        Sampler::Unipc => SamplerKind::Unipc,
    }
}

/// Passes on what happens while pictures form.
struct Observer<'a> {
    order: &'a Order<'a>,
    pictures: usize,
    began: Instant,
    /// Steps of all pictures that are done, of how many, and what is left: turning latents into pixels takes no step.
    reached: Cell<(u32, u32, Option<f64>)>,
}

impl<'a> Observer<'a> {
    fn new(task: &Generate, order: &'a Order<'a>) -> Self {
        Self {
            order,
            pictures: task.seeds.len(),
            began: Instant::now(),
            reached: Cell::default(),
        }
    }

    fn observe(self) -> impl FnMut(GenerateEvent) -> ControlFlow<()> + 'a {
        move |event| {
            self.tell(event);
            if self.order.wishes.stops() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }

    fn tell(&self, event: GenerateEvent) {
        let job = self.order.job;
        match event {
            GenerateEvent::Step { index, step, steps } => {
                let (done, all) = (index * steps + step, self.pictures * steps);
                let left = self.began.elapsed().as_secs_f64() / done as f64 * (all - done) as f64;
                self.reached.set((done as u32, all as u32, Some(left)));
                self.order
                    .progress(Phase::Denoising, done as u32, all as u32, Some(left));
            }
            GenerateEvent::Decoding { .. } => {
                let (done, all, left) = self.reached.get();
                self.order.progress(Phase::Decoding, done, all, left);
            }
            GenerateEvent::Preview { index, step, picture } => self.order.voice.say(&Event::Preview {
                job,
                preview: Preview {
                    step: step as u32,
                    index: index as u32,
                    pixels: pixels(picture),
                },
            }),
            GenerateEvent::Picture { index, seed, picture } => self.order.voice.say(&Event::Picture {
                job,
                picture: Picture {
                    index: index as u32,
                    seed,
                    pixels: pixels(picture),
                },
            }),
        }
    }
}

/// A picture in the words of the protocol.
pub(crate) fn pixels(picture: RgbImage) -> Pixels {
    Pixels {
        width: picture.width(),
        height: picture.height(),
        rgb: picture.into_raw(),
    }
}
