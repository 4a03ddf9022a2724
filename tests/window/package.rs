//! The package for Debian and Ubuntu, installed under a root of its own: dpkg does there what it would do to the machine, without its rights.

use std::path::{Path, PathBuf};
use std::process::Command;

use atelier_tests::{Answer, Home, Stage, Window, answer, workspace};

use crate::steps::{gallery_has, generate};

/// The package that `scripts/test` built.
fn package() -> PathBuf {
    let folder = workspace().join("target/debug/bundle/deb");
    let files =
        std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}; run scripts/test", folder.display()));
    let packages = files.filter_map(|file| Some(file.ok()?.path()));
    let found = packages
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .max();
    found.expect("a package is built")
}

fn dpkg(root: &Path, arguments: &[&str]) -> Answer {
    let mut dpkg = Command::new("dpkg");
    dpkg.arg(format!("--root={}", root.display()))
        // What it depends on is installed on the machine, not under this root.
        .args(["--force-not-root", "--force-depends", "--force-script-chrootless"])
        .args(arguments)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    answer(&mut dpkg).ok()
}

fn field(package: &Path, name: &str) -> String {
    let read = answer(Command::new("dpkg-deb").arg("--field").arg(package).arg(name)).ok();
    read.out.trim().to_owned()
}

/// Everything below a folder but dpkg's own books.
fn files(root: &Path) -> Vec<String> {
    let listed = answer(
        Command::new("find")
            .arg(root)
            .args(["-mindepth", "1", "-not", "-path", "*/var/lib/dpkg*"]),
    )
    .ok();
    let paths = listed
        .out
        .lines()
        .map(|line| line.trim_start_matches(&root.display().to_string()).to_owned());
    paths
        .filter(|path| !["/var", "/var/lib"].contains(&path.as_str()))
        .collect()
}

#[tokio::test]
async fn the_package_installs_runs_and_leaves_nothing_behind() {
    let package = package();
    let home = Home::new();
    let root = home.path("root");
    for folder in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).expect("made");
    }
    for file in ["status", "available"] {
        std::fs::write(root.join("var/lib/dpkg").join(file), "").expect("written");
    }
    dpkg(&root, &["--install", package.to_str().expect("a plain path")]);
    let installed = files(&root);
    for expected in ["/usr/bin/atelier-window", "/usr/share/applications/Atelier.desktop"] {
        assert!(
            installed.iter().any(|file| file == expected),
            "{expected} is not among {installed:#?}"
        );
    }
    let ours = |file: &&String| {
        !["/usr/bin/", "/usr/lib/Atelier", "/usr/share/"]
            .iter()
            .any(|place| file.starts_with(place))
    };
    let strangers: Vec<_> = installed
        .iter()
        .filter(ours)
        .filter(|file| root.join(&file[1..]).is_file())
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    let stage = Stage::new().playing(root.join("usr/bin/atelier-window"));
    let window = Window::open(&stage).await;
    generate(&window, 1).await;
    gallery_has(&window, 1).await;
    window.close(&stage).await;
    dpkg(&root, &["--purge", &field(&package, "Package")]);
    assert_eq!(files(&root), Vec::<String>::new());
}

#[test]
fn what_the_package_depends_on_can_be_installed() {
    let depends = field(&package(), "Depends");
    assert!(depends.contains("libwebkit2gtk-4.1-0"), "{depends}");
    for dependency in depends.split(',') {
        let name = dependency.split_whitespace().next().expect("a name");
        answer(Command::new("dpkg-query").args(["--show", name])).ok();
    }
}
