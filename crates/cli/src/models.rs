//! `atelier models`: base models that are there, and getting more.

use std::path::PathBuf;

use atelier_studio::contract::Refusal;
use atelier_studio::models::{self, Model, manifest};
use atelier_studio::{Error, Library, Work};
use clap::Subcommand;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::output::{bytes, table};
use crate::progress::Progress;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the models that are there, and those that can be downloaded
    List,
    /// Take in a diffusers folder or a single-file .safetensors checkpoint (SD 1.5, SDXL)
    Import {
        /// The folder or file; it stays where it is unless --copy is given
        path: PathBuf,
        /// What to call it [default: after its file]
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Copy it into the library
        #[arg(long)]
        copy: bool,
    },
    /// Download a model of the list; one that broke off goes on where it was
    Download {
        /// Its id
        id: String,
    },
    /// Check that the files of models are still what was taken in
    Verify {
        /// One model [default: all]
        id: Option<String>,
    },
    /// Take a model out of the library; files that are not the library's own stay
    Remove {
        /// Its id
        id: String,
    },
}

pub(crate) async fn run(context: &Context, command: Command) -> Result<(), Error> {
    match command {
        Command::List => list(context).await,
        Command::Import { path, id, copy } => {
            let library = context.write().await?;
            let mut workshop = context.workshop()?;
            let model = models::import(
                &library,
                &context.config,
                &mut workshop,
                &path,
                id.as_deref(),
                copy,
                &Work::default(),
            )
            .await?;
            context.output.tell(&model, || {
                format!("imported {}\n{}", model.id, rows(std::slice::from_ref(&model)))
            })
        }
        Command::Download { id } => download(context, &id).await,
        Command::Verify { id } => verify(context, id.as_deref()).await,
        Command::Remove { id } => {
            let library = context.write().await?;
            models::remove(&library, &context.config, &id).await?;
            context
                .output
                .tell(&json!({ "removed": id }), || format!("removed {id}"))
        }
    }
}

async fn list(context: &Context) -> Result<(), Error> {
    let library = context.read().await?;
    let models = models::list(&library, &context.config).await?;
    let mut offered = manifest::all(&context.config.resources);
    offered.retain(|manifest| models.iter().all(|model| model.id != manifest.id));
    let offers: Vec<_> = offered
        .iter()
        .map(|offer| {
            json!({
                "id": offer.id, "name": offer.name, "architecture": offer.architecture,
                "native_size_px": offer.native_size_px, "license": offer.license,
            })
        })
        .collect();
    let value = json!({ "models": models, "can_be_downloaded": offers });
    context.output.tell(&value, || {
        let mut text = rows(&models);
        for offer in &offered {
            text.push_str(&format!(
                "\n`atelier models download {}`: {} ({})",
                offer.id, offer.name, offer.license
            ));
        }
        text
    })
}

fn rows(models: &[Model]) -> String {
    let row = |model: &Model| {
        [
            model.id.clone(),
            model.architecture.clone(),
            format!("{} px", model.native_size_px),
            bytes(model.bytes),
            model.path.display().to_string(),
        ]
    };
    table(
        ["id", "architecture", "size", "files", "path"],
        &models.iter().map(row).collect::<Vec<_>>(),
    )
}

async fn download(context: &Context, id: &str) -> Result<(), Error> {
    let library = context.write().await?;
    let mut workshop = context.workshop()?;
    let mut progress = Progress::new(context.output);
    let mut show = |file: &str, have: u64, all: Option<u64>| {
        progress.show(&format!("{file}, MB"), have >> 20, all.unwrap_or_default() >> 20, None);
    };
    let model = models::fetch(
        &library,
        &context.config,
        &mut workshop,
        id,
        &CancellationToken::new(),
        &mut show,
    )
    .await?;
    drop(progress);
    context.output.tell(&model, || {
        format!("downloaded {}\n{}", model.id, rows(std::slice::from_ref(&model)))
    })
}

async fn verify(context: &Context, id: Option<&str>) -> Result<(), Error> {
    let library = context.read().await?;
    let chosen = chosen(context, &library, id).await?;
    let mut damaged = Vec::new();
    for model in &chosen {
        let files = models::verify(model).await?;
        damaged.extend(files.into_iter().map(|file| Refusal::ModelDamaged {
            model: model.id.clone(),
            file,
        }));
    }
    if let Some((first, others)) = damaged.split_first() {
        for other in others {
            context.output.note(&context.output.sentence(other));
        }
        return Err(first.clone().into());
    }
    let ids: Vec<_> = chosen.iter().map(|model| model.id.as_str()).collect();
    context
        .output
        .tell(&json!({ "intact": ids }), || format!("intact: {}", ids.join(", ")))
}

async fn chosen(context: &Context, library: &Library, id: Option<&str>) -> Result<Vec<Model>, Error> {
    let mut all = models::list(library, &context.config).await?;
    let Some(id) = id else { return Ok(all) };
    let known = all.iter().map(|model| model.id.clone()).collect();
    all.retain(|model| model.id == id);
    if all.is_empty() {
        let model = id.to_owned();
        return Err(Refusal::ModelUnknown { model, known }.into());
    }
    Ok(all)
}
