//! Every operator against the same formula in candle's primitives, computed and differentiated in f64: its kernels (f32 on the processor) and
//! the way it takes on other devices (which f64 takes, too).

use candle_core::{D, DType, Device, Result, Tensor, Var};

use super::*;

/// Numbers without a pattern, between −1 and 1.
fn numbers(shape: &[usize], salt: f64) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |i: usize| ((i as f64 + 1.0) * 12.9898 + salt * 78.233).sin() * 43_758.545_3;
    let values: Vec<f64> = (0..count).map(|i| 2.0 * number(i).rem_euclid(1.0) - 1.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("the shape has as many numbers")
}

/// ‖a−b‖/‖b‖.
fn distance(a: &Tensor, b: &Tensor) -> Result<f64> {
    let (a, b) = (a.to_dtype(DType::F64)?, b.to_dtype(DType::F64)?);
    let norm = |x: Tensor| -> Result<f64> { Ok(x.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt()) };
    Ok(norm((a - &b)?)? / norm(b)?)
}

/// Output and gradients of all inputs for one fixed gradient of the output.
fn run(f: &dyn Fn(&[Tensor]) -> Result<Tensor>, shapes: &[&[usize]], dtype: DType) -> Result<Vec<Tensor>> {
    let inputs = shapes.iter().enumerate();
    let inputs: Vec<_> = inputs
        .map(|(i, shape)| Var::from_tensor(&numbers(shape, i as f64).to_dtype(dtype)?))
        .collect::<Result<_>>()?;
    let tensors: Vec<_> = inputs.iter().map(|input| input.as_tensor().clone()).collect();
    let output = f(&tensors)?;
    let gradient = numbers(output.dims(), 0.5).to_dtype(dtype)?;
    let store = (&output * gradient)?.sum_all()?.backward()?;
    let mut all = vec![output];
    for input in &inputs {
        all.push(store.get(input).expect("every input has a gradient").clone());
    }
    Ok(all)
}

/// Compares `op` with `reference`, both of which get inputs of `shapes`.
fn check(
    op: impl Fn(&[Tensor]) -> Result<Tensor>,
    reference: impl Fn(&[Tensor]) -> Result<Tensor>,
    shapes: &[&[usize]],
) -> Result<()> {
    let expected = run(&reference, shapes, DType::F64)?;
    for dtype in [DType::F32, DType::F64] {
        let got = run(&op, shapes, dtype)?;
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let distance = distance(got, expected)?;
            // Rounding in f32 over sums of some hundred terms; some of what f64 takes works in f32 inside, too.
            assert!(distance < 2e-6, "{dtype:?}, output or gradient {i}: {distance}");
        }
    }
    Ok(())
}

/// Softmax put together from primitives that have a backward pass.
fn softmax(scores: &Tensor) -> Result<Tensor> {
    let exp = scores.exp()?;
    exp.broadcast_div(&exp.sum_keepdim(D::Minus1)?)
}

fn like(tensor: &Tensor, other: &Tensor) -> Result<Tensor> {
    tensor.to_dtype(other.dtype())
}

#[test]
fn linear_matches_a_product() -> Result<()> {
    let (weight, bias) = (numbers(&[7, 33], 3.0), numbers(&[7], 4.0));
    check(
        |x| linear(&x[0], &like(&weight, &x[0])?, Some(&like(&bias, &x[0])?)),
        |x| x[0].broadcast_matmul(&weight.t()?)?.broadcast_add(&bias),
        &[&[2, 5, 33]],
    )
}

#[test]
fn an_adapted_linear_layer_matches_its_formula() -> Result<()> {
    let (weight, bias) = (numbers(&[9, 17], 3.0), numbers(&[9], 4.0));
    check(
        |x| {
            let frozen = (like(&weight, &x[0])?, like(&bias, &x[0])?);
            linear_adapted(&x[0], &frozen.0, Some(&frozen.1), &x[1], &x[2], 0.7)
        },
        |x| {
            let frozen = x[0].broadcast_matmul(&weight.t()?)?.broadcast_add(&bias)?;
            frozen + (x[0].broadcast_matmul(&x[1].t()?)?.broadcast_matmul(&x[2].t()?)? * 0.7)?
        },
        &[&[2, 5, 17], &[3, 17], &[9, 3]],
    )
}

#[test]
fn convolutions_match_candles() -> Result<()> {
    for (kernel, stride, padding) in [(3, 1, 1), (1, 1, 0), (3, 2, 1), (3, 2, 0), (1, 2, 0)] {
        let (weight, bias) = (numbers(&[5, 6, kernel, kernel], 3.0), numbers(&[5], 4.0));
        let by = Convolution { stride, padding };
        check(
            |x| conv2d(&x[0], &like(&weight, &x[0])?, Some(&like(&bias, &x[0])?), by),
            |x| {
                let output = x[0].conv2d(&weight, padding, stride, 1, 1)?;
                output.broadcast_add(&bias.reshape((1, 5, 1, 1))?)
            },
            &[&[2, 6, 9, 9]],
        )?;
        check(
            |x| conv2d_trainable(&x[0], &x[1], by),
            |x| x[0].conv2d(&x[1], padding, stride, 1, 1),
            &[&[2, 6, 8, 8], &[5, 6, kernel, kernel]],
        )?;
    }
    Ok(())
}

