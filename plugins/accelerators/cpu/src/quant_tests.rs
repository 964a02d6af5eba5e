use super::*;

/// Numbers in −1..1 that look random: a linear congruence, Knuth's constants.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Bytes of a matrix as in a GGUF file, and the weights that they mean by GGUF's definition.
fn matrix(format: Format, rows: usize, columns: usize, noise: &mut Noise) -> (Matrix, Vec<f32>) {
    let mut bytes = Vec::new();
    let mut floats = Vec::new();
    for _ in 0..rows * columns / BLOCK {
        let scale = half::f16::from_f32(noise.next() * 0.1);
        let min = half::f16::from_f32(noise.next());
        bytes.extend(scale.to_le_bytes());
        match format {
            Format::Q4_1 => {
                bytes.extend(min.to_le_bytes());
                let quants: [u8; 16] = from_fn(|_| ((noise.next() + 1.0) * 127.0) as u8);
                bytes.extend(quants);
                let nibbles = quants
                    .iter()
                    .map(|q| q & 0xF)
                    .chain(quants.iter().map(|q| q >> 4));
                floats.extend(nibbles.map(|q| f32::from(q) * scale.to_f32() + min.to_f32()));
            }
            Format::Q8_0 => {
                let quants: [i8; 32] = from_fn(|i| {
                    if i == 0 {
                        -128
                    } else {
                        (noise.next() * 127.0) as i8
                    }
                });
                bytes.extend(quants.map(i8::cast_unsigned));
                floats.extend(quants.map(|q| f32::from(q) * scale.to_f32()));
            }
        }
    }
    let mut packed = Matrix::with_capacity(format, rows, columns);
    bytes
        .chunks(columns / BLOCK * format.block_bytes() * ROWS)
        .for_each(|panel| packed.push_panel(panel));
    (packed, floats)
}

#[test]
fn rows_come_back_as_they_went_in() {
    for format in [Format::Q4_1, Format::Q8_0] {
        let (matrix, floats) = matrix(format, 8, 96, &mut Noise(1));
        for (row, expected) in floats.chunks(96).enumerate() {
            let mut out = [0.0; 96];
            matrix.row(row, &mut out);
            assert_eq!(out, expected, "{format:?} row {row}");
        }
    }
}

/// By definition each activation is off by half a step at most, and a step is 1/32767 of the largest in its block.
/// The sums of blocks are added as f32.
fn most_error(weights: &[f32], input: &[f32]) -> f64 {
    let blocks = weights.chunks(BLOCK).zip(input.chunks(BLOCK));
    blocks
        .map(|(weights, input)| {
            let largest = input
                .iter()
                .fold(0.0_f32, |largest, x| largest.max(x.abs()));
            let weights: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
            let half_step = f64::from(largest) / 32767.0 / 2.0;
            weights * (half_step + f64::from(largest) * f64::from(f32::EPSILON) * 4.0)
        })
        .sum()
}

#[test]
fn products_match_a_float_reference() {
    let (rows, columns) = (24, 160);
    for format in [Format::Q4_1, Format::Q8_0] {
        let mut noise = Noise(2);
        let (matrix, floats) = matrix(format, rows, columns, &mut noise);
        for tokens in [1, 3, 4, 7, 16] {
            // One activation in 50 is large, as in a real model.
            let input: Vec<f32> = (0..tokens * columns)
                .map(|i| noise.next() * if i % 50 == 0 { 100.0 } else { 1.0 })
                .collect();
            let mut activations = Activations::default();
            activations.set(&input);
            let mut out = vec![0.0; tokens * rows];
            matrix.multiply(&activations, &mut out);
            for (token, input) in input.chunks(columns).enumerate() {
                for (row, weights) in floats.chunks(columns).enumerate() {
                    let expected: f64 = weights
                        .iter()
                        .zip(input)
                        .map(|(w, x)| f64::from(*w) * f64::from(*x))
                        .sum();
                    let error = (f64::from(out[token * rows + row]) - expected).abs();
                    let bound = most_error(weights, input);
                    assert!(
                        error <= bound,
                        "{format:?}, {tokens} tokens: row {row} is off by {error} > {bound}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_batch_gives_the_same_bits_as_one_token_at_a_time() {
    let (rows, columns, tokens) = (16, 64, 7);
    let mut noise = Noise(3);
    let (matrix, _) = matrix(Format::Q4_1, rows, columns, &mut noise);
    let input: Vec<f32> = (0..tokens * columns).map(|_| noise.next()).collect();
    let mut activations = Activations::default();
    activations.set(&input);
    let mut batch = vec![0.0; tokens * rows];
    matrix.multiply(&activations, &mut batch);
    for (input, expected) in input.chunks(columns).zip(batch.chunks(rows)) {
        activations.set(input);
        let mut out = vec![0.0; rows];
        matrix.multiply(&activations, &mut out);
        assert_eq!(out, expected);
    }
}

#[test]
fn extremes_do_not_overflow() {
    let mut bytes = Vec::new();
    for _ in 0..ROWS {
        bytes.extend(half::f16::ONE.to_le_bytes());
        bytes.extend([0x80; 32]);
    }
    let mut matrix = Matrix::with_capacity(Format::Q8_0, ROWS, BLOCK);
    matrix.push_panel(&bytes);
    let mut activations = Activations::default();
    activations.set(&[-3.0; BLOCK]);
    let mut out = [0.0; ROWS];
    matrix.multiply(&activations, &mut out);
    assert_eq!(out, [32.0 * 128.0 * 3.0; ROWS]);

    activations.set(&[0.0; BLOCK]);
    matrix.multiply(&activations, &mut out);
    assert_eq!(out, [0.0; ROWS]);
}
