//! `atelier probe`: one part of a model on given tensors, by the worker.

use std::path::PathBuf;

use atelier_studio::contract::{Number, Refusal};
use atelier_studio::generations::sampler_named;
use atelier_studio::protocol::{LoraUse, Outcome, Probe, ProbePart, Task};
use atelier_studio::{Error, generations};
use clap::ValueEnum;
use serde_json::json;

use crate::bench::Format;
use crate::context::Context;
use crate::generate::named_strength;

/// What `atelier probe --help` says about the two files.
pub(crate) const TENSORS: &str = include_str!("probe_tensors.txt");

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to run
    #[arg(value_enum)]
    part: Part,
    /// A diffusers folder or a single-file checkpoint
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    /// The file with the inputs
    #[arg(long = "in", value_name = "X.safetensors")]
    input: PathBuf,
    /// The file to write
    #[arg(long = "out", value_name = "Y.safetensors")]
    output: PathBuf,
    /// A LoRA that is applied first, and how strongly; lora-grads needs one
    #[arg(long, value_name = "FILE[:STRENGTH]")]
    lora: Option<String>,
    /// Of schedule: ddim, euler, euler-a, dpmpp-2m-karras or unipc
    #[arg(long, value_name = "S")]
    sampler: Option<String>,
    /// Of schedule
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Number format of the weights
    #[arg(long, value_enum, default_value_t = Format::F32)]
    dtype: Format,
}

/// Parts of a model.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Part {
    /// The text encoder, both of SDXL
    Text,
    /// The noise predictor
    Unet,
    /// Pictures to latents
    VaeEncode,
    /// Latents to pictures
    VaeDecode,
    /// A sampler's walk
    Schedule,
    /// Gradients of a LoRA's tensors
    LoraGrads,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Error> {
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let lora = arguments.lora.as_deref().map(named_strength).transpose()?;
    if let Some(steps) = arguments.steps
        && !(1..=generations::STEPS_MAX).contains(&steps)
    {
        return Err(Number::Steps.out_of_range(steps, 1, generations::STEPS_MAX).into());
    }
    let output = absolute(arguments.output);
    let task = Task::Probe(Probe {
        part: match arguments.part {
            Part::Text => ProbePart::Text,
            Part::Unet => ProbePart::Unet,
            Part::VaeEncode => ProbePart::VaeEncode,
            Part::VaeDecode => ProbePart::VaeDecode,
            Part::Schedule => ProbePart::Schedule,
            Part::LoraGrads => ProbePart::LoraGrads,
        },
        model: absolute(arguments.model),
        input: absolute(arguments.input),
        output: output.clone(),
        lora: lora.map(|(path, strength)| LoraUse {
            path: absolute(path.into()),
            strength,
        }),
        sampler: arguments.sampler.as_deref().map(sampler_named).transpose()?,
        steps: arguments.steps,
        dtype: Some(arguments.dtype.dtype()),
    });
    let answer = context.workshop()?.run(task).await;
    match answer.map_err(|error| Error::from(error.refusal(1)))? {
        Outcome::Probed => context
            .output
            .tell(&json!({ "output": output }), || format!("wrote {}", output.display())),
        other => Err(Refusal::Internal {
            reason: format!("the worker answers {other:?}"),
        }
        .into()),
    }
}