#[test]
fn a_convolution_larger_than_a_band_is_whole() -> Result<()> {
    let weight = numbers(&[8, 64, 3, 3], 3.0);
    let by = Convolution { stride: 1, padding: 1 };
    check(
        |x| conv2d(&x[0], &like(&weight, &x[0])?, None, by),
        |x| x[0].conv2d(&weight, 1, 1, 1, 1),
        &[&[1, 64, 61, 67]],
    )
}

fn group_norm_reference(x: &Tensor, groups: usize, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (batch, channels) = (x.dim(0)?, x.dim(1)?);
    let flat = x.reshape((batch, groups, ()))?;
    let centred = flat.broadcast_sub(&flat.mean_keepdim(2)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(2)? + 1e-5)?.sqrt()?;
    let normal = centred.broadcast_div(&deviation)?.reshape(x.shape())?;
    let shape = (1, channels, 1, 1);
    normal
        .broadcast_mul(&weight.reshape(shape)?)?
        .broadcast_add(&bias.reshape(shape)?)
}

#[test]
fn group_norms_match_their_formula() -> Result<()> {
    let (weight, bias) = (numbers(&[12], 3.0), numbers(&[12], 4.0));
    check(
        |x| group_norm(&x[0], 3, &like(&weight, &x[0])?, &like(&bias, &x[0])?, 1e-5),
        |x| group_norm_reference(&x[0], 3, &weight, &bias),
        &[&[2, 12, 5, 7]],
    )?;
    check(
        |x| group_norm_silu(&x[0], 3, &like(&weight, &x[0])?, &like(&bias, &x[0])?, 1e-5),
        |x| {
            let normal = group_norm_reference(&x[0], 3, &weight, &bias)?;
            &normal / (normal.neg()?.exp()? + 1.0)?
        },
        &[&[2, 12, 5, 7]],
    )
}

#[test]
fn layer_norm_matches_its_formula() -> Result<()> {
    let (weight, bias) = (numbers(&[37], 3.0), numbers(&[37], 4.0));
    check(
        |x| layer_norm(&x[0], &like(&weight, &x[0])?, &like(&bias, &x[0])?, 1e-5),
        |x| {
            let centred = x[0].broadcast_sub(&x[0].mean_keepdim(2)?)?;
            let deviation = (centred.sqr()?.mean_keepdim(2)? + 1e-5)?.sqrt()?;
            let normal = centred.broadcast_div(&deviation)?;
            normal.broadcast_mul(&weight)?.broadcast_add(&bias)
        },
        &[&[2, 4, 37]],
    )
}

#[test]
fn attention_matches_its_formula() -> Result<()> {
    let (heads, width) = (3, 8);
    for (queries, keys, causal) in [(70, 77, false), (70, 70, true), (130, 5, false)] {
        let hidden: Vec<f64> = (0..queries * keys)
            .map(|i| if causal && i % keys > i / keys { -1e9 } else { 0.0 })
            .collect();
        let hidden = Tensor::from_vec(hidden, (queries, keys), &Device::Cpu)?;
        let split = |x: &Tensor| x.reshape((2, (), heads, width))?.transpose(1, 2)?.contiguous();
        check(
            |x| attention(&x[0], &x[1], &x[2], heads, causal),
            |x| {
                let (q, k, v) = (split(&x[0])?, split(&x[1])?, split(&x[2])?);
                let scores = (q.matmul(&k.t()?.contiguous()?)? * (width as f64).powf(-0.5))?;
                let output = softmax(&scores.broadcast_add(&hidden)?)?.matmul(&v)?;
                output
                    .transpose(1, 2)?
                    .contiguous()?
                    .reshape((2, queries, heads * width))
            },
            &[&[2, queries, 24], &[2, keys, 24], &[2, keys, 24]],
        )?;
    }
    Ok(())
}

#[test]
fn activations_match_their_formulas() -> Result<()> {
    let sigmoid = |x: &Tensor| (x.neg()?.exp()? + 1.0)?.recip();
    let exact_gelu = |x: &Tensor| ((x * std::f64::consts::FRAC_1_SQRT_2)?.erf()? + 1.0)?.mul(&(x * 0.5)?);
    let wide = |x: &Tensor| x * 4.0;
    check(
        |x| silu(&wide(&x[0])?),
        |x| wide(&x[0])?.mul(&sigmoid(&wide(&x[0])?)?),
        &[&[3, 41]],
    )?;
    check(|x| gelu(&wide(&x[0])?), |x| exact_gelu(&wide(&x[0])?), &[&[3, 41]])?;
    check(
        |x| quick_gelu(&wide(&x[0])?),
        |x| wide(&x[0])?.mul(&sigmoid(&(wide(&x[0])? * 1.702)?)?),
        &[&[3, 41]],
    )?;
    check(
        |x| geglu(&wide(&x[0])?),
        |x| {
            let x = wide(&x[0])?;
            x.narrow(1, 0, 20)?.mul(&exact_gelu(&x.narrow(1, 20, 20)?)?)
        },
        &[&[3, 40]],
    )
}

