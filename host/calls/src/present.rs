//! Answers that no plugin gives, in the client's dialect: those of hosted agents.

use dialects::{Asked, Form};
use futures::StreamExt;
use futures::stream::BoxStream;
use types::Error;
use types::neutral::{Event, GenerateRequest};

use crate::kept::Lasting;
use crate::neutral::{Showing, Source};
use crate::{Caller, Calls, Reply, Request};

impl Calls {
    /// Runs a request whose answer somebody else gives: what it refers to is there, and what is to be kept of it is kept.
    ///
    /// # Errors
    /// The request's fault, or of whoever answers; it asks for what is not there: an answer in the background.
    pub async fn present<F>(
        &self,
        caller: &Caller,
        request: Request,
        answer: impl FnOnce(GenerateRequest) -> F,
    ) -> Result<Reply, Error>
    where
        F: Future<Output = Result<BoxStream<'static, Result<Vec<Event>, Error>>, Error>>,
    {
        let scan = dialects::native::scan(&request.body)?;
        let lasting = self.lasting(caller, &request).await?;
        if lasting.as_ref().is_some_and(Lasting::in_background) {
            let message =
                "an agent answers in the background by a session: POST /v1/agents/sessions";
            return Err(Error::bad_request(message).at("background"));
        }
        let (asked, keeper) = match lasting {
            Some(Lasting { asked, keeper }) => (asked, keeper),
            None => (request.wire.parse(&request.body)?, None),
        };
        let Asked::Generate { mut request, form } = asked else {
            let message = format!(
                "{:?} is an agent: it answers, and does nothing else",
                scan.model
            );
            return Err(Error::bad_request(message).at("model"));
        };
        crate::hosted::restore(&mut request.messages);
        let streams = request.stream;
        let mut events = answer(request).await?;
        let first = events.next().await.transpose()?.unwrap_or_default();
        let showing = Showing {
            form: &form as &Form,
            keeper,
            model: &scan.model,
            streams,
            target: None,
            plugin: &scan.model,
        };
        showing.show(Source::Other(events), first, None).await
    }
}
