//! `atelier bench`: speed and memory of one part, by the worker.

use atelier_studio::Error;
use atelier_studio::contract::Refusal;
use atelier_studio::protocol::{Bench, BenchPart, DType, Measured, Outcome, Task};
use clap::ValueEnum;
use serde_json::Value;

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What to measure
    #[arg(value_enum)]
    what: What,
    /// sd15, sdxl or tiny (random weights, nothing is downloaded), or the path of a model
    #[arg(long, value_name = "ARCH|PATH", default_value = "tiny")]
    arch: String,
    /// Number format
    #[arg(long, value_enum, default_value_t = Format::F32)]
    dtype: Format,
    /// Side of the pictures in pixels [default: the architecture's own: 128, 512 or 1024]
    #[arg(long, value_name = "PX")]
    size: Option<u32>,
    /// Pictures at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u32,
    /// How often to measure, after one run that does not count
    #[arg(long, value_name = "N", default_value_t = 5)]
    repeat: u32,
}

/// Parts that can be measured.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// One pass of the noise predictor
    Unet,
    /// Latents to pictures
    Vae,
    /// A guided picture of 20 steps
    Generate,
    /// One step of training a LoRA of rank 8
    Train,
}

/// Number formats.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// 32 bits
    F32,
    /// 16 bits, wide range
    Bf16,
    /// 16 bits
    F16,
}

impl Format {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::Bf16,
            Self::F16 => DType::F16,
        }
    }
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Error> {
    let task = Task::Bench(Bench {
        what: match arguments.what {
            What::Unet => BenchPart::Unet,
            What::Vae => BenchPart::Vae,
            What::Generate => BenchPart::Generate,
            What::Train => BenchPart::Train,
        },
        dtype: arguments.dtype.dtype(),
        size: arguments.size.unwrap_or(native_px(&arguments.arch)),
        arch: arguments.arch,
        batch: arguments.batch,
        repeat: arguments.repeat,
    });
    let answer = context.workshop()?.run(task).await;
    match answer.map_err(|error| Error::from(error.refusal(1)))? {
        Outcome::Measured(measured) => context.output.tell(&measured, || words(&measured)),
        other => Err(Refusal::Internal {
            reason: format!("the worker answers {other:?}"),
        }
        .into()),
    }
}

/// Side of the square that an architecture was made for; a path counts as SD 1.5, since its model is not looked at here.
fn native_px(arch: &str) -> u32 {
    match arch {
        "tiny" => 128,
        "sdxl" => 1024,
        _ => 512,
    }
}

fn words(measured: &Measured) -> String {
    // Its word in JSON is its name.
    let word = |value: serde_json::Result<Value>| {
        value
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    format!(
        "{} of {} on {}, {}, {} px, batch {}: {:.4} s (median of {}), at most {:.0} MB",
        word(serde_json::to_value(measured.what)),
        measured.arch,
        measured.device,
        word(serde_json::to_value(measured.dtype)),
        measured.size,
        measured.batch,
        measured.median_s,
        measured.seconds.len(),
        measured.peak_rss_mb
    )
}
