//! `atelier style`: making, looking at, training, taking in and giving away.

use std::path::{Path, PathBuf};

use atelier_studio::contract::{JobStatus, Refusal};
use atelier_studio::protocol::{Health, Preflight, Progress as Step};
use atelier_studio::styles::exchange::{self, Naming};
use atelier_studio::styles::{self, Readiness, STARTER_MODEL, Style};
use atelier_studio::training::{self, Choice, Ended, Preset, Update};
use atelier_studio::worker::Wish;
use atelier_studio::{Error, findings, tags};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use crate::artwork::readiness_words;
use crate::context::Context;
use crate::interrupt;
use crate::output::{Output, bytes, duration, table};
use crate::progress::{Progress, phase_name};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a style; its name becomes its first tag
    New {
        /// Its name
        name: String,
        /// Id of the base model that it is for
        #[arg(long, value_name = "ID", default_value = STARTER_MODEL)]
        model: String,
    },
    /// Show all styles
    List,
    /// Show one style
    Show {
        /// Its name
        name: String,
    },
    /// Train a style on its artworks; Ctrl-C pauses
    Train(Training),
    /// Write a trained style for other programs
    Export {
        /// Its name
        name: String,
        /// How its layers are named: kohya for ComfyUI and A1111, peft for diffusers
        #[arg(long, value_enum, default_value_t = Format::Kohya)]
        format: Format,
        /// The file to write, .safetensors
        out: PathBuf,
    },
    /// Take in a LoRA that was trained elsewhere
    Import {
        /// The LoRA, .safetensors
        file: PathBuf,
        /// What to call the style [default: after its file]
        #[arg(long)]
        name: Option<String>,
        /// Id of the base model that it is for
        #[arg(long, value_name = "ID", default_value = STARTER_MODEL)]
        model: String,
        /// It is your own work: sign what is made with it [default: another artist's, never signed with your name]
        #[arg(long)]
        own: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Training {
    /// Name of the style
    name: String,
    /// How much time to take: quick, balanced or quality
    #[arg(long, default_value = "balanced")]
    preset: String,
    /// Steps, instead of the preset's
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Rank of the adapters, instead of the preset's
    #[arg(long, value_name = "R")]
    rank: Option<u32>,
    /// Go on with the paused training, with the settings that it began with
    #[arg(long, conflicts_with = "restart")]
    resume: bool,
    /// Give up the paused training and start again
    #[arg(long)]
    restart: bool,
}

/// Names of a LoRA's layers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// ComfyUI, A1111
    Kohya,
    /// diffusers
    Peft,
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Error> {
    match command {
        Command::New { name, model } => {
            let library = context.write().await?;
            let mut workshop = context.workshop()?;
            // A style for a model that is not there could never be trained.
            let model = atelier_studio::models::resolve(&library, &context.config, &mut workshop, &model).await?;
            let style = styles::create(&library, &name, &model.id).await?;
            context.output.tell(&style, || {
                format!("made “{}” for base model {}", style.name, style.base_model)
            })
        }
        Command::List => {
            let library = context.read().await?;
            let all = styles::list(&library).await?;
            context.output.tell(&all, || rows(&all))
        }
        Command::Show { name } => show(context, &name).await,
        Command::Train(training) => train(context, &training).await,
        Command::Export { name, format, out } => {
            let library = context.read().await?;
            let naming = match format {
                Format::Kohya => Naming::Kohya,
                Format::Peft => Naming::Peft,
            };
            let out = std::path::absolute(&out).unwrap_or(out);
            let style = exchange::export(&library, &name, naming, &out, false).await?;
            let value = json!({ "style": style.name, "format": naming, "file": out });
            context
                .output
                .tell(&value, || format!("wrote “{}” to {}", style.name, out.display()))
        }
        Command::Import { file, name, model, own } => {
            let library = context.write().await?;
            let mut workshop = context.workshop()?;
            let wanted = exchange::Wanted { file, name, model, own };
            let (style, receipt) = exchange::import(&library, &context.config, &mut workshop, &wanted).await?;
            let value = json!({ "style": style, "receipt": receipt });
            context.output.tell(&value, || {
                format!(
                    "imported “{}”: {} of {} layers found in {}",
                    style.name, receipt.layers_matched, receipt.layers, style.base_model
                )
            })
        }
    }
}

fn rows(all: &[Style]) -> String {
    let row = |style: &Style| {
        [
            style.name.clone(),
            style.base_model.clone(),
            style.training_status.to_string(),
            style.valid_artworks.to_string(),
            style.usage_count.to_string(),
        ]
    };
    table(
        ["name", "model", "training", "artworks", "pictures"],
        &all.iter().map(row).collect::<Vec<_>>(),
    )
}

/// One style for a program: its row, with what belongs to it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    style: &'a Style,
    tags: &'a [String],
    readiness: &'a Readiness,
}

