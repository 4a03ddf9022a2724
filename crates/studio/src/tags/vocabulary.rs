//! Words that the starter model knows: what a person is offered before the library has tags of its own.
//!
//! `starter-words.txt` beside the model has one a line, in the order of the recipe that made both.

use std::fs;
use std::path::Path;

use atelier_contract::Tag;

/// Name of the list among the resources.
const FILE: &str = "starter-words.txt";

/// The words that begin with `prefix`, in the list's order; none when the list is not there.
pub(super) fn beginning_with(resources: &Path, prefix: &str) -> Vec<String> {
    let path = resources.join(FILE);
    let list = fs::read_to_string(&path).unwrap_or_else(|error| {
        tracing::debug!(%error, path = %path.display(), "no words to offer");
        String::new()
    });
    list.lines()
        .filter(|line| line.starts_with(prefix))
        .filter_map(|line| Tag::parse(line).ok())
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;

    #[test]
    fn every_word_of_the_list_is_one_token_of_the_starter_and_every_sample_is_told_in_them() {
        let resources = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
        let words = beginning_with(resources, "");
        let known: BTreeSet<_> = words.iter().map(String::as_str).collect();
        assert_eq!(known.len(), words.len(), "a word stands there twice");

        let vocabulary = fs::read(resources.join("starter/tokenizer/vocab.json")).expect("the starter's tokenizer");
        let tokens: HashMap<String, u32> = serde_json::from_slice(&vocabulary).expect("a map of tokens");
        for word in &words {
            assert!(tokens.contains_key(&format!("{word}</w>")), "{word} is no token");
        }

        let recipe = fs::read_to_string(resources.join("recipe/scenes.py")).expect("the recipe");
        let (groups, _) = recipe
            .split_once("GROUPS = ")
            .expect("the groups come after their words");
        let quoted: Vec<_> = groups.split('"').skip(1).step_by(2).collect();
        for word in &words {
            assert!(quoted.contains(&word.as_str()), "the recipe does not know {word}");
        }
        let in_recipe = quoted.iter().filter(|word| tokens.contains_key(&format!("{word}</w>")));
        assert_eq!(in_recipe.count(), words.len(), "the recipe knows more words");
    }
}
