//! Hosted agents and their sessions: `/v1/agents`.

use std::time::Duration;

use ::agents::{self as agents, Agents, NewSession, News, Page};
use async_stream::stream;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use calls::Caller;
use dialects::agents::{self as wire, Changes, DIALECT, EventStream, Listing, Position};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::time::timeout;
use types::session::{Input, Logged, SessionEvent};
use types::{Error, ErrorCode};

use crate::answer::{self, failed};
use crate::data::Plane;
use crate::query::Query;
use crate::responses::json;

/// A stream on which nothing is said for so long says that it is there.
const ALIVE: Duration = Duration::from_secs(15);

/// The routes of agents.
pub(crate) fn routes() -> Router<Plane> {
    Router::new()
        .route("/v1/agents", get(list_agents).post(create_agent))
        .route(
            "/v1/agents/{id}",
            get(get_agent).post(update_agent).delete(delete_agent),
        )
        .route(
            "/v1/agents/sessions",
            get(list_sessions).post(create_session),
        )
        .route(
            "/v1/agents/sessions/{id}",
            get(get_session).post(update_session).delete(delete_session),
        )
        .route("/v1/agents/sessions/{id}/events", get(events).post(input))
        .route("/v1/agents/sessions/{id}/items", get(items))
        .route("/v1/agents/sessions/{id}/turns", get(turns))
        .route("/v1/agents/sessions/{id}/turns/{turn}", get(turn))
        .route(
            "/v1/agents/sessions/{id}/turns/{turn}/items",
            get(turn_items),
        )
}

/// A request's caller, and the agents that there are.
fn admitted(plane: &Plane, headers: &HeaderMap) -> Result<(Caller, Agents), Error> {
    let caller = plane.caller(headers)?;
    let agents = plane.agents.clone().ok_or_else(|| {
        let message = "agents keep their sessions in a [store], and none is configured here";
        Error::new(ErrorCode::NotFound, message)
    })?;
    Ok((caller, agents))
}

/// The client's key of a request, which it may send again.
fn idempotency_key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("idempotency-key")?.to_str().ok()?;
    Some(key.to_owned())
}

/// The page that a query asks for.
fn listing(query: &Query, sessions: bool) -> Result<(Listing, Page), Error> {
    let listing = Listing::read(query.pairs(), sessions)?;
    let page = Page {
        after: listing.after.clone(),
        limit: listing.limit as u64,
        ascending: listing.ascending,
    };
    Ok((listing, page))
}

async fn list_agents(
    State(plane): State<Plane>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let list = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let (_, page) = listing(&Query::new(query), false)?;
        let (all, more) = agents.agents(&caller, &page).await?;
        Ok(wire::list(all.iter().map(wire::agent).collect(), more))
    };
    json(list.await)
}

async fn create_agent(State(plane): State<Plane>, request: Request) -> Response {
    let created = async {
        let (caller, agents) = admitted(&plane, request.headers())?;
        let changes = Changes::parse(&plane.body(request).await?)?;
        let agent = agents.keep_agent(&caller, changes.create("", 0)?).await?;
        Ok(wire::agent(&agent))
    };
    json(created.await)
}

async fn get_agent(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        Ok(wire::agent(&agents.agent(&caller, &id).await?))
    };
    json(found.await)
}

async fn update_agent(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let updated = async {
        let (caller, agents) = admitted(&plane, request.headers())?;
        let changes = Changes::parse(&plane.body(request).await?)?;
        let mut agent = agents.agent(&caller, &id).await?;
        let updated = agent.updated;
        changes.apply(&mut agent, updated);
        Ok(wire::agent(&agents.keep_agent(&caller, agent).await?))
    };
    json(updated.await)
}

async fn delete_agent(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let deleted = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        agents.forget_agent(&caller, &id).await?;
        Ok(wire::agent_deleted(&id))
    };
    json(deleted.await)
}

async fn list_sessions(
    State(plane): State<Plane>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let list = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let (listing, page) = listing(&Query::new(query), true)?;
        let of = listing.agent.as_deref();
        let (all, more) = agents
            .sessions(&caller, of, &listing.metadata, &page)
            .await?;
        Ok(wire::list(all.iter().map(wire::session).collect(), more))
    };
    json(list.await)
}

