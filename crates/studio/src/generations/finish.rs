//! A finished picture's way into the library: signed, written with its record, named by its row, copied where that was asked for.

use std::path::{Path, PathBuf};

use atelier_contract::GenerationId;
use atelier_worker_protocol as protocol;
use image::RgbImage;

use super::run::{Open, Run};
use super::sampler_name;
use crate::library::write_beside;
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
        let mut image = RgbImage::from_raw(pixels.width, pixels.height, pixels.rgb).ok_or_else(wrong)?;
        if let Some(signature) = signed {
            signature.lay_over(&mut image);
        }
        let png = picture::to_png(&image, &self.provenance(row.seed, &image, signed))?;
        // A few milliseconds; the file system is all there is to wait for.
        let url = self.library.store_picture(&png, "png")?;
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
        for style in &self.settings.styles {
            sqlx::query!(
                "UPDATE styles SET usage_count = usage_count + 1 WHERE name = $1",
                style.name
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        if let Err(error) = thumbnails::keep(self.library, &url, &image) {
            // It is made when it is asked for.
            tracing::warn!("picture {} has no thumbnail yet: {error}", row.id);
        }
        let generation = jobs::id(row.id)?;
        let copy = self
            .settings
            .out
            .as_deref()
            .map(|folder| copy_to(folder, row, &png))
            .transpose()?;
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

/// A copy of a picture under a name of its own.
fn copy_to(folder: &Path, row: &Open, png: &[u8]) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    write_beside(folder, &format!("{:05}-{}", row.id, row.seed), png)
}
