//! The neutral path: the client's dialect to the neutral form, and events back.

use async_stream::stream;
use bytes::Bytes;
use catalog::Revision;
use dialects::responses;
use dialects::{Answer, Asked, Encoder, Form, Whole};
use futures::StreamExt;
use futures::stream::BoxStream;
use sandbox::Events;
use types::Error;
use types::neutral::{Event, GenerateRequest, Warning};

use crate::hosted::{Loop, Wanted, issuer};
use crate::kept::{Keeper, Writer};
use crate::seal::{Issuer, Reader};
use crate::{Attempt, Call, Record, Reply, Request};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

/// Most bytes of warnings in a header field: many clients take no more than 8 KiB of all fields together.
const MAX_WARNINGS: usize = 2048;

impl Attempt<'_> {
    pub(crate) async fn neutral(&mut self) -> Result<Reply, Error> {
        let wire = self.call.request.wire;
        match self.call.asked()? {
            Asked::Generate { mut request, form } => {
                self.address(&mut request);
                let Call { calls, caller, .. } = self.call;
                let wanted = calls.hosted(caller, &mut request).await?;
                self.generate(request, &form, wanted).await
            }
            Asked::Embed {
                mut request,
                base64,
            } => {
                request.model.clone_from(&self.target.model);
                let vectors = self.revision.plugin.embed(request).await?;
                let json = wire.vectors(&vectors, &self.call.scan.model, base64);
                self.count(|record| record.usage = Some(vectors.usage));
                Ok(self.whole(json, &vectors.warnings))
            }
            Asked::Count(mut request) => {
                self.address(&mut request);
                let Call { calls, caller, .. } = self.call;
                calls.hosted(caller, &mut request).await?;
                let warnings = self.redeem(&mut request);
                let count = self.revision.plugin.count_tokens(request).await?;
                Ok(self.whole(wire.count(&count), &warnings))
            }
        }
    }

    /// Names the vendor's model, and puts what a header field asks for beside what the body does.
    fn address(&self, request: &mut GenerateRequest) {
        request.model.clone_from(&self.target.model);
        let Request { wire, headers, .. } = self.call.request;
        wire.take_headers(headers, request);
    }

    /// Leaves in a request what the plugin may see of earlier answers.
    fn redeem(&self, request: &mut GenerateRequest) -> Vec<Warning> {
        let reader = Reader {
            seals: &self.call.calls.seals,
            plugin: &self.target.plugin,
            native: self.speaks(),
            owner: self.call.caller.name(),
            restores: !self.call.request.wire.returns_thoughts(),
        };
        reader.redeem(request)
    }

    async fn generate(
        &mut self,
        mut request: GenerateRequest,
        form: &Form,
        wanted: Option<Wanted>,
    ) -> Result<Reply, Error> {
        let streams = request.stream;
        let (plugin, owner) = (&self.target.plugin, self.call.caller.name());
        let Call { calls, .. } = self.call;
        let remembers = !self.call.request.wire.returns_thoughts();
        let issuer = issuer(&calls.seals, self.revision, owner, remembers);
        let asked = wanted.is_some().then(|| request.clone());
        let warnings = self.redeem(&mut request);
        let (issued, mut first) = Issued::begin(self.revision, request, issuer, warnings).await?;
        let events = match wanted.zip(asked) {
            None => Source::Plain(Box::new(issued)),
            Some((wanted, asked)) => {
                let mut looped = Loop::new(
                    calls,
                    self.revision,
                    owner,
                    remembers,
                    asked,
                    wanted,
                    issued,
                );
                looped.hear(std::mem::take(&mut first));
                first = looped.next().await?.unwrap_or_default();
                Source::Loop(Box::new(looped))
            }
        };
        let showing = Showing {
            form,
            keeper: self.call.keeper.clone(),
            model: &self.call.scan.model,
            streams,
            target: Some(self.target_header()),
            plugin,
        };
        let record = self.record.take();
        showing.show(events, first, record).await
    }

    fn whole(&mut self, json: String, warnings: &[Warning]) -> Reply {
        self.count(|record| record.status = 200);
        whole(json, Some(self.target_header()), warnings)
    }

    fn count(&mut self, count: impl FnOnce(&mut Record)) {
        self.record.as_mut().map(count);
    }
}

