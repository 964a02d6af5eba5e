//! What tools ask of the client behind a call, and what is kept for them.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use types::config::Sharing;
use types::tool::{Elicited, NoticeLevel, SampleRequest, Sampled};
use types::{Error, ErrorCode};

use crate::bindings::{kv, notes, tool_host};
use crate::call::Out;
use crate::convert::{Cross, error_in};
use crate::egress;
use crate::state::State;
use crate::tools::Behind;

/// Longest note, in bytes.
const NOTE: usize = 64 * 1024;

/// Most bytes of all notes, and how long one is kept that nobody looks at.
const NOTES: u64 = 64 << 20;
const FORGET: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest text of a progress or a notice, in bytes, and most of them in a call.
const TOLD: usize = 64 * 1024;
const TELLS: u32 = 10_000;

/// Notes of tools, by plugin, key and session. All revisions of a plugin have the same.
#[derive(Clone)]
pub(crate) struct Notes(Cache<(String, String, String), Arc<[u8]>>);

impl Default for Notes {
    fn default() -> Self {
        let weigh = |(plugin, owner, session): &(String, String, String), note: &Arc<[u8]>| {
            let bytes = plugin.len() + owner.len() + session.len() + note.len();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let notes = Cache::builder()
            .max_capacity(NOTES)
            .time_to_idle(FORGET)
            .weigher(weigh);
        Self(notes.build())
    }
}

impl State {
    fn behind(&self) -> Option<&Behind> {
        self.behind.as_ref()
    }

    /// Whose note it is.
    fn note_key(&self) -> (String, String, String) {
        let (owner, session) = self.behind().map_or_else(Default::default, |behind| {
            (behind.owner.clone(), behind.session.clone())
        });
        (self.plugin.name.clone(), owner, session)
    }

    /// It wants what it isn't granted.
    fn deny(&self, what: &str, how: &str) -> Error {
        let error = egress::refused(format!(
            "{what} is not granted to this plugin: write {how} under [plugin.grant]"
        ));
        self.plugin.refused(what, &error);
        error
    }

    /// May it tell the client one thing more?
    fn may_tell(&mut self) -> bool {
        self.told += 1;
        if self.told == TELLS {
            self.plugin.limited("notices");
        }
        self.told < TELLS
    }
}

/// The host's answer, for the guest.
fn hear<T>(answer: Result<T, Error>) -> Out<T> {
    Ok(answer.map_err(error_in))
}

fn nobody() -> Error {
    Error::new(ErrorCode::Unsupported, "nobody is behind this call")
}

impl tool_host::Host for State {
    async fn progress(
        &mut self,
        done: f64,
        total: Option<f64>,
        message: Option<String>,
    ) -> wasmtime::Result<()> {
        let finite = done.is_finite() && total.is_none_or(f64::is_finite);
        if finite && self.may_tell() {
            let message = message.map(short);
            if let Some(behind) = self.behind() {
                behind.link.progress(done, total, message);
            }
        }
        Ok(())
    }

    async fn notify(
        &mut self,
        level: tool_host::NoticeLevel,
        logger: Option<String>,
        data: String,
    ) -> wasmtime::Result<()> {
        if data.len() <= TOLD
            && self.may_tell()
            && let Some(behind) = self.behind()
        {
            behind.link.notify(level.cross(), logger.map(short), data);
        }
        Ok(())
    }

    async fn elicit(&mut self, message: String, schema: String) -> Out<tool_host::Elicited> {
        self.computed = 0;
        if !self.plugin.grant.elicit {
            return hear(Err(self.deny("elicit", "elicit = true")));
        }
        let Some(behind) = self.behind.clone() else {
            return hear(Err(nobody()));
        };
        hear(
            behind
                .link
                .elicit(message, schema)
                .await
                .map(Elicited::cross),
        )
    }

