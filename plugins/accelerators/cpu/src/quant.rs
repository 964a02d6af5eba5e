//! Products of quantised matrices: the one kernel of our own, since it is where all the time goes.
//!
//! Weights have 4 or 8 bits, activations 16, so that `i32x4.dot_i16x8_s` (`pmaddwd`) does the work. Activations of 8
//! bits would be faster by half (SmolLM2-135M in Q4_1 on one thread: 57 to 61 tokens a second, against 37 to 39 with 15
//! bits), but then the model answers "What is the capital of France?" with nonsense; with 15 it says Paris, as in floats.
//!
//! Four rows of a matrix are interleaved into a panel in which a lane of every vector belongs to one row: nothing is
//! ever added across lanes, and each value is loaded once for as many tokens as there are. Each row of each token is
//! summed in the same order whatever the batch, and the order is the same with and without SIMD, so results do not
//! depend on either.

use std::array::from_fn;

use wide::{f32x4, i16x8, i32x4};

/// Weights that share a scale, as GGUF has it for Q4_1 and Q8_0.
pub(crate) const BLOCK: usize = 32;
/// Rows of a panel: lanes of a 128-bit vector of sums.
pub(crate) const ROWS: usize = 4;
/// Pairs of weights in a block: a lane of the dot product takes two.
const PAIRS: usize = BLOCK / 2;
/// Tokens that share one unpacking of the weights. Four sums, the weights and a temporary fit into 16 registers.
const TOKENS: usize = 4;
/// Largest quantised activation. 32 products with weights of 4 bits then stay below 2^24, which an `f32` holds exactly.
const ACTIVATION_MAX: f32 = 32767.0;

/// A block of four rows with weights of 4 bits: `quant * scale + min`.
///
/// Pair `p` of the rows sits in vector `p / 4`, in the `p % 4`-th nibble of each 16-bit lane.
#[derive(Clone, Copy)]
struct Block4 {
    quants: [i16x8; PAIRS / 4],
    scale: f32x4,
    min: f32x4,
}

/// A block of four rows with weights of 8 bits: `quant * scale`.
///
/// Pair `p` of the rows sits in vector `p / 2`, in the `p % 2`-th byte of each 16-bit lane.
#[derive(Clone, Copy)]
struct Block8 {
    quants: [i16x8; PAIRS / 2],
    scale: f32x4,
}

/// How GGUF stores the blocks of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// f16 scale, f16 minimum, 16 bytes: low nibbles are the first half of the block, high ones the second.
    Q4_1,
    /// f16 scale, 32 signed bytes.
    Q8_0,
}

impl Format {
    /// Bytes of a block.
    pub(crate) fn block_bytes(self) -> usize {
        match self {
            Self::Q4_1 => 20,
            Self::Q8_0 => 34,
        }
    }
}

enum Blocks {
    Four(Vec<Block4>),
    Eight(Vec<Block8>),
}

/// A quantised matrix, packed for [`Matrix::multiply`].
pub(crate) struct Matrix {
    rows: usize,
    blocks_per_row: usize,
    blocks: Blocks,
}

impl Matrix {
    /// An empty matrix, to which panels are added with [`Matrix::push_panel`].
    pub(crate) fn with_capacity(format: Format, rows: usize, columns: usize) -> Self {
        assert!(rows.is_multiple_of(ROWS) && columns.is_multiple_of(BLOCK) && columns > 0);
        let blocks_per_row = columns / BLOCK;
        let count = rows / ROWS * blocks_per_row;
        let blocks = match format {
            Format::Q4_1 => Blocks::Four(Vec::with_capacity(count)),
            Format::Q8_0 => Blocks::Eight(Vec::with_capacity(count)),
        };
        Self {
            rows: 0,
            blocks_per_row,
            blocks,
        }
    }