fn whole(json: String, target: Option<(String, String)>, warnings: &[Warning]) -> Reply {
    let body = Ok(Bytes::from(json));
    Reply {
        status: 200,
        headers: headers(JSON, target, warnings.iter()),
        body: futures::stream::once(async { body }).boxed(),
    }
}

fn headers<'w>(
    content_type: &str,
    target: Option<(String, String)>,
    warnings: impl Iterator<Item = &'w Warning>,
) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".into(), content_type.into())];
    headers.extend(target);
    headers.extend(warning_header(warnings));
    headers
}

/// How an answer is to be shown.
pub(crate) struct Showing<'a> {
    pub(crate) form: &'a Form,
    pub(crate) keeper: Option<Keeper>,
    /// The client's name of the model.
    pub(crate) model: &'a str,
    pub(crate) streams: bool,
    /// The header field that says who answered.
    pub(crate) target: Option<(String, String)>,
    /// Who is to blame where it breaks off.
    pub(crate) plugin: &'a str,
}

impl Showing<'_> {
    /// Shows an answer in the client's dialect, and keeps it where that is asked for.
    pub(crate) async fn show(
        self,
        mut events: Source,
        first: Vec<Event>,
        mut record: Option<Record>,
    ) -> Result<Reply, Error> {
        let Self {
            form,
            keeper,
            model,
            streams,
            target,
            plugin,
        } = self;
        if streams {
            let warnings = first.iter().filter_map(|event| match event {
                Event::Warning(warning) => Some(warning),
                _ => None,
            });
            let headers = headers(SSE, target, warnings);
            let writer = match (form.response(), keeper) {
                (Some(of), Some(keeper)) => Written::Kept(Box::new(Writer::new(of, model, keeper))),
                _ => Written::Told(form.encoder(model)),
            };
            if let Some(record) = &mut record {
                record.status = 200;
            }
            let body = encoded(events, first, writer, record);
            return Ok(Reply {
                status: 200,
                headers,
                body,
            });
        }
        let outcome = async {
            let mut answer = Answer::default();
            let mut batch = Some(first);
            while let Some(said) = batch {
                if let Some(record) = &mut record {
                    record.count(&said);
                }
                said.into_iter().for_each(|event| answer.push(event));
                batch = events.next().await?;
            }
            match (form.response(), keeper) {
                (Some(of), Some(keeper)) => {
                    let whole = responses::whole(&of.settings, &of.input, answer, model);
                    let (whole, stored) = whole.map_err(|error| error.of(plugin))?;
                    keeper.keep(&stored, &[]).await?;
                    Ok(whole)
                }
                _ => form.whole(answer, model).map_err(|error| error.of(plugin)),
            }
        };
        let outcome = outcome.await;
        if let Some(record) = &mut record {
            record.status = outcome.as_ref().map_or_else(Error::status, |_| 200);
        }
        let Whole { body, warnings } = outcome?;
        Ok(whole(body.to_string(), target, &warnings))
    }
}

/// A plugin's answer. What it must see again is sealed before anybody else sees it.
pub(crate) struct Issued {
    events: Events,
    issuer: Issuer,
    plugin: String,
}

impl Issued {
    /// Begins an answer, and waits for its first events: one that fails before it begins is an error with a status, and another
    /// target may do better. `warnings` come with them.
    pub(crate) async fn begin(
        revision: &Revision,
        request: GenerateRequest,
        issuer: Issuer,
        warnings: Vec<Warning>,
    ) -> Result<(Self, Vec<Event>), Error> {
        let mut events = Self {
            events: revision.plugin.generate(request).await?,
            issuer,
            plugin: revision.plugin.name().into(),
        };
        let mut first = events.next().await?.unwrap_or_default();
        let at = usize::from(matches!(first.first(), Some(Event::Started(_))));
        first.splice(at..at, warnings.into_iter().map(Event::Warning));
        Ok((events, first))
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        let mut batch = match self.events.next().await.transpose() {
            Ok(batch) => batch,
            Err(error) if error.plugin.is_some() => return Err(error),
            Err(error) => return Err(error.of(&self.plugin)),
        };
        let all = batch.iter_mut().flatten();
        all.for_each(|event| self.issuer.issue(event));
        Ok(batch)
    }
}

