//! The `http` import.

use wasmtime::component::Resource;

use crate::bindings::http;
use crate::body::Body;
use crate::call::Out;
use crate::convert::error_in;
use crate::egress::Response;
use crate::outgoing::{Attach, Outgoing};
use crate::state::State;

impl http::Host for State {
    async fn send(&mut self, request: http::Request) -> Out<Resource<Response>> {
        self.computed = 0;
        let payload = match request.payload {
            http::Payload::Empty => None,
            http::Payload::Bytes(bytes) => Some(Body::from_bytes(bytes.into())),
            http::Payload::Body(body) => Some(self.table.delete(body)?),
        };
        let plugin = self.plugin.clone();
        let sent = plugin.send(Outgoing {
            method: request.method,
            url: request.url,
            headers: request.headers,
            payload,
            length: None,
            attach: request.credential.map_or(Attach::None, Attach::Named),
        });
        match sent.await {
            Ok(response) => Ok(Ok(self.table.push(response)?)),
            Err(error) => {
                tracing::debug!(plugin = plugin.name, error = error.message, "egress");
                Ok(Err(error_in(error)))
            }
        }
    }
}

impl http::HostBody for State {
    async fn read(&mut self, body: Resource<Body>) -> Out<Option<Vec<u8>>> {
        self.computed = 0;
        Ok(match self.table.get_mut(&body)?.next().await {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes.to_vec())),
            Some(Err(error)) => Err(error_in(error)),
        })
    }

    async fn read_all(&mut self, body: Resource<Body>, limit: u64) -> Out<Vec<u8>> {
        self.computed = 0;
        let memory = self.memory.limit();
        let body = self.table.get_mut(&body)?;
        // No component can take more than its memory, so none makes the host hold more.
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(memory);
        let mut all = Vec::new();
        while let Some(piece) = body.next().await {
            match piece {
                Ok(bytes) if all.len() + bytes.len() > limit => {
                    let error = types::Error::new(
                        types::ErrorCode::TooLarge,
                        format!("the body has more than {limit} bytes"),
                    );
                    return Ok(Err(error_in(error)));
                }
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(error) => return Ok(Err(error_in(error))),
            }
        }
        Ok(Ok(all))
    }

    async fn drop(&mut self, body: Resource<Body>) -> wasmtime::Result<()> {
        self.table.delete(body)?;
        Ok(())
    }
}

impl http::HostResponse for State {
    async fn status(&mut self, response: Resource<Response>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&response)?.status)
    }

    async fn headers(
        &mut self,
        response: Resource<Response>,
    ) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.table.get(&response)?.headers.clone())
    }

    async fn body(&mut self, response: Resource<Response>) -> wasmtime::Result<Resource<Body>> {
        let body = self.table.get_mut(&response)?.body.take();
        let body = body.unwrap_or_else(|| Body::from_bytes(bytes::Bytes::new()));
        Ok(self.table.push(body)?)
    }

    async fn drop(&mut self, response: Resource<Response>) -> wasmtime::Result<()> {
        self.table.delete(response)?;
        Ok(())
    }
}