#[test]
fn upsampling_repeats_pixels_and_sums_their_gradients() -> Result<()> {
    for (height, width) in [(8, 6), (7, 5), (9, 7)] {
        let rows: Vec<u32> = (0..height).map(|y| (y * 4 / height) as u32).collect();
        let columns: Vec<u32> = (0..width).map(|x| (x * 3 / width) as u32).collect();
        let (rows, columns) = (Tensor::new(rows, &Device::Cpu)?, Tensor::new(columns, &Device::Cpu)?);
        check(
            |x| upsample_nearest(&x[0], height, width),
            |x| x[0].index_select(&rows, 2)?.index_select(&columns, 3),
            &[&[2, 3, 4, 3]],
        )?;
    }
    Ok(())
}

#[test]
fn the_backward_pass_is_the_slope() -> Result<()> {
    // Finite differences, so that operator and reference cannot share one mistake about what a gradient is.
    let x = numbers(&[2, 6, 4, 4], 1.0).to_dtype(DType::F32)?;
    let weight = numbers(&[6, 6, 3, 3], 2.0).to_dtype(DType::F32)?;
    let ones = Tensor::ones(6, DType::F32, &Device::Cpu)?;
    let f = |x: &Tensor| -> Result<Tensor> {
        let y = conv2d(
            &group_norm_silu(x, 2, &ones, &ones, 1e-5)?,
            &weight,
            None,
            Convolution { stride: 1, padding: 1 },
        )?;
        let tokens = y.reshape((2, 6, 16))?.transpose(1, 2)?.contiguous()?;
        attention(&tokens, &tokens, &tokens, 2, false)?.sqr()?.sum_all()
    };
    let variable = Var::from_tensor(&x)?;
    let store = f(variable.as_tensor())?.backward()?;
    let gradient = store.get(&variable).expect("the input has a gradient");
    let direction = numbers(&[2, 6, 4, 4], 9.0).to_dtype(DType::F32)?;
    let at = |distance: f64| f(&(&x + (&direction * distance)?)?)?.to_scalar::<f32>();
    let between = |distance: f64| Result::Ok(f64::from(at(distance)? - at(-distance)?) / (2.0 * distance));
    // Richardson: the cubic terms cancel.
    let slope = (4.0 * between(8e-3)? - between(1.6e-2)?) / 3.0;
    let expected = f64::from((gradient * &direction)?.sum_all()?.to_scalar::<f32>()?);
    // f is some 10⁴, so that its rounding moves the slope by up to 0.1 at the smaller distance.
    assert!((slope - expected).abs() < 2e-3 * expected.abs(), "{slope} {expected}");
    Ok(())
}

#[test]
fn recomputing_changes_no_gradient() -> Result<()> {
    let x = numbers(&[2, 5, 8], 0.0).to_dtype(DType::F32)?;
    let scale = numbers(&[2, 5, 8], 1.0).to_dtype(DType::F32)?;
    let weight = numbers(&[8, 8], 2.0).to_dtype(DType::F32)?;
    let run = |recompute: bool| -> Result<Vec<Tensor>> {
        let (input, down, up) = (
            Var::from_tensor(&x)?,
            Var::from_tensor(&numbers(&[3, 8], 3.0).to_dtype(DType::F32)?)?,
            Var::from_tensor(&numbers(&[8, 3], 4.0).to_dtype(DType::F32)?)?,
        );
        let gathered = AdapterGradients::new(vec![input.clone(), down.clone(), up.clone()]);
        let layer = std::sync::Arc::new(crate::layers::Linear::new(weight.clone(), None));
        layer.slot().learn(crate::adapter::Learning {
            down: down.clone(),
            up: up.clone(),
            scale: 0.5,
        });
        let mut y = input.as_tensor().clone();
        for _ in 0..3 {
            let layer = layer.clone();
            // The second input is not tracked, as the prompt is not.
            y = checkpoint(recompute.then_some(&gathered), &[&y, &scale], move |inputs| {
                &inputs[0] + silu(&layer.forward(&inputs[0])?)?.mul(&inputs[1])?
            })?;
        }
        gathered.backward(&y.sqr()?.sum_all()?)?;
        let all = [input, down, up];
        Ok(all
            .iter()
            .map(|var| gathered.of(var).expect("it has a gradient"))
            .collect())
    };
    for (kept, computed_again) in run(false)?.iter().zip(run(true)?) {
        assert!(distance(&computed_again, kept)? < 1e-6);
    }
    Ok(())
}
