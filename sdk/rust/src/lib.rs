//! For publishers: write an Evenhand plugin in Rust.
//!
//! A plugin is a `cdylib` for `wasm32-wasip2` that implements one trait and names it in one macro:
//! [`Provider`] with [`export_provider!`], [`Backend`] with [`export_accelerator!`], or [`Tools`] with [`export_tools!`], which are
//! best made of types that implement [`Tool`].
//! The contract itself is `wit/`; this crate gives it plain names.
//!
//! ```
//! use evenhand_sdk::{Error, Generation, Provider, types::*};
//!
//! struct Parrot;
//!
//! impl Provider for Parrot {
//!     fn models() -> Result<Vec<ModelInfo>, Error> {
//!         Ok(vec![ModelInfo::new("parrot")])
//!     }
//!
//!     fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error> {
//!         let said = request.messages.last().map(Message::text).unwrap_or_default();
//!         Ok(evenhand_sdk::answer(&said, FinishReason::Stop))
//!     }
//! }
//!
//! evenhand_sdk::export_provider!(Parrot);
//! ```

#![deny(missing_docs)]

mod accelerator;
mod build;
mod error;
pub mod http;
pub mod names;
mod provider;
pub mod schema;
pub mod sse;
mod stream;
mod tool;
mod warnings;

pub use accelerator::{Backend, BackendGeneration, BackendModel};
pub use error::Error;
pub use provider::{Generation, NativeRequest, Provider, answer};
pub use stream::{StreamTranslator, stream};
pub use tool::{Answer, Call, Failure, Json, Output, Tool, Tools};
use types::Event;
pub use warnings::{Warnings, merge_extensions};
#[doc(hidden)]
pub use {accelerator::BackendComponent, provider::ProviderComponent, tool::ToolComponent};

/// The example in the guide compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/publishing.md")]
struct Publishing;

/// The neutral form, as `wit/types.wit` documents it.
pub mod types {
    pub use crate::generated::provider::evenhand::plugin::types::{
        CacheMark, Citation, Content, Delta, EmbedInput, EmbedRequest, Embeddings, ErrorCode,
        Event, Extension, FinishReason, Finished, FunctionTool, GenerateRequest, Media,
        MediaSource, Message, ModelInfo, OutputFormat, OutputSchema, Part, PartDelta, PartEnded,
        PartKind, PartStarted, ProviderTool, Reasoning, ReasoningKind, ReasoningOptions,
        ResultContent, Role, Sampling, Source, Started, Task, Text, TokenCount, TokenLogprob, Tool,
        ToolCall, ToolCallStart, ToolChoice, ToolResult, UpstreamError, Usage, Warning, WholePart,
    };
}

/// Accelerators that the operator granted to a provider, as `wit/host.wit` documents them.
pub mod accelerators {
    pub use crate::generated::provider::evenhand::plugin::accelerators::{
        Generation, Model, Requirements, list, open,
    };
}

/// What goes to and from an accelerator, as `wit/accelerator.wit` documents it.
pub mod tensors {
    pub use crate::generated::provider::evenhand::plugin::tensors::{
        BackendInfo, Device, DeviceKind, Dtype, EmbedResult, GenerationEvent, GenerationFinish,
        InferRequest, InferResponse, Limits, ModelInfo, ModelOptions, Prompt, Sampling, Task,
        Tensor, TensorSpec, Turn, Work,
    };
}

/// Files of model weights that the operator granted.
pub mod weights {
    pub use crate::generated::provider::evenhand::plugin::weights::{File, names, open};
}

/// What tools, resources and prompts are made of, as `wit/tool.wit` documents it.
pub mod tools {
    pub use crate::generated::tool::evenhand::plugin::tool_types::{
        ResourceContents, ResourceData, ResourceInfo, ToolContent,
    };
    pub use crate::generated::tool::exports::evenhand::plugin::completions::Reference;
    pub use crate::generated::tool::exports::evenhand::plugin::prompts::{
        FilledPrompt, PromptArgument, PromptInfo, PromptMessage,
    };
    pub use crate::generated::tool::exports::evenhand::plugin::tools::{CallResult, ToolInfo};
}

/// What a tool may ask of the host, and tell the client behind the call, while it runs.
pub mod tool_host {
    pub use crate::generated::tool::evenhand::plugin::tool_host::{
        Elicited, NoticeLevel, SampleRequest, Sampled, elicit, notify, progress, sample,
    };
}

/// A note that the host keeps for this plugin, one for each key and session of a client.
pub mod state {
    pub use crate::generated::tool::evenhand::plugin::state::{get, set};
}

/// Values by key, in namespaces that the operator granted.
pub mod kv {
    pub use crate::generated::tool::evenhand::plugin::kv::{delete, get, keys, set};
}

/// Databases that the operator granted.
pub mod sql {
    pub use crate::generated::tool::evenhand::plugin::sql::{Answer, Database, databases, query};
}

/// The plugin's log.
pub mod log {
    pub use crate::generated::provider::evenhand::plugin::log::{Level, write};
}

/// What the operator wrote under `config` for this plugin, read into a type of the plugin's own.
///
/// # Errors
/// `internal`, naming what doesn't fit: it is not the client's fault.
pub fn config<T: serde::de::DeserializeOwned>() -> Result<T, Error> {
    let text = generated::provider::evenhand::plugin::config::get();
    serde_json::from_str(&text).map_err(|e| Error::internal(format!("its `config`: {e}")))
}

/// What wit-bindgen makes of `wit/`. Public for the macros only.
#[doc(hidden)]
#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
pub mod generated {
    pub mod provider {
        wit_bindgen::generate!({
            world: "provider-native-world",
            path: "../../wit",
            pub_export_macro: true,
            export_macro_name: "export_provider_world",
            default_bindings_module: "evenhand_sdk::generated::provider",
            // So that tests can compare. These two have a body, which is the host's.
            additional_derives: [PartialEq],
            additional_derives_ignore: ["payload", "request"],
        });
    }
    pub mod tool {
        wit_bindgen::generate!({
            world: "tool-all-world",
            path: "../../wit",
            pub_export_macro: true,
            export_macro_name: "export_tool_world",
            default_bindings_module: "evenhand_sdk::generated::tool",
            additional_derives: [PartialEq],
            with: {
                "evenhand:plugin/types@0.1.0": crate::generated::provider::evenhand::plugin::types,
                "evenhand:plugin/log@0.1.0": crate::generated::provider::evenhand::plugin::log,
                "evenhand:plugin/config@0.1.0": crate::generated::provider::evenhand::plugin::config,
                "evenhand:plugin/http@0.1.0": crate::generated::provider::evenhand::plugin::http,
            },
        });
    }
    pub mod accelerator {
        wit_bindgen::generate!({
            world: "accelerator",
            path: "../../wit",
            pub_export_macro: true,
            export_macro_name: "export_accelerator_world",
            default_bindings_module: "evenhand_sdk::generated::accelerator",
            with: {
                "evenhand:plugin/types@0.1.0": crate::generated::provider::evenhand::plugin::types,
                "evenhand:plugin/tensors@0.1.0": crate::generated::provider::evenhand::plugin::tensors,
                "evenhand:plugin/log@0.1.0": crate::generated::provider::evenhand::plugin::log,
                "evenhand:plugin/config@0.1.0": crate::generated::provider::evenhand::plugin::config,
                "evenhand:plugin/http@0.1.0": crate::generated::provider::evenhand::plugin::http,
                "evenhand:plugin/weights@0.1.0": crate::generated::provider::evenhand::plugin::weights,
            },
        });
    }
}
