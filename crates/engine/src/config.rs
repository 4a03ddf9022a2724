//! Configurations of a model's parts, as diffusers and transformers write them beside the weights.
//!
//! Absent fields take the libraries' defaults. A field that asks for something this engine does not do is refused by name.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::{EngineError, FileFault, ModelFault, Result};

/// One value for all blocks, or one for each.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum PerBlock {
    /// The same everywhere.
    All(usize),
    /// In the order of the down blocks.
    Each(Vec<usize>),
}

impl PerBlock {
    /// The value of down block `block`.
    pub fn at(&self, block: usize) -> usize {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values.get(block).or(values.last()).copied().unwrap_or(1),
        }
    }
}

/// `UNet2DConditionModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct UnetConfig {
    /// Side of the latents it was trained on.
    pub sample_size: Option<usize>,
    /// Channels of the latents.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Whether the sine comes after the cosine in the time embedding.
    pub flip_sin_to_cos: bool,
    /// Shift of the time embedding's frequencies.
    pub freq_shift: f64,
    /// `DownBlock2D` or `CrossAttnDownBlock2D`.
    pub down_block_types: Vec<String>,
    /// `UpBlock2D` or `CrossAttnUpBlock2D`.
    pub up_block_types: Vec<String>,
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// ResNets of each down block.
    pub layers_per_block: usize,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// ε of the ResNets' norms.
    pub norm_eps: f64,
    /// Width of the text encoder's output.
    pub cross_attention_dim: usize,
    /// Transformer blocks of each attention.
    pub transformer_layers_per_block: PerBlock,
    /// In spite of its name the number of heads; the published models depend on it.
    pub attention_head_dim: PerBlock,
    /// The number of heads where it is given.
    pub num_attention_heads: Option<PerBlock>,
    /// Linear projections around the transformer blocks instead of 1×1 convolutions.
    pub use_linear_projection: bool,
    /// `text_time` for SDXL.
    pub addition_embed_type: Option<String>,
    /// Width of the embedding of each size in SDXL.
    pub addition_time_embed_dim: Option<usize>,
    /// Inputs of SDXL's added embedding.
    pub projection_class_embeddings_input_dim: Option<usize>,
}

impl Default for UnetConfig {
    fn default() -> Self {
        let names = |names: [&str; 4]| names.map(str::to_owned).to_vec();
        Self {
            sample_size: None,
            in_channels: 4,
            out_channels: 4,
            flip_sin_to_cos: true,
            freq_shift: 0.0,
            down_block_types: names([
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "CrossAttnDownBlock2D",
                "DownBlock2D",
            ]),
            up_block_types: names([
                "UpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
                "CrossAttnUpBlock2D",
            ]),
            block_out_channels: vec![320, 640, 1280, 1280],
            layers_per_block: 2,
            norm_num_groups: 32,
            norm_eps: 1e-5,
            cross_attention_dim: 1280,
            transformer_layers_per_block: PerBlock::All(1),
            attention_head_dim: PerBlock::All(8),
            num_attention_heads: None,
            use_linear_projection: false,
            addition_embed_type: None,
            addition_time_embed_dim: None,
            projection_class_embeddings_input_dim: None,
        }
    }
}

impl UnetConfig {
    /// Reads `config.json` of a UNet.
    ///
    /// # Errors
    /// When the file is missing, is no such configuration, or asks for what the engine does not do.
    pub fn read(file: &Path) -> Result<Self> {
        let value = read_object(file)?;
        only(
            file,
            &value,
            &[
                ("act_fn", &[json!("silu"), json!("swish")]),
                ("attention_type", &[json!("default")]),
                ("center_input_sample", &[json!(false)]),
                ("class_embed_type", &[]),
                ("conv_in_kernel", &[json!(3)]),
                ("conv_out_kernel", &[json!(3)]),
                ("cross_attention_norm", &[]),
                ("downsample_padding", &[json!(1)]),
                ("dual_cross_attention", &[json!(false)]),
                ("encoder_hid_dim_type", &[]),
                ("mid_block_type", &[json!("UNetMidBlock2DCrossAttn")]),
                ("num_class_embeds", &[]),
                ("only_cross_attention", &[json!(false)]),
                ("resnet_time_scale_shift", &[json!("default")]),
                ("reverse_transformer_layers_per_block", &[]),
                ("time_cond_proj_dim", &[]),
                ("time_embedding_type", &[json!("positional")]),
                ("timestep_post_act", &[]),
                ("addition_embed_type", &[json!("text_time")]),
            ],
        )?;
        let config: Self = parse(file, value)?;
        let levels = config.block_out_channels.len();
        let known = |names: &[String], plain: &str, attentive: &str| {
            names.len() == levels && names.iter().all(|name| name == plain || name == attentive)
        };
        if !known(&config.down_block_types, "DownBlock2D", "CrossAttnDownBlock2D")
            || !known(&config.up_block_types, "UpBlock2D", "CrossAttnUpBlock2D")
        {
            let types = format!("{:?} and {:?}", config.down_block_types, config.up_block_types);
            return Err(EngineError::unsupported(
                file,
                ModelFault::OtherKind,
                format!("its blocks are {types}, which this engine does not know"),
            ));
        }
        Ok(config)
    }

