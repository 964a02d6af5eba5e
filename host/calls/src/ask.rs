//! Calls of the host's own, in the neutral form: for agents, and for tools that ask a model.

use catalog::Revision;
use dialects::Answer;
use types::config::{Sample, Target};
use types::neutral::{
    Content, Event, FinishReason, GenerateRequest, Message, Part, Role, Sampling, Usage, Warning,
};
use types::tool::{SampleRequest, Sampled};
use types::{Error, ErrorCode};

use crate::neutral::Issued;
use crate::seal::Reader;
use crate::{Calls, Record, log_failed, not_loaded, unknown};

/// An answer in the making. Dropping it cancels it.
pub struct Asking {
    events: Issued,
    first: Option<Vec<Event>>,
    record: Record,
    target: Target,
}

impl Calls {
    /// Asks a model: on the first target of its name, and on the next as long as a target fails before its answer begins. Whether
    /// `owner`, a key's name, may use it is for the caller to know. What plugins must see again comes sealed, and goes back as it
    /// came.
    ///
    /// # Errors
    /// The request's fault, or that of the last target.
    pub async fn ask(
        &self,
        owner: &str,
        model: &str,
        request: &GenerateRequest,
    ) -> Result<Asking, Error> {
        let now = self.catalog.now().clone();
        let targets = router::targets(&now.config, model, |sum| rand::random_range(0..sum));
        let mut outcome = Err(unknown(model));
        for target in &targets {
            let mut record = Record::new(&self.metrics, owner, "agent", target);
            let begun = async {
                let revision = now.pick(&target.plugin);
                let revision = revision.ok_or_else(|| not_loaded(&target.plugin))?;
                record.revision = Some(revision.clone());
                let mut request = request.clone();
                request.model.clone_from(&target.model);
                let warnings = self.redeem(revision, owner, &mut request);
                let issuer = self.seals.issuer(&target.plugin, owner);
                Issued::begin(revision, request, issuer, warnings).await
            };
            match begun.await {
                Ok((events, first)) => {
                    record.status = 200;
                    return Ok(Asking {
                        events,
                        first: Some(first),
                        record,
                        target: target.clone(),
                    });
                }
                Err(error) => {
                    record.status = error.status();
                    let again = error.is_retryable();
                    if again {
                        log_failed(&target.plugin, &error);
                    }
                    outcome = Err(error);
                    if !again {
                        break;
                    }
                }
            }
        }
        outcome
    }

    /// Leaves in a request what a plugin may see of earlier answers, where what is kept of them is sealed.
    pub(crate) fn redeem(
        &self,
        revision: &Revision,
        owner: &str,
        request: &mut GenerateRequest,
    ) -> Vec<Warning> {
        let reader = Reader {
            seals: &self.seals,
            plugin: revision.plugin.name(),
            native: false,
            owner,
            restores: false,
        };
        reader.redeem(request)
    }

    /// Asks the model that is granted to a tool: the answer in one piece, and what it used.
    ///
    /// # Errors
    /// None is granted but the client's; the request's fault, or that of the last target.
    pub async fn sample(
        &self,
        owner: &str,
        granted: &Sample,
        request: SampleRequest,
    ) -> Result<(Sampled, Usage), Error> {
        let model = granted.model.as_ref().ok_or_else(|| {
            let message = "the client's model can't be asked here, and grant.sample names no other";
            Error::new(ErrorCode::Unsupported, message)
        })?;
        let mut asked = GenerateRequest::new(request.messages);
        if let Some(system) = request.system {
            let system = Message::new(Role::System, vec![Part::text(system)]);
            asked.messages.insert(0, system);
        }
        asked.sampling = Sampling {
            max_tokens: Some(request.max_tokens),
            temperature: request.temperature,
            stop: request.stop,
            ..Sampling::default()
        };
        let asking = self.ask(owner, model, &asked).await?;
        let target = asking.target.to_string();
        let (mut parts, reason, usage) = asking.spoken().await?;
        parts.retain(|part| !matches!(part.content, Content::Reasoning(_)));
        parts.iter_mut().for_each(|part| part.provider_data = None);
        let reason = match reason {
            FinishReason::Stop => "endTurn".into(),
            FinishReason::StopSequence(_) => "stopSequence".into(),
            FinishReason::Length | FinishReason::ContextFull => "maxTokens".into(),
            FinishReason::ToolCalls => "toolUse".into(),
            FinishReason::ContentFilter | FinishReason::Refusal => "refusal".into(),
            FinishReason::Paused => "paused".into(),
            FinishReason::Other(reason) => reason,
        };
        let sampled = Sampled {
            message: Message::new(Role::Assistant, parts),
            model: target,
            stop_reason: Some(reason),
        };
        Ok((sampled, usage))
    }
}

impl Asking {
    /// The target that answers.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The next events; `None` at the end.
    ///
    /// # Errors
    /// What broke the answer off.
    pub async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        let batch = match self.first.take() {
            Some(first) => Some(first),
            None => self.events.next().await?,
        };
        if let Some(events) = &batch {
            self.record.count(events);
        }
        Ok(batch)
    }

    /// The rest of the answer: its parts, why it ended, and what it used.
    ///
    /// # Errors
    /// What broke it off; it did not finish.
    pub async fn spoken(mut self) -> Result<(Vec<Part>, FinishReason, Usage), Error> {
        let mut answer = Answer::default();
        while let Some(events) = self.next().await? {
            events.into_iter().for_each(|event| answer.push(event));
        }
        answer.spoken()
    }
}
