//! What operators take out of sight stays so whatever its owner does, by the real commands, each with its trace.

use atelier_contract::{GenerationView, MutationResult, MutationsPushed, Page, StyleCard, StyleId, StyleView};
use atelier_server::operators::OperatorError;
use atelier_server::operators::generation::{self, GenerationCommand};
use atelier_server::operators::style::{self, StyleCommand};
use atelier_server::operators::tag::{self, TagCommand};
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::harness::House;
use crate::studio::Studio;

#[derive(Subcommand)]
enum Noun {
    #[command(subcommand)]
    Generation(GenerationCommand),
    #[command(subcommand)]
    Style(StyleCommand),
    #[command(subcommand)]
    Tag(TagCommand),
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    noun: Noun,
}

/// Says `words` as an operator.
pub(crate) async fn operator(house: &House, words: &[&str]) -> Result<(), OperatorError> {
    let act = ["--reason", "because", "--operator", "op"];
    let line = ["atelier-server"].into_iter().chain(words.iter().copied()).chain(act);
    match Line::try_parse_from(line).expect("a command").noun {
        Noun::Generation(command) => generation::run(&house.app, command).await.map(drop),
        Noun::Style(command) => style::run(&house.app, command).await,
        Noun::Tag(command) => tag::run(&house.app, command).await,
    }
}

/// What operators did, in order: action and what it was done to.
async fn acts(house: &House) -> Vec<(String, i64)> {
    sqlx::query_as(
        "SELECT action, target_id FROM operator_actions WHERE operator = 'op' AND reason = 'because' ORDER BY id",
    )
    .fetch_all(house.pool())
    .await
    .expect("the database answers")
}

/// A picture that the artist says they made.
async fn picture(artist: &Studio, style: StyleId) -> GenerationView {
    let report = json!({ "style": style, "tags": ["sea"], "seed": "7" });
    artist.post("/generations/made", report).await.is()
}

#[tokio::test]
async fn a_hidden_picture_is_shown_again_only_when_an_operator_lets_it() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let other = Studio::new(&house, "bo", "user", 0).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    let made = picture(&artist, style).await;
    artist.publish(made.id).await;
    let (path, id) = (format!("/generations/{}", made.id), made.id.to_string());
    let show = json!({ "is_public": true });
    operator(&house, &["generation", "hide", &id]).await.expect("hidden");
    assert_eq!(other.get(&path).await.code(), "generation_unknown");
    assert_eq!(artist.patch(&path, &show).await.code(), "generation_hidden");
    artist
        .patch(&path, json!({ "description": "harbour" }))
        .await
        .is::<GenerationView>();
    let mutation = json!({ "kind": "generation", "generation": made.id, "is_public": true });
    let mutation = json!({ "id": 1, "mutation": mutation });
    let push = json!({ "client": "0198c0de-0000-7000-8000-000000000001", "mutations": [mutation] });
    let pushed: MutationsPushed = artist.post("/mutations", push).await.is();
    let rejected =
        matches!(&pushed.outcomes[0].result, MutationResult::Rejected { code, .. } if code == "generation_hidden");
    assert!(rejected, "{pushed:?}");
    let again = operator(&house, &["generation", "hide", &id]).await;
    assert!(matches!(again, Err(OperatorError::State { .. })), "{again:?}");
    operator(&house, &["generation", "show", &id]).await.expect("shown");
    assert_eq!(other.get(&path).await.code(), "generation_unknown", "its maker decides");
    artist.patch(&path, &show).await.is::<GenerationView>();
    other.get(&path).await.is::<GenerationView>();
    let again = operator(&house, &["generation", "show", &id]).await;
    assert!(matches!(again, Err(OperatorError::State { .. })), "{again:?}");
    let nobody = operator(&house, &["generation", "hide", "999999"]).await;
    assert!(matches!(nobody, Err(OperatorError::Unknown { .. })), "{nobody:?}");
    let id = made.id.get();
    let told = [("generation hide".to_owned(), id), ("generation show".to_owned(), id)];
    assert_eq!(acts(&house).await, told);
}

