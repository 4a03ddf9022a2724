//! What a program reads.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::home::Home;

#[test]
fn curating_tells_a_program_everything() {
    let home = Home::new();
    home.pictures("12_ink", 3);
    insta::assert_json_snapshot!("style-new", home.json(&["style", "new", "Ink Wash"]));
    insta::assert_json_snapshot!(
        "artwork-import",
        home.json(&["artwork", "import", "12_ink", "--style", "ink wash"])
    );
    insta::assert_json_snapshot!(
        "artwork-tag",
        home.json(&["artwork", "tag", "1", "2", "night, moon", "--add"])
    );
    insta::assert_json_snapshot!("artwork-list", home.json(&["artwork", "list", "--style", "ink wash"]));
    insta::assert_json_snapshot!(
        "artwork-crop",
        home.json(&["artwork", "crop", "1", "--area", "0,0,100,100"])
    );
    insta::assert_json_snapshot!("artwork-check", home.json(&["artwork", "check", "--style", "ink wash"]));
    insta::assert_json_snapshot!("style-show", home.json(&["style", "show", "ink wash"]));
    insta::assert_json_snapshot!("style-list", home.json(&["style", "list"]));
    insta::assert_json_snapshot!("models-list", home.json(&["models", "list"]));
    insta::assert_json_snapshot!("models-verify", home.json(&["models", "verify"]));
}

#[test]
fn a_doctor_has_an_answer_for_everything() {
    let home = Home::new();
    let report = home.json(&["doctor"]);
    let keys: Vec<_> = report.as_object().unwrap().keys().collect();
    insta::assert_json_snapshot!("doctor-keys", keys);
    assert!(!home.path("data").exists(), "looking makes no library");
}

#[test]
fn what_made_a_foreign_picture_is_told() {
    let home = Home::new();
    let file = std::fs::File::create(home.path("foreign.png")).unwrap();
    let mut encoder = png::Encoder::new(file, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    let text = "a castle\nNegative prompt: fog\nSteps: 20, Sampler: Euler a, Seed: 7";
    encoder.add_text_chunk("parameters".into(), text.into()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[1, 2, 3]).unwrap();
    insta::assert_json_snapshot!("inspect", home.json(&["inspect", "foreign.png"]));
}

#[test]
fn whoever_stops_reading_is_not_complained_about() {
    let home = Home::new();
    let mut child = home
        .command(&["models", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let lines: Vec<_> = stderr.lines().map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(lines, Vec::<String>::new());
}

#[test]
fn a_refusal_is_one_object_too() {
    let home = Home::new();
    let output = home.run(&["style", "show", "nobody", "--json"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_json_snapshot!("refusal", value);
    assert_eq!(output.status.code(), Some(30));
}
