//! GGUF files: metadata and tensors. The format is parsed by candle; tensors are packed as they are read.

use std::io::{Read, Seek, SeekFrom};

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};

use crate::error::Error;
use crate::quant::{BLOCK, Format, Matrix, ROWS};
use crate::weights::{Reader, Weights};

/// An open GGUF file.
pub(crate) struct Gguf<'a> {
    content: Content,
    reader: Reader<'a>,
    size: u64,
}

impl<'a> Gguf<'a> {
    pub(crate) fn open(weights: &'a dyn Weights) -> Result<Self, Error> {
        let mut reader = Reader::new(weights);
        let content = Content::read(&mut reader).map_err(Error::invalid)?;
        Ok(Self {
            content,
            reader,
            size: weights.size(),
        })
    }

    /// The value of `key`, where there is one.
    pub(crate) fn find<T: Metadata>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.content.metadata.get(key) else {
            return Ok(None);
        };
        match T::from_value(value) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::Invalid(format!(
                "`{key}` has the wrong type {:?}",
                value.value_type()
            ))),
        }
    }

    /// The value of `key`.
    pub(crate) fn get<T: Metadata>(&self, key: &str) -> Result<T, Error> {
        self.find(key)?
            .ok_or_else(|| Error::Invalid(format!("it has no `{key}`")))
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// A vector of floats.
    pub(crate) fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>, Error> {
        let info = self.tensor(name, &[len])?;
        if info.ggml_dtype != GgmlDType::F32 {
            return Err(Error::Unsupported(format!(
                "tensor `{name}` is {:?}, not F32",
                info.ggml_dtype
            )));
        }
        let mut bytes = vec![0; self.seek(name, info.offset, len as u64 * 4)?];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect())
    }

    /// A quantised matrix.
    pub(crate) fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Matrix, Error> {
        let info = self.tensor(name, &[rows, columns])?;
        let format = match info.ggml_dtype {
            GgmlDType::Q4_1 => Format::Q4_1,
            GgmlDType::Q8_0 => Format::Q8_0,
            other => {
                return Err(Error::Unsupported(format!(
                    "tensor `{name}` is {other:?}, not Q4_1 or Q8_0"
                )));
            }
        };
        if !rows.is_multiple_of(ROWS) || !columns.is_multiple_of(BLOCK) || columns == 0 {
            return Err(Error::Unsupported(format!(
                "tensor `{name}` has {rows} rows of {columns}"
            )));
        }
        let panel_bytes = ROWS * columns / BLOCK * format.block_bytes();
        self.seek(name, info.offset, (rows / ROWS) as u64 * panel_bytes as u64)?;
        let mut matrix = Matrix::with_capacity(format, rows, columns);
        let mut panel = vec![0; panel_bytes];
        for _ in 0..rows / ROWS {
            self.reader.read_exact(&mut panel)?;
            matrix.push_panel(&panel);
        }
        Ok(matrix)
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<TensorInfo, Error> {
        let info = self.content.tensor_infos.get(name);
        let info = info.ok_or_else(|| Error::Invalid(format!("it has no tensor `{name}`")))?;
        if info.shape.dims() != shape {
            return Err(Error::Invalid(format!(
                "tensor `{name}` has shape {:?}, not {shape:?}",
                info.shape.dims()
            )));
        }
        Ok(TensorInfo {
            ggml_dtype: info.ggml_dtype,
            shape: info.shape.clone(),
            offset: info.offset,
        })
    }

    /// Goes to a tensor. Its extent is checked before anybody allocates memory for it.
    fn seek(&mut self, name: &str, offset: u64, bytes: u64) -> Result<usize, Error> {
        let start = self.content.tensor_data_offset.checked_add(offset);
        let start =
            start.filter(|start| start.checked_add(bytes).is_some_and(|end| end <= self.size));
        let start =
            start.ok_or_else(|| Error::Invalid(format!("tensor `{name}` goes beyond its end")))?;
        self.reader.seek(SeekFrom::Start(start))?;
        usize::try_from(bytes).map_err(Error::invalid)
    }
}

/// Types of metadata.
pub(crate) trait Metadata: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl Metadata for usize {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::I32(n) => usize::try_from(*n).ok(),
            Value::I64(n) => usize::try_from(*n).ok(),
            value => usize::try_from(value.to_u64().ok()?).ok(),
        }
    }
}

impl Metadata for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        usize::from_value(value).and_then(|n| u32::try_from(n).ok())
    }
}

impl Metadata for bool {
    fn from_value(value: &Value) -> Option<Self> {
        value.to_bool().ok()
    }
}

impl Metadata for f32 {
    fn from_value(value: &Value) -> Option<Self> {
        value.to_f32().ok()
    }
}

impl Metadata for String {
    fn from_value(value: &Value) -> Option<Self> {
        value.to_string().ok().cloned()
    }
}

impl<T: Metadata> Metadata for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        value.to_vec().ok()?.iter().map(T::from_value).collect()
    }
}
