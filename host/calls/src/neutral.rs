//! The neutral path: the client's dialect to the neutral form, and events back.

use async_stream::stream;
use bytes::Bytes;
use dialects::{Answer, Asked, Encoder, Form, Whole};
use futures::StreamExt;
use sandbox::Events;
use types::Error;
use types::neutral::{Event, GenerateRequest, Warning};

use crate::{Attempt, Record, Reply};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream; charset=utf-8";

/// Most bytes of warnings in a header field: many clients take no more than 8 KiB of all fields together.
const MAX_WARNINGS: usize = 2048;

impl Attempt<'_> {
    pub(crate) async fn neutral(&mut self) -> Result<Reply, Error> {
        let wire = self.request.wire;
        match wire.parse(&self.request.body)? {
            Asked::Generate { request, form } => self.generate(request, &form).await,
            Asked::Embed {
                mut request,
                base64,
            } => {
                request.model.clone_from(&self.target.model);
                let vectors = self.revision.plugin.embed(request).await?;
                let json = wire.vectors(&vectors, &self.scan.model, base64);
                self.count(|record| record.usage = Some(vectors.usage));
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
        &mut self,
        mut request: GenerateRequest,
        form: &Form,
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
            let warnings = first.iter().filter_map(|event| match event {
                Event::Warning(warning) => Some(warning),
                _ => None,
            });
            let headers = self.headers(SSE, warnings);
            let encoder = form.encoder(model);
            self.count(|record| record.status = 200);
            let body = encoded(
                events,
                first,
                encoder,
                self.record.take(),
                self.target.plugin.clone(),
            );
            return Ok(Reply {
                status: 200,
                headers,
                body,
            });
        }
        let mut answer = Answer::default();
        let mut batch = Some(first);
        while let Some(said) = batch {
            self.count(|record| record.count(&said));
            said.into_iter().for_each(|event| answer.push(event));
            batch = next(&mut events, &self.target.plugin).await?;
        }
        let whole = form.whole(answer, model);
        let Whole { body, warnings } = whole.map_err(|error| error.of(&self.target.plugin))?;
        Ok(self.whole(body.to_string(), &warnings))
    }

    fn whole(&mut self, json: String, warnings: &[Warning]) -> Reply {
        self.count(|record| record.status = 200);
        let body = Ok(Bytes::from(json));
        Reply {
            status: 200,
            headers: self.headers(JSON, warnings.iter()),
            body: futures::stream::once(async { body }).boxed(),
        }
    }

    fn count(&mut self, count: impl FnOnce(&mut Record)) {
        self.record.as_mut().map(count);
    }

    fn headers<'w>(
        &self,
        content_type: &str,
        warnings: impl Iterator<Item = &'w Warning>,
    ) -> Vec<(String, String)> {
        let mut headers = vec![
            ("content-type".into(), content_type.into()),
            self.target_header(),
        ];
        headers.extend(warning_header(warnings));
        headers
    }
}

async fn next(events: &mut Events, plugin: &str) -> Result<Option<Vec<Event>>, Error> {
    events
        .next()
        .await
        .transpose()
        .map_err(|error| match error.plugin {
            Some(_) => error,
            None => error.of(plugin),
        })
}

/// Events as the dialect's stream.
fn encoded(
    mut events: Events,
    first: Vec<Event>,
    mut encoder: Box<dyn Encoder>,
    mut record: Option<Record>,
    plugin: String,
) -> futures::stream::BoxStream<'static, Result<Bytes, Error>> {
    stream! {
        let mut batch = first;
        loop {
            let mut out = String::new();
            if let Some(record) = &mut record {
                record.count(&batch);
            }
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
