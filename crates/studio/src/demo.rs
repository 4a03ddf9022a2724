//! The main job on the bundled artworks, start to end: import, train, generate without and with the style, lay out what came of it.
//!
//! Works in a library of its own inside a folder. A run that was ended goes on in the same folder; one that had finished starts anew.

mod sheet;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use atelier_contract::{JobId, Refusal, TrainingStatus, parse_tags};
use image::RgbImage;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::generations::{self, Finished, Order};
use crate::inspect::inspect;
use crate::library::write_whole;
use crate::picture::provenance::StyleFacts;
use crate::picture::signature;
use crate::samples::{self, SampleArtist};
use crate::styles::{self, Readiness, STARTER_MODEL, Style};
use crate::training::{self, Choice, Ended, Preset};
use crate::worker::{Wish, Workshop};
use crate::{Access, Config, Error, Library, artworks, jobs};
use sheet::{Column, Sheet};

/// The invented artists whose artworks ship with the program: the folders of `samples/`.
pub const ARTISTS: [&str; 3] = ["neon-night", "pop-halftone", "warm-etching"];

/// Prompts that are no artwork's, each with the seed that both of its pictures are drawn from. Training draws from seed 0.
const PROMPTS: [(&str, u64); 6] = [
    ("cat, orange, one, beach, noon, clouds", 1001),
    ("castle, blue, one, snowfield, night, moon", 1002),
    ("boat, red, one, sea, dawn, sun", 1003),
    ("house, white, one, forest, noon, mountains", 1004),
    ("tree, green, one, meadow, noon, rainbow", 1005),
    ("rocket, yellow, one, city, dusk, clouds", 1006),
];
/// Artworks in the sheet's first row: narrower than the pictures, so that the look shows at a glance.
const ARTWORKS_SHOWN: usize = 8;

/// What the demo says on its way.
#[derive(Debug)]
#[expect(missing_docs, reason = "a field is what its name says")]
pub enum Update {
    /// Artworks come in.
    Importing { done: usize, of: usize },
    /// They are in.
    Imported { artist: String, readiness: Readiness },
    /// The style is being trained.
    Training(training::Update),
    /// It is.
    Trained,
    /// Pictures that are made.
    Generating { done: usize, of: usize },
    /// How it goes with the one that is being made.
    Generation(generations::Update),
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The contact sheet, a PNG.
    pub sheet: PathBuf,
    /// The style.
    pub style: String,
    /// Whose artworks it was trained on.
    pub artist: String,
    /// Every picture of the two lower rows.
    pub pictures: Vec<MadePicture>,
    /// How long it took.
    pub seconds: Seconds,
    /// How the style met the model, as the pictures say.
    pub receipt: StyleFacts,
    /// The demo's own library.
    pub library: PathBuf,
}

/// A picture of the contact sheet.
#[derive(Debug, Serialize)]
pub struct MadePicture {
    /// Ordered tags.
    pub tags: String,
    /// What it was drawn from.
    #[serde(with = "crate::picture::provenance::decimal")]
    pub seed: u64,
    /// Whether the style was used.
    pub styled: bool,
    /// The file in the demo's library.
    pub path: PathBuf,
}

/// Seconds of each part.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Seconds {
    pub import: f64,
    /// 0 when the style had been trained before a kill.
    pub train: f64,
    pub generate: f64,
}

