use std::marker::PhantomData;

use crate::Error;
use crate::generated::tool::exports::evenhand::plugin::{completions, prompts, resources, tools};
use crate::tools::*;

/// What a tool component offers. A fresh instance serves each call, so there is no `self`.
///
/// Tools alone are best written as types that implement [`Tool`](crate::Tool): a tuple of them implements this trait. Who offers
/// resources, prompts or completions too implements it, and may hand on to the tuple: `<(Add, Remove)>::list_tools()`.
pub trait Tools: 'static {
    /// The tools. Asked at load and whenever somebody lists them.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn list_tools() -> Result<Vec<ToolInfo>, Error>;

    /// Runs one. The host has checked `arguments`, a JSON object, against the schema. `id` is the call's, the same where the host
    /// repeats a call of an idempotent tool. What the model may correct is a [`CallResult::failed`].
    ///
    /// # Errors
    /// `not-found` where there is no such tool, and what isn't the model's to correct.
    fn call_tool(id: String, name: String, arguments: String) -> Result<CallResult, Error>;

    /// The call of this id was cancelled, or ran out of time, and its instance is gone: ends what it began elsewhere.
    fn cancel_tool(id: String, name: String) {
        drop((id, name));
    }

    /// Things to read.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn list_resources() -> Result<Vec<ResourceInfo>, Error> {
        Ok(Vec::new())
    }

    /// URI templates (RFC 6570) of things to read.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn list_templates() -> Result<Vec<ResourceInfo>, Error> {
        Ok(Vec::new())
    }

    /// Reads one.
    ///
    /// # Errors
    /// `not-found` where there is none.
    fn read_resource(uri: String) -> Result<Vec<ResourceContents>, Error> {
        Err(Error::not_found(format!("there is no resource {uri}")))
    }

    /// Prompts to fill in.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn list_prompts() -> Result<Vec<PromptInfo>, Error> {
        Ok(Vec::new())
    }

    /// Fills one in.
    ///
    /// # Errors
    /// `not-found` where there is none; `bad-request` where an argument is missing.
    fn get_prompt(name: String, arguments: Vec<(String, String)>) -> Result<FilledPrompt, Error> {
        drop(arguments);
        Err(Error::not_found(format!("there is no prompt {name}")))
    }

    /// Values for an argument that begin with `value`, best first. `others` has arguments that are known already.
    ///
    /// # Errors
    /// `not-found` where there is no such prompt or template.
    fn complete(
        of: Reference,
        argument: String,
        value: String,
        others: Vec<(String, String)>,
    ) -> Result<Vec<String>, Error> {
        drop((of, argument, value, others));
        Ok(Vec::new())
    }
}

/// Connects [`Tools`] to the generated traits.
#[doc(hidden)]
pub struct ToolComponent<T>(PhantomData<T>);

impl<T: Tools> tools::Guest for ToolComponent<T> {
    fn list_tools() -> Result<Vec<ToolInfo>, Error> {
        T::list_tools()
    }

    fn call_tool(id: String, name: String, arguments: String) -> Result<CallResult, Error> {
        T::call_tool(id, name, arguments)
    }

    fn cancel_tool(id: String, name: String) {
        T::cancel_tool(id, name);
    }
}

impl<T: Tools> resources::Guest for ToolComponent<T> {
    fn list_resources() -> Result<Vec<ResourceInfo>, Error> {
        T::list_resources()
    }

    fn list_templates() -> Result<Vec<ResourceInfo>, Error> {
        T::list_templates()
    }

    fn read_resource(uri: String) -> Result<Vec<ResourceContents>, Error> {
        T::read_resource(uri)
    }
}

impl<T: Tools> prompts::Guest for ToolComponent<T> {
    fn list_prompts() -> Result<Vec<PromptInfo>, Error> {
        T::list_prompts()
    }

    fn get_prompt(name: String, arguments: Vec<(String, String)>) -> Result<FilledPrompt, Error> {
        T::get_prompt(name, arguments)
    }
}

impl<T: Tools> completions::Guest for ToolComponent<T> {
    fn complete(
        of: Reference,
        argument: String,
        value: String,
        others: Vec<(String, String)>,
    ) -> Result<Vec<String>, Error> {
        T::complete(of, argument, value, others)
    }
}

/// Makes a type that implements [`Tools`] this component's tools: a type of its own, or a tuple such as `(Add, Remove)`.
#[macro_export]
macro_rules! export_tools {
    ($tools:ty) => {
        #[doc(hidden)]
        type EvenhandTools = $crate::ToolComponent<$tools>;
        // Linkers of other targets refuse the names of a component's exports; there the type is only checked.
        #[cfg(not(target_family = "wasm"))]
        const _: fn() -> Result<Vec<$crate::tools::ToolInfo>, $crate::Error> =
            <EvenhandTools as $crate::generated::tool::exports::evenhand::plugin::tools::Guest>::list_tools;
        #[cfg(target_family = "wasm")]
        $crate::generated::tool::export_tool_world!(EvenhandTools with_types_in $crate::generated::tool);
    };
}
