//! What every command says of itself.

use crate::home::atelier;

fn help(command: &str) -> String {
    let output = atelier()
        .args(command.split_whitespace())
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_command_explains_itself() {
    for command in [
        "", "doctor", "models", "style", "artwork", "generate", "inspect", "demo", "probe", "bench",
    ] {
        insta::assert_snapshot!(format!("help {command}").trim_end().replace(' ', "-"), help(command));
    }
}

#[test]
fn every_subcommand_explains_itself() {
    for (noun, verbs) in [
        ("models", "list import download verify remove"),
        ("style", "new list show train export import"),
        ("artwork", "import list tag check crop export remove restore"),
    ] {
        for verb in verbs.split(' ') {
            insta::assert_snapshot!(format!("help-{noun}-{verb}"), help(&format!("{noun} {verb}")));
        }
    }
}
