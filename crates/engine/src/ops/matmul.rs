//! Matrix products of slices, the one place where the engine hands out pointers.

use gemm::Parallelism;

/// A matrix inside a slice: where it begins, and how far its next row and column lie.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) data: &'a [f32],
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other, `row_stride` apart.
    pub(super) fn rows(data: &'a [f32], row_stride: usize) -> Self {
        Self {
            data,
            row_stride,
            column_stride: 1,
        }
    }

    pub(super) fn transposed(self) -> Self {
        Self {
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// Sets `c` (m×n, rows `c_stride` apart) to `scale`·a·b, added to what is there when `add`. a is m×k, b is k×n.
///
/// # Panics
/// When a slice is shorter than its matrix.
#[expect(clippy::too_many_arguments, reason = "the shape of a matrix product")]
#[expect(unsafe_code, reason = "gemm takes pointers; the lengths are checked here")]
pub(super) fn product(
    (m, n, k): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    c_stride: usize,
    scale: f32,
    add: bool,
    threads: Threads,
) {
    if m == 0 || n == 0 {
        return;
    }
    let last = |rows: usize, columns: usize, x: Matrix<'_>| (rows - 1) * x.row_stride + (columns - 1) * x.column_stride;
    assert!(k > 0 && last(m, k, a) < a.data.len() && last(k, n, b) < b.data.len());
    assert!(c_stride >= n && (m - 1) * c_stride + n <= c.len());
    let parallelism = match threads {
        Threads::One => Parallelism::None,
        Threads::All => Parallelism::Rayon(0),
    };
    // SAFETY: every element that gemm touches lies inside its slice, as asserted above; strides fit isize since they index slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            c_stride as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// Whether a product may use every core, or is one of many that already do.
#[derive(Clone, Copy)]
pub(super) enum Threads {
    One,
    All,
}
