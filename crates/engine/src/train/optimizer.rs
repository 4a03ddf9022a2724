//! AdamW over all adapters at once, in two flat tensors. Loshchilov and Hutter 2019.

use candle_core::{DType, Tensor, Var};

use crate::error::Result;
use crate::ops::AdapterGradients;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPS: f64 = 1e-8;
/// Longer gradients are shortened to it, so that one odd batch cannot throw the adapters away.
const GRADIENT_NORM_MAX: f64 = 1.0;

/// The optimizer's state.
pub(super) struct AdamW {
    parameters: Vec<Var>,
    /// Mean of the gradients, `[P]`, f32.
    pub(super) mean: Tensor,
    /// Mean of their squares, `[P]`, f32.
    pub(super) square: Tensor,
}

impl AdamW {
    pub(super) fn new(parameters: Vec<Var>) -> Result<Self> {
        let zeros = flat(&parameters)?.zeros_like()?;
        Ok(Self {
            parameters,
            mean: zeros.clone(),
            square: zeros,
        })
    }

    /// All parameters one after the other, `[P]`, f32.
    pub(super) fn values(&self) -> Result<Tensor> {
        flat(&self.parameters)
    }

    /// Puts `values`, `[P]`, into the parameters.
    pub(super) fn set_values(&self, values: &Tensor) -> Result<()> {
        let mut first = 0;
        for parameter in &self.parameters {
            let count = parameter.elem_count();
            parameter.set(&values.narrow(0, first, count)?.reshape(parameter.shape())?)?;
            first += count;
        }
        Ok(())
    }

    /// The gradients, `[P]`, f32, shortened where they are too long, and their length before. A parameter without one counts as zero.
    pub(super) fn gradient(&self, gathered: &AdapterGradients) -> Result<(Tensor, f64)> {
        let parts = self.parameters.iter().map(|parameter| match gathered.of(parameter) {
            Some(gradient) => gradient.to_dtype(DType::F32)?.flatten_all(),
            None => parameter.as_detached_tensor().zeros_like()?.flatten_all(),
        });
        let gradient = Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)?;
        let norm = f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?).sqrt();
        if norm > GRADIENT_NORM_MAX {
            return Ok(((gradient * (GRADIENT_NORM_MAX / norm))?, norm));
        }
        Ok((gradient, norm))
    }

    /// Changes the parameters; `step` counts from 0.
    pub(super) fn step(&mut self, gradient: &Tensor, step: u32, learning_rate: f64, weight_decay: f64) -> Result<()> {
        let values = self.values()?;
        self.mean = ((&self.mean * BETA_1)? + (gradient * (1.0 - BETA_1))?)?;
        self.square = ((&self.square * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
        let power = f64::from(step) + 1.0;
        let mean = (&self.mean / (1.0 - BETA_1.powf(power)))?;
        let deviation = ((&self.square / (1.0 - BETA_2.powf(power)))?.sqrt()? + EPS)?;
        let kept = (values * (1.0 - learning_rate * weight_decay))?;
        self.set_values(&(kept - (mean.div(&deviation)? * learning_rate)?)?)
    }
}

fn flat(parameters: &[Var]) -> Result<Tensor> {
    let parts = parameters
        .iter()
        .map(|parameter| parameter.as_detached_tensor().flatten_all());
    Ok(Tensor::cat(&parts.collect::<candle_core::Result<Vec<_>>>()?, 0)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};

    use super::AdamW;
    use crate::ops::AdapterGradients;

    #[test]
    fn a_quadratic_is_minimized() -> crate::Result<()> {
        let parameter = Var::new(&[5f32, -3.0], &Device::Cpu)?;
        let target = Tensor::new(&[1f32, 2.0], &Device::Cpu)?;
        let mut optimizer = AdamW::new(vec![parameter.clone()])?;
        let gathered = AdapterGradients::new(vec![parameter.clone()]);
        for step in 0..500 {
            gathered.clear();
            gathered.backward(&(parameter.as_tensor() - &target)?.sqr()?.sum_all()?)?;
            let (gradient, _) = optimizer.gradient(&gathered)?;
            optimizer.step(&gradient, step, 0.05, 0.0)?;
        }
        let distance = (parameter.as_tensor() - target)?.abs()?.sum_all()?.to_scalar::<f32>()?;
        assert!(distance < 1e-2, "{distance}");
        Ok(())
    }

    #[test]
    fn two_steps_match_pytorch() -> crate::Result<()> {
        // torch.optim.AdamW([1, -2], lr=0.1, weight_decay=0.01), gradients [0.1, -0.2] and [0.3, 0.1].
        let parameter = Var::new(&[1f32, -2.0], &Device::Cpu)?;
        let mut optimizer = AdamW::new(vec![parameter.clone()])?;
        for (step, gradient) in [[0.1f32, -0.2], [0.3, 0.1]].iter().enumerate() {
            optimizer.step(&Tensor::new(gradient, &Device::Cpu)?, step as u32, 0.1, 0.01)?;
        }
        let values = parameter.as_tensor().to_vec1::<f32>()?;
        let expected = PYTORCH;
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{values:?}");
        }
        Ok(())
    }

    const PYTORCH: [f32; 2] = [0.806_322_9, -1.869_468_3];
}
