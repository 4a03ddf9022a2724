//! Backward passes of our own, on any device, and recomputation of segments.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use candle_core::backend::BackendStorage;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, Layout, MetalStorage, Result, Shape, Storage, Tensor,
    TensorId, Var,
};

/// Gradients of an operator's inputs, from its output's.
type Backward = dyn Fn(&[Tensor], &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync;

/// An operator whose output is known already: its forward pass hands that out, its backward pass is a closure.
struct Known {
    name: &'static str,
    output: Mutex<Option<Tensor>>,
    backward: Box<Backward>,
}

/// Joins `output`, computed untracked, to the graph of `inputs` (one to three), with `backward` as its gradient: given the inputs and
/// the output's gradient it returns one gradient (or none) for each input. Without a tracked input, `output` is returned as it is.
pub(super) fn with_gradient(
    name: &'static str,
    inputs: &[&Tensor],
    output: Tensor,
    backward: impl Fn(&[Tensor], &Tensor) -> Result<Vec<Option<Tensor>>> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !is_recording() || inputs.iter().all(|input| !input.track_op()) {
        return Ok(output);
    }
    let output = output.contiguous()?;
    let known = Known {
        name,
        output: Mutex::new(Some(output)),
        backward: Box::new(backward),
    };
    match inputs {
        [a] => a.apply_op1(known),
        [a, b] => a.apply_op2(b, known),
        [a, b, c] => a.apply_op3(b, c, known),
        _ => candle_core::bail!("{name} has {} inputs", inputs.len()),
    }
}

impl Known {
    fn take(&self) -> Result<Tensor> {
        let taken = self
            .output
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        taken.ok_or_else(|| candle_core::Error::Msg(format!("{} was run twice", self.name)))
    }

    fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        let output = self.take()?;
        let (storage, layout) = output.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => Ok((storage.try_clone(layout)?, output.shape().clone())),
            _ => candle_core::bail!("{} changed its device", self.name),
        }
    }

    fn on_cuda(&self) -> Result<(CudaStorage, Shape)> {
        let output = self.take()?;
        let (storage, layout) = output.storage_and_layout();
        match &*storage {
            Storage::Cuda(storage) => Ok((storage.try_clone(layout)?, output.shape().clone())),
            _ => candle_core::bail!("{} changed its device", self.name),
        }
    }

    fn on_metal(&self) -> Result<(MetalStorage, Shape)> {
        let output = self.take()?;
        let (storage, layout) = output.storage_and_layout();
        match &*storage {
            Storage::Metal(storage) => Ok((storage.try_clone(layout)?, output.shape().clone())),
            _ => candle_core::bail!("{} changed its device", self.name),
        }
    }

    fn gradients<const N: usize>(&self, inputs: [&Tensor; N], gradient: &Tensor) -> Result<[Option<Tensor>; N]> {
        let inputs: Vec<_> = inputs.iter().map(|input| input.detach()).collect();
        let gradients = (self.backward)(&inputs, &gradient.detach().contiguous()?)?;
        <[Option<Tensor>; N]>::try_from(gradients)
            .or_else(|wrong| candle_core::bail!("{} gave {} gradients for {N} inputs", self.name, wrong.len()))
    }
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.on_metal()
    }
    fn bwd(&self, a: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let [a] = self.gradients([a], gradient)?;
        Ok(a)
    }
}

impl CustomOp2 for Known {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.on_metal()
    }
    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients([a, b], gradient)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Known {
    fn name(&self) -> &'static str {
        self.name
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }
    fn metal_fwd(
        &self,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.on_metal()
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients([a, b, c], gradient)?;
        Ok((a, b, c))
    }
}

thread_local! {
    static RECORDING: Cell<bool> = const { Cell::new(true) };
}

/// Whether operators of this thread join the graph; false inside the first pass of a [`checkpoint`].
pub fn is_recording() -> bool {
    RECORDING.get()
}

/// Runs `f` without joining any graph; adapters give plain values.
pub(crate) fn without_recording<T>(f: impl FnOnce() -> T) -> T {
    /// Restores the state when `f` is left, by a panic too.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            RECORDING.set(self.0);
        }
    }
    let _before = Before(RECORDING.replace(false));
    f()
}

/// Gradients of adapters, gathered over one or many backward passes.
///
/// Adapters inside a recomputed segment are not in the graph of the loss, so their gradients cannot come out of its gradient store:
/// each segment leaves them here. Clones share their content.
#[derive(Clone, Default)]
pub struct AdapterGradients {
    sums: Arc<Mutex<HashMap<TensorId, Tensor>>>,
    parameters: Arc<Vec<Var>>,
}

impl AdapterGradients {
    /// An empty gathering for these parameters.
    pub fn new(parameters: Vec<Var>) -> Self {
        Self {
            sums: Arc::default(),
            parameters: Arc::new(parameters),
        }
    }

    /// Runs the backward pass of `loss` and adds what it yields.
    ///
    /// # Errors
    /// When an operator has no backward pass or the device fails.
    pub fn backward(&self, loss: &Tensor) -> Result<()> {
        self.add(&loss.backward()?)
    }

    fn add(&self, store: &candle_core::backprop::GradStore) -> Result<()> {
        let mut sums = self.sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for parameter in self.parameters.iter() {
            if let Some(gradient) = store.get(parameter.as_tensor()) {
                let gradient = gradient.detach();
                let sum = match sums.get(&parameter.as_tensor().id()) {
                    Some(sum) => (sum + gradient)?,
                    None => gradient,
                };
                sums.insert(parameter.as_tensor().id(), sum);
            }
        }
        Ok(())
    }

    /// The gradient of a parameter, if any pass reached it.
    pub fn of(&self, parameter: &Var) -> Option<Tensor> {
        let sums = self.sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sums.get(&parameter.as_tensor().id()).cloned()
    }

    /// Forgets all sums.
    pub fn clear(&self) {
        self.sums
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }
}

/// Runs a segment of a network. With `recompute`, only its inputs (one to three) are kept: the backward pass runs it again, and leaves
/// the gradients of adapters inside it there. Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".
///
/// # Errors
/// What the segment returns.
pub fn checkpoint(
    recompute: Option<&AdapterGradients>,
    inputs: &[&Tensor],
    segment: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let gathered = match recompute {
        Some(gathered) if is_recording() && inputs.iter().any(|input| input.track_op()) => gathered.clone(),
        _ => {
            let inputs: Vec<_> = inputs.iter().map(|&input| input.clone()).collect();
            return segment(&inputs);
        }
    };
    let detached: Vec<_> = inputs.iter().map(|input| input.detach()).collect();
    let tracked: Vec<_> = inputs.iter().map(|input| input.track_op()).collect();
    let output = without_recording(|| segment(&detached))?;
    with_gradient("checkpoint", inputs, output, move |inputs, gradient| {
        let variables: Vec<_> = inputs.iter().map(Var::from_tensor).collect::<Result<_>>()?;
        let again: Vec<_> = variables
            .iter()
            .zip(inputs)
            .zip(&tracked)
            .map(|((variable, input), &tracked)| {
                if tracked {
                    variable.as_tensor().clone()
                } else {
                    input.clone()
                }
            })
            .collect();
        let output = segment(&again)?;
        // The gradient of Σ output·g with respect to anything is g pulled back to it.
        let store = (output * gradient)?.sum_all()?.backward()?;
        gathered.add(&store)?;
        Ok(variables
            .iter()
            .map(|variable| store.get(variable.as_tensor()).map(Tensor::detach))
            .collect())
    })
}
