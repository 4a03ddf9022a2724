//! One clear line and a number of its own for everything that is refused.

use std::process::Output;

use crate::home::Home;

fn refused(output: &Output) -> String {
    assert!(output.stdout.is_empty(), "{output:?}");
    let lines = String::from_utf8(output.stderr.clone()).unwrap();
    let mut errors = lines.lines().filter(|line| line.starts_with("error: "));
    let error = errors.next().unwrap_or_else(|| panic!("{output:?}"));
    assert_eq!(errors.next(), None);
    format!("{}: {error}", output.status.code().unwrap())
}

#[test]
fn a_refusal_names_the_thing_and_what_to_do() {
    let home = Home::new();
    home.pictures("few", 2);
    home.json(&["style", "new", "ink"]);
    home.json(&["artwork", "import", "few", "--style", "ink"]);
    std::fs::write(home.path("notes.png"), "no picture").unwrap();
    std::fs::write(home.path("a file"), "").unwrap();
    let commands: [&[&str]; 20] = [
        &["style", "new", "잉크"],
        &["style", "new", "ink"],
        &["style", "new", "other", "--model", "nothing"],
        &["style", "show", "nobody"],
        &["style", "train", "ink"],
        &["style", "train", "ink", "--preset", "best"],
        &["style", "train", "ink", "--steps", "0"],
        &["style", "train", "ink", "--resume"],
        &["style", "export", "ink", "out.safetensors"],
        &["artwork", "import", "notes.png", "--style", "ink"],
        &["artwork", "import", "missing", "--style", "ink"],
        &["artwork", "tag", "99", "sea"],
        &["artwork", "tag", "1", "바다"],
        &["artwork", "crop", "1", "--area", "100,0,100,100"],
        &["generate"],
        &["generate", "--tags", "sea", "--sampler", "heun"],
        &["generate", "--tags", "sea", "--aspect", "5:4"],
        &["generate", "--style", "ink"],
        &["models", "remove", "nothing"],
        &["bench", "unet", "--device", "wgpu"],
    ];
    let told: Vec<_> = commands
        .iter()
        .map(|arguments| format!("{}\n  {}", arguments.join(" "), refused(&home.run(arguments))))
        .collect();
    insta::assert_snapshot!("refusals", told.join("\n"));
}

#[test]
fn pictures_that_could_not_be_written_are_not_begun() {
    let home = Home::new();
    std::fs::write(home.path("taken"), "").unwrap();
    let told = refused(&home.run(&["generate", "--tags", "sea", "--out", "taken"]));
    assert!(told.starts_with("58: ") && told.contains("taken"), "{told}");
    let told = refused(&home.run(&["generate", "--tags", "sea", "--out", "taken/below"]));
    assert!(told.starts_with("71: ") && told.contains("taken"), "{told}");
    let told = refused(&home.run(&["demo", "--out", "taken"]));
    assert!(told.contains("artist.json"), "{told}");
}

#[test]
fn korean_is_spoken_where_it_is_wished() {
    let home = Home::new();
    let output = home
        .command(&["style", "show", "nobody"])
        .env("LANG", "ko_KR.UTF-8")
        .output()
        .unwrap();
    let told = refused(&output);
    assert!(told.starts_with("30: error: ") && told.contains("스타일"), "{told}");
}

#[test]
fn a_command_that_is_not_understood_ends_with_2() {
    let home = Home::new();
    assert_eq!(home.run(&["paint"]).status.code(), Some(2));
    assert_eq!(home.run(&["generate", "--seed", "-1"]).status.code(), Some(2));
}
