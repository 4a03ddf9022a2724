//! `atelier inspect`: what made a picture, and whether it is still the same.

use std::path::PathBuf;

use atelier_studio::Error;
use atelier_studio::inspect::{self, Inspection, MadeBy};

use crate::context::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A PNG, JPEG or WebP that Atelier or a program like it saved
    file: PathBuf,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Error> {
    let found = inspect::inspect(&arguments.file)?;
    context.output.tell(&found, || words(&found))
}

fn words(found: &Inspection) -> String {
    let mut lines = vec![found.file.clone()];
    let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
    line(
        "made by",
        match (found.made_by, &found.provenance) {
            (MadeBy::Atelier, Some(provenance)) => provenance.application.clone(),
            (MadeBy::Atelier, None) => "Atelier".to_owned(),
            (MadeBy::ParametersText, _) => "a program that writes A1111's text".to_owned(),
            (MadeBy::Json, _) => "a program that writes JSON".to_owned(),
        },
    );
    if let Some(picture) = &found.provenance {
        line("prompt", picture.prompt.clone());
        line("negative", picture.negative_prompt.clone());
        line("seed", picture.seed.to_string());
        line(
            "size",
            format!("{}×{}, {}", picture.width_px, picture.height_px, picture.aspect),
        );
        line(
            "sampler",
            format!(
                "{}, {} steps, guidance {}",
                picture.sampler, picture.steps, picture.guidance
            ),
        );
        line(
            "model",
            format!("{} ({})", picture.model.id, picture.model.architecture),
        );
        for style in &picture.styles {
            let artist = style.artist.as_deref().unwrap_or("an artist who is not named");
            line(
                "style",
                format!(
                    "“{}” at {} by {artist}, {} use; {} of {} layers applied",
                    style.name, style.strength, style.license, style.layers_matched, style.layers
                ),
            );
        }
        let signature = match (&picture.signature, found.pixels_intact) {
            (_, Some(false)) => "the pixels were changed after they were written",
            (Some(_), _) => "there and intact: the pixels are those that were written",
            (None, _) => "none; the pixels are those that were written",
        };
        line("signature", signature.to_owned());
    } else if let Some(parameters) = &found.parameters {
        line("parameters", parameters.to_string().replace('\n', "\n             "));
    } else if let Some(foreign) = &found.foreign {
        line("says", foreign.to_string());
    }
    lines.join("\n")
}
