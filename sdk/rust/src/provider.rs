use std::cell::RefCell;
use std::vec;

use crate::generated::provider::evenhand::plugin::http as wire;
use crate::generated::provider::exports::evenhand::plugin::{native, provider};
use crate::http::{Body, Response};
use crate::types::*;
use crate::{Error, Event};

pub use native::NativeRequest;

/// A component that knows models and a wire format. A fresh instance serves each call, so there is no `self`.
pub trait Provider: 'static {
    /// Is the operator's `config` one that can be served with? Asked once, at load, so that the operator sees what is wrong
    /// before a client does: `evenhand_sdk::config::<MyConfig>().map(drop)`.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check() -> Result<(), Error> {
        Ok(())
    }

    /// Models that are served now.
    ///
    /// # Errors
    /// Whatever kept the vendor from saying.
    fn models() -> Result<Vec<ModelInfo>, Error>;

    /// Begins an answer. Return as soon as the vendor has accepted the request.
    ///
    /// # Errors
    /// The vendor's refusal, or what this target cannot do.
    fn generate(request: GenerateRequest) -> Result<Box<dyn Generation>, Error>;

    /// Vectors for texts.
    ///
    /// # Errors
    /// `unsupported` unless the provider says otherwise.
    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        Err(Error::unsupported(format!(
            "{} cannot embed",
            request.model
        )))
    }

    /// Tokens of a request.
    ///
    /// # Errors
    /// `unsupported` unless the provider says otherwise.
    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        Err(Error::unsupported(format!(
            "{} cannot count tokens",
            request.model
        )))
    }

    /// Wire formats that the vendor itself speaks: requests of clients in these come to [`Provider::forward`].
    const DIALECTS: &'static [&'static str] = &[];

    /// Which of [`Provider::DIALECTS`] are forwarded under this configuration. Asked once, at load, after
    /// [`Provider::check`]; a new configuration is asked anew.
    fn dialects() -> Vec<String> {
        Self::DIALECTS.iter().map(ToString::to_string).collect()
    }

    /// Hands a client's request on as it is: names destination and credential.
    ///
    /// # Errors
    /// What kept it from being sent.
    fn forward(request: NativeRequest, body: Body) -> Result<Response, Error> {
        drop(body);
        Err(Error::unsupported(format!(
            "{} is not spoken here",
            request.dialect
        )))
    }
}

/// An answer in the making. Dropped when the client goes away.
pub trait Generation {
    /// The next events; `None` at the end, after [`Event::Finished`].
    ///
    /// # Errors
    /// What broke the answer off.
    fn next(&mut self) -> Result<Option<Vec<Event>>, Error>;
}

impl Generation for vec::IntoIter<Vec<Event>> {
    fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        Ok(Iterator::next(self))
    }
}

/// An answer of one text that is known already.
pub fn answer(text: &str, reason: FinishReason) -> Box<dyn Generation> {
    Box::new(
        vec![vec![
            Event::started(None, None),
            Event::part_started(0, PartKind::Text),
            Event::text(0, text),
            Event::part_ended(0, None),
            Event::finished(reason),
        ]]
        .into_iter(),
    )
}

/// Connects a [`Provider`] to the generated traits.
#[doc(hidden)]
pub struct ProviderComponent<P>(std::marker::PhantomData<P>);

#[doc(hidden)]
pub struct ProviderGeneration(RefCell<Box<dyn Generation>>);

impl provider::GuestGeneration for ProviderGeneration {
    fn next(&self) -> Result<Option<Vec<Event>>, Error> {
        self.0.borrow_mut().next()
    }
}

impl<P: Provider> provider::Guest for ProviderComponent<P> {
    type Generation = ProviderGeneration;

    fn check() -> Result<(), Error> {
        P::check()
    }

    fn models() -> Result<Vec<ModelInfo>, Error> {
        P::models()
    }

    fn generate(request: GenerateRequest) -> Result<provider::Generation, Error> {
        let generation = P::generate(request)?;
        Ok(provider::Generation::new(ProviderGeneration(RefCell::new(
            generation,
        ))))
    }

    fn embed(request: EmbedRequest) -> Result<Embeddings, Error> {
        P::embed(request)
    }

    fn count_tokens(request: GenerateRequest) -> Result<TokenCount, Error> {
        P::count_tokens(request)
    }
}

impl<P: Provider> native::Guest for ProviderComponent<P> {
    fn dialects() -> Vec<String> {
        P::dialects()
    }

    fn forward(request: NativeRequest, body: wire::Body) -> Result<wire::Response, Error> {
        P::forward(request, Body::from(body)).map(Response::into_raw)
    }
}

/// Makes a type that implements [`Provider`] this component's provider.
#[macro_export]
macro_rules! export_provider {
    ($provider:ty) => {
        #[doc(hidden)]
        type EvenhandProvider = $crate::ProviderComponent<$provider>;
        // Linkers of other targets refuse the names of a component's exports; there the type is only checked.
        #[cfg(not(target_family = "wasm"))]
        const _: Option<<EvenhandProvider as $crate::generated::provider::exports::evenhand::plugin::provider::Guest>::Generation> = None;
        #[cfg(target_family = "wasm")]
        $crate::generated::provider::export_provider_world!(EvenhandProvider with_types_in $crate::generated::provider);
    };
}
