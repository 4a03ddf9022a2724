//! CLIP's text encoder. Radford et al. 2021; the names are those of transformers' `CLIPTextModel`.

use candle_core::{D, DType, Result as Computed, Tensor};

use crate::config::TextEncoderConfig;
use crate::error::Result;
use crate::layers::{LayerNorm, Linear};
use crate::ops;
use crate::weights::Weights;

/// A CLIP text encoder, with its projection where it has one.
pub struct TextEncoder {
    token_embedding: Tensor,
    position_embedding: Tensor,
    layers: Vec<Layer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    eos_token_id: u32,
}

/// What a text encoder says of prompts.
pub struct TextEncoding {
    /// `[B, T, C]`, normalized.
    pub last_hidden_state: Tensor,
    /// Input of the last layer, `[B, T, C]`, not normalized; SDXL takes this one.
    pub penultimate: Tensor,
    /// The end token's state, `[B, C]`, projected where the encoder has a projection.
    pub pooled: Tensor,
}

struct Layer {
    layer_norm1: LayerNorm,
    attention: Attention,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    quick: bool,
}

struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: usize,
}

impl TextEncoder {
    /// Loads it.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn load(weights: &Weights, config: &TextEncoderConfig) -> Result<Self> {
        let inner = if weights.has("embeddings.token_embedding.weight") {
            weights.clone()
        } else {
            weights.sub("text_model")
        };
        let width = config.hidden_size;
        let embeddings = inner.sub("embeddings");
        let layers = (0..config.num_hidden_layers).map(|i| Layer::load(&inner.sub("encoder.layers").sub(i), config));
        Ok(Self {
            token_embedding: embeddings.tensor("token_embedding.weight", &[config.vocab_size, width])?,
            position_embedding: embeddings
                .tensor("position_embedding.weight", &[config.max_position_embeddings, width])?,
            layers: layers.collect::<Result<_>>()?,
            final_layer_norm: inner.layer_norm("final_layer_norm", width, config.layer_norm_eps)?,
            text_projection: match config.has_projection() {
                true => Some(weights.linear("text_projection", width, config.projection_dim, false)?),
                false => None,
            },
            eos_token_id: config.eos_token_id,
        })
    }

    /// Encodes token ids `[B, T]` (u32).
    ///
    /// # Errors
    /// When an id is outside the vocabulary or the device fails.
    pub fn forward(&self, ids: &Tensor) -> Computed<TextEncoding> {
        let (batch, length) = ids.dims2()?;
        let tokens = self
            .token_embedding
            .index_select(&ids.flatten_all()?, 0)?
            .reshape((batch, length, ()))?;
        let mut hidden = tokens.broadcast_add(&self.position_embedding.narrow(0, 0, length)?)?;
        let mut penultimate = hidden.clone();
        for layer in &self.layers {
            penultimate = hidden;
            hidden = layer.forward(&penultimate)?;
        }
        let last_hidden_state = self.final_layer_norm.forward(&hidden)?;
        let ends = self.ends(ids)?;
        let states = (0..batch)
            .zip(ends)
            .map(|(b, end)| last_hidden_state.get(b)?.get(end))
            .collect::<Computed<Vec<_>>>()?;
        let mut pooled = Tensor::stack(&states, 0)?;
        if let Some(projection) = &self.text_projection {
            pooled = projection.forward(&pooled)?;
        }
        Ok(TextEncoding {
            last_hidden_state,
            penultimate,
            pooled,
        })
    }

    /// Where each prompt ends. Configurations written before the end token had its right number say 2; for them it is the largest id.
    fn ends(&self, ids: &Tensor) -> Computed<Vec<usize>> {
        if self.eos_token_id == 2 {
            let ends = ids.to_dtype(DType::F32)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
            return Ok(ends.into_iter().map(|end| end as usize).collect());
        }
        let rows = ids.to_vec2::<u32>()?;
        Ok(rows
            .iter()
            .map(|row| row.iter().position(|&id| id == self.eos_token_id).unwrap_or(0))
            .collect())
    }
}

impl Layer {
    fn load(weights: &Weights, config: &TextEncoderConfig) -> Result<Self> {
        let (width, inside, eps) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
        let attention = weights.sub("self_attn");
        Ok(Self {
            layer_norm1: weights.layer_norm("layer_norm1", width, eps)?,
            attention: Attention {
                q_proj: attention.linear("q_proj", width, width, true)?,
                k_proj: attention.linear("k_proj", width, width, true)?,
                v_proj: attention.linear("v_proj", width, width, true)?,
                out_proj: attention.linear("out_proj", width, width, true)?,
                heads: config.num_attention_heads,
            },
            layer_norm2: weights.layer_norm("layer_norm2", width, eps)?,
            fc1: weights.linear("mlp.fc1", width, inside, true)?,
            fc2: weights.linear("mlp.fc2", inside, width, true)?,
            quick: config.hidden_act == "quick_gelu",
        })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let x = (x + self.attention.forward(&self.layer_norm1.forward(x)?)?)?;
        let inside = self.fc1.forward(&self.layer_norm2.forward(&x)?)?;
        let inside = if self.quick {
            ops::quick_gelu(&inside)?
        } else {
            ops::gelu(&inside)?
        };
        x + self.fc2.forward(&inside)?
    }
}

impl Attention {
    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let (q, k, v) = (
            self.q_proj.forward(x)?,
            self.k_proj.forward(x)?,
            self.v_proj.forward(x)?,
        );
        self.out_proj.forward(&ops::attention(&q, &k, &v, self.heads, true)?)
    }
}
