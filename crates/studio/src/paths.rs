//! Paths as a person types them into the window, which no shell has read before, and what is said of those that lead nowhere.

use std::path::{Component, Path, PathBuf};

use atelier_contract::Refusal;

/// The path that is meant: `~` is the person's own folder. One that begins nowhere is refused, since the folder that the window was
/// started in is not one that the person knows of.
///
/// # Errors
/// [`Refusal::PathIncomplete`].
pub fn typed(path: &Path) -> Result<PathBuf, Refusal> {
    let own = directories::BaseDirs::new();
    expanded(path, own.as_ref().map(directories::BaseDirs::home_dir))
}

fn expanded(path: &Path, home: Option<&Path>) -> Result<PathBuf, Refusal> {
    let mut parts = path.components();
    let whole = match (parts.next(), home) {
        (Some(Component::Normal(first)), Some(home)) if first == "~" => home.join(parts.as_path()),
        _ => path.to_owned(),
    };
    if whole.is_absolute() {
        return Ok(whole);
    }
    Err(Refusal::PathIncomplete {
        path: path.display().to_string(),
    })
}

/// Why a person's file or folder could not be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    let path = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound => Refusal::PathMissing { path },
        _ => Refusal::PathNotReadable { path },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_is_whole_or_begins_at_home_and_nothing_else_is_guessed() {
        let home = Some(Path::new("/home/iris"));
        let read = |path: &str| expanded(Path::new(path), home);
        assert_eq!(read("~/Pictures/new"), Ok("/home/iris/Pictures/new".into()));
        assert_eq!(read("~"), Ok("/home/iris".into()));
        assert_eq!(read("/srv/~/art"), Ok("/srv/~/art".into()));
        for path in ["Pictures", "./Pictures", "../x", "~iris/Pictures", ""] {
            assert_eq!(read(path), Err(Refusal::PathIncomplete { path: path.to_owned() }));
        }
        let homeless = expanded(Path::new("~/Pictures"), None);
        assert!(matches!(homeless, Err(Refusal::PathIncomplete { .. })), "{homeless:?}");
    }
}
