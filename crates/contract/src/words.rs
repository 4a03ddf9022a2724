//! The catalogue: one JSON file a language, key to sentence, with named parameters in braces.
//!
//! Refusals are found under `error.<code>`. Every key is in every language with the same parameters.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Refusal;

type Catalogue = BTreeMap<String, String>;

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| parse(include_str!("../catalogue/en.json")));
static KOREAN: LazyLock<Catalogue> = LazyLock::new(|| parse(include_str!("../catalogue/ko.json")));

fn parse(text: &str) -> Catalogue {
    serde_json::from_str(text).expect("the catalogue is an object of sentences: it is part of the program, and tested")
}

/// A language that the program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Language {
    /// All of them.
    pub const ALL: &[Self] = &[Self::En, Self::Ko];

    /// The language of a locale such as `ko_KR.UTF-8`; English for those that the program does not speak.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("ko") {
            Self::Ko
        } else {
            Self::En
        }
    }

    fn catalogue(self) -> &'static Catalogue {
        match self {
            Self::En => &ENGLISH,
            Self::Ko => &KOREAN,
        }
    }
}

impl Refusal {
    /// What the refusal is called in JSON and in the catalogue.
    #[must_use]
    pub fn code(&self) -> String {
        self.parts().0
    }

    /// What a person reads: the thing, what is wrong with it, and what to do.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let (code, details) = self.parts();
        let pattern = language.catalogue().get(&format!("error.{code}"));
        pattern.map_or(code, |pattern| fill(pattern, &details))
    }

    fn parts(&self) -> (String, serde_json::Map<String, Value>) {
        let value = serde_json::to_value(self).expect("a refusal is plain data");
        let code = value["code"].as_str().unwrap_or_default().to_owned();
        let details = value["details"].as_object().cloned().unwrap_or_default();
        (code, details)
    }
}

/// Puts values in the place of `{name}`. In one pass, so that a value with braces stays as it is.
fn fill(pattern: &str, values: &serde_json::Map<String, Value>) -> String {
    let mut text = String::with_capacity(pattern.len() + 40);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(&values.get(name).map(plain).unwrap_or_default());
        rest = behind;
    }
    text + rest
}

/// Most entries of a list that a sentence shows; the details have all of them.
const LISTED_MAX: usize = 8;

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(entries) => {
            let mut shown: Vec<_> = entries.iter().take(LISTED_MAX).map(plain).collect();
            if entries.len() > LISTED_MAX {
                shown.push(format!("… ({})", entries.len()));
            }
            shown.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::snake_case;

    fn parameters(pattern: &str) -> Vec<&str> {
        let mut names: Vec<_> = pattern
            .split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    #[test]
    fn every_refusal_has_a_sentence_in_every_language() {
        for (name, fields) in Refusal::ALL {
            let key = format!("error.{}", snake_case(name));
            for language in Language::ALL {
                let pattern = language.catalogue().get(&key);
                let pattern = pattern.unwrap_or_else(|| panic!("{language:?} lacks {key}"));
                for parameter in parameters(pattern) {
                    assert!(
                        fields.contains(&parameter),
                        "{key} in {language:?} has no field {parameter}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_sentence_belongs_to_a_refusal_and_has_the_same_parameters_everywhere() {
        let codes: Vec<_> = Refusal::ALL
            .iter()
            .map(|(name, _)| format!("error.{}", snake_case(name)))
            .collect();
        for language in Language::ALL {
            for (key, pattern) in language.catalogue() {
                assert!(codes.contains(key), "{key} is used by nobody");
                let english = ENGLISH.get(key).map(|english| parameters(english));
                assert_eq!(Some(parameters(pattern)), english, "{key} in {language:?}");
            }
        }
    }

    #[test]
    fn a_sentence_names_the_thing() {
        let refusal = Refusal::StyleTooFewArtworks {
            style: "{ink}".into(),
            valid: 9,
            valid_min: 10,
        };
        let english = refusal.sentence(Language::En);
        assert!(
            english.contains("{ink}") && english.contains('9') && english.contains("10"),
            "{english}"
        );
        assert!(refusal.sentence(Language::Ko).contains("{ink}"));
        assert_eq!(refusal.code(), "style_too_few_artworks");
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let refusal = Refusal::LoraMismatch {
            file: "x.safetensors".into(),
            matched: 0,
            layers: 20,
            missing: (0..20).map(|i| format!("layer{i}")).collect(),
        };
        let sentence = refusal.sentence(Language::En);
        assert!(
            sentence.contains("layer7, … (20)") && !sentence.contains("layer8"),
            "{sentence}"
        );
    }
}
