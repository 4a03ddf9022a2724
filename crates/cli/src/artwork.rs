//! `atelier artwork`: bringing pictures into a style, their tags, and why training does not use one.

use std::path::PathBuf;
use std::sync::Arc;

use atelier_studio::artworks::{self, Artwork, Crop, ImportReport};
use atelier_studio::contract::{ArtworkId, Refusal, StyleId, parse_tags};
use atelier_studio::styles::{self, Readiness, Style};
use atelier_studio::tags::{self, TagEdit};
use atelier_studio::{Error, Library};
use clap::{ArgGroup, Subcommand};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::output::{Output, table};
use crate::progress::Progress;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Import pictures and folders (also kohya's N_name/ with .txt tags) into a style
    Import {
        /// Files and folders: JPEG, PNG or WebP, up to 10 MB each
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// The style that they are for
        #[arg(long, value_name = "NAME")]
        style: String,
    },
    /// Show the artworks of a style
    List {
        /// The style
        #[arg(long, value_name = "NAME")]
        style: String,
    },
    /// Set the tags of artworks: ordered, English, separated by commas
    Tag {
        /// Ids of the artworks, as `list` shows them
        #[arg(required = true, value_name = "ID")]
        artworks: Vec<ArtworkId>,
        /// The tags
        #[arg(value_name = "TAGS")]
        tags: String,
        /// Append the tags to those that are there
        #[arg(long, conflicts_with = "remove")]
        add: bool,
        /// Take the tags away
        #[arg(long)]
        remove: bool,
    },
    /// Show whether a style is ready to be trained, and why an artwork is not used
    Check {
        /// The style
        #[arg(long, value_name = "NAME")]
        style: String,
    },
    /// Choose the part of an artwork that training sees, and turn it; the file stays as it is
    #[command(group(ArgGroup::new("part").args(["area", "whole"]).required(true)))]
    Crop {
        /// Id of the artwork
        #[arg(value_name = "ID")]
        artwork: ArtworkId,
        /// LEFT,TOP,WIDTH,HEIGHT in pixels
        #[arg(long, value_name = "AREA", value_parser = parse_area)]
        area: Option<Crop>,
        /// All of it
        #[arg(long)]
        whole: bool,
        /// Quarter turns clockwise after the crop
        #[arg(long, value_name = "TURNS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
        turns: u8,
    },
    /// Write the artworks that training uses for other trainers: OUT/N_name/, cropped and turned, with .txt tags (kohya)
    Export {
        /// The style
        #[arg(long, value_name = "NAME")]
        style: String,
        /// N: how often those trainers see each artwork
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
        repeats: u32,
        /// The folder to write into
        out: PathBuf,
    },
    /// Take artworks out of their style
    Remove {
        /// Ids of the artworks
        #[arg(required = true, value_name = "ID")]
        artworks: Vec<ArtworkId>,
    },
    /// Bring removed artworks back
    Restore {
        /// Ids of the artworks
        #[arg(required = true, value_name = "ID")]
        artworks: Vec<ArtworkId>,
    },
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Error> {
    match command {
        Command::Import { paths, style } => import(context, &paths, &style).await,
        Command::List { style } => {
            let library = context.read().await?;
            let style = styles::find(&library, &style).await?;
            let all = all(&library, style.id, false).await?;
            context.output.tell(&all, || rows(&all))
        }
        Command::Tag {
            artworks,
            tags,
            add,
            remove,
        } => {
            let list = parse_tags(&tags)?;
            let edit = match (add, remove) {
                (true, _) => TagEdit::Add(list),
                (_, true) => TagEdit::Remove(list),
                _ => TagEdit::Set(list),
            };
            let library = context.write().await?;
            tags::edit(&library, &artworks, &edit).await?;
            told(context.output, "tagged", &artworks)
        }
        Command::Check { style } => check(context, &style).await,
        Command::Crop {
            artwork, area, turns, ..
        } => {
            let library = context.write().await?;
            artworks::set_crop(&library, artwork, area, turns).await?;
            told(context.output, "cropped", &[artwork])
        }
        Command::Export { style, repeats, out } => {
            let library = context.read().await?;
            let style = styles::find(&library, &style).await?;
            let out = std::path::absolute(&out).unwrap_or(out);
            let exported = artworks::export(&library, &style, repeats, &out).await?;
            let value = json!({ "style": style.name, "folder": exported.folder, "artworks": exported.artworks });
            context.output.tell(&value, || {
                format!("wrote {} artworks to {}", exported.artworks, exported.folder.display())
            })
        }
        Command::Remove { artworks } => {
            let library = context.write().await?;
            artworks::remove(&library, &artworks).await?;
            told(context.output, "removed", &artworks)
        }
        Command::Restore { artworks } => {
            let library = context.write().await?;
            artworks::restore(&library, &artworks).await?;
            told(context.output, "restored", &artworks)
        }
    }
}

fn parse_area(text: &str) -> Result<Crop, String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok([left_px, top_px, width_px, height_px]) => Ok(Crop {
            left_px: *left_px,
            top_px: *top_px,
            width_px: *width_px,
            height_px: *height_px,
        }),
        _ => Err("four whole numbers: LEFT,TOP,WIDTH,HEIGHT".to_owned()),
    }
}