/// Does it all in `folder` with the artworks of `artist`, one of [`ARTISTS`].
///
/// # Errors
/// [`Refusal::FileMissing`] when the artworks are not there, [`Refusal::Cancelled`] when that was wished, and those of importing, training
/// and generating.
pub async fn run(
    config: &Config,
    workshop: &mut Workshop,
    folder: &Path,
    artist: &str,
    wish: &mut watch::Receiver<Wish>,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Made, Error> {
    let samples = samples::folder(config, artist);
    let artist = samples::artist(config, artist)?;
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    let library = Arc::new(Library::open(&folder.join("library"), Access::Write, config.lock_wait).await?);
    signature::set_artist(&library, &artist.display_name, None)?;
    let sheet = folder.join(format!("{}-contact-sheet.png", artist.style));
    let anew = sheet.is_file();
    // Pictures that an earlier run was ended before are ordered once more, with the others.
    for order in generations::waiting(&library).await? {
        jobs::cancel_waiting(&library, order).await?;
    }
    let mut seconds = Seconds::default();

    let started = Instant::now();
    let style = import(&library, &samples, &artist, on_update).await?;
    seconds.import = started.elapsed().as_secs_f64();

    let started = Instant::now();
    if anew || style.training_status != TrainingStatus::Completed {
        let job = Job {
            library: &library,
            config,
            workshop: &mut *workshop,
            wish: &mut *wish,
        };
        job.train(&style, anew.then_some(&sheet), on_update).await?;
        seconds.train = started.elapsed().as_secs_f64();
    }
    on_update(Update::Trained);

    let started = Instant::now();
    let job = Job {
        library: &library,
        config,
        workshop,
        wish,
    };
    let (without, with) = job.generate(&style, on_update).await?;
    seconds.generate = started.elapsed().as_secs_f64();

    draw(&library, &style, &artist, &without, &with, &sheet).await?;
    let receipt = receipt(&with)?;
    let picture = |styled| {
        move |((tags, seed), finished): (&(&str, u64), &Finished)| MadePicture {
            tags: (*tags).to_owned(),
            seed: *seed,
            styled,
            path: finished.path.clone(),
        }
    };
    let pictures = PROMPTS.iter().zip(&without).map(picture(false));
    Ok(Made {
        sheet,
        style: style.name,
        artist: artist.display_name,
        pictures: pictures.chain(PROMPTS.iter().zip(&with).map(picture(true))).collect(),
        seconds,
        receipt,
        library: library.folder().to_owned(),
    })
}

async fn import(
    library: &Arc<Library>,
    samples: &Path,
    artist: &SampleArtist,
    on_update: &mut (dyn FnMut(Update) + Send),
) -> Result<Style, Error> {
    let style = match styles::find(library, &artist.style).await {
        Ok(style) => style,
        Err(Error::Refused(Refusal::StyleUnknown { .. })) => {
            styles::create(library, &artist.style, STARTER_MODEL).await?
        }
        Err(error) => return Err(error),
    };
    let paths = [samples.to_owned()];
    artworks::import(library, &style, &paths, &CancellationToken::new(), |done, of| {
        on_update(Update::Importing { done, of });
    })
    .await?;
    let style = styles::find(library, &style.name).await?;
    on_update(Update::Imported {
        artist: artist.display_name.clone(),
        readiness: style.readiness(),
    });
    style.require_ready()?;
    Ok(style)
}

/// Work for the worker.
struct Job<'a> {
    library: &'a Library,
    config: &'a Config,
    workshop: &'a mut Workshop,
    wish: &'a mut watch::Receiver<Wish>,
}

