//! Pictures for the page: `picture://localhost/…` (on Windows `http://picture.localhost/…`), named by id.
//!
//! An address that has been answered stays true for ever — what changes has another `v` — so the page may keep it. Only the preview of a
//! picture that forms is not worth keeping. At most [`AT_ONCE`] files are read at a time; the others wait, in the order they came.

mod address;

use atelier_studio::contract::Refusal;
use atelier_studio::picture::signature;
use atelier_studio::thumbnails::Side;
use atelier_studio::{Error, samples, thumbnails, training};
use tauri::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use tauri::http::{Request, Response, StatusCode};
use tauri::{Manager, UriSchemeContext, UriSchemeResponder, Wry};
use tokio::sync::Semaphore;

use crate::house::House;
use address::Wanted;

/// Name of the protocol, as the content security policy has it.
pub(crate) const SCHEME: &str = "picture";

/// Files that are read at one time; a screen of thumbnails asks for some dozens.
const AT_ONCE: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

const FOR_EVER: &str = "private, max-age=31536000, immutable";
const NOT_KEPT: &str = "no-store";

/// Answers one address, whenever the picture is there; the window never waits for it.
pub(crate) fn serve(context: UriSchemeContext<'_, Wry>, request: Request<Vec<u8>>, responder: UriSchemeResponder) {
    let app = context.app_handle().clone();
    tauri::async_runtime::spawn(async move {
        let uri = request.uri();
        let wanted = Wanted::parse(uri.path(), uri.query().unwrap_or_default());
        responder.respond(match wanted {
            Some(wanted) => answer(&app.state::<House>(), wanted).await,
            None => empty(StatusCode::NOT_FOUND),
        });
    });
}

async fn answer(house: &House, wanted: Wanted) -> Response<Vec<u8>> {
    let kept = if matches!(wanted, Wanted::Preview { .. }) {
        NOT_KEPT
    } else {
        FOR_EVER
    };
    match read(house, &wanted).await {
        Ok(bytes) => picture(bytes, kept),
        Err(refusal) => {
            tracing::warn!("no picture for {wanted:?}: {refusal:?}");
            empty(StatusCode::NOT_FOUND)
        }
    }
}

/// The bytes of a picture, in the format it is kept in.
async fn read(house: &House, wanted: &Wanted) -> Result<Vec<u8>, Refusal> {
    let studio = house.studio().await?;
    let file = match wanted {
        Wanted::Artwork { id, side, cropped } => {
            let artwork = thumbnails::artwork(studio.library(), *id, *cropped).await?;
            house.thumbnails().file(studio.library(), &artwork, *side).await?
        }
        Wanted::Generation { id, side } => {
            let generation = thumbnails::generation(studio.library(), *id).await?;
            house.thumbnails().file(studio.library(), &generation, *side).await?
        }
        Wanted::Preview { job, index } => return Ok(studio.preview(*job, *index)?),
        Wanted::Training { job, step, index } => training::sample(studio.library(), *job, *step, *index)?,
        Wanted::Signature => signature::image_path(studio.library())?,
        Wanted::Sample { sample, index } => {
            let picture = samples::picture(house.config(), sample, *index)?;
            let small = house.thumbnails().shipped(studio.library(), &picture, Side::Small);
            small.await?
        }
    };
    let _turn = TURNS.acquire().await;
    tokio::fs::read(&file)
        .await
        .map_err(|source| Error::File { path: file, source }.into())
}

fn picture(bytes: Vec<u8>, kept: &'static str) -> Response<Vec<u8>> {
    let kind = kind(&bytes);
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn empty(status: StatusCode) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// Media type of a picture, by its first bytes: the library keeps files under hashes, not names.
fn kind(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "application/octet-stream",
    }
}
