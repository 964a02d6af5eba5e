//! From a running call to the client that asked for it: progress, notices, questions to the person, questions to a model.
#![expect(deprecated, reason = "logging and sampling are part of 2025-11-25")]

use std::sync::{Arc, Mutex, PoisonError};

use calls::{Caller, Calls};
use futures::future::BoxFuture;
use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, CustomRequest, ElicitationAction,
    LoggingMessageNotificationParam, ProgressNotificationParam, ProgressToken, RequestId,
    ServerNotification, ServerRequest,
};
use rmcp::service::{OriginatingRequestId, Peer, PeerRequestOptions, RequestContext, ServiceError};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tools::Link;
use types::config::Sample;
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled, ToolInfo};
use types::{Error, ErrorCode};

use crate::convert;
use crate::sampling;
use crate::server::State;

/// Most notifications of a call that wait for a slow client; those beyond are lost.
const WAITING: usize = 256;

/// What goes to the client while a call runs, and nothing at its end.
type Told = Option<ServerNotification>;

/// The way from a call to its client.
pub(crate) struct ClientLink {
    client: Client,
    state: Arc<State>,
    /// How the client wants to hear of progress, and how far it was told that the work is.
    progress: Option<(ProgressToken, Mutex<f64>)>,
    told: mpsc::Sender<Told>,
    calls: Calls,
    caller: Caller,
}

/// The other end: tells the client.
pub(crate) struct Telling {
    peer: Peer<RoleServer>,
    told: mpsc::Receiver<Told>,
    end: mpsc::Sender<Told>,
}

impl Telling {
    /// Runs a call, and tells the client what the call says, before the answer that it ends with.
    pub(crate) async fn during<T>(mut self, call: impl Future<Output = T>) -> T {
        let calling = async {
            let answer = call.await;
            // A link that outlives its call says nothing any more.
            let _ = self.end.send(None).await;
            answer
        };
        let telling = async {
            while let Some(Some(notification)) = self.told.recv().await {
                // The client may be gone; then the call is cancelled.
                let _ = self.peer.send_notification(notification).await;
            }
        };
        futures::join!(calling, telling).0
    }
}

impl ClientLink {
    pub(crate) fn new(
        context: &RequestContext<RoleServer>,
        state: Arc<State>,
        calls: Calls,
        caller: Caller,
    ) -> (Self, Telling) {
        let (told, telling) = mpsc::channel(WAITING);
        let token = context.meta.get_progress_token();
        let link = Self {
            client: Client {
                peer: context.peer.clone(),
                request: context.id.clone(),
                runtime: Handle::current(),
            },
            state,
            progress: token.map(|token| (token, Mutex::new(f64::NEG_INFINITY))),
            told: told.clone(),
            calls,
            caller,
        };
        let telling = Telling {
            peer: context.peer.clone(),
            told: telling,
            end: told,
        };
        (link, telling)
    }

    fn tell(&self, notification: ServerNotification) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.told.try_send(Some(notification)) {
            tracing::warn!(
                key = self.caller.name(),
                "a notification is lost: the client reads too slowly"
            );
        }
    }
}

impl Link for ClientLink {
    fn progress(&self, done: f64, total: Option<f64>, message: Option<String>) {
        let Some((token, last)) = &self.progress else {
            return;
        };
        {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if done <= *last {
                return;
            }
            *last = done;
        }
        let mut param = ProgressNotificationParam::new(token.clone(), done);
        param.total = total;
        param.message = message;
        self.tell(ServerNotification::ProgressNotification(
            rmcp::model::ProgressNotification::new(param),
        ));
    }

    fn notify(&self, level: NoticeLevel, logger: Option<String>, data: String) {
        if level < self.state.level() {
            return;
        }
        let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
        let mut param = LoggingMessageNotificationParam::new(convert::level(level), data);
        param.logger = logger;
        self.tell(ServerNotification::LoggingMessageNotification(
            rmcp::model::LoggingMessageNotification::new(param),
        ));
    }

    fn elicit(&self, message: String, schema: String) -> BoxFuture<'_, Result<Elicited, Error>> {
        Box::pin(self.client.elicit(message, schema))
    }

    fn sample<'a>(
        &'a self,
        granted: &'a Sample,
        request: SampleRequest,
    ) -> BoxFuture<'a, Result<Sampled, Error>> {
        Box::pin(async move {
            if granted.client && self.client.samples() {
                let params = sampling::asked(&request)?;
                let answer = self.client.ask("sampling/createMessage", params).await?;
                return sampling::answered(answer);
            }
            if granted.model.is_none() {
                let message = "no model can be asked: the client offers none (capability `sampling`), and the plugin's grant names none (sample.model)";
                return Err(Error::new(ErrorCode::Unsupported, message));
            }
            let owner = self.caller.name();
            let (sampled, _) = self.calls.sample(owner, granted, request).await?;
            Ok(sampled)
        })
    }
}