/// An answer, with the host's own calls in it where it has some.
pub(crate) enum Source {
    Plain(Box<Issued>),
    Loop(Box<Loop>),
    /// Of whoever else answers.
    Other(Others),
}

/// Events of an answer that no plugin gives.
pub(crate) type Others = BoxStream<'static, Result<Vec<Event>, Error>>;

impl Source {
    async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        match self {
            Self::Plain(issued) => issued.next().await,
            Self::Loop(looped) => looped.next().await,
            Self::Other(others) => others.next().await.transpose(),
        }
    }
}

/// Writes a stream.
enum Written {
    Told(Box<dyn Encoder>),
    Kept(Box<Writer>),
}

impl Written {
    async fn push(&mut self, events: Vec<Event>) -> Result<String, Error> {
        match self {
            Self::Kept(writer) => writer.push(events).await,
            Self::Told(encoder) => {
                let mut out = String::new();
                events
                    .into_iter()
                    .for_each(|event| encoder.push(event, &mut out));
                Ok(out)
            }
        }
    }

    async fn end(&mut self, ended: Result<(), Error>) -> Result<String, Error> {
        match self {
            Self::Kept(writer) => writer.end(ended).await,
            Self::Told(encoder) => {
                let mut out = String::new();
                match ended {
                    Ok(()) => encoder.finish(&mut out),
                    Err(error) => encoder.fail(&error, &mut out),
                }
                Ok(out)
            }
        }
    }
}

/// Events as the dialect's stream.
fn encoded(
    mut events: Source,
    first: Vec<Event>,
    mut writer: Written,
    mut record: Option<Record>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    stream! {
        let mut batch = first;
        loop {
            if let Some(record) = &mut record {
                record.count(&batch);
            }
            match writer.push(batch).await {
                Ok(out) if out.is_empty() => {}
                Ok(out) => yield Ok(out.into()),
                Err(error) => {
                    if let Some(record) = &mut record {
                        record.broke_off = true;
                    }
                    yield Err(error);
                    return;
                }
            }
            batch = match events.next().await {
                Ok(Some(events)) => events,
                ended => {
                    if let Some(record) = &mut record {
                        record.broke_off = ended.is_err();
                    }
                    yield writer.end(ended.map(drop)).await.map(Into::into);
                    return;
                }
            };
        }
    }
    .boxed()
}

/// What was not honoured, where the dialects' bodies have no place for it: `field: message; field: message; and 3 more`.
fn warning_header<'a>(warnings: impl Iterator<Item = &'a Warning>) -> Option<(String, String)> {
    let (mut value, mut left_out) = (String::new(), 0);
    for Warning { field, message } in warnings {
        let text = format!("{field}: {message}");
        let plain: String = text.chars().map(plain).take(MAX_WARNINGS).collect();
        if value.is_empty() {
            value = plain;
        } else if left_out == 0 && value.len() + plain.len() < MAX_WARNINGS {
            value = value + "; " + &plain;
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        value += &format!("; and {left_out} more");
    }
    (!value.is_empty()).then(|| ("evenhand-warning".into(), value))
}

/// Only what a header field may have.
fn plain(c: char) -> char {
    match c.is_ascii_graphic() || c == ' ' {
        true => c,
        false => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_warnings_stays_small() {
        let warning = |message: &str| Warning {
            field: "a".into(),
            message: message.into(),
        };
        let header = |warnings: &[Warning]| warning_header(warnings.iter()).map(|(_, value)| value);
        assert_eq!(header(&[]), None);
        let two = [warning("left\nout"), warning("é")];
        assert_eq!(header(&two).unwrap(), "a: left?out; a: ?");
        let many = vec![warning(&"x".repeat(997)); 5];
        let some = header(&many).unwrap();
        assert!(some.ends_with("x; and 3 more"), "{some}");
        for warnings in [many, vec![warning(&"x".repeat(100_000)); 2]] {
            assert!(header(&warnings).unwrap().len() < MAX_WARNINGS + 20);
        }
    }
}
