//! Requests to one repository, with whatever the registry wants to see first.

use bytes::Bytes;
use docker_credential::DockerCredential;
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::transport::{LARGEST_TEXT, is_local};
use crate::{Reference, Registry, RegistryError, digest};

/// Dealings with one repository.
pub(crate) struct Access<'a> {
    registry: &'a Registry,
    client: &'a Client,
    scheme: &'static str,
    pub(crate) reference: &'a Reference,
    /// What we ask to be allowed, in the words of
    /// <https://distribution.github.io/distribution/spec/auth/scope/>.
    actions: &'static str,
    authorization: Option<HeaderValue>,
}

/// One request.
struct Request<'b> {
    method: Method,
    url: Url,
    headers: &'b [(&'static str, &'b str)],
    body: Bytes,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl<'a> Access<'a> {
    pub(crate) fn to_pull(registry: &'a Registry, reference: &'a Reference) -> Self {
        Self::new(registry, reference, "pull")
    }

    pub(crate) fn to_push(registry: &'a Registry, reference: &'a Reference) -> Self {
        Self::new(registry, reference, "pull,push")
    }

    fn new(registry: &'a Registry, reference: &'a Reference, actions: &'static str) -> Self {
        let (client, scheme) = registry.client(reference.is_loopback());
        Self {
            registry,
            client,
            scheme,
            reference,
            actions,
            authorization: None,
        }
    }

    /// `GET` of what is under this path of the repository; `None`: nothing is.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        accept: &str,
        what: &str,
    ) -> Result<Option<Response>, RegistryError> {
        let request = Request {
            method: Method::GET,
            url: self.url(path)?,
            headers: &[("accept", accept)],
            body: Bytes::new(),
        };
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(response)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refusal(response, what).await),
        }
    }

    /// Is there a blob of this digest?
    pub(crate) async fn has_blob(&mut self, digest: &str) -> Result<bool, RegistryError> {
        let request = Request {
            method: Method::HEAD,
            url: self.url(&format!("blobs/{digest}"))?,
            headers: &[],
            body: Bytes::new(),
        };
        Ok(self.send(request).await?.status() == StatusCode::OK)
    }

    /// Uploads bytes unless they are there, and gives back their digest.
    pub(crate) async fn put_blob(&mut self, bytes: Bytes) -> Result<String, RegistryError> {
        let digest = digest(&bytes);
        if self.has_blob(&digest).await? {
            return Ok(digest);
        }
        let begin = Request {
            method: Method::POST,
            url: self.url("blobs/uploads/")?,
            headers: &[("content-length", "0")],
            body: Bytes::new(),
        };
        let (here, what) = (begin.url.clone(), "an upload");
        let response = self.send(begin).await?;
        if response.status() != StatusCode::ACCEPTED {
            return Err(self.refusal(response, what).await);
        }
        let place = response.headers().get(LOCATION);
        let place = place.and_then(|place| here.join(place.to_str().ok()?).ok());
        let mut url = place.ok_or_else(|| self.strange("it names no place for an upload"))?;
        // Our credentials and the component go nowhere else.
        if url.origin() != here.origin() {
            return Err(self.strange("it wants an upload at another host"));
        }
        url.query_pairs_mut().append_pair("digest", &digest);
        let put = Request {
            method: Method::PUT,
            url,
            headers: &[("content-type", "application/octet-stream")],
            body: bytes,
        };
        let response = self.send(put).await?;
        match response.status() {
            StatusCode::CREATED => Ok(digest),
            _ => Err(self.refusal(response, what).await),
        }
    }

    /// Stores a manifest under a tag, and gives back its digest.
    pub(crate) async fn put_manifest(
        &mut self,
        tag: &str,
        media_type: &str,
        json: Vec<u8>,
    ) -> Result<String, RegistryError> {
        let digest = digest(&json);
        let put = Request {
            method: Method::PUT,
            url: self.url(&format!("manifests/{tag}"))?,
            headers: &[(CONTENT_TYPE.as_str(), media_type)],
            body: json.into(),
        };
        let response = self.send(put).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(digest),
            _ => Err(self.refusal(response, "a manifest to be stored").await),
        }
    }

    /// All of an answer's body, within a limit of bytes.
    pub(crate) async fn read(
        &self,
        response: Response,
        limit: u64,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        self.registry
            .read(response, limit, self.reference, what)
            .await
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let (scheme, host) = (self.scheme, self.reference.host());
        let repository = self.reference.repository();
        let url = Url::parse(&format!("{scheme}://{host}/v2/{repository}/{path}"));
        url.map_err(|_| self.strange("its host or path is none"))
    }

    /// Sends a request, and again with credentials where the registry asks for them.
    async fn send(&mut self, request: Request<'_>) -> Result<Response, RegistryError> {
        let response = self.once(&request).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(response);
        }
        match self.authorization(response.headers()).await? {
            Some(authorization) => self.authorization = Some(authorization),
            None => return Ok(response),
        }
        self.once(&request).await
    }

    async fn once(&self, request: &Request<'_>) -> Result<Response, RegistryError> {
        let mut builder = self
            .client
            .request(request.method.clone(), request.url.clone());
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let size = request.body.len();
        if size > 0 {
            builder = builder.body(request.body.clone());
        }
        self.registry
            .send(builder, size, self.reference.host())
            .await
    }

    /// What a registry that said 401 wants to see; `None`: nothing that we have.
    async fn authorization(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut basic = false;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let text = value.to_str().unwrap_or_default();
            for challenge in http_auth::parse_challenges(text).unwrap_or_default() {
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let find = |wanted: &str| {
                        let mut all = challenge.params.iter();
                        let found = all.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                        found.map(|(_, value)| value.to_unescaped())
                    };
                    let realm = find("realm").unwrap_or_default();
                    return self
                        .token(&realm, find("service").as_deref())
                        .await
                        .map(Some);
                }
                basic |= challenge.scheme.eq_ignore_ascii_case("basic");
            }
        }
        match self.credential().await {
            Some(DockerCredential::UsernamePassword(user, password)) if basic => {
                let header = self
                    .client
                    .get(self.url("")?)
                    .basic_auth(user, Some(password));
                let header = header.build().ok();
                Ok(header.and_then(|built| built.headers().get(AUTHORIZATION).cloned()))
            }
            _ => Ok(None),
        }
    }

    /// A token of the registry's own: <https://distribution.github.io/distribution/spec/auth/token/>.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
    ) -> Result<HeaderValue, RegistryError> {
        let mut url = Url::parse(realm).map_err(|_| self.strange("its realm is no URL"))?;
        let local = self.scheme == "http" && url.scheme() == "http" && is_local(&url);
        if url.scheme() != "https" && !local {
            return Err(self.strange("it wants our credentials over plain HTTP"));
        }
        let (client, _) = self.registry.client(local);
        let scope = format!(
            "repository:{}:{}",
            self.reference.repository(),
            self.actions
        );
        let mut asked = vec![("scope", scope.as_str())];
        asked.extend(service.map(|service| ("service", service)));
        let request = match self.credential().await {
            Some(DockerCredential::IdentityToken(refresh)) => {
                let refresh = Zeroizing::new(refresh);
                asked.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "evenhand"),
                    ("refresh_token", refresh.as_str()),
                ]);
                let form = Serializer::new(String::new()).extend_pairs(asked).finish();
                let form_type = "application/x-www-form-urlencoded";
                client.post(url).header(CONTENT_TYPE, form_type).body(form)
            }
            other => {
                url.query_pairs_mut().extend_pairs(asked);
                match other {
                    Some(DockerCredential::UsernamePassword(user, password)) => {
                        client.get(url).basic_auth(user, Some(password))
                    }
                    _ => client.get(url),
                }
            }
        };
        let response = self
            .registry
            .send(request, 0, self.reference.host())
            .await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response, "a token").await);
        }
        let body = self.read(response, LARGEST_TEXT, "a token").await?;
        let body = Zeroizing::new(body);
        let token: Option<Token> = serde_json::from_slice(&body).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token.ok_or_else(|| self.strange("its token can't be read"))?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.as_str()))
            .map_err(|_| self.strange("its token can't be sent"))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// What `docker login` left for this registry: its helpers are programs, which take their time.
    async fn credential(&self) -> Option<DockerCredential> {
        let host = self.reference.host().to_owned();
        // `docker login` writes the host; for Docker's own registry, and where people wrote it themselves, a URL.
        let names = [
            host.clone(),
            format!("https://{host}"),
            format!("https://{host}/v1/"),
        ];
        let look = move || {
            let mut all = names.iter();
            all.find_map(|name| docker_credential::get_credential(name).ok())
        };
        tokio::task::spawn_blocking(look).await.ok().flatten()
    }

    /// What a registry's answer means that isn't the one that was wanted.
    async fn refusal(&self, response: Response, what: &str) -> RegistryError {
        let status = response.status();
        let (reference, host) = (self.reference.to_string(), self.reference.host());
        let message = self.registry.message(response, host).await;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::NotAllowed {
                reference,
                host: host.to_owned(),
                fault: format!("{}{message}", status.as_u16()),
            },
            StatusCode::NOT_FOUND => RegistryError::NotFound(reference),
            _ => RegistryError::Answer {
                reference,
                what: what.to_owned(),
                status: status.as_u16(),
                message,
            },
        }
    }

    /// It answers what no registry should.
    fn strange(&self, fault: &str) -> RegistryError {
        RegistryError::Strange {
            host: self.reference.host().to_owned(),
            fault: fault.to_owned(),
        }
    }
}
