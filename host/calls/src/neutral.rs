//! The neutral path: the client's dialect to the neutral form, and events back.

use async_stream::stream;
use bytes::Bytes;
use dialects::{Asked, Encoder, Whole};
use futures::StreamExt;
use sandbox::Events;
use serde_json::Value;
use types::Error;
use types::neutral::{Event, GenerateRequest, Warning};

use crate::{Attempt, Record, Reply};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

impl Attempt<'_> {
    pub(crate) async fn neutral(mut self) -> Result<Reply, Error> {
        let wire = self.request.wire;
        match wire.parse(&self.request.body)? {
            Asked::Generate {
                request,
                include_usage,
            } => self.generate(request, include_usage).await,
            Asked::Embed {
                mut request,
                base64,
            } => {
                request.model.clone_from(&self.target.model);
                let vectors = self.revision.plugin.embed(request).await?;
                let json = wire.vectors(&vectors, &self.scan.model, base64);
                self.record.used(Some(vectors.usage));
                Ok(self.whole(json, &vectors.warnings))
            }
            Asked::Count(mut request) => {
                request.model.clone_from(&self.target.model);
                let count = self.revision.plugin.count_tokens(request).await?;
                Ok(self.whole(wire.count(&count), &[]))
            }
        }
    }

    async fn generate(
        mut self,
        mut request: GenerateRequest,
        include_usage: bool,
    ) -> Result<Reply, Error> {
        request.model.clone_from(&self.target.model);
        let streams = request.stream;
        let mut events = self.revision.plugin.generate(request).await?;
        // An answer that fails before it begins is an error with a status, and another target may do better.
        let first = next(&mut events, &self.target.plugin)
            .await?
            .unwrap_or_default();
        let model = &self.scan.model;
        if streams {
            let headers = self
                .headers(SSE)
                .into_iter()
                .chain(warning_header(&first))
                .collect();
            let encoder = self.request.wire.encoder(model, include_usage);
            self.record.status = 200;
            let body = encoded(
                events,
                first,
                encoder,
                self.record,
                self.target.plugin.clone(),
            );
            return Ok(Reply {
                status: 200,
                headers,
                body,
            });
        }
        let mut all = first;
        while let Some(more) = next(&mut events, &self.target.plugin).await? {
            all.extend(more);
        }
        self.record.count(&all);
        let whole = self.request.wire.whole(all, model);
        let Whole { body, warnings } = whole.map_err(|error| error.of(&self.target.plugin))?;
        Ok(self.whole(body, &warnings))
    }

    fn whole(mut self, json: Value, warnings: &[Warning]) -> Reply {
        self.record.status = 200;
        let body = Ok(Bytes::from(json.to_string()));
        Reply {
            status: 200,
            headers: self
                .headers(JSON)
                .into_iter()
                .chain(header(warnings.iter()))
                .collect(),
            body: futures::stream::once(async { body }).boxed(),
        }
    }
}

async fn next(events: &mut Events, plugin: &str) -> Result<Option<Vec<Event>>, Error> {
    events
        .next()
        .await
        .transpose()
        .map_err(|error| error.of(plugin))
}

/// Events as the dialect's stream.
fn encoded(
    mut events: Events,
    first: Vec<Event>,
    mut encoder: Box<dyn Encoder>,
    mut record: Record,
    plugin: String,
) -> futures::stream::BoxStream<'static, Result<Bytes, Error>> {
    stream! {
        let mut batch = first;
        loop {
            let mut out = String::new();
            record.count(&batch);
            for event in batch {
                encoder.push(event, &mut out);
            }
            if !out.is_empty() {
                yield Ok(out.into());
            }
            batch = match next(&mut events, &plugin).await {
                Ok(Some(events)) => events,
                ended => {
                    let mut out = String::new();
                    match ended {
                        Err(error) => encoder.fail(&error, &mut out),
                        Ok(_) => encoder.finish(&mut out),
                    }
                    yield Ok(out.into());
                    return;
                }
            };
        }
    }
    .boxed()
}

impl Record {
    fn count(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Usage(usage) = event {
                self.usage = Some(usage.clone());
            }
        }
    }
}

fn warning_header(events: &[Event]) -> Option<(String, String)> {
    header(events.iter().filter_map(|event| match event {
        Event::Warning(warning) => Some(warning),
        _ => None,
    }))
}

/// What was not honoured, where the dialects' bodies have no place for it: `field: message; field: message`.
fn header<'a>(warnings: impl Iterator<Item = &'a Warning>) -> Option<(String, String)> {
    let text: Vec<String> = warnings
        .map(|warning| format!("{}: {}", warning.field, warning.message))
        .collect();
    // Only what a header field may have.
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    (!text.is_empty()).then(|| {
        (
            "evenhand-warning".into(),
            text.join("; ").chars().map(plain).collect(),
        )
    })
}
