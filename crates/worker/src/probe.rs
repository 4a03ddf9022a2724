//! One component on tensors of a file.

use std::collections::BTreeMap;

use atelier_engine::lora::LoraFile;
use atelier_engine::probe::{Inputs, lora_gradients, schedule, text, unet, vae_decode, vae_encode};
use atelier_engine::weights::save;
use atelier_engine::{EngineError, RequestFault, Result};
use atelier_worker_protocol::{DType, LoraUse, Outcome, Probe, ProbePart};

use crate::generate::sampler;
use crate::jobs::Order;
use crate::models::Models;

pub(crate) fn run(task: &Probe, models: &mut Models, order: &Order<'_>) -> Result<Outcome> {
    let missing = |what| EngineError::RequestInvalid(RequestFault::Missing { what });
    let model = models.load(&task.model, Some(task.dtype.unwrap_or(DType::F32)), order)?;
    let inputs = Inputs::open(&task.input, &model)?;
    let lora = |lora: &LoraUse| Ok::<_, EngineError>((LoraFile::read(&lora.path)?, lora.strength));
    let lora = task.lora.as_ref().map(lora).transpose()?;
    let outputs = match task.part {
        ProbePart::LoraGrads => {
            let (lora, strength) = lora.ok_or_else(|| missing("lora"))?;
            lora_gradients(&inputs, &lora, strength)
        }
        ProbePart::Schedule => {
            let kind = task.sampler.ok_or_else(|| missing("sampler"))?;
            let steps = task.steps.ok_or_else(|| missing("steps"))?;
            schedule(&inputs, sampler(kind), steps as usize)
        }
        part @ (ProbePart::Text | ProbePart::Unet | ProbePart::VaeEncode | ProbePart::VaeDecode) => {
            if let Some((lora, strength)) = lora {
                lora.apply(&model, strength)?;
            }
            match part {
                ProbePart::Text => text(&inputs),
                ProbePart::VaeEncode => vae_encode(&inputs),
                ProbePart::VaeDecode => vae_decode(&inputs),
                _ => unet(&inputs),
            }
        }
    };
    model.clear_adapters();
    save(&task.output, &outputs?, &BTreeMap::new())?;
    Ok(Outcome::Probed)
}
