//! The gallery with 100,000 pictures: `cargo bench -p atelier-studio --bench gallery`.
//!
//! What a person must not notice: a search at most 100 ms, the first page (all ids and the cards of a screen) at most 200 ms.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has to end")]

use std::path::Path;
use std::time::Duration;

use atelier_studio::contract::{AspectRatio, LicenseType, StyleId};
use atelier_studio::gallery::{self, GalleryFilter};
use atelier_studio::generations::Settings;
use atelier_studio::picture::provenance::{ModelFacts, StyleFacts};
use atelier_studio::protocol::Sampler;
use atelier_studio::{Access, Library, styles};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use sqlx::SqlitePool;
use tokio::runtime::Runtime;

const PICTURES: u32 = 100_000;
/// Thumbnails on a large screen, with those just outside.
const PAGE: usize = 120;
/// Words that prompts are made of, beside those that stand in every one.
const WORDS: u32 = 2_000;
/// Words of one prompt.
const PROMPT_WORDS: u32 = 8;

/// Settings as a picture has them; the prompt comes by itself.
fn settings() -> Settings {
    let style = StyleFacts {
        name: "inkwell".into(),
        strength: 1.0,
        artist: Some("Iris Volt".into()),
        imported: false,
        license: LicenseType::Personal,
        sha256: "0".repeat(64),
        layers_matched: 264,
        layers: 264,
        base_model_matches: true,
    };
    Settings {
        model: ModelFacts {
            id: "sd15".into(),
            architecture: "sd15".into(),
            sha256: "0".repeat(64),
        },
        model_path: "/models/sd15/v1-5-pruned-emaonly.safetensors".into(),
        styles: vec![style],
        loras: vec!["styles/1/lora.safetensors".into()],
        prompt: String::new(),
        negative_prompt: "blurry, low quality".into(),
        tags: (0..PROMPT_WORDS).map(|at| format!("word{at}")).collect(),
        aspect: AspectRatio::default(),
        width: 512,
        height: 512,
        steps: 20,
        guidance: 7.0,
        sampler: Sampler::Dpmpp2mKarras,
        out: None,
    }
}

/// Prompts of words that an inexpensive sequence picks.
fn prompts() -> Vec<String> {
    let mut state = 1_u32;
    let mut word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("word{}", (state >> 8) % WORDS)
    };
    let prompt = |_| {
        let words: Vec<_> = (0..PROMPT_WORDS).map(|_| word()).collect();
        format!("inkwell, one, {}", words.join(", "))
    };
    (0..PICTURES).map(prompt).collect()
}

async fn fill(folder: &Path) -> (Library, StyleId) {
    let library = Library::open(folder, Access::Write, Duration::ZERO).await.unwrap();
    let style = styles::create(&library, "inkwell", "sd15").await.unwrap().id;
    let db = SqlitePool::connect(&format!("sqlite:{}", folder.join("library.db").display()))
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO generations (status, style_id, seed, result_url, rating, created_at, settings)
         SELECT 'completed', $1, prompt.key, 'images/ab/' || prompt.key || '.png', prompt.key % 6,
                strftime('%Y-%m-%dT%H:%M:%fZ', 1780000000 + 60 * prompt.key, 'unixepoch'),
                json_set($2, '$.prompt', prompt.value)
           FROM json_each($3) AS prompt",
    )
    .bind(style.get())
    .bind(serde_json::to_string(&settings()).unwrap())
    .bind(serde_json::to_string(&prompts()).unwrap())
    .execute(&db)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO generation_tags (generation_id, tag_id, sequence)
         SELECT generations.id, tags.id, 1 FROM generations JOIN tags ON tags.name = 'inkwell'",
    )
    .execute(&db)
    .await
    .unwrap();
    db.close().await;
    (library, style)
}

fn gallery_of_100_000(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (library, style) = runtime.block_on(fill(folder.path()));
    let all = GalleryFilter::default;
    let text = |text: &str| GalleryFilter {
        text: text.to_owned(),
        ..all()
    };
    let filters = [
        ("find/everything", all()),
        ("find/a word of every prompt", text("one")),
        ("find/the beginning of every word", text("wo")),
        ("find/a rare word", text("word777")),
        (
            "find/five words, the last one begun",
            text("inkwell one word1 word2 wo"),
        ),
        (
            "find/style, tag, word, days, rating",
            GalleryFilter {
                style: Some(style),
                tags: vec!["inkwell".into()],
                from: Some("2026-06-01".into()),
                to: Some("2026-08-01".into()),
                rating_min: Some(3),
                ..text("one")
            },
        ),
    ];
    let mut group = criterion.benchmark_group("gallery of 100,000");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for (name, filter) in &filters {
        group.bench_function(*name, |bencher| {
            bencher
                .to_async(&runtime)
                .iter(async || gallery::find(&library, filter).await.unwrap().len());
        });
    }
    group.bench_function("first page", |bencher| {
        bencher.to_async(&runtime).iter(async || {
            let ids = gallery::find(&library, &GalleryFilter::default()).await.unwrap();
            gallery::cards(&library, &ids[..PAGE]).await.unwrap().len()
        });
    });
    let ids = runtime.block_on(gallery::find(&library, &all())).unwrap();
    group.bench_function("cards of a page in the middle", |bencher| {
        let middle = &ids[ids.len() / 2..][..PAGE];
        bencher
            .to_async(&runtime)
            .iter(async || gallery::cards(&library, middle).await.unwrap().len());
    });
    group.bench_function("rating 500 pictures", |bencher| {
        let mut rating = 0;
        bencher.to_async(&runtime).iter_batched(
            || {
                rating = (rating + 1) % 6;
                rating
            },
            async |rating| gallery::rate(&library, &ids[..500], rating).await.unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, gallery_of_100_000);
criterion_main!(benches);
