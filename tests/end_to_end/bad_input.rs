//! Rubbish in, one clear line out, with an exit code of its own; and nothing is lost.

use std::path::{Path, PathBuf};
use std::process::Command;

use atelier_tests::library::assert_whole;
use atelier_tests::pictures::patchwork;
use atelier_tests::{Answer, Home, workspace};

fn write(home: &Home, name: &str, contents: &[u8]) -> PathBuf {
    let path = home.path(name);
    std::fs::write(&path, contents).expect("written");
    path
}

/// A safetensors file with this header and `data` bytes after it.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

fn golden(name: &str) -> PathBuf {
    workspace().join("crates/engine/tests/golden").join(name)
}

/// The answer is one line about `named`, with what to do, and this exit code.
#[track_caller]
fn refused(answer: &Answer, code: i32, named: &str) {
    assert_eq!(answer.status.code(), Some(code), "{answer:?}");
    let lines: Vec<_> = answer.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{answer:?}");
    assert!(lines[0].contains(named), "{}", lines[0]);
    assert!(
        lines[0].matches(['.', ':']).count() >= 2,
        "it says nothing to do: {}",
        lines[0]
    );
}

/// A home with a style of nine artworks.
fn home() -> Home {
    let home = Home::new();
    home.run("style new ink").ok();
    for i in 0..9 {
        patchwork(i).save(home.path(&format!("{i}.png"))).expect("written");
    }
    let files = (0..9).map(|i| format!("{i}.png"));
    let arguments = ["artwork", "import", "--style", "ink"].map(str::to_owned);
    home.run_with(arguments.into_iter().chain(files)).ok();
    home
}

#[tokio::test]
async fn artworks_that_are_none_are_refused_one_by_one() {
    let home = home();
    let import = |file: &str| home.run_with(["artwork", "import", "--style", "ink", file]);
    let whole = std::fs::read(home.path("1.png")).expect("a picture");
    write(&home, "cut.png", &whole[..whole.len() / 2]);
    refused(&import("cut.png"), 14, "cut.png");
    // 60,000×60,000 pixels would be 10 GB: what the header says must be enough.
    let mut huge = whole.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    write(&home, "huge.png", &huge);
    refused(&import("huge.png"), 12, "60000×60000");
    write(&home, "text.jpg", b"a text with another name\n");
    refused(&import("text.jpg"), 13, "text.jpg");
    refused(&import("nothing.png"), 18, "nothing.png");
    let together = home.run_with([
        "artwork",
        "import",
        "--style",
        "ink",
        "cut.png",
        "text.jpg",
        "nothing.png",
    ]);
    refused(&together, 18, "nothing.png");
    for named in ["cut.png", "text.jpg"] {
        assert!(together.err.contains(named), "{together:?}");
    }
    let listed = home.run("artwork list --style ink --json").ok().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(9));
    assert_whole(&home.data()).await;
}

/// CRC-32 as PNG has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn files_that_are_no_models_are_refused() {
    let home = home();
    write(&home, "zeros.safetensors", &vec![0; 5_000_000]);
    write(&home, "header.safetensors", &90_000_000u64.to_le_bytes());
    let overlapping = r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#;
    write(&home, "overlap.safetensors", &safetensors(overlapping, 24));
    write(&home, "pickle.ckpt", b"\x80\x02}q\x00.");
    for command in ["models", "style"] {
        let import = |file: &str| home.run_with([command, "import", file]);
        refused(&import("zeros.safetensors"), 56, "zeros.safetensors");
        refused(&import("header.safetensors"), 56, "header.safetensors");
        refused(&import("overlap.safetensors"), 56, "overlap");
        refused(&import("pickle.ckpt"), 55, "pickle.ckpt");
        refused(&import("missing.safetensors"), 57, "missing.safetensors");
    }
}

#[test]
fn a_lora_that_does_not_fit_is_refused() {
    let home = home();
    home.run_with([
        "models",
        "import",
        "--id",
        "small",
        golden("sd15-tiny").to_str().expect("a plain path"),
    ])
    .ok();
    let import = |file: &Path| {
        home.run_with([
            "style",
            "import",
            "--model",
            "small",
            file.to_str().expect("a plain path"),
        ])
    };
    refused(&import(&golden("lora/sdxl-full-kohya.safetensors")), 60, "sdxl");
    let stranger = r#"{"lora_unet_nowhere.lora_down.weight":{"dtype":"F32","shape":[1,4],"data_offsets":[0,16]},"lora_unet_nowhere.lora_up.weight":{"dtype":"F32","shape":[4,1],"data_offsets":[16,32]}}"#;
    let stranger = write(&home, "stranger.safetensors", &safetensors(stranger, 32));
    refused(&import(&stranger), 59, "lora_unet_nowhere");
    import(&golden("lora/sd15-full-kohya.safetensors")).ok();
}

