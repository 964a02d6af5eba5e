//! An accelerator: here one that computes on the host's processor. One instance is kept and serves call after call; it keeps nothing
//! that a request said.

use evenhand_sdk::tensors::*;
use evenhand_sdk::{Backend, BackendModel, Error};

const NAME: &str = "double";

struct Device0;

impl Backend for Device0 {
    type Model = Double;

    fn describe() -> Result<BackendInfo, Error> {
        let device = Device {
            id: "cpu".into(),
            kind: DeviceKind::Cpu,
            name: "The host's processor".into(),
            memory_bytes: None,
            count: 1,
        };
        Ok(BackendInfo {
            vendor: "{{name}}".into(),
            name: "{{plugin}}".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            devices: vec![device],
            limits: Limits {
                max_batch: None,
                max_request_bytes: None,
                concurrency: Some(1),
            },
        })
    }

    fn ready() -> Result<(), Error> {
        Ok(())
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        Ok(vec![Double.info()])
    }

    fn open(name: String, _: ModelOptions) -> Result<Double, Error> {
        match name.as_str() {
            NAME => Ok(Double),
            _ => Err(Error::not_found(format!("there is no model {name:?}"))),
        }
    }
}

evenhand_sdk::export_accelerator!(Device0);

/// A model: twice its input.
struct Double;

impl BackendModel for Double {
    fn info(&self) -> ModelInfo {
        let vector = |name: &str| TensorSpec {
            name: name.into(),
            dtype: Dtype::Fp32,
            shape: vec![-1],
        };
        ModelInfo {
            name: NAME.into(),
            versions: Vec::new(),
            platform: "{{plugin}}".into(),
            tasks: vec![Task::Infer],
            inputs: vec![vector("in")],
            outputs: vec![vector("out")],
            max_context: None,
            dimensions: None,
        }
    }

    fn infer(&self, request: InferRequest) -> Result<InferResponse, Error> {
        let [input] = request.inputs.as_slice() else {
            return Err(Error::bad_request("there is one input, `in`").at("inputs"));
        };
        Ok(InferResponse {
            outputs: vec![double(input)?],
            work: Work {
                input_tokens: 0,
                output_tokens: 0,
                device_ns: None,
            },
        })
    }
}

/// Asks nothing of the host, so that tests need none.
fn double(input: &Tensor) -> Result<Tensor, Error> {
    let elements: u64 = input.shape.iter().product();
    let (floats, rest) = input.data.as_chunks::<4>();
    if input.dtype != Dtype::Fp32 || floats.len() as u64 != elements || !rest.is_empty() {
        return Err(Error::bad_request("`in` is a tensor of FP32").at("inputs"));
    }
    let twice = floats
        .iter()
        .flat_map(|bytes| (f32::from_le_bytes(*bytes) * 2.0).to_le_bytes());
    Ok(Tensor {
        name: "out".into(),
        dtype: Dtype::Fp32,
        shape: input.shape.clone(),
        data: twice.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32], shape: Vec<u64>) -> Tensor {
        Tensor {
            name: "in".into(),
            dtype: Dtype::Fp32,
            shape,
            data: values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        }
    }

    #[test]
    fn numbers_are_doubled() {
        let out = double(&tensor(&[1.5, -2.0], vec![2])).unwrap();
        assert_eq!(out.data, tensor(&[3.0, -4.0], vec![2]).data);
        assert!(double(&tensor(&[1.5], vec![2])).is_err());
    }
}
