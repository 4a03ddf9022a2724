//! A finished picture's way into the library: signed, written with its record, named by its row, copied where that was asked for.

use std::fs;
use std::path::{Path, PathBuf};

use atelier_contract::GenerationId;
use atelier_worker_protocol as protocol;
use image::RgbImage;

use super::run::{Open, Run};
use super::sampler_name;
use crate::library::{store_picture, write_beside};
use crate::picture::provenance::Provenance;
use crate::picture::{self, Signature};
use crate::{Error, jobs, thumbnails};

/// A finished picture.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Finished {
    /// Its row.
    pub generation: GenerationId,
    /// What it was drawn from.
    #[serde(with = "crate::picture::provenance::decimal")]
    pub seed: u64,
    /// The file in the library.
    pub path: PathBuf,
    /// The copy that was asked for.
    pub copy: Option<PathBuf>,
}

impl Run<'_> {
    /// Signs and writes a picture, then its row: the file is whole before the row names it.
    pub(super) async fn finish(
        &self,
        row: &Open,
        pixels: protocol::Pixels,
        signed: Option<&Signature>,
    ) -> Result<Finished, Error> {
        let wrong = || Error::Picture("the worker sent too few pixels".to_owned());
        let image = RgbImage::from_raw(pixels.width, pixels.height, pixels.rgb).ok_or_else(wrong)?;
        let record = self.provenance(row.seed, &image, signed);
        let (folder, signature) = (self.library.folder().to_owned(), signed.cloned());
        let stored = tokio::task::spawn_blocking(move || store(&folder, image, &record, signature.as_ref()));
        let (url, png) = stored.await??;
        let mut tx = self.library.begin().await?;
        let settings = serde_json::to_string(&self.settings)?;
        sqlx::query!(
            "UPDATE generations
                SET status = 'completed', result_url = $2, settings = $3, generation_progress = NULL,
                    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
              WHERE id = $1 AND status = 'processing'",
            row.id,
            url,
            settings,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE styles SET usage_count = usage_count + 1 WHERE id IN (SELECT style_id FROM generation_styles WHERE generation_id = $1)",
            row.id,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let generation = jobs::id(row.id)?;
        let copy = match self.settings.out.clone() {
            Some(folder) => Some(copy_to(folder, row, png).await?),
            None => None,
        };
        Ok(Finished {
            generation,
            seed: row.seed,
            path: self.library.path_of(&url),
            copy,
        })
    }

    fn provenance(&self, seed: u64, image: &RgbImage, signed: Option<&Signature>) -> Provenance {
        let settings = &self.settings;
        Provenance {
            application: concat!("Atelier ", env!("CARGO_PKG_VERSION")).to_owned(),
            prompt: settings.prompt.clone(),
            negative_prompt: settings.negative_prompt.clone(),
            tags: settings.tags.clone(),
            seed,
            aspect: settings.aspect,
            width_px: image.width(),
            height_px: image.height(),
            steps: settings.steps,
            sampler: sampler_name(settings.sampler).to_owned(),
            guidance: settings.guidance,
            model: settings.model.clone(),
            styles: settings.styles.clone(),
            signature: signed.map(Signature::facts),
            pixels_sha256: String::new(),
        }
    }
}

/// Signs a picture and puts it among the library's files with its small thumbnail; gives what a row may call it, and the PNG. Blocks.
fn store(
    folder: &Path,
    mut image: RgbImage,
    record: &Provenance,
    signature: Option<&Signature>,
) -> Result<(String, Vec<u8>), Error> {
    if let Some(signature) = signature {
        signature.lay_over(&mut image);
    }
    let png = picture::to_png(&image, record)?;
    let url = store_picture(folder, &png, "png")?;
    if let Err(error) = thumbnails::keep(folder, &url, &image) {
        // It is made when it is asked for.
        tracing::warn!("{url} has no thumbnail yet: {error}");
    }
    Ok((url, png))
}

/// A copy of a picture under a name of its own.
async fn copy_to(folder: PathBuf, row: &Open, png: Vec<u8>) -> Result<PathBuf, Error> {
    let name = format!("{:05}-{}", row.id, row.seed);
    tokio::task::spawn_blocking(move || {
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        write_beside(&folder, &name, &png)
    })
    .await?
}
