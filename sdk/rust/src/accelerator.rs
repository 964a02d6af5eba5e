use std::cell::RefCell;
use std::marker::PhantomData;

use crate::Error;
use crate::generated::accelerator::exports::evenhand::plugin::backend;
use crate::tensors::*;

/// A component that computes on a device. One instance is kept with its weights: keep models in
/// `thread_local!` state, and nothing that a request said.
pub trait Backend: 'static {
    /// An open model.
    type Model: BackendModel;

    /// What it is and which devices it has.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn describe() -> Result<BackendInfo, Error>;

    /// Able to serve now?
    ///
    /// # Errors
    /// Why not.
    fn ready() -> Result<(), Error>;

    /// Models that it has.
    ///
    /// # Errors
    /// What kept it from knowing.
    fn models() -> Result<Vec<ModelInfo>, Error>;

    /// Opens one, loading it where needed.
    ///
    /// # Errors
    /// `not-found`, or what kept it from loading.
    fn open(name: String, options: ModelOptions) -> Result<Self::Model, Error>;
}

/// An open model. What it can't do is `unsupported`.
pub trait BackendModel: 'static {
    /// What it is.
    fn info(&self) -> ModelInfo;

    /// Tensors in, tensors out.
    ///
    /// # Errors
    /// `unsupported` unless the model says otherwise.
    fn infer(&self, request: InferRequest) -> Result<InferResponse, Error> {
        drop(request);
        Err(Error::unsupported(format!(
            "{} does not take tensors",
            self.info().name
        )))
    }

    /// Texts to vectors.
    ///
    /// # Errors
    /// `unsupported` unless the model says otherwise.
    fn embed(&self, texts: Vec<String>) -> Result<EmbedResult, Error> {
        drop(texts);
        Err(Error::unsupported(format!(
            "{} does not embed",
            self.info().name
        )))
    }

    /// Counts tokens of a prompt.
    ///
    /// # Errors
    /// `unsupported` unless the model says otherwise.
    fn count_tokens(&self, prompt: Prompt) -> Result<u32, Error> {
        drop(prompt);
        Err(Error::unsupported(format!(
            "{} does not count tokens",
            self.info().name
        )))
    }

    /// Begins a generation.
    ///
    /// # Errors
    /// `unsupported` unless the model says otherwise.
    fn generate(
        &self,
        prompt: Prompt,
        sampling: Sampling,
    ) -> Result<Box<dyn BackendGeneration>, Error> {
        drop((prompt, sampling));
        Err(Error::unsupported(format!(
            "{} does not generate",
            self.info().name
        )))
    }
}

/// An answer in the making on an accelerator.
pub trait BackendGeneration {
    /// The next events within about 50 ms; an empty list means that work goes on; `None` at the end.
    ///
    /// # Errors
    /// What broke it off.
    fn next(&mut self) -> Result<Option<Vec<GenerationEvent>>, Error>;
}

/// Connects a [`Backend`] to the generated traits.
#[doc(hidden)]
pub struct BackendComponent<B>(PhantomData<B>);

#[doc(hidden)]
pub struct ModelResource<M>(M);

#[doc(hidden)]
pub struct GenerationResource(RefCell<Box<dyn BackendGeneration>>);

impl backend::GuestGeneration for GenerationResource {
    fn next(&self) -> Result<Option<Vec<GenerationEvent>>, Error> {
        self.0.borrow_mut().next()
    }
}

impl<M: BackendModel> backend::GuestModel for ModelResource<M> {
    fn info(&self) -> ModelInfo {
        self.0.info()
    }

    fn infer(&self, request: InferRequest) -> Result<InferResponse, Error> {
        self.0.infer(request)
    }

    fn embed(&self, texts: Vec<String>) -> Result<EmbedResult, Error> {
        self.0.embed(texts)
    }

    fn count_tokens(&self, prompt: Prompt) -> Result<u32, Error> {
        self.0.count_tokens(prompt)
    }

    fn generate(&self, prompt: Prompt, sampling: Sampling) -> Result<backend::Generation, Error> {
        let generation = self.0.generate(prompt, sampling)?;
        Ok(backend::Generation::new(GenerationResource(RefCell::new(
            generation,
        ))))
    }
}

impl<B: Backend> backend::Guest for BackendComponent<B> {
    type Generation = GenerationResource;
    type Model = ModelResource<B::Model>;

    fn describe() -> Result<BackendInfo, Error> {
        B::describe()
    }

    fn ready() -> Result<(), Error> {
        B::ready()
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        B::models()
    }

    fn open(name: String, options: ModelOptions) -> Result<backend::Model, Error> {
        Ok(backend::Model::new(ModelResource(B::open(name, options)?)))
    }
}

/// Makes a type that implements [`Backend`] this component's accelerator.
#[macro_export]
macro_rules! export_accelerator {
    ($backend:ty) => {
        #[doc(hidden)]
        type EvenhandBackend = $crate::BackendComponent<$backend>;
        // Linkers of other targets refuse the names of a component's exports; there the type is only checked.
        #[cfg(not(target_family = "wasm"))]
        const _: Option<<EvenhandBackend as $crate::generated::accelerator::exports::evenhand::plugin::backend::Guest>::Model> = None;
        #[cfg(target_family = "wasm")]
        $crate::generated::accelerator::export_accelerator_world!(EvenhandBackend with_types_in $crate::generated::accelerator);
    };
}