fn told(output: Output, done: &str, artworks: &[ArtworkId]) -> Result<(), Error> {
    let ids: Vec<_> = artworks.iter().map(ToString::to_string).collect();
    output.tell(&json!({ done: artworks }), || format!("{done} {}", ids.join(", ")))
}

async fn import(context: &Context, paths: &[PathBuf], style: &str) -> Result<(), Error> {
    let library = Arc::new(context.write().await?);
    let style = styles::find(&library, style).await?;
    let mut progress = Progress::new(context.output);
    let report = artworks::import(&library, &style, paths, &CancellationToken::new(), |done, of| {
        progress.show("importing", done as u64, of as u64, None);
    })
    .await?;
    drop(progress);
    let readiness = styles::find(&library, &style.name).await?.readiness();
    let output = context.output;
    let words = || import_words(output, &style, &report, &readiness);
    if report.imported.is_empty() && report.already_there.is_empty() {
        // A mistake in the command explains more than what is wrong with a file.
        let mistyped = report.refused.iter().find(|refusal| {
            matches!(
                refusal,
                Refusal::PathMissing { .. } | Refusal::PathNotReadable { .. } | Refusal::FolderWithoutArtworks { .. }
            )
        });
        if let Some(failure) = mistyped.or(report.refused.first()) {
            if report.refused.len() > 1 {
                output.note(&words());
            }
            return Err(failure.clone().into());
        }
    }
    let value = json!({ "style": style.name, "report": report, "readiness": readiness });
    output.tell(&value, words)
}

fn import_words(output: Output, style: &Style, report: &ImportReport, readiness: &Readiness) -> String {
    let mut lines = vec![format!(
        "{} imported into “{}”, {} there already, {} refused",
        report.imported.len(),
        style.name,
        report.already_there.len(),
        report.refused.len()
    )];
    for new in &report.imported {
        if let Some(reason) = &new.reason {
            lines.push(format!("  artwork {}: {}", new.artwork, output.sentence(reason)));
        }
    }
    lines.extend(
        report
            .refused
            .iter()
            .map(|refusal| format!("  refused: {}", output.sentence(refusal))),
    );
    for tag in &report.tags_refused {
        lines.push(format!("  {}: {}", tag.path, output.sentence(&tag.refusal)));
    }
    if !report.passed_over.is_empty() {
        lines.push(format!("  {} other files were passed over", report.passed_over.len()));
    }
    lines.push(readiness_words(output, readiness));
    lines.join("\n")
}

/// Whether a style can be trained, in one line.
pub(crate) fn readiness_words(output: Output, readiness: &Readiness) -> String {
    match &readiness.missing {
        None => format!(
            "ready to be trained: {} valid artworks ({} to {} are needed)",
            readiness.valid, readiness.valid_min, readiness.valid_max
        ),
        Some(missing) => format!("not ready: {}", output.sentence(missing)),
    }
}

async fn check(context: &Context, style: &str) -> Result<(), Error> {
    let library = context.write().await?;
    let style = styles::find(&library, style).await?;
    artworks::check(&library, &style).await?;
    let style = styles::find(&library, &style.name).await?;
    let invalid = all(&library, style.id, true).await?;
    let readiness = style.readiness();
    let value = json!({ "style": style.name, "readiness": readiness, "invalid": invalid });
    let output = context.output;
    output.tell(&value, || {
        let mut lines = vec![readiness_words(output, &readiness)];
        for artwork in &invalid {
            let reason = artwork.validation_reason.as_ref();
            let reason = reason.map(|reason| output.sentence(reason)).unwrap_or_default();
            lines.push(format!("  artwork {} is not used: {reason}", artwork.id));
        }
        lines.join("\n")
    })
}

async fn all(library: &Library, style: StyleId, invalid_only: bool) -> Result<Vec<Artwork>, Error> {
    let mut all: Vec<Artwork> = Vec::new();
    loop {
        let after = all.last().map(|artwork| artwork.id);
        let page = artworks::list(library, style, after, artworks::PAGE_LEN_MAX, invalid_only).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn rows(artworks: &[Artwork]) -> String {
    let row = |artwork: &Artwork| {
        [
            artwork.id.to_string(),
            artwork.file_name.clone(),
            format!("{}×{}", artwork.width_px, artwork.height_px),
            if artwork.is_valid { "yes" } else { "no" }.to_owned(),
            artwork.tags.join(", "),
        ]
    };
    table(
        ["id", "file", "pixels", "valid", "tags"],
        &artworks.iter().map(row).collect::<Vec<_>>(),
    )
}
