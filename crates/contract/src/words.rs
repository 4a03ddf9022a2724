//! The catalogue: one JSON file a language, key to sentence, with named parameters in braces.
//!
//! Refusals are found under `error.<code>`, findings under `finding.<code>`, words that stand in a field under `<field>.<word>`. Every key is
//! in every language with the same parameters.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Finding, Refusal};

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
        parts(self).0
    }

    /// What a person reads: the thing, what is wrong with it, and what to do.
    #[must_use]
    pub fn sentence(&self, language: Language) -> String {
        let (code, details) = parts(self);
        let words = language.catalogue();
        let key = format!("error.{code}");
        // What is not known has no place in a sentence.
        let bare = details.values().any(Value::is_null).then(|| format!("{key}{BARE}"));
        let pattern = bare.and_then(|bare| words.get(&bare)).or_else(|| words.get(&key));
        pattern.map_or(code, |pattern| fill(words, pattern, &details))
    }
}

impl Finding {
    /// What a person reads: a clause, without a full stop.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        clause(language.catalogue(), parts(self))
    }
}

/// Behind the key of a refusal's sentence for when a field of it is not known.
const BARE: &str = ".bare";

type Parts = (String, serde_json::Map<String, Value>);

fn parts(coded: &impl Serialize) -> Parts {
    let value = serde_json::to_value(coded).expect("refusals and findings are plain data");
    coded_parts(&value).expect("refusals and findings have a code")
}

/// Code and details of a refusal or a finding; `None` for anything else.
fn coded_parts(value: &Value) -> Option<Parts> {
    let code = value.get("code")?.as_str()?.to_owned();
    Some((code, value["details"].as_object().cloned().unwrap_or_default()))
}

fn clause(words: &Catalogue, (code, details): Parts) -> String {
    let pattern = words.get(&format!("finding.{code}"));
    pattern.map_or(code, |pattern| fill(words, pattern, &details))
}

/// Puts values in the place of `{name}`. In one pass, so that a value with braces stays as it is.
fn fill(words: &Catalogue, pattern: &str, values: &serde_json::Map<String, Value>) -> String {
    let mut text = String::with_capacity(pattern.len() + 40);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(
            &values
                .get(name)
                .map(|value| plain(words, name, value))
                .unwrap_or_default(),
        );
        rest = behind;
    }
    text + rest
}

/// Most entries of a list that a sentence shows; the details have all of them.
const LISTED_MAX: usize = 8;

/// The value of the field `name`. One of our own words is said in the person's language: `steps` of `name` is `name.steps` of the catalogue.
fn plain(words: &Catalogue, name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => words.get(&format!("{name}.{text}")).unwrap_or(text).clone(),
        Value::Array(entries) => {
            let mut shown: Vec<_> = entries
                .iter()
                .take(LISTED_MAX)
                .map(|entry| plain(words, name, entry))
                .collect();
            if entries.len() > LISTED_MAX {
                shown.push(format!("… ({})", entries.len()));
            }
            let clauses = entries.iter().any(Value::is_object);
            shown.join(if clauses { "; " } else { ", " })
        }
        other => coded_parts(other).map_or_else(|| other.to_string(), |parts| clause(words, parts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusals::snake_case;
    use crate::{JobStatus, Number};

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

    /// Key and fields of everything that the program can say.
    fn said() -> Vec<(String, &'static [&'static str])> {
        let coded = |kind: &str, all: &[(&str, &'static [&'static str])]| -> Vec<_> {
            all.iter()
                .map(|(name, fields)| (format!("{kind}.{}", snake_case(name)), *fields))
                .collect()
        };
        let mut said = coded("error", Refusal::ALL);
        said.extend(coded("finding", Finding::ALL));
        said.push(("error.out_of_memory.bare".to_owned(), &[]));
        let statuses = JobStatus::ALL
            .iter()
            .map(|status| format!("status.{}", status.as_str()));
        let numbers = Number::ALL.iter().map(|number| format!("name.{}", number.as_str()));
        let devices = ["cpu", "cuda", "metal", "wgpu"].map(|device| format!("device.{device}"));
        let words = statuses.chain(numbers).chain(devices);
        said.extend(words.map(|key| (key, &[] as &[_])));
        said
    }

    #[test]
    fn everything_that_can_be_said_has_its_words_in_every_language() {
        for (key, fields) in said() {
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
    fn all_words_are_said_and_have_the_same_parameters_everywhere() {
        let keys: Vec<_> = said().into_iter().map(|(key, _)| key).collect();
        for language in Language::ALL {
            for (key, pattern) in language.catalogue() {
                assert!(keys.contains(key), "{key} is used by nobody");
                let english = ENGLISH.get(key).map(|english| parameters(english));
                assert_eq!(Some(parameters(pattern)), english, "{key} in {language:?}");
            }
        }
    }

    #[test]
    fn korean_findings_have_no_english_in_them() {
        // Names of formats, of kinds of model and of this program, units.
        let names = [
            "safetensors",
            "LoRA",
            "SD",
            "SDXL",
            "MB",
            "px",
            "Atelier",
            "CUDA",
            "Metal",
            "WebGPU",
        ];
        let parts = |key: &str| {
            ["finding.", "name.", "status.", "device."]
                .iter()
                .any(|kind| key.starts_with(kind))
        };
        for (key, pattern) in KOREAN.iter().filter(|(key, _)| parts(key)) {
            let mut text = pattern.clone();
            for parameter in parameters(pattern) {
                text = text.replace(&format!("{{{parameter}}}"), "");
            }
            let words = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| !word.is_empty());
            let foreign: Vec<_> = words.filter(|word| !names.contains(word)).collect();
            assert!(foreign.is_empty(), "{key}: {foreign:?}");
        }
    }

    #[test]
    fn what_was_found_is_said_in_the_language_of_the_sentence() {
        let refusal = Refusal::TrainingNotPossible {
            style: "ink".into(),
            problems: vec![
                Finding::TooFewPictures {
                    pictures: 4,
                    pictures_min: 10,
                },
                Finding::StyleWithoutName {},
            ],
        };
        assert_eq!(
            refusal.sentence(Language::En),
            "Style “ink” cannot be trained like this: 4 artworks can be read and 10 are needed; the style has no name."
        );
        assert_eq!(
            refusal.sentence(Language::Ko),
            "스타일 ‘ink’을(를) 이대로 학습할 수 없습니다: 읽을 수 있는 작품이 4점인데 10점이 필요합니다; 스타일에 이름이 없습니다."
        );
        assert_eq!(
            Finding::StyleWithoutName {}.words(Language::Ko),
            "스타일에 이름이 없습니다"
        );
    }

    #[test]
    fn a_number_is_called_as_the_person_calls_it() {
        let refusal = Number::Count.out_of_range(999, 1, 64);
        assert_eq!(
            refusal.sentence(Language::En),
            "Number of pictures: 999 is not between 1 and 64. Choose a number between them."
        );
        let korean = refusal.sentence(Language::Ko);
        assert!(korean.starts_with("그림 수: 999"), "{korean}");
    }

    #[test]
    fn memory_is_told_in_numbers_only_where_they_are_known() {
        let of = |needed_mb, available_mb| Refusal::OutOfMemory {
            needed_mb,
            available_mb,
        };
        let known = of(Some(12_000), Some(8_000)).sentence(Language::En);
        assert!(known.contains("12000 MB wanted, 8000 MB there"), "{known}");
        for language in Language::ALL {
            let unknown = of(None, None).sentence(*language);
            assert!(
                !unknown.contains(|c: char| c.is_ascii_digit()) && !unknown.contains("MB"),
                "{unknown}"
            );
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