/// The client, while it waits for a call.
struct Client {
    peer: Peer<RoleServer>,
    /// Its request, on whose stream questions go out.
    request: RequestId,
    runtime: Handle,
}

impl Client {
    fn samples(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_some_and(|info| info.capabilities.sampling.is_some())
    }

    /// Can it show a form? One that names no mode can: there was none other.
    fn elicits(&self) -> bool {
        let info = self.peer.peer_info();
        let declared = info.and_then(|info| info.capabilities.elicitation.clone());
        declared.is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
    }

    async fn elicit(&self, message: String, schema: String) -> Result<Elicited, Error> {
        if !self.elicits() {
            let message = "nobody can be asked: the client does not offer that (capability `elicitation`, with forms)";
            return Err(Error::new(ErrorCode::Unsupported, message));
        }
        let Ok(requested @ Value::Object(_)) = serde_json::from_str(&schema) else {
            return Err(
                Error::bad_request("the schema of an answer is no JSON object").at("schema"),
            );
        };
        // As it was written: rmcp's own type knows fewer schemas than clients do.
        let params = json!({"message": message, "requestedSchema": requested});
        let answer = match self.ask("elicitation/create", params).await? {
            ClientResult::ElicitResult(answer) => answer,
            _ => return Err(odd("is no answer to a question")),
        };
        match (answer.action, answer.content) {
            (ElicitationAction::Accept, content) => {
                let content = content.unwrap_or_else(|| json!({})).to_string();
                match misfit(schema, &content) {
                    None => Ok(Elicited::Accepted(content)),
                    Some(why) => Err(odd(&format!("does not fit what was asked: {why}"))),
                }
            }
            (ElicitationAction::Decline, _) => Ok(Elicited::Declined),
            _ => Ok(Elicited::Cancelled),
        }
    }

    /// Asks the client on the stream of its own request, and takes the question back where nobody waits for the answer any more.
    async fn ask(&self, method: &str, params: Value) -> Result<ClientResult, Error> {
        let mut request = CustomRequest::new(method, Some(params));
        // The guest's thread is none of rmcp's tasks, which know this by themselves.
        let origin = OriginatingRequestId(self.request.clone());
        request.extensions.insert(origin);
        let asked = self.peer.send_cancellable_request(
            ServerRequest::CustomRequest(request),
            PeerRequestOptions::no_options(),
        );
        let asked = asked.await.map_err(|error| failed(&error))?;
        let mut open = Open {
            client: self,
            id: Some(asked.id.clone()),
        };
        let answer = asked.await_response().await;
        open.id = None;
        answer.map_err(|error| failed(&error))
    }
}

/// A question without an answer yet.
struct Open<'a> {
    client: &'a Client,
    id: Option<RequestId>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else {
            return;
        };
        let peer = self.client.peer.clone();
        self.client.runtime.spawn(async move {
            let reason = Some("the call that asked has ended".into());
            let param = CancelledNotificationParam::new(Some(id), reason);
            let _ = peer.notify_cancelled(param).await;
        });
    }
}

/// Why an answer doesn't fit what was asked.
fn misfit(schema: String, content: &str) -> Option<String> {
    let asked = ToolInfo {
        name: "answer".into(),
        title: None,
        description: String::new(),
        input_schema: schema,
        output_schema: None,
        read_only: true,
        destructive: false,
        idempotent: true,
        open_world: false,
    };
    tools::misfit(&asked, content)
}

/// The client's answer is none.
pub(crate) fn odd(why: &str) -> Error {
    Error::new(
        ErrorCode::Upstream,
        format!("what the client answered {why}"),
    )
}

fn failed(error: &ServiceError) -> Error {
    match error {
        ServiceError::McpError(error) => {
            let message = format!("the client answered with an error: {}", error.message);
            Error::new(ErrorCode::Upstream, message)
        }
        ServiceError::Cancelled { .. } => {
            Error::new(ErrorCode::Cancelled, "the client took its request back")
        }
        error => Error::new(
            ErrorCode::Upstream,
            format!("the client can't be asked: {error}"),
        ),
    }
}
