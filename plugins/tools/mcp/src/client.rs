//! A client of one server: its session, which outlives this instance in the host's note, and its requests.

use evenhand_sdk::Error;
use evenhand_sdk::http::ErrorResponse;
use rmcp::model::{Implementation, InitializeResult, ProtocolVersion};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::exchange::{Exchange, Trouble};
use crate::host::Host;

/// The version that is asked for.
const NEWEST: ProtocolVersion = ProtocolVersion::V_2025_11_25;

/// Those that a server may answer with.
const SPOKEN: [ProtocolVersion; 3] = [
    NEWEST,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_03_26,
];

/// Pages of a list; a server that never ends one is not followed further.
const MOST_PAGES: usize = 100;

/// A session with the server, as the note has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Of this server: a note about another, as from before a new configuration, is none.
    url: String,
    /// The server's name for it, where it has sessions.
    pub(crate) id: Option<String>,
    pub(crate) version: String,
    pub(crate) offers: Offers,
}

/// What the server said that it has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offers {
    pub(crate) tools: bool,
    pub(crate) resources: bool,
    pub(crate) prompts: bool,
    pub(crate) completions: bool,
}

pub(crate) struct Client<'a, H> {
    pub(crate) host: &'a H,
    url: &'a str,
    session: Option<Session>,
    /// This instance opened it.
    is_new: bool,
}

impl<'a, H: Host> Client<'a, H> {
    /// A client of the server at this URL, with the session that was kept.
    pub(crate) fn new(host: &'a H, url: &'a str) -> Self {
        let kept = host.note();
        let kept = kept.and_then(|note| serde_json::from_slice(&note).ok());
        Self {
            host,
            url,
            session: kept.filter(|session: &Session| session.url == url),
            is_new: false,
        }
    }

    /// What the server has.
    pub(crate) fn offers(&mut self) -> Result<Offers, Error> {
        self.session().map(|session| session.offers)
    }

    /// Asks the server. A session that it has forgotten is opened anew, once: it has done nothing of what was asked in it.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<T, Trouble> {
        self.ask_as(None, method, params)
    }

    /// The same. `id`: the request's, where it may have to be taken back.
    pub(crate) fn ask_as<T: DeserializeOwned>(
        &mut self,
        id: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<T, Trouble> {
        let session = self.session()?;
        let mut asked = Exchange::new(self.host, Some(&session)).ask(id, method, params);
        if let Err(Trouble::Refused(refused)) = &asked
            && !self.is_new
            && is_forgotten(&session, refused)
        {
            let session = self.open()?;
            asked = Exchange::new(self.host, Some(&session)).ask(id, method, params);
        }
        Ok(read(method, asked?.result)?)
    }

    /// Takes back the request of this id. One in a session that is gone has ended with it.
    pub(crate) fn take_back(&self, id: &str) -> Result<(), Error> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let params =
            json!({"requestId": id, "reason": "the client cancelled it, or its time was over"});
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        Exchange::new(self.host, Some(session)).tell(message)
    }

    fn session(&mut self) -> Result<Session, Error> {
        match &self.session {
            Some(session) => Ok(session.clone()),
            None => self.open(),
        }
    }

    /// All pages of a list.
    pub(crate) fn list<P: DeserializeOwned, T>(
        &mut self,
        method: &str,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, Trouble> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let params = match &cursor {
                Some(cursor) => json!({"cursor": cursor}),
                None => json!({}),
            };
            let (items, next) = split(self.ask(method, &params)?);
            all.extend(items);
            if next.as_deref().is_none_or(str::is_empty) || next == cursor {
                return Ok(all);
            }
            cursor = next;
        }
        let message = format!("the server's `{method}` has over {MOST_PAGES} pages");
        Err(Error::upstream(message).into())
    }

    /// Opens a session, and keeps it for the next instance.
    fn open(&mut self) -> Result<Session, Error> {
        let this = Implementation::new("evenhand", env!("CARGO_PKG_VERSION"));
        let params = json!({
            "protocolVersion": NEWEST,
            // Whether somebody may be asked is the host's to say when it is asked.
            "capabilities": {"sampling": {}, "elicitation": {}},
            "clientInfo": this,
        });
        let opened = Exchange::new(self.host, None).ask(None, "initialize", &params)?;
        let server: InitializeResult = read("initialize", opened.result)?;
        if !SPOKEN.contains(&server.protocol_version) {
            let message = format!(
                "the server speaks version {} of MCP; this bridge speaks {}",
                server.protocol_version,
                SPOKEN.map(|version| version.to_string()).join(", ")
            );
            return Err(Error::upstream(message));
        }
        let has = server.capabilities;
        let session = Session {
            url: self.url.into(),
            id: opened.session,
            version: server.protocol_version.to_string(),
            offers: Offers {
                tools: has.tools.is_some(),
                resources: has.resources.is_some(),
                prompts: has.prompts.is_some(),
                completions: has.completions.is_some(),
            },
        };
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        Exchange::new(self.host, Some(&session)).tell(initialized)?;
        let note = serde_json::to_vec(&session)
            .map_err(|e| Error::internal(format!("its session can't be written: {e}")))?;
        self.host.keep(Some(note));
        self.session = Some(session.clone());
        self.is_new = true;
        Ok(session)
    }
}

/// 404 by the specification; servers that keep sessions themselves often say 400, with words.
fn is_forgotten(session: &Session, refused: &ErrorResponse) -> bool {
    let names_it = || refused.body.to_ascii_lowercase().contains("session");
    session.id.is_some() && (refused.status == 404 || refused.status == 400 && names_it())
}

fn read<T: DeserializeOwned>(method: &str, result: Value) -> Result<T, Error> {
    serde_json::from_value(result).map_err(|e| {
        Error::upstream(format!(
            "the server's answer to `{method}` is not what MCP says: {e}"
        ))
    })
}
