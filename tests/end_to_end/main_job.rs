//! The main job: a folder of artworks in, a style trained, a picture in that style out, and what made it read back.

use atelier_tests::library::assert_whole;
use atelier_tests::{Home, workspace};

#[tokio::test]
async fn a_folder_of_artworks_becomes_a_picture_in_their_style() {
    let home = Home::new();
    let artist = workspace().join("models/samples/neon-night");
    home.run("style new neon-night").ok();
    home.run_with([
        "artwork",
        "import",
        artist.to_str().expect("a plain path"),
        "--style",
        "neon-night",
    ])
    .ok();
    let listed = home.run("artwork list --style neon-night --json").ok().json();
    let artworks = listed.as_array().expect("a list");
    assert!(artworks.len() >= 12 && artworks.iter().all(|artwork| artwork["is_valid"] == true));
    assert!(
        artworks
            .iter()
            .all(|artwork| artwork["tags"].as_array().is_some_and(|tags| !tags.is_empty()))
    );
    home.run("style train neon-night --preset quick --steps 12").ok();
    let style = home.run("style show neon-night --json").ok().json();
    assert_eq!(style["training_status"], "completed", "{style}");
    let generate = "generate --style neon-night --tags house,sea --seed 7 --steps 4 --count 2 --json --out made";
    let made = home.run(generate).ok().json();
    let pictures = made["pictures"].as_array().expect("pictures");
    assert_eq!((pictures.len(), &pictures[1]["seed"]), (2, &"8".into()));
    for picture in pictures {
        let url = picture["path"]
            .as_str()
            .expect("a path")
            .replace("/images/", "/thumbnails/");
        let thumbnail = url.replace(".png", "-256.jpg");
        assert!(
            std::path::Path::new(&thumbnail).is_file(),
            "{thumbnail} is not there yet"
        );
    }
    let copy = pictures[0]["copy"].as_str().expect("a path");
    assert_eq!(image::open(copy).expect("a picture").width(), 128);
    let told = home.run_with(["inspect", copy, "--json"]).ok().json();
    let text = told.to_string();
    assert!(text.contains("neon-night") && text.contains("house, sea"), "{text}");
    assert_eq!(told["pixels_intact"], true);
    let again = home.run(&generate.replace("made", "again")).ok().json();
    let bytes = |made: &serde_json::Value| {
        let copy = made["pictures"][0]["copy"].as_str().expect("a path").to_owned();
        image::open(copy).expect("a picture").into_rgb8()
    };
    assert_eq!(bytes(&made), bytes(&again), "a seed is a picture");
    for format in ["kohya", "peft"] {
        let file = format!("{format}.safetensors");
        home.run_with(["style", "export", "neon-night", "--format", format, &file])
            .ok();
        home.run_with(["style", "import", &file, "--name", &format!("from-{format}")])
            .ok();
    }
    assert_whole(&home.data()).await;
}
