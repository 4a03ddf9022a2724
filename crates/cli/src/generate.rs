//! `atelier generate`: pictures from tags.

use std::path::PathBuf;
use std::time::Instant;

use atelier_studio::Error;
use atelier_studio::contract::{AspectRatio, Number, Refusal, parse_tags};
use atelier_studio::generations::{self, Finished, Order, Update, sampler_named};
use atelier_studio::inspect;
use atelier_studio::picture::provenance::StyleFacts;
use atelier_studio::worker::Wish;
use serde_json::json;

use crate::context::Context;
use crate::interrupt;
use crate::output::{Output, duration};
use crate::progress::{Progress, phase_name};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A style, and how strongly it counts (1 as trained); may be repeated
    #[arg(long = "style", value_name = "NAME[:STRENGTH]")]
    styles: Vec<String>,
    /// What to draw: ordered English tags separated by commas
    #[arg(long, value_name = "TAGS", default_value = "", hide_default_value = true)]
    tags: String,
    /// What to keep away from
    #[arg(long, value_name = "TAGS", default_value = "", hide_default_value = true)]
    negative: String,
    /// Width to height: 1:1, 2:2 (the large square), 1:2, 16:9, 9:16, 4:3 or 3:4
    #[arg(long, value_name = "RATIO", default_value = "1:1")]
    aspect: String,
    /// Of the first picture, 0 to 18446744073709551615; the next ones count up [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many pictures
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// Steps of the sampler [default: what suits the model]
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Weight of the tags; 1 turns guidance off [default: what suits the model]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// ddim, euler, euler-a, dpmpp-2m-karras or unipc [default: what suits the model]
    #[arg(long, value_name = "S")]
    sampler: Option<String>,
    /// A base model by id or path [default: the first style's, else the starter]
    #[arg(long, value_name = "ID|PATH")]
    model: Option<String>,
    /// Folder for copies of the pictures; the library keeps its own
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Error> {
    let order = order(arguments)?;
    let library = context.write().await?;
    let mut workshop = context.workshop()?;
    let started = Instant::now();
    let job = generations::place(&library, &context.config, &mut workshop, &order).await?;
    let mut wish = interrupt::listen(context.output, Wish::Cancel);
    let mut progress = Progress::new(context.output);
    let mut pictures = Vec::new();
    let mut ours = false;
    let output = context.output;
    let failure = generations::run_queue(&library, &mut workshop, Some(job), &mut wish, &mut |update| {
        match &update {
            Update::Begins { left_over, .. } => ours = !left_over,
            Update::Finished(finished) if ours => pictures.push(finished.clone()),
            _ => {}
        }
        show_update(output, &mut progress, &update);
    })
    .await?;
    drop(progress);
    if let Some(refusal) = failure {
        for picture in &pictures {
            output.note(&format!("finished: {}", place_of(picture).display()));
        }
        return Err(refusal.into());
    }
    let styles = receipts(&pictures);
    let seconds = started.elapsed().as_secs_f64();
    let value = json!({ "job": job, "pictures": pictures, "styles": styles, "seconds": seconds });
    output.tell(&value, || words(&pictures, &styles, seconds))
}

fn order(arguments: Arguments) -> Result<Order, Refusal> {
    let aspect = AspectRatio::try_from(arguments.aspect.trim()).map_err(|_unknown| Refusal::AspectUnknown {
        aspect: arguments.aspect.clone(),
        known: AspectRatio::ALL.iter().map(ToString::to_string).collect(),
    })?;
    let sampler = arguments.sampler.as_deref().map(sampler_named).transpose()?;
    Ok(Order {
        styles: arguments
            .styles
            .iter()
            .map(|style| named_strength(style))
            .collect::<Result<_, _>>()?,
        tags: parse_tags(&arguments.tags)?,
        negative: parse_tags(&arguments.negative)?,
        aspect,
        seed: arguments.seed,
        count: arguments.count,
        steps: arguments.steps,
        guidance: arguments.guidance,
        sampler,
        model: arguments.model,
        out: arguments.out.map(|out| std::path::absolute(&out).unwrap_or(out)),
    })
}

/// `name` or `name:0.8`. A name may have colons of its own: only a number behind the last one is a strength.
pub(crate) fn named_strength(text: &str) -> Result<(String, f64), Refusal> {
    let Some((name, strength)) = text.rsplit_once(':') else {
        return Ok((text.to_owned(), 1.0));
    };
    match strength.trim().parse::<f64>() {
        Ok(strength) if strength.is_finite() => Ok((name.to_owned(), strength)),
        Ok(_) => {
            let max = generations::STRENGTH_MAX;
            Err(Number::Strength.out_of_range(strength, -max, max))
        }
        Err(_part_of_the_name) => Ok((text.to_owned(), 1.0)),
    }
}

/// Shows what a generation says.
pub(crate) fn show_update(output: Output, progress: &mut Progress, update: &Update) {
    match update {
        Update::Begins { left_over: false, .. } => {}
        Update::Begins { job, pictures, .. } => {
            progress.say(&format!(
                "first {pictures} pictures of job {job}, which was not finished"
            ));
        }
        Update::Progress(now) => progress.show(
            phase_name(now.phase),
            now.step.into(),
            now.steps.into(),
            now.seconds_left,
        ),
        Update::Preview(_) | Update::Finished(_) => {}
        Update::Retrying { attempt, reason } => {
            progress.say(&format!("attempt {attempt} failed: {}", output.sentence(reason)));
        }
        Update::Failed { pictures, reason } => {
            progress.say(&format!(
                "{pictures} pictures were given up: {}",
                output.sentence(reason)
            ));
        }
    }
}

/// How the styles met the model: every picture says so itself.
fn receipts(pictures: &[Finished]) -> Vec<StyleFacts> {
    let said = pictures
        .first()
        .and_then(|picture| inspect::inspect(&picture.path).ok());
    said.and_then(|said| said.provenance)
        .map(|provenance| provenance.styles)
        .unwrap_or_default()
}

fn place_of(picture: &Finished) -> &PathBuf {
    picture.copy.as_ref().unwrap_or(&picture.path)
}

fn words(pictures: &[Finished], styles: &[StyleFacts], seconds: f64) -> String {
    let mut lines: Vec<_> = pictures
        .iter()
        .map(|picture| format!("{}  seed {}", place_of(picture).display(), picture.seed))
        .collect();
    for style in styles {
        let fits = if style.base_model_matches {
            ", base model matches"
        } else {
            ""
        };
        lines.push(format!(
            "“{}”: {} of {} layers applied{fits}",
            style.name, style.layers_matched, style.layers
        ));
    }
    lines.push(format!("{} pictures in {}", pictures.len(), duration(seconds)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_stands_behind_the_last_colon() {
        assert_eq!(named_strength("ink").expect("a name"), ("ink".to_owned(), 1.0));
        assert_eq!(named_strength("ink:0.5").expect("a name"), ("ink".to_owned(), 0.5));
        assert_eq!(named_strength("a:b").expect("a name"), ("a:b".to_owned(), 1.0));
        assert!(named_strength("ink:inf").is_err());
    }
}
