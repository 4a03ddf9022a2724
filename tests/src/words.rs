//! What the window says in each language, as its sources have it.

use std::collections::HashMap;

use crate::workspace;

/// All words of one language by their keys.
#[derive(Debug)]
pub struct Words(HashMap<String, String>);

impl Words {
    /// The words of `language`, `en` or `ko`.
    ///
    /// # Panics
    /// When a file of words cannot be read.
    pub fn of(language: &str) -> Self {
        let folder = workspace().join("ui/src/words").join(language);
        let files = std::fs::read_dir(&folder).expect("the language has words");
        let words = files.flat_map(|file| {
            let text = std::fs::read_to_string(file.expect("a file").path()).expect("readable");
            serde_json::from_str::<HashMap<String, String>>(&text).expect("words by keys")
        });
        Self(words.collect())
    }

    /// What stands under `key`.
    ///
    /// # Panics
    /// When nothing does.
    pub fn say(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("no word under {key}"))
    }
}