#[tokio::test]
async fn a_picture_is_hidden_before_it_is_ever_shown() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    let made = picture(&artist, style).await;
    operator(&house, &["generation", "hide", &made.id.to_string()])
        .await
        .expect("hidden");
    let upload = artist.upload("picture", &crate::studio::png(7)).await;
    let path = format!("/generations/{}", made.id);
    let both = json!({ "result": upload, "is_public": true });
    assert_eq!(artist.patch(&path, both).await.code(), "generation_hidden");
    artist
        .patch(&path, json!({ "result": upload }))
        .await
        .is::<GenerationView>();
}

#[tokio::test]
async fn a_style_is_put_back_into_use_only_when_an_operator_lets_it() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.style("Ink", &["ink"], 5).await;
    let listed = async || artist.get("/styles").await.is::<Page<StyleCard>>().items.len();
    let (path, id) = (format!("/styles/{style}"), style.to_string());
    let (on, off) = (json!({ "is_active": true }), json!({ "is_active": false }));
    operator(&house, &["style", "deactivate", &id])
        .await
        .expect("out of use");
    assert_eq!(listed().await, 0);
    assert_eq!(artist.patch(&path, &on).await.code(), "style_suspended");
    operator(&house, &["style", "activate", &id]).await.expect("in use");
    assert_eq!(listed().await, 1);
    // Also one that its artist took out of use first.
    artist.patch(&path, &off).await.is::<StyleView>();
    operator(&house, &["style", "deactivate", &id])
        .await
        .expect("out of use");
    let again = operator(&house, &["style", "deactivate", &id]).await;
    assert!(matches!(again, Err(OperatorError::State { .. })), "{again:?}");
    assert_eq!(artist.patch(&path, &on).await.code(), "style_suspended");
    operator(&house, &["style", "activate", &id]).await.expect("in use");
    operator(&house, &["style", "flag", &id]).await.expect("flagged");
    assert_eq!(listed().await, 0);
    artist.patch(&path, &off).await.is::<StyleView>();
    artist.patch(&path, &on).await.is::<StyleView>();
    assert_eq!(listed().await, 0, "a flag stays");
    operator(&house, &["style", "unflag", &id]).await.expect("unflagged");
    assert_eq!(listed().await, 1);
    let told = ["deactivate", "activate", "deactivate", "activate", "flag", "unflag"]
        .map(|action| (format!("style {action}"), style.get()));
    assert_eq!(acts(&house).await, told);
}

#[tokio::test]
async fn a_tag_is_taken_out_of_use_however_the_operator_writes_it() {
    let house = House::new().await;
    let artist = Studio::new(&house, "ines", "artist", 0).await;
    let style = artist.draft("Ink", &["night sky"], 0).await;
    let tagged = json!({ "tags": ["night_sky"] });
    let path = format!("/styles/{style}");
    operator(&house, &["tag", "deactivate", "Night_Sky"])
        .await
        .expect("out of use");
    assert_eq!(artist.patch(&path, &tagged).await.code(), "tag_banned");
    let rows: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM tags")
        .fetch_all(house.pool())
        .await
        .expect("the database answers");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let again = operator(&house, &["tag", "deactivate", "night  sky"]).await;
    assert!(matches!(again, Err(OperatorError::Refused(_))), "{again:?}");
    let korean = operator(&house, &["tag", "deactivate", "바다"]).await;
    assert!(matches!(korean, Err(OperatorError::Refused(_))), "{korean:?}");
    operator(&house, &["tag", "activate", "NIGHT SKY"])
        .await
        .expect("in use");
    artist.patch(&path, &tagged).await.is::<StyleView>();
    let id = rows[0].0;
    let told = [("tag deactivate".to_owned(), id), ("tag activate".to_owned(), id)];
    assert_eq!(acts(&house).await, told);
}