    /// Packs the next four rows, which are given as GGUF stores them.
    pub(crate) fn push_panel(&mut self, bytes: &[u8]) {
        let row_bytes = bytes.len() / ROWS;
        for block in 0..self.blocks_per_row {
            match &mut self.blocks {
                Blocks::Four(blocks) => {
                    let size = Format::Q4_1.block_bytes();
                    blocks.push(Block4::pack(from_fn(|row| {
                        &bytes[row * row_bytes + block * size..][..size]
                    })));
                }
                Blocks::Eight(blocks) => {
                    let size = Format::Q8_0.block_bytes();
                    blocks.push(Block8::pack(from_fn(|row| {
                        &bytes[row * row_bytes + block * size..][..size]
                    })));
                }
            }
        }
        self.rows += ROWS;
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Row `row` as floats, into `out`.
    pub(crate) fn row(&self, row: usize, out: &mut [f32]) {
        let (panel, lane) = (row / ROWS * self.blocks_per_row, row % ROWS);
        let out = out.as_chunks_mut::<BLOCK>().0;
        match &self.blocks {
            Blocks::Four(blocks) => blocks[panel..]
                .iter()
                .zip(out)
                .for_each(|(b, out)| b.unpack(lane, out)),
            Blocks::Eight(blocks) => blocks[panel..]
                .iter()
                .zip(out)
                .for_each(|(b, out)| b.unpack(lane, out)),
        }
    }

    /// `out[token][row] = Σ self[row][column] · input[token][column]`
    pub(crate) fn multiply(&self, input: &Activations, out: &mut [f32]) {
        let tokens = input.blocks.len() / self.blocks_per_row;
        assert_eq!(out.len(), tokens * self.rows);
        match &self.blocks {
            Blocks::Four(blocks) => multiply(blocks, self.blocks_per_row, input, self.rows, out),
            Blocks::Eight(blocks) => multiply(blocks, self.blocks_per_row, input, self.rows, out),
        }
    }
}

/// Sums of one block: integers first, scaled once.
trait Block {
    /// Adds the products of this block's four rows with the block of each token to `sums`.
    fn accumulate<const N: usize>(&self, inputs: [&ActivationBlock; N], sums: &mut [f32x4; N]);
}

impl Block for Block4 {
    #[inline(always)]
    fn accumulate<const N: usize>(&self, inputs: [&ActivationBlock; N], sums: &mut [f32x4; N]) {
        let mut products = [i32x4::ZERO; N];
        for (vector, quants) in self.quants.iter().enumerate() {
            let nibbles: [i16x8; 4] = from_fn(|n| nibble(*quants, n));
            for (n, weights) in nibbles.into_iter().enumerate() {
                for token in 0..N {
                    products[token] += weights.dot(inputs[token].pair(vector * 4 + n));
                }
            }
        }
        for token in 0..N {
            let scale = self.scale * f32x4::splat(inputs[token].scale);
            let min = self.min * f32x4::splat(inputs[token].sum);
            sums[token] += f32x4::from_i32x4(products[token]) * scale + min;
        }
    }
}

impl Block for Block8 {
    #[inline(always)]
    fn accumulate<const N: usize>(&self, inputs: [&ActivationBlock; N], sums: &mut [f32x4; N]) {
        let mut products = [i32x4::ZERO; N];
        for (vector, quants) in self.quants.iter().enumerate() {
            for (n, weights) in [low_byte(*quants), high_byte(*quants)]
                .into_iter()
                .enumerate()
            {
                for token in 0..N {
                    products[token] += weights.dot(inputs[token].pair(vector * 2 + n));
                }
            }
        }
        for token in 0..N {
            let scale = self.scale * f32x4::splat(inputs[token].scale);
            sums[token] += f32x4::from_i32x4(products[token]) * scale;
        }
    }
}

fn multiply<B: Block>(
    blocks: &[B],
    per_row: usize,
    input: &Activations,
    rows: usize,
    out: &mut [f32],
) {
    for (index, panel) in blocks.chunks_exact(per_row).enumerate() {
        let mut token = 0;
        let mut groups = input.blocks.chunks_exact(per_row * TOKENS);
        for group in &mut groups {
            let sums: [f32x4; TOKENS] = multiply_panel(panel, group);
            for sum in sums {
                out[token * rows + index * ROWS..][..ROWS].copy_from_slice(&sum.to_array());
                token += 1;
            }
        }
        for single in groups.remainder().chunks_exact(per_row) {
            let [sum] = multiply_panel(panel, single);
            out[token * rows + index * ROWS..][..ROWS].copy_from_slice(&sum.to_array());
            token += 1;
        }
    }
}

/// One panel with `N` tokens. What is inlined here is unrolled to a loop per block: an epoch check costs as much as
/// several vector instructions, so a loop must do plenty between two of them.
#[inline(always)]
fn multiply_panel<B: Block, const N: usize>(panel: &[B], inputs: &[ActivationBlock]) -> [f32x4; N] {
    let mut rows = inputs.chunks_exact(panel.len());
    let rows: [&[ActivationBlock]; N] = from_fn(|_| rows.next().unwrap_or_default());
    let mut sums = [f32x4::ZERO; N];
    for (index, block) in panel.iter().enumerate() {
        block.accumulate(from_fn(|token| &rows[token][index]), &mut sums);
    }
    sums
}

/// The `n`-th nibble of every lane.
#[inline(always)]
fn nibble(lanes: i16x8, n: usize) -> i16x8 {
    (lanes >> (4 * n as i32)) & i16x8::splat(0xF)
}

#[inline(always)]
fn low_byte(lanes: i16x8) -> i16x8 {
    (lanes << 8_i32) >> 8_i32
}

#[inline(always)]
fn high_byte(lanes: i16x8) -> i16x8 {
    lanes >> 8_i32
}

fn f16(bytes: &[u8]) -> f32 {
    half::f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

impl Block4 {
    fn pack(rows: [&[u8]; ROWS]) -> Self {
        let quant = |row: usize, column: usize| {
            let byte = rows[row][4 + column % 16];
            u16::from(if column < 16 { byte & 0xF } else { byte >> 4 })
        };
        let lane = |vector: usize, lane: usize| {
            let nibbles =
                (0..4).map(|n| quant(lane / 2, (vector * 4 + n) * 2 + lane % 2) << (4 * n));
            nibbles.fold(0, |all, nibble| all | nibble).cast_signed()
        };
        Self {
            quants: from_fn(|v| i16x8::new(from_fn(|l| lane(v, l)))),
            scale: f32x4::new(from_fn(|row| f16(rows[row]))),
            min: f32x4::new(from_fn(|row| f16(&rows[row][2..]))),
        }
    }

    fn unpack(&self, row: usize, out: &mut [f32; BLOCK]) {
        let (scale, min) = (self.scale.to_array()[row], self.min.to_array()[row]);
        for (column, out) in out.iter_mut().enumerate() {
            let pair = column / 2;
            let quant = nibble(self.quants[pair / 4], pair % 4).to_array()[row * 2 + column % 2];
            *out = f32::from(quant) * scale + min;
        }
    }
}

impl Block8 {
    fn pack(rows: [&[u8]; ROWS]) -> Self {
        let lane = |vector: usize, lane: usize| {
            let byte = |n: usize| rows[lane / 2][2 + (vector * 2 + n) * 2 + lane % 2];
            i16::from_le_bytes([byte(0), byte(1)])
        };
        Self {
            quants: from_fn(|v| i16x8::new(from_fn(|l| lane(v, l)))),
            scale: f32x4::new(from_fn(|row| f16(rows[row]))),
        }
    }

    fn unpack(&self, row: usize, out: &mut [f32; BLOCK]) {
        let scale = self.scale.to_array()[row];
        for (column, out) in out.iter_mut().enumerate() {
            let pair = column / 2;
            let lanes = self.quants[pair / 2];
            let quants = if pair.is_multiple_of(2) {
                low_byte(lanes)
            } else {
                high_byte(lanes)
            };
            *out = f32::from(quants.to_array()[row * 2 + column % 2]) * scale;
        }
    }
}

/// 32 activations of a token.
#[derive(Clone, Copy)]
struct ActivationBlock {
    /// Two neighbours in each: the lower half is the first.
    pairs: [i32; PAIRS],
    scale: f32,
    /// Sum of the activations, for the weights' minimum.
    sum: f32,
}

impl ActivationBlock {
    fn quantise(values: &[f32; BLOCK]) -> Self {
        let largest = values
            .iter()
            .fold(0.0_f32, |largest, v| largest.max(v.abs()));
        let scale = largest / ACTIVATION_MAX;
        // What is smaller than any normal number counts as zero, or its inverse would be infinite.
        let inverse = if scale >= f32::MIN_POSITIVE {
            1.0 / scale
        } else {
            0.0
        };
        let mut sum = 0;
        let mut pairs = [0; PAIRS];
        for (pair, two) in pairs.iter_mut().zip(values.as_chunks::<2>().0) {
            // Ties to even, because that is the rounding that WebAssembly has as an instruction.
            let [a, b] = two.map(|v| {
                (v * inverse)
                    .round_ties_even()
                    .clamp(-ACTIVATION_MAX, ACTIVATION_MAX) as i32
            });
            sum += a + b;
            *pair = (a & 0xFFFF) | (b << 16);
        }
        Self {
            pairs,
            scale,
            sum: scale * sum as f32,
        }
    }

    #[inline(always)]
    fn pair(&self, index: usize) -> i16x8 {
        bytemuck::cast(i32x4::splat(self.pairs[index]))
    }
}

/// The activations of several tokens, quantised.
#[derive(Default)]
pub(crate) struct Activations {
    blocks: Vec<ActivationBlock>,
}

impl Activations {
    /// Replaces them by `values`: whole tokens, one after the other.
    pub(crate) fn set(&mut self, values: &[f32]) {
        self.blocks.clear();
        self.blocks.extend(
            values
                .as_chunks::<BLOCK>()
                .0
                .iter()
                .map(ActivationBlock::quantise),
        );
    }
}

#[cfg(test)]
#[path = "quant_tests.rs"]
mod tests;