    /// Attention heads of level `block`.
    pub fn heads(&self, block: usize) -> usize {
        self.num_attention_heads
            .as_ref()
            .unwrap_or(&self.attention_head_dim)
            .at(block)
    }

    /// Whether it takes SDXL's added conditions.
    pub fn has_added_conditions(&self) -> bool {
        self.addition_embed_type.is_some()
    }
}

/// `AutoencoderKL`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct VaeConfig {
    /// Channels of each level.
    pub block_out_channels: Vec<usize>,
    /// ResNets of each encoder block.
    pub layers_per_block: usize,
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Groups of the group norms.
    pub norm_num_groups: usize,
    /// What latents are multiplied with to have variance 1.
    pub scaling_factor: f64,
    /// What is taken from latents before that.
    pub shift_factor: Option<f64>,
    /// A 1×1 convolution after the encoder.
    pub use_quant_conv: bool,
    /// A 1×1 convolution before the decoder.
    pub use_post_quant_conv: bool,
    /// An attention in the middle.
    pub mid_block_add_attention: bool,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            block_out_channels: vec![64],
            layers_per_block: 1,
            latent_channels: 4,
            norm_num_groups: 32,
            scaling_factor: 0.18215,
            shift_factor: None,
            use_quant_conv: true,
            use_post_quant_conv: true,
            mid_block_add_attention: true,
        }
    }
}

impl VaeConfig {
    /// Reads `config.json` of a VAE.
    ///
    /// # Errors
    /// When the file is missing, is no such configuration, or asks for what the engine does not do.
    pub fn read(file: &Path) -> Result<Self> {
        let value = read_object(file)?;
        let mean = [
            ("act_fn", &[json!("silu"), json!("swish")][..]),
            ("latents_mean", &[]),
            ("latents_std", &[]),
        ];
        only(file, &value, &mean)?;
        for key in ["down_block_types", "up_block_types"] {
            let known = |name: &Value| matches!(name.as_str(), Some("DownEncoderBlock2D" | "UpDecoderBlock2D"));
            if let Some(Value::Array(names)) = value.get(key)
                && !names.iter().all(known)
            {
                return Err(EngineError::unsupported(
                    file,
                    ModelFault::Setting {
                        setting: key.to_owned(),
                    },
                    format!("its {key} are {names:?}, which this engine does not know"),
                ));
            }
        }
        parse(file, value)
    }

    /// Pixels of a picture for one of the latents, along each side.
    pub fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }
}

/// `CLIPTextModel` or `CLIPTextModelWithProjection`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TextEncoderConfig {
    /// Tokens it knows.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of each attention.
    pub num_attention_heads: usize,
    /// Longest prompt in tokens.
    pub max_position_embeddings: usize,
    /// `quick_gelu` or `gelu`.
    pub hidden_act: String,
    /// ε of the norms.
    pub layer_norm_eps: f64,
    /// Width of the projected pooled state.
    pub projection_dim: usize,
    /// Token after the prompt; 2, as the published CLIP models say wrongly, means the largest id of all.
    pub eos_token_id: u32,
    /// Names of the classes that wrote it.
    pub architectures: Vec<String>,
}

impl Default for TextEncoderConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            projection_dim: 512,
            eos_token_id: 2,
            architectures: Vec::new(),
        }
    }
}

impl TextEncoderConfig {
    /// Reads `config.json` of a text encoder.
    ///
    /// # Errors
    /// When the file is missing, is no such configuration, or asks for what the engine does not do.
    pub fn read(file: &Path) -> Result<Self> {
        let value = read_object(file)?;
        only(file, &value, &[("hidden_act", &[json!("quick_gelu"), json!("gelu")])])?;
        parse(file, value)
    }

    /// Whether it also projects the pooled state.
    pub fn has_projection(&self) -> bool {
        self.architectures
            .iter()
            .any(|name| name == "CLIPTextModelWithProjection")
    }
}

