//! LoRAs that come from outside: a safetensors file whose header is true, encrypted with a key of its own.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::WriteMultipart;
use serde::Deserialize;

use super::discarded;
use super::verify::{CheckError, Checked};
use crate::app::App;
use crate::objects::Brought;
use crate::sealing::{CHUNK_BYTES, ChunkCipher, SealingError, content_key};

/// Longest header: far more than a LoRA of any known model needs.
const HEADER_BYTES_MAX: u64 = 4 << 20;
/// Most tensors.
const TENSORS_MAX: usize = 20_000;

/// A LoRA in quarantine, checked and encrypted to its place. No more of it is held than a part of the store's upload.
pub(super) async fn check(app: &App, brought: &Brought) -> Result<Checked, CheckError> {
    let size = brought.bytes();
    let length = part(app, brought, 0..8.min(size)).await?;
    let length = <[u8; 8]>::try_from(length.as_ref()).map(u64::from_le_bytes);
    let Ok(length) = length else {
        return Err(CheckError::Content("no safetensors file".to_owned()));
    };
    if length > HEADER_BYTES_MAX || length + 8 > size {
        return Err(CheckError::Content("its header is longer than any LoRA's".to_owned()));
    }
    let header = part(app, brought, 8..8 + length).await?;
    check_header(&header, size - 8 - length).map_err(CheckError::Content)?;
    let key = content_key();
    let object_key = discarded::fresh_key(app, "loras", "sealed").await?;
    encrypt(app, brought, &object_key, &key).await?;
    Ok(Checked {
        object_key,
        media_type: "application/octet-stream",
        size_px: None,
        content_key: Some(key),
    })
}

async fn part(app: &App, brought: &Brought, range: Range<u64>) -> object_store::Result<Bytes> {
    app.objects.brought(brought, Some(range)).await?.bytes().await
}

async fn encrypt(app: &App, from: &Brought, to: &str, key: &[u8; 32]) -> Result<(), CheckError> {
    let mut writer = app.objects.writer(to).await?;
    if let Err(error) = encrypt_to(&mut writer, app, from, key).await {
        if let Err(error) = writer.abort().await {
            tracing::warn!(key = to, %error, "a part of an object stays behind");
        }
        return Err(error);
    }
    writer.finish().await?;
    Ok(())
}

async fn encrypt_to(writer: &mut WriteMultipart, app: &App, from: &Brought, key: &[u8; 32]) -> Result<(), CheckError> {
    let mut plain = app.objects.brought(from, None).await?.into_stream();
    let mut cipher = ChunkCipher::new(key);
    let mut held: Vec<u8> = Vec::with_capacity(2 * CHUNK_BYTES);
    while let Some(part) = plain.next().await {
        held.extend_from_slice(&part?);
        // The last chunk is told apart from the others, so that one chunk is always kept back.
        while held.len() > CHUNK_BYTES {
            let rest = held.split_off(CHUNK_BYTES);
            writer.write(&sealed(&mut cipher, &held, false)?);
            held = rest;
        }
        writer.wait_for_capacity(2).await?;
    }
    writer.write(&sealed(&mut cipher, &held, true)?);
    Ok(())
}

fn sealed(cipher: &mut ChunkCipher, plain: &[u8], last: bool) -> Result<Bytes, CheckError> {
    cipher
        .seal(plain, last)
        .map(Bytes::from)
        .map_err(|error: SealingError| CheckError::Content(error.to_string()))
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// Whether a header describes exactly `data_bytes` of tensors, one behind the other.
fn check_header(header: &[u8], data_bytes: u64) -> Result<(), String> {
    let mut entries: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| format!("its header does not parse: {error}"))?;
    entries.remove("__metadata__");
    if entries.is_empty() || entries.len() > TENSORS_MAX {
        return Err(format!("{} tensors; a LoRA has 1 to {TENSORS_MAX}", entries.len()));
    }
    let mut spans = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let tensor: Tensor = serde_json::from_value(value).map_err(|error| format!("tensor {name}: {error}"))?;
        let (begin, end) = tensor.data_offsets;
        let elements = tensor
            .shape
            .iter()
            .try_fold(1_u64, |product, side| product.checked_mul(*side));
        let bytes = elements.and_then(|elements| elements.checked_mul(element_bytes(&tensor.dtype)?));
        if end < begin || bytes != Some(end - begin) {
            return Err(format!("tensor {name} is not as long as its shape says"));
        }
        spans.push((begin, end));
    }
    spans.sort_unstable();
    let mut place = 0;
    for (begin, end) in spans {
        if begin != place {
            return Err("its tensors overlap or leave holes".to_owned());
        }
        place = end;
    }
    if place != data_bytes {
        return Err("it is longer or shorter than its header says".to_owned());
    }
    Ok(())
}

fn element_bytes(dtype: &str) -> Option<u64> {
    match dtype {
        "F32" | "I32" => Some(4),
        "F16" | "BF16" => Some(2),
        "F64" | "I64" => Some(8),
        "U8" | "I8" | "F8_E4M3" | "F8_E5M2" => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_to_be_true() {
        let header = |text: &str, bytes| check_header(text.as_bytes(), bytes);
        let two = r#"{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                      "y":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}"#;
        assert_eq!(header(two, 12), Ok(()));
        assert!(header(two, 13).is_err());
        assert!(header("{}", 0).is_err());
        assert!(header("[", 0).is_err());
        assert!(header(r#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8).is_err());
        assert!(header(r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#, 16).is_err());
        assert!(
            header(
                r#"{"x":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,0]}}"#,
                0
            )
            .is_err()
        );
        assert!(header(r#"{"x":{"dtype":"pickle","shape":[1],"data_offsets":[0,1]}}"#, 1).is_err());
    }
}