async fn show(context: &Context, name: &str) -> Result<(), Error> {
    let library = context.read().await?;
    let style = styles::find(&library, name).await?;
    let tags = tags::of_style(&library, style.id).await?;
    let (readiness, output) = (style.readiness(), context.output);
    let training = training::show(&library, style.id).await?;
    let paused = training.filter(|training| training.status == JobStatus::Paused);
    let shown = Shown {
        style: &style,
        tags: &tags,
        readiness: &readiness,
    };
    output.tell(&shown, || {
        let mut lines = vec![
            format!("{} ({})", style.name, style.base_model),
            format!("training    {}", style.training_status),
            format!(
                "artworks    {} valid, {} not",
                style.valid_artworks, style.invalid_artworks
            ),
            format!("            {}", readiness_words(output, &readiness)),
            format!("tags        {}", tags.join(", ")),
            format!("pictures    {}", style.usage_count),
        ];
        if let Some(training) = &paused {
            let why = training.failure.as_ref().map(|failure| output.sentence(failure));
            lines.push(format!(
                "paused      after step {} of {}. {}",
                training.step,
                training.steps,
                why.unwrap_or_default()
            ));
        }
        if let Some(failure) = &style.training_failure {
            lines.push(format!("failure     {}", output.sentence(failure)));
        }
        if let Some(file) = &style.model_path {
            lines.push(format!("file        {}", library.path_of(file).display()));
        }
        lines.join("\n")
    })
}

async fn train(context: &Context, training: &Training) -> Result<(), Error> {
    let choice = Choice {
        style: training.name.clone(),
        preset: Preset::named(&training.preset)?,
        steps: training.steps,
        rank: training.rank,
        resume: training.resume,
        restart: training.restart,
        watched: false,
    };
    let library = context.write().await?;
    let mut workshop = context.workshop()?;
    let mut wish = interrupt::listen(context.output, Wish::Pause);
    let mut progress = Progress::new(context.output);
    let output = context.output;
    let ended = training::train(
        &library,
        &context.config,
        &mut workshop,
        &choice,
        &mut wish,
        &mut |update| show_update(output, &mut progress, &update),
    )
    .await?;
    drop(progress);
    let name = styles::find(&library, &training.name).await?.name;
    let (end, words) = end_words(&name, &ended)?;
    output.tell(&end, || words)
}

/// The end of a training for a program.
#[derive(Serialize)]
#[serde(tag = "ended", rename_all = "lowercase")]
enum End<'a> {
    Completed {
        style: &'a str,
        file: &'a Path,
        steps: u32,
        /// Step from which it went on.
        resumed_at: Option<u32>,
        final_loss: f64,
        seconds: f64,
        peak_memory_bytes: u64,
        health: &'a Health,
    },
    Paused {
        style: &'a str,
        step: u32,
    },
}

fn end_words<'a>(name: &'a str, ended: &'a Ended) -> Result<(End<'a>, String), Error> {
    match ended {
        Ended::Completed { trained, lora } => Ok((
            End::Completed {
                style: name,
                file: lora,
                steps: trained.steps,
                resumed_at: trained.resumed_at,
                final_loss: trained.final_loss,
                seconds: trained.seconds,
                peak_memory_bytes: trained.peak_memory_bytes,
                health: &trained.health,
            },
            format!(
                "trained “{name}” in {}: {} steps{}, loss {:.4}, {} layers, health check passed\n{}",
                duration(trained.seconds),
                trained.steps,
                trained
                    .resumed_at
                    .map(|step| format!(", resumed at {step}"))
                    .unwrap_or_default(),
                trained.final_loss,
                trained.health.layers,
                lora.display()
            ),
        )),
        Ended::Paused { step } => Ok((
            End::Paused {
                style: name,
                step: *step,
            },
            format!("paused “{name}” after step {step}; go on with `atelier style train \"{name}\" --resume`"),
        )),
        Ended::Cancelled => Err(Refusal::Cancelled {}.into()),
    }
}

/// Shows what a training says.
pub(crate) fn show_update(output: Output, progress: &mut Progress, update: &Update) {
    match update {
        Update::Preflight(preflight) => {
            for line in preflight_words(output, preflight) {
                progress.say(&line);
            }
        }
        Update::Resuming => progress.say("going on from the last checkpoint"),
        Update::Progress(step) => show_step(progress, step),
        Update::Sample(_) => {}
        Update::Retrying { attempt, reason, less } => {
            let how = if *less { ", with less memory" } else { "" };
            progress.say(&format!(
                "attempt {attempt} failed: {} Going on from the last checkpoint{how}.",
                output.sentence(reason)
            ));
        }
    }
}

fn show_step(progress: &mut Progress, step: &Step) {
    let loss = step.loss.map(|loss| format!("loss {loss:.3}"));
    let left = step.seconds_left.map(|seconds| format!("{} left", duration(seconds)));
    let behind: Vec<_> = [left, loss].into_iter().flatten().collect();
    progress.show_with(
        phase_name(step.phase),
        step.step.into(),
        step.steps.into(),
        &behind.join(", "),
    );
}

/// What a training will need, in plain words.
fn preflight_words(output: Output, preflight: &Preflight) -> Vec<String> {
    let free = preflight
        .memory_available_bytes
        .map_or_else(String::new, |free| format!(" of {} free", bytes(free)));
    let recompute = if preflight.recompute {
        ", slower to need less memory"
    } else {
        ""
    };
    let pictures: u32 = preflight.buckets.iter().map(|(_, _, pictures)| pictures).sum();
    let sizes: Vec<_> = preflight
        .buckets
        .iter()
        .map(|(width, height, _)| format!("{width}×{height}"))
        .collect();
    let mut lines = vec![
        format!(
            "{pictures} artworks at {}; {} layers learn",
            sizes.join(", "),
            preflight.adapters
        ),
        format!(
            "about {} of memory{free}{recompute}; about {}",
            bytes(preflight.memory_bytes),
            duration(preflight.seconds)
        ),
    ];
    let notes = preflight.warnings.iter().map(findings::of_warning);
    lines.extend(notes.map(|note| format!("note: {}", note.words(output.language))));
    lines
}