/// The noise schedule and how the model's author sampled it: `scheduler_config.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// Class that wrote it.
    #[serde(rename = "_class_name")]
    pub class_name: String,
    /// Steps of the training schedule.
    pub num_train_timesteps: usize,
    /// First β.
    pub beta_start: f64,
    /// Last β.
    pub beta_end: f64,
    /// `linear`, `scaled_linear` or `squaredcos_cap_v2`.
    pub beta_schedule: String,
    /// Given βs.
    pub trained_betas: Option<Vec<f64>>,
    /// `epsilon`, `v_prediction` or `sample`.
    pub prediction_type: String,
    /// `leading`, `trailing` or `linspace`; each sampler has its own default.
    pub timestep_spacing: Option<String>,
    /// Added to every timestep with `leading` spacing.
    pub steps_offset: usize,
    /// Whether the last step of DDIM ends at ᾱ = 1.
    pub set_alpha_to_one: bool,
    /// Whether predictions of the picture are clipped; DDIM alone, where the default is true.
    pub clip_sample: Option<bool>,
    /// The range they are clipped to.
    pub clip_sample_range: f64,
    /// Whether βs are rescaled to end in pure noise.
    pub rescale_betas_zero_snr: bool,
    /// Whether noise levels are spaced as Karras et al. 2022 do, for the samplers that leave it to the model.
    pub use_karras_sigmas: bool,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            class_name: String::new(),
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: "linear".into(),
            trained_betas: None,
            prediction_type: "epsilon".into(),
            timestep_spacing: None,
            steps_offset: 0,
            set_alpha_to_one: true,
            clip_sample: None,
            clip_sample_range: 1.0,
            rescale_betas_zero_snr: false,
            use_karras_sigmas: false,
        }
    }
}

impl SchedulerConfig {
    /// What Stable Diffusion was published with.
    pub fn stable_diffusion() -> Self {
        Self {
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: "scaled_linear".into(),
            clip_sample: Some(false),
            set_alpha_to_one: false,
            steps_offset: 1,
            timestep_spacing: Some("leading".into()),
            ..Self::default()
        }
    }

    /// Reads `scheduler_config.json`.
    ///
    /// # Errors
    /// When the file is missing, is no such configuration, or asks for what the engine does not do.
    pub fn read(file: &Path) -> Result<Self> {
        let value = read_object(file)?;
        only(
            file,
            &value,
            &[
                ("thresholding", &[json!(false)]),
                ("use_beta_sigmas", &[json!(false)]),
                ("use_exponential_sigmas", &[json!(false)]),
                ("use_flow_sigmas", &[json!(false)]),
                ("final_sigmas_type", &[json!("zero")]),
                (
                    "beta_schedule",
                    &[json!("linear"), json!("scaled_linear"), json!("squaredcos_cap_v2")],
                ),
                (
                    "prediction_type",
                    &[json!("epsilon"), json!("v_prediction"), json!("sample")],
                ),
                (
                    "timestep_spacing",
                    &[json!("leading"), json!("trailing"), json!("linspace")],
                ),
            ],
        )?;
        parse(file, value)
    }
}

/// Reads a JSON object.
///
/// # Errors
/// When the file is missing or holds something else.
pub(crate) fn read_object(file: &Path) -> Result<Map<String, Value>> {
    let text = std::fs::read_to_string(file).map_err(EngineError::io(file))?;
    serde_json::from_str(&text)
        .map_err(|error| EngineError::invalid(file, FileFault::NotConfiguration, error.to_string()))
}

fn parse<T: DeserializeOwned>(file: &Path, value: Map<String, Value>) -> Result<T> {
    // A `null` means the default, as it does to the libraries that wrote the file.
    let value = value.into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(Value::Object(value))
        .map_err(|error| EngineError::invalid(file, FileFault::NotConfiguration, error.to_string()))
}

/// Refuses fields with another value than those listed (or absent, or `null`).
fn only(file: &Path, object: &Map<String, Value>, fields: &[(&str, &[Value])]) -> Result<()> {
    for (name, values) in fields {
        match object.get(*name) {
            None | Some(Value::Null) => {}
            Some(value) if values.contains(value) => {}
            Some(value) => {
                return Err(EngineError::unsupported(
                    file,
                    ModelFault::Setting {
                        setting: (*name).to_owned(),
                    },
                    format!("its {name} is {value}, which this engine does not know"),
                ));
            }
        }
    }
    Ok(())
}
