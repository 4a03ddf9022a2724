//! Prompts to token ids, exactly as transformers' `CLIPTokenizer` makes them.

use std::path::Path;

use serde_json::Value;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence, replace::ReplacePattern};
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::error::{EngineError, FileFault, RequestFault, Result};

/// How CLIP parts a text into words. Source: openai/CLIP, `simple_tokenizer.py`.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Token 0, with which SDXL's second encoder fills up.
const PADDING_LETTER: char = '!';

/// A vocabulary, and how prompts are filled up.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    start: u32,
    end: u32,
    padding: u32,
    length: usize,
}

enum Vocabulary {
    /// From a model's own files.
    Files(Box<tokenizers::Tokenizer>),
    /// CLIP's published one, for checkpoints that carry none.
    Clip(Box<instant_clip_tokenizer::Tokenizer>),
}

impl Tokenizer {
    /// Reads `vocab.json`, `merges.txt` and `tokenizer_config.json` of a diffusers folder; prompts have `length` tokens.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn open(folder: &Path, length: usize) -> Result<Self> {
        let (words, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        for file in [&words, &merges] {
            if !file.is_file() {
                return Err(EngineError::FileMissing { file: file.clone() });
            }
        }
        let invalid =
            |error: tokenizers::Error| EngineError::invalid(&words, FileFault::NotVocabulary, error.to_string());
        let (words, merges) = (words.to_string_lossy(), merges.to_string_lossy());
        let model = BPE::from_file(&words, &merges)
            .unk_token(END.into())
            .end_of_word_suffix("</w>".into());
        let mut vocabulary = tokenizers::Tokenizer::new(model.build().map_err(invalid)?);
        let spaces = Replace::new(ReplacePattern::Regex(r"\s+".into()), " ").map_err(invalid)?;
        let steps = vec![
            NormalizerWrapper::NFC(NFC),
            spaces.into(),
            NormalizerWrapper::Lowercase(Lowercase),
        ];
        vocabulary.with_normalizer(Some(Sequence::new(steps)));
        let words =
            Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true).map_err(invalid)?;
        let bytes = ByteLevel::new(false, true, false);
        let steps = vec![PreTokenizerWrapper::Split(words), PreTokenizerWrapper::ByteLevel(bytes)];
        vocabulary.with_pre_tokenizer(Some(PreTokenizers::new(steps)));
        // Special tokens are cut out of a prompt before anything else: SDXL's second encoder takes every `!` for padding.
        let padding = padding_token(folder)?;
        vocabulary.add_special_tokens(&[START, END, &padding].map(|token| AddedToken::from(token, true)));
        let id = |token: &str| {
            let missing = || {
                let reason = format!("the token {token} is missing");
                EngineError::invalid(&folder.join("vocab.json"), FileFault::NotVocabulary, reason)
            };
            vocabulary.token_to_id(token).ok_or_else(missing)
        };
        let padding = id(&padding)?;
        let (start, end) = (id(START)?, id(END)?);
        Ok(Self {
            vocabulary: Vocabulary::Files(Box::new(vocabulary)),
            start,
            end,
            padding,
            length,
        })
    }

    /// CLIP's published vocabulary; `padding` is the token that fills up, the end token if `None`.
    pub fn clip(padding: Option<u32>, length: usize) -> Self {
        let vocabulary = instant_clip_tokenizer::Tokenizer::new();
        let (start, end) = (
            u32::from(vocabulary.start_of_text().to_u16()),
            u32::from(vocabulary.end_of_text().to_u16()),
        );
        Self {
            vocabulary: Vocabulary::Clip(Box::new(vocabulary)),
            start,
            end,
            padding: padding.unwrap_or(end),
            length,
        }
    }

    /// Start, the prompt's tokens (cut where they do not fit), end, padding: always the same length.
    ///
    /// # Errors
    /// When the vocabulary cannot spell the prompt.
    pub fn encode(&self, prompt: &str) -> Result<Vec<u32>> {
        let mut ids = vec![self.start];
        match &self.vocabulary {
            Vocabulary::Files(vocabulary) => {
                let encoding = vocabulary.encode_fast(prompt, false);
                let encoding = encoding.map_err(|error| {
                    tracing::warn!("the prompt cannot be spelt: {error}");
                    EngineError::RequestInvalid(RequestFault::Prompt)
                })?;
                ids.extend_from_slice(encoding.get_ids());
            }
            Vocabulary::Clip(vocabulary) => {
                // As in `open`: a padding token of its own, which is `!`, is cut out first.
                let cut = |letter| self.padding != self.end && letter == PADDING_LETTER;
                for (i, words) in prompt.split(cut).enumerate() {
                    ids.extend((i > 0).then_some(self.padding));
                    let mut tokens = Vec::new();
                    vocabulary.encode(words, &mut tokens);
                    ids.extend(tokens.into_iter().map(|token| u32::from(token.to_u16())));
                }
            }
        }
        ids.truncate(self.length - 1);
        ids.push(self.end);
        ids.resize(self.length, self.padding);
        Ok(ids)
    }
}

/// The padding token of a folder: in `tokenizer_config.json`, else `special_tokens_map.json`, else the end token.
fn padding_token(folder: &Path) -> Result<String> {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let file = folder.join(name);
        if !file.is_file() {
            continue;
        }
        let object = crate::config::read_object(&file)?;
        let token = match object.get("pad_token") {
            Some(Value::String(token)) => Some(token),
            Some(Value::Object(token)) => token.get("content").and_then(|content| match content {
                Value::String(content) => Some(content),
                _ => None,
            }),
            _ => None,
        };
        if let Some(token) = token {
            return Ok(token.clone());
        }
    }
    Ok(END.to_owned())
}