impl Job<'_> {
    /// Trains the style, or goes on with that; anew when the `finished` sheet of an earlier run is there, which goes once the new training
    /// is written down: what is ended from then on goes on.
    async fn train(
        self,
        style: &Style,
        finished: Option<&Path>,
        on_update: &mut (dyn FnMut(Update) + Send),
    ) -> Result<(), Error> {
        let (library, workshop, wish) = (self.library, self.workshop, self.wish);
        let choice = Choice {
            style: style.name.clone(),
            preset: Preset::Quick,
            resume: style.training_status == TrainingStatus::Training && finished.is_none(),
            restart: finished.is_some(),
            ..Choice::default()
        };
        let on_update = &mut |update: training::Update| on_update(Update::Training(update));
        let ended = if let Some(sheet) = finished {
            let job = training::place(library, self.config, workshop, &choice, on_update).await?;
            fs::remove_file(sheet).map_err(Error::file(sheet))?;
            training::run_job(library, workshop, job, wish, on_update).await?
        } else {
            training::train(library, self.config, workshop, &choice, wish, on_update).await?
        };
        match ended {
            Ended::Completed { .. } => Ok(()),
            Ended::Paused { .. } | Ended::Cancelled => Err(Refusal::Cancelled {}.into()),
        }
    }

    /// Every prompt without and with the style, each pair from the same seed.
    async fn generate(
        self,
        style: &Style,
        on_update: &mut (dyn FnMut(Update) + Send),
    ) -> Result<(Vec<Finished>, Vec<Finished>), Error> {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for (jobs, styles) in [(&mut without, Vec::new()), (&mut with, vec![(style.name.clone(), 1.0)])] {
            for (tags, seed) in PROMPTS {
                let order = Order {
                    styles: styles.clone(),
                    tags: parse_tags(tags)?,
                    seed: Some(seed),
                    count: 1,
                    model: Some(STARTER_MODEL.to_owned()),
                    ..Order::default()
                };
                jobs.push(generations::place(self.library, self.config, self.workshop, &order).await?);
            }
        }
        let of = without.len() + with.len();
        let mut finished: BTreeMap<JobId, Finished> = BTreeMap::new();
        let (mut now, mut failure) = (None, None);
        on_update(Update::Generating { done: 0, of });
        // All of them are this run's, so that none is left over.
        generations::run_queue(
            self.library,
            self.workshop,
            None,
            self.wish,
            &mut |update| match update {
                generations::Update::Begins { job, .. } => now = Some(job),
                generations::Update::Finished(picture) => {
                    finished.extend(now.map(|job| (job, picture)));
                    let ours = without.iter().chain(&with).filter(|job| finished.contains_key(job));
                    on_update(Update::Generating { done: ours.count(), of });
                }
                generations::Update::Failed { ref reason, .. } => {
                    failure.get_or_insert(reason.clone());
                    on_update(Update::Generation(update));
                }
                other => on_update(Update::Generation(other)),
            },
        )
        .await?;
        let missing = || failure.clone().unwrap_or(Refusal::Cancelled {});
        let mut of_jobs = |jobs: &[JobId]| -> Result<Vec<Finished>, Refusal> {
            jobs.iter()
                .map(|job| finished.remove(job).ok_or_else(missing))
                .collect()
        };
        Ok((of_jobs(&without)?, of_jobs(&with)?))
    }
}

/// What the styled pictures say about the style.
fn receipt(with: &[Finished]) -> Result<StyleFacts, Error> {
    let missing = || Refusal::Internal {
        reason: "a picture does not name its style".into(),
    };
    let picture = with.first().ok_or_else(missing)?;
    let style = inspect(&picture.path)?
        .provenance
        .and_then(|said| said.styles.into_iter().next());
    Ok(style.ok_or_else(missing)?)
}

async fn draw(
    library: &Library,
    style: &Style,
    artist: &SampleArtist,
    without: &[Finished],
    with: &[Finished],
    target: &Path,
) -> Result<(), Error> {
    let all = artworks::valid(library, style.id).await?;
    let count = all.len();
    let shown: Vec<_> = all
        .into_iter()
        .take(ARTWORKS_SHOWN)
        .map(|artwork| artwork.path)
        .collect();
    let steps = style_steps(library, &style.name).await?;
    let paths = |row: &[Finished]| row.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
    let (without, with) = (paths(without), paths(with));
    let title = format!("“{}” by {}", style.name, artist.display_name);
    let subtitle = format!(
        "a style trained on {count} artworks{steps}; each column is one prompt and one seed, first without the style, then with it"
    );
    let target = target.to_owned();
    tokio::task::spawn_blocking(move || {
        let columns = PROMPTS.iter().map(|(tags, seed)| Column {
            prompt: (*tags).to_owned(),
            seed: *seed,
        });
        let drawn = Sheet {
            title,
            subtitle,
            artworks: open(&shown)?,
            columns: columns.collect(),
            without: open(&without)?,
            with: open(&with)?,
        }
        .draw();
        write_whole(&target, &to_png(&drawn)?)
    })
    .await?
}

async fn style_steps(library: &Library, name: &str) -> Result<String, Error> {
    let metric = styles::find(library, name).await?.training_metric;
    let steps = metric.as_ref().and_then(|metric| metric["steps"].as_u64());
    Ok(steps.map(|steps| format!(" in {steps} steps")).unwrap_or_default())
}

fn open(paths: &[PathBuf]) -> Result<Vec<RgbImage>, Error> {
    let open = |path: &PathBuf| match image::open(path) {
        Ok(picture) => Ok(picture.into_rgb8()),
        Err(error) => Err(Error::Picture(format!("{}: {error}", path.display()))),
    };
    paths.iter().map(open).collect()
}

fn to_png(picture: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .map_err(|error| Error::Picture(error.to_string()))?;
    Ok(bytes.into_inner())
}
