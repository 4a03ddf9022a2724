//! `atelier demo`: the main job, start to end, on the bundled artworks.

use std::path::PathBuf;

use atelier_studio::Error;
use atelier_studio::contract::Refusal;
use atelier_studio::demo::{self, ARTISTS, Made, Update};
use atelier_studio::generations;
use atelier_studio::worker::Wish;
use clap::builder::PossibleValuesParser;

use crate::artwork::readiness_words;
use crate::context::Context;
use crate::output::{Output, duration};
use crate::progress::Progress;
use crate::{generate, interrupt, style};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder for the contact sheet and a library of the demo's own; what was interrupted there goes on
    #[arg(long, value_name = "DIR", default_value = "atelier-demo")]
    out: PathBuf,
    /// Whose artworks
    #[arg(long, value_name = "NAME", default_value = ARTISTS[0], value_parser = PossibleValuesParser::new(ARTISTS))]
    artist: String,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Error> {
    let folder = std::path::absolute(&arguments.out).unwrap_or(arguments.out);
    let mut workshop = context.workshop()?;
    let mut wish = interrupt::listen(context.output, Wish::Pause);
    let mut progress = Progress::new(context.output);
    let output = context.output;
    let made = demo::run(
        &context.config,
        &mut workshop,
        &folder,
        &arguments.artist,
        &mut wish,
        &mut |update| show(output, &mut progress, &update),
    )
    .await;
    drop(progress);
    match made {
        Ok(made) => output.tell(&made, || words(&made)),
        Err(error) => {
            if matches!(error.refusal(), Refusal::Cancelled {}) {
                output.note("the same command goes on where this one ended");
            }
            Err(error)
        }
    }
}

fn show(output: Output, progress: &mut Progress, update: &Update) {
    match update {
        Update::Importing { done, of } => progress.show("importing", *done as u64, *of as u64, None),
        Update::Imported { artist, readiness } => {
            progress.say(&format!("artworks by {artist}: {}", readiness_words(output, readiness)))
        }
        Update::Training(update) => style::show_update(output, progress, update),
        Update::Trained => progress.say("trained; now the same prompts and seeds without and with the style"),
        Update::Generating { done, of } => progress.show("painting", *done as u64, *of as u64, None),
        // Twelve short bars would only flicker: the pictures are counted.
        Update::Generation(
            generations::Update::Progress(_) | generations::Update::Preview(_) | generations::Update::Finished(_),
        ) => {}
        Update::Generation(update) => generate::show_update(output, progress, update),
    }
}

fn words(made: &Made) -> String {
    let receipt = &made.receipt;
    format!(
        "“{}” by {}: {} of {} layers applied{}\n\
         imported in {}, trained in {}, {} pictures in {}\n\
         {}",
        made.style,
        made.artist,
        receipt.layers_matched,
        receipt.layers,
        if receipt.base_model_matches {
            ", base model matches"
        } else {
            ""
        },
        duration(made.seconds.import),
        duration(made.seconds.train),
        made.pictures.len(),
        duration(made.seconds.generate),
        made.sheet.display()
    )
}