async fn create_session(State(plane): State<Plane>, request: Request) -> Response {
    match begin(&plane, request).await {
        Ok(response) => response,
        Err(error) => failed(DIALECT, &error),
    }
}

async fn begin(plane: &Plane, request: Request) -> Result<Response, Error> {
    let (caller, agents) = admitted(plane, request.headers())?;
    let key = idempotency_key(request.headers());
    let new = wire::NewSession::parse(&plane.body(request).await?)?;
    let found = match &new.agent_id {
        Some(id) => Some(agents.agent(&caller, id).await?),
        None => None,
    };
    // The operator's agents are as the operator wrote them: tools, and who has to approve what.
    let fields = new.changes.fields();
    let theirs = found.as_ref().is_some_and(agents::is_configured);
    if let Some(field) = fields.iter().find(|field| theirs && **field != "limits") {
        let message = "the agent is the operator's, and can't be changed for a session";
        return Err(Error::new(ErrorCode::Forbidden, message).at(format!("agent.{field}")));
    }
    let agent = new.agent(found, agents::new_agent_id(), agents::now())?;
    let session = agents
        .begin(
            &caller,
            NewSession {
                agent,
                input: new.input,
                metadata: new.metadata,
            },
            key.as_deref(),
        )
        .await?;
    if !new.stream {
        return Ok(answer::with_id(
            DIALECT,
            answer::json(&wire::session(&session)),
        ));
    }
    let telling = Telling {
        agents,
        caller,
        stream: EventStream::new(&session.id).obfuscated(new.obfuscate),
        known: 0,
        once: true,
    };
    telling.begin(&session.id).await.map(sse)
}

async fn get_session(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        Ok(wire::session(&agents.session(&caller, &id).await?.session))
    };
    json(found.await)
}

async fn update_session(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let updated = async {
        let (caller, agents) = admitted(&plane, request.headers())?;
        let metadata = wire::session_update(&plane.body(request).await?)?;
        let whole = match metadata {
            Some(metadata) => agents.set_metadata(&caller, &id, &metadata).await?,
            None => agents.session(&caller, &id).await?,
        };
        Ok(wire::session(&whole.session))
    };
    json(updated.await)
}

async fn delete_session(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let deleted = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        agents.forget_session(&caller, &id).await?;
        Ok(wire::session_deleted(&id))
    };
    json(deleted.await)
}

async fn input(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let taken = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let inputs = wire::inputs(&plane.body(request).await?)?;
        let call = inputs.iter().find_map(|input| match input {
            Input::Result { call, .. } => Some(call.clone()),
            _ => None,
        });
        let key = idempotency_key(&headers);
        let taken = agents.input(&caller, &id, inputs, key.as_deref()).await;
        taken.map_err(|error| match (error.param.as_deref(), call) {
            // SDKs know it by its words.
            (Some("call_id"), Some(call)) => wire::unknown_call(&call),
            _ => error,
        })
    };
    match taken.await {
        Ok(_) => answer::with_id(DIALECT, StatusCode::NO_CONTENT.into_response()),
        Err(error) => failed(DIALECT, &error),
    }
}

async fn events(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let stream = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let query = Query::new(query);
        let obfuscate = query.boolean("include_obfuscation")?.unwrap_or(false);
        let log = agents.session(&caller, &id).await?.log;
        let last = headers.get("last-event-id");
        let last = last.and_then(|last| last.to_str().ok());
        let (stream, known) = match last.filter(|last| !last.is_empty()) {
            Some(last) => {
                let position = Position::read(last)?;
                if position.number >= log.len() as u64 {
                    let message = format!("the session {id:?} has no event {last:?}");
                    return Err(Error::bad_request(message).at("Last-Event-ID"));
                }
                (EventStream::resume(&id, position), 0)
            }
            // Who only begins to listen hears how it stands, and what comes.
            None => (EventStream::new(&id), log.len()),
        };
        let telling = Telling {
            agents,
            caller,
            stream: stream.obfuscated(obfuscate),
            known,
            once: false,
        };
        telling.begin(&id).await
    };
    match stream.await {
        Ok(stream) => sse(stream),
        Err(error) => failed(DIALECT, &error),
    }
}

