//! The text that image generators leave in their pictures, in the form of AUTOMATIC1111's web UI.
//!
//! ```text
//! prompt, in one line or more
//! Negative prompt: the same
//! Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512, Lora hashes: "a: 0123, b: 4567"
//! ```
//! Source: `modules/infotext_utils.py` of AUTOMATIC1111/stable-diffusion-webui. Knows no file format.

use std::fmt;

const NEGATIVE: &str = "Negative prompt:";
/// Fewer pairs than this, and the last line belongs to the prompt.
const PAIRS_MIN: usize = 3;

/// What a generator says of a picture.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Parameters {
    /// What was asked for.
    pub prompt: String,
    /// What was asked to be absent.
    pub negative_prompt: String,
    /// Everything else, in order: `Steps`, `Sampler`, `CFG scale`, `Seed`, `Size`, …
    pub settings: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the text. Text without a line of settings is all prompt.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines: Vec<&str> = text.trim().lines().collect();
        let settings = lines.last().map(|line| pairs(line)).unwrap_or_default();
        let settings = if settings.len() >= PAIRS_MIN {
            lines.pop();
            settings
        } else {
            Vec::new()
        };
        let (mut prompt, mut negative) = (Vec::new(), Vec::new());
        let mut in_negative = false;
        for line in lines {
            if let Some(rest) = line.trim_start().strip_prefix(NEGATIVE) {
                in_negative = true;
                negative.push(rest.trim());
            } else if in_negative {
                negative.push(line.trim());
            } else {
                prompt.push(line.trim());
            }
        }
        Self {
            prompt: prompt.join("\n"),
            negative_prompt: negative.join("\n"),
            settings,
        }
    }

    /// The value of a setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.prompt)?;
        if !self.negative_prompt.is_empty() {
            writeln!(f, "{NEGATIVE} {}", self.negative_prompt)?;
        }
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(key, value)| format!("{key}: {}", quoted(value)))
            .collect();
        f.write_str(&settings.join(", "))
    }
}

/// A value that would be taken apart stands as JSON text.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n']) {
        serde_json::Value::from(value).to_string()
    } else {
        value.to_owned()
    }
}

/// `Key: value` pairs of a line; empty when it is anything else.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once(':') else {
            return Vec::new();
        };
        let word = |c: char| c.is_alphanumeric() || " -_/".contains(c);
        if key.trim().is_empty() || !key.trim().chars().all(word) {
            return Vec::new();
        }
        let after = after.trim_start();
        let (value, behind) = json_text(after).unwrap_or_else(|| {
            let (value, behind) = after.split_once(',').unwrap_or((after, ""));
            (value.trim().to_owned(), behind)
        });
        found.push((key.trim().to_owned(), value));
        rest = behind.trim_start_matches(',').trim();
    }
    found
}

/// JSON text at the start of `text`, and what stands behind it.
fn json_text(text: &str) -> Option<(String, &str)> {
    let mut values = serde_json::Deserializer::from_str(text.starts_with('"').then_some(text)?).into_iter::<String>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Parameters {
        Parameters {
            prompt: "inkwell, lighthouse, sea".into(),
            negative_prompt: "blurry".into(),
            settings: [
                ("Steps", "20"),
                ("Sampler", "Euler a"),
                ("Seed", "18446744073709551615"),
                ("Lora hashes", "inkwell: 0123456789ab, other: ba9876543210"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        }
    }

    #[test]
    fn the_text_has_the_form_that_others_read() {
        assert_eq!(
            sample().to_string(),
            "inkwell, lighthouse, sea\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, Seed: 18446744073709551615, \
             Lora hashes: \"inkwell: 0123456789ab, other: ba9876543210\""
        );
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(Parameters::parse(&sample().to_string()), sample());
    }

    #[test]
    fn a_last_line_with_two_pairs_is_prompt() {
        let parsed = Parameters::parse("a cat\nmood: calm, light: soft");
        assert_eq!(parsed.prompt, "a cat\nmood: calm, light: soft");
        assert!(parsed.settings.is_empty());
    }

    #[test]
    fn nonsense_is_no_panic() {
        for text in ["", ":", "Steps:", "a: \"unfinished, b: c, d: e", "Negative prompt:"] {
            let _ = Parameters::parse(text);
        }
    }
}