    async fn sample(&mut self, request: tool_host::SampleRequest) -> Out<tool_host::Sampled> {
        self.computed = 0;
        let Some(granted) = self.plugin.grant.sample.clone() else {
            return hear(Err(self.deny("sample", "sample = { model = \"…\" }")));
        };
        let Some(behind) = self.behind.clone() else {
            return hear(Err(nobody()));
        };
        let request: SampleRequest = request.cross();
        hear(
            behind
                .link
                .sample(&granted, request)
                .await
                .map(Sampled::cross),
        )
    }
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TOLD));
    text
}

impl Cross<NoticeLevel> for tool_host::NoticeLevel {
    fn cross(self) -> NoticeLevel {
        match self {
            Self::Debug => NoticeLevel::Debug,
            Self::Info => NoticeLevel::Info,
            Self::Notice => NoticeLevel::Notice,
            Self::Warning => NoticeLevel::Warning,
            Self::Error => NoticeLevel::Error,
            Self::Critical => NoticeLevel::Critical,
            Self::Alert => NoticeLevel::Alert,
            Self::Emergency => NoticeLevel::Emergency,
        }
    }
}

impl notes::Host for State {
    async fn get(&mut self) -> wasmtime::Result<Option<Vec<u8>>> {
        let note = self.plugin.notes.0.get(&self.note_key());
        Ok(note
            .filter(|_| self.plugin.grant.state)
            .map(|note| note.to_vec()))
    }

    async fn set(&mut self, note: Option<Vec<u8>>) -> Out<()> {
        if !self.plugin.grant.state {
            return hear(Err(self.deny("state", "state = true")));
        }
        let key = self.note_key();
        match note {
            Some(note) if note.len() > NOTE => {
                let message = format!("a note has at most {NOTE} bytes");
                return hear(Err(Error::new(ErrorCode::TooLarge, message)));
            }
            Some(note) => self.plugin.notes.0.insert(key, note.into()),
            None => self.plugin.notes.0.invalidate(&key),
        }
        hear(Ok(()))
    }
}

impl State {
    /// The store, and whose values a namespace has for this call.
    fn namespace(&self, name: &str) -> Result<(store::Store, String), Error> {
        let Some(sharing) = self.plugin.grant.kv.get(name) else {
            // The name is the component's, of any length.
            let name: String = name.chars().take(64).collect();
            let how = format!("kv = {{ {name} = \"key\" }}");
            return Err(self.deny(&format!("kv {name}"), &how));
        };
        let store = self.plugin.store.clone().ok_or_else(|| {
            Error::new(ErrorCode::Internal, "there is no [store] to keep values in")
        })?;
        let owner = match (sharing, self.behind()) {
            // No key has this name.
            (Sharing::Shared, _) => "*".into(),
            (Sharing::Key, Some(behind)) => behind.owner.clone(),
            (Sharing::Key, None) => String::new(),
        };
        Ok((store, owner))
    }
}

impl kv::Host for State {
    async fn get(&mut self, namespace: String, key: String) -> Out<Option<Vec<u8>>> {
        self.computed = 0;
        // A store can't be shared between threads: what is awaited has nothing of it.
        let place = self.namespace(&namespace);
        let got = async {
            let (store, owner) = place?;
            store.kv_get(&namespace, &owner, &key).await
        };
        hear(got.await)
    }

    async fn set(&mut self, namespace: String, key: String, value: Vec<u8>) -> Out<()> {
        self.computed = 0;
        let place = self.namespace(&namespace);
        let set = async {
            let (store, owner) = place?;
            store.kv_set(&namespace, &owner, &key, &value).await
        };
        hear(set.await)
    }

    async fn delete(&mut self, namespace: String, key: String) -> Out<bool> {
        self.computed = 0;
        let place = self.namespace(&namespace);
        let deleted = async {
            let (store, owner) = place?;
            store.kv_delete(&namespace, &owner, &key).await
        };
        hear(deleted.await)
    }

    async fn keys(
        &mut self,
        namespace: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Out<Vec<String>> {
        self.computed = 0;
        let place = self.namespace(&namespace);
        let keys = async {
            let (store, owner) = place?;
            store
                .kv_keys(&namespace, &owner, &prefix, after.as_deref(), limit.into())
                .await
        };
        hear(keys.await)
    }
}