/// Tells a client what happens in a session.
struct Telling {
    agents: Agents,
    caller: Caller,
    stream: EventStream,
    /// So many entries of the log the client isn't told.
    known: usize,
    /// It ends with the turn.
    once: bool,
}

impl Telling {
    async fn begin(self, id: &str) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let news = self.agents.follow(&self.caller, id, None).await?;
        Ok(self.tell(id.to_owned(), news))
    }

    fn tell(
        mut self,
        id: String,
        mut news: BoxStream<'static, Result<News, Error>>,
    ) -> BoxStream<'static, Result<Bytes, Error>> {
        stream! {
            let mut turns = Turns::default();
            loop {
                let next = match timeout(ALIVE, news.next()).await {
                    Ok(Some(Err(error))) => {
                        yield Err(error);
                        return;
                    }
                    // The session was deleted.
                    Ok(None | Some(Ok(News::Gone))) => return,
                    Ok(Some(Ok(next))) => next,
                    Err(_) => {
                        yield Ok(Bytes::from_static(b": alive\n\n"));
                        continue;
                    }
                };
                let (text, ended) = match next {
                    News::Live(live) if self.known == 0 => (self.stream.live(&live), None),
                    News::Live(_) | News::Gone => continue,
                    News::Logged(logged) => {
                        turns.hear(&logged.event);
                        (self.log(&logged), turns.over.then_some(logged.number))
                    }
                };
                if !text.is_empty() {
                    yield Ok(text.into());
                }
                // With the end of a turn may come that of the session.
                if let Some(number) = ended.filter(|_| self.once)
                    && self.agents.is_last(&self.caller, &id, number).await
                {
                    return;
                }
            }
        }
        .boxed()
    }

    fn log(&mut self, logged: &Logged) -> String {
        if self.known == 0 {
            return self.stream.push(logged);
        }
        self.known -= 1;
        self.stream.pass(logged);
        match self.known {
            0 => self.stream.now(),
            _ => String::new(),
        }
    }
}

/// Whether a turn was begun, and is over.
#[derive(Default)]
struct Turns {
    over: bool,
}

impl Turns {
    fn hear(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Said { .. } => self.over = false,
            SessionEvent::TurnEnded { .. } | SessionEvent::Closed { .. } => self.over = true,
            _ => {}
        }
    }
}

fn sse(body: BoxStream<'static, Result<Bytes, Error>>) -> Response {
    let mut response = Response::new(Body::from_stream(body));
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let cache = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    answer::with_id(DIALECT, response)
}

async fn items(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    json(items_of(&plane, &headers, &id, None, query).await)
}

async fn turn_items(
    State(plane): State<Plane>,
    Path((id, turn)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    json(items_of(&plane, &headers, &id, Some(&turn), query).await)
}

async fn items_of(
    plane: &Plane,
    headers: &HeaderMap,
    id: &str,
    turn: Option<&str>,
    query: Option<String>,
) -> Result<Value, Error> {
    let (caller, agents) = admitted(plane, headers)?;
    let (listing, _) = listing(&Query::new(query), false)?;
    let whole = agents.session(&caller, id).await?;
    if let Some(turn) = turn {
        known_turn(&whole.session, turn)?;
    }
    listing.page(wire::items(id, &whole.log, turn))
}

fn known_turn<'s>(
    session: &'s types::session::Session,
    turn: &str,
) -> Result<&'s types::session::Turn, Error> {
    let mut turns = session.turns.iter();
    turns
        .find(|it| it.id == turn)
        .ok_or_else(|| wire::no_turn(turn))
}

async fn turns(
    State(plane): State<Plane>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let list = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let (listing, _) = listing(&Query::new(query), false)?;
        let session = agents.session(&caller, &id).await?.session;
        let turns = session.turns.iter();
        listing.page(turns.map(|turn| wire::turn(&session, turn)).collect())
    };
    json(list.await)
}

async fn turn(
    State(plane): State<Plane>,
    Path((id, turn)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let (caller, agents) = admitted(&plane, &headers)?;
        let session = agents.session(&caller, &id).await?.session;
        let turn = known_turn(&session, &turn)?;
        Ok(wire::turn(&session, turn))
    };
    json(found.await)
}