#[test]
fn choices_that_do_not_exist_are_refused() {
    let home = home();
    refused(&home.run("style train ink"), 33, "9");
    refused(&home.run_with(["artwork", "tag", "1", "바다"]), 26, "바다");
    refused(&home.run_with(["generate", "--tags", "바다"]), 26, "바다");
    refused(&home.run("generate --tags house --sampler heun"), 45, "heun");
    refused(&home.run("generate --tags house --aspect 5:4"), 46, "5:4");
    refused(&home.run("generate --tags house --steps 0"), 48, "Steps");
    refused(&home.run("generate --tags house --style nobody"), 30, "nobody");
    refused(&home.run("generate --tags house --model nothing"), 50, "nothing");
    refused(&home.run("style train ink --resume"), 38, "ink");
    assert_eq!(home.run("generate --no-such-argument").status.code(), Some(2));
    let json = home.run("generate --tags house --sampler heun --json");
    assert_eq!(json.json()["code"], "sampler_unknown");
}

/// Runs `script` as root of a user namespace of its own, where it can mount; `$ATELIER` is the program with its data folder.
fn in_namespace(home: &Home, script: &str) -> Answer {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-ec", script])
        .env("ATELIER", atelier_tests::program("atelier"))
        .env("DATA", home.data())
        .current_dir(home.path("."));
    atelier_tests::answer(&mut command)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_named_and_nothing_is_lost() {
    let home = home();
    std::fs::create_dir(home.path("full")).expect("made");
    let small_disk = "mount -t tmpfs -o size=64k tmpfs full; head -c 60k /dev/zero > full/filler;";
    let generate = format!(
        "{small_disk} set +e; \"$ATELIER\" --data \"$DATA\" generate --tags house --steps 2 --count 2 --out full; code=$?; ls full >&2; exit $code"
    );
    let answer = in_namespace(&home, &generate);
    refused(&answer, 70, "full");
    assert!(answer.err.lines().any(|line| line == "filler") && !answer.err.lines().any(|line| line.ends_with(".png")));
    let whole_library = format!(
        "mount -t tmpfs -o size=400k tmpfs full; \"$ATELIER\" --data full/data style new ink; head -c 390k /dev/zero > full/filler || true; \"$ATELIER\" --data full/data artwork import 1.png --style ink"
    );
    refused(&in_namespace(&home, &whole_library), 70, "full");
    assert_whole(&home.data()).await;
}

/// A disk that fills up while a training is under way ends it for now: with room again, it goes on from its last checkpoint.
#[cfg(target_os = "linux")]
#[test]
fn a_training_on_a_full_disk_rests_and_goes_on_when_there_is_room() {
    let home = home();
    std::fs::create_dir(home.path("full")).expect("made");
    let artist = workspace().join("models/samples/warm-etching");
    let script = format!(
        r#"mount -t tmpfs -o size=32m tmpfs full
        atelier() {{ "$ATELIER" --data full/data "$@"; }}
        atelier style new etching >&2
        atelier artwork import {} --style etching >&2
        (until ls full/data/training/*/checkpoint-*.safetensors; do sleep 0.05; done; head -c 40m /dev/zero > full/filler) > /dev/null 2>&1 &
        code=0
        atelier style train etching --preset quick --steps 24 >&2 || code=$?
        echo "ended with $code" >&2
        wait
        rm full/filler
        exec "$ATELIER" --data full/data --json style train etching --resume"#,
        artist.display()
    );
    let answer = in_namespace(&home, &script).ok();
    assert!(answer.err.contains("ended with 70"), "{}", answer.err);
    assert!(answer.json()["resumed_at"].as_u64() > Some(0), "{}", answer.out);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let home = home();
    std::fs::create_dir(home.path("locked")).expect("made");
    let read_only = "mount --bind locked locked; mount -o remount,bind,ro locked;";
    let generate =
        format!("{read_only} exec \"$ATELIER\" --data \"$DATA\" generate --tags house --steps 2 --out locked");
    refused(&in_namespace(&home, &generate), 71, "locked");
    let library = format!("{read_only} exec \"$ATELIER\" --data locked/data style new ink");
    refused(&in_namespace(&home, &library), 71, "locked");
}
