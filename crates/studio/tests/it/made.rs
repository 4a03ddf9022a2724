//! Finished pictures without a worker.

use std::path::Path;

use atelier_studio::contract::{AspectRatio, GenerationId, LicenseType};
use atelier_studio::generations::Settings;
use atelier_studio::picture::provenance::{ModelFacts, Provenance, StyleFacts};
use atelier_studio::picture::to_png;
use atelier_studio::protocol::Sampler;
use sqlx::SqlitePool;

use crate::pictures::{Desk, picture};

/// A finished picture, as the worker would have left it.
pub(crate) struct Made {
    pub(crate) tags: &'static str,
    pub(crate) styles: &'static [&'static str],
    pub(crate) seed: u64,
    pub(crate) created_at: &'static str,
}

pub(crate) fn made(tags: &'static str) -> Made {
    Made {
        tags,
        styles: &["inkwell"],
        seed: 7,
        created_at: "2026-05-01T12:00:00.000Z",
    }
}

impl Made {
    pub(crate) async fn insert(self, desk: &Desk, db: &SqlitePool) -> GenerationId {
        let settings = self.settings();
        let image = picture(self.seed as u32, 96, 64).into_rgb8();
        let png = to_png(&image, &self.record(&settings)).unwrap();
        let url = desk.library.store_picture(&png, "png").unwrap();
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO generations (status, seed, settings, result_url, created_at) VALUES ('completed', $1, $2, $3, $4) RETURNING id",
        )
        .bind(i64::from_ne_bytes(self.seed.to_ne_bytes()))
        .bind(serde_json::to_string(&settings).unwrap())
        .bind(url)
        .bind(self.created_at)
        .fetch_one(db)
        .await
        .unwrap();
        for (sequence, tag) in settings.tags.iter().enumerate() {
            sqlx::query("INSERT INTO tags (name) VALUES ($1) ON CONFLICT DO NOTHING")
                .bind(tag)
                .execute(db)
                .await
                .unwrap();
            sqlx::query("INSERT INTO generation_tags (generation_id, tag_id, sequence) SELECT $1, id, $2 FROM tags WHERE name = $3")
                .bind(id)
                .bind(sequence as i64)
                .bind(tag)
                .execute(db)
                .await
                .unwrap();
        }
        id.try_into().unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        let style = |name: &&str| StyleFacts {
            name: (*name).to_owned(),
            strength: 0.8,
            artist: None,
            imported: false,
            license: LicenseType::Personal,
            sha256: "0".repeat(64),
            layers_matched: 12,
            layers: 12,
            base_model_matches: true,
        };
        Settings {
            model: ModelFacts {
                id: "starter".into(),
                architecture: "sd15-small".into(),
                sha256: "0".repeat(64),
            },
            model_path: "starter".into(),
            styles: self.styles.iter().map(style).collect(),
            loras: Vec::new(),
            prompt: [self.styles.join(", "), self.tags.to_owned()].join(", "),
            negative_prompt: "fog, two cats".into(),
            tags: self.tags.split(", ").map(str::to_owned).collect(),
            aspect: AspectRatio::default(),
            width: 96,
            height: 64,
            steps: 20,
            guidance: 4.0,
            sampler: Sampler::Ddim,
            out: None,
        }
    }

    fn record(&self, settings: &Settings) -> Provenance {
        Provenance {
            application: "Atelier".into(),
            prompt: settings.prompt.clone(),
            negative_prompt: settings.negative_prompt.clone(),
            tags: settings.tags.clone(),
            seed: self.seed,
            aspect: settings.aspect,
            width_px: settings.width,
            height_px: settings.height,
            steps: settings.steps,
            sampler: "ddim".into(),
            guidance: settings.guidance,
            model: settings.model.clone(),
            styles: settings.styles.clone(),
            signature: None,
            pixels_sha256: String::new(),
        }
    }
}

pub(crate) async fn database(folder: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite:{}", folder.join("library.db").display()))
        .await
        .unwrap()
}
