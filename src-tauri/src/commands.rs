//! What the page may ask of the studio: a file a noun, a command a line or two.
//!
//! Every command answers or refuses; a refusal is the code and the facts of what a person is told.

mod artworks;
mod gallery;
mod generations;
mod jobs;
mod models;
mod samples;
mod settings;
mod studio;
mod styles;
mod tags;
mod works;

use atelier_studio::Error;
use atelier_studio::contract::Refusal;
use tauri::{State, Wry};
use tauri_specta::{Commands, collect_commands};

use crate::house::House;

/// The studio, as commands are handed it.
type Door<'a> = State<'a, House>;

/// Does what blocks, on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Refusal> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(Error::from)??)
}

/// All commands, noun by noun.
pub(crate) fn all() -> Commands<Wry> {
    collect_commands![
        studio::studio_start,
        studio::machine_report,
        studio::folder_open,
        studio::notification_show,
        settings::settings_set,
        settings::signature_get,
        settings::signature_set,
        settings::signature_image_set,
        settings::signature_image_draw,
        settings::signature_clear,
        samples::sample_list,
        samples::sample_open,
        styles::style_list,
        styles::style_create,
        styles::style_remove,
        styles::style_removed,
        styles::style_restore,
        styles::style_import,
        styles::style_export,
        styles::style_report,
        styles::style_plan,
        styles::style_train,
        styles::training_show,
        styles::training_restore,
        artworks::artwork_import,
        artworks::artwork_list,
        artworks::artwork_crop,
        artworks::artwork_turn,
        artworks::artwork_remove,
        artworks::artwork_restore,
        artworks::artwork_tag,
        artworks::artwork_tags_set,
        tags::tag_complete,
        tags::tag_check,
        generations::generation_choices,
        generations::generation_receipt,
        generations::generation_place,
        generations::generation_show,
        generations::generation_rate,
        generations::generation_remove,
        generations::generation_restore,
        generations::generation_signatures,
        generations::generation_export,
        generations::generation_copy,
        generations::generation_drag,
        jobs::job_list,
        jobs::job_cancel,
        jobs::job_pause,
        jobs::job_resume,
        jobs::job_move,
        gallery::gallery_find,
        gallery::gallery_cards,
        gallery::gallery_latest,
        models::model_list,
        models::model_download,
        models::model_download_cancel,
        models::model_download_discard,
        models::model_recognise,
        models::model_import,
        models::model_verify,
        models::model_remove,
        works::work_cancel,
    ]
}
