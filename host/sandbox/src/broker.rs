//! Joins providers and accelerators: the `accelerators` import. Records cross between the two stores; a model and a generation
//! are proxies that drop what they stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use types::{Error, ErrorCode};
use wasmtime::component::Resource;

use crate::bindings::{accelerators, tensors, wit};
use crate::call::Out;
use crate::convert::error_in;
use crate::kept::{Kept, Limit, Remote};
use crate::state::State;

/// The accelerators that serve now, by the operator's names.
#[derive(Clone, Default)]
pub(crate) struct Broker(Arc<ArcSwap<BTreeMap<String, Arc<Kept>>>>);

impl Broker {
    pub(crate) fn publish(&self, accelerators: impl Iterator<Item = Arc<Kept>>) {
        self.0.store(Arc::new(
            accelerators.map(|kept| (kept.name.clone(), kept)).collect(),
        ));
    }

    /// Those of `granted` that serve now and whose name fits.
    fn granted(&self, granted: &[String], name: Option<&str>) -> Vec<Arc<Kept>> {
        let all = self.0.load();
        let named = granted
            .iter()
            .filter(|granted| name.is_none_or(|name| name == granted.as_str()));
        named.filter_map(|name| all.get(name).cloned()).collect()
    }
}

/// Most models and generations that a call has open on accelerators at a time.
const OPEN: usize = 16;

/// An open model of an accelerator.
#[expect(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct RemoteModel {
    remote: Remote,
    _opened: Arc<()>,
    info: tensors::ModelInfo,
}

/// A generation on an accelerator.
#[expect(unreachable_pub, reason = "bindgen! re-exports it")]
pub struct RemoteGeneration(Remote, #[expect(dead_code, reason = "it counts")] Arc<()>);

impl State {
    /// What an accelerator says, for the guest. Its error, passed on as the guest's own, is still the accelerator's.
    fn hear<T>(&mut self, answer: Result<T, Error>) -> Result<T, wit::Error> {
        self.computed = 0;
        self.blame = match &answer {
            Err(error) if error.code == ErrorCode::PluginFailed => error.plugin.clone(),
            _ => None,
        };
        answer.map_err(error_in)
    }

    /// A handle of what the guest opens on an accelerator, which others use too.
    fn open_one(&self) -> Result<Arc<()>, wit::Error> {
        if Arc::strong_count(&self.opened) > OPEN {
            self.plugin.limited("handles");
            return Err(error_in(Error::new(
                ErrorCode::Overloaded,
                format!("a call has at most {OPEN} models and generations open on accelerators"),
            )));
        }
        Ok(self.opened.clone())
    }
}

/// Calls a function of a remote resource.
macro_rules! remote {
    ($remote:expr, $limit:expr, $resource:ident . $function:ident ($($argument:expr),*)) => {{
        let (kept, life, target) = ($remote.kept.clone(), $remote.life, $remote.resource);
        kept.call(Some(life), $limit, move |live| Box::pin(async move {
            live.world.evenhand_plugin_backend().$resource().$function(&mut live.store, target $(, $argument)*).await
        })).await
    }};
}

pub(crate) use remote;

/// Does a backend fit, and which of its models do?
fn fitting(
    found: (tensors::BackendInfo, Vec<tensors::ModelInfo>),
    need: &accelerators::Requirements,
) -> Option<(tensors::BackendInfo, Vec<tensors::ModelInfo>)> {
    let (info, mut models) = found;
    let device = need
        .device
        .is_none_or(|kind| info.devices.iter().any(|device| device.kind == kind));
    models.retain(|model| need.task.is_none_or(|task| model.tasks.contains(&task)));
    (device && !models.is_empty()).then_some((info, models))
}

impl accelerators::Host for State {
    async fn list(
        &mut self,
        need: accelerators::Requirements,
    ) -> Out<Vec<(tensors::BackendInfo, Vec<tensors::ModelInfo>)>> {
        let mut list = Vec::new();
        for kept in self
            .plugin
            .broker
            .granted(&self.plugin.accelerators, need.backend.as_deref())
        {
            match kept.describe(Limit::Opening, true).await {
                Ok(found) => list.extend(fitting(found, &need)),
                Err(error) => {
                    tracing::warn!(
                        accelerator = kept.name,
                        error = error.message,
                        "left out: it can't say what it has"
                    )
                }
            }
        }
        Ok(Ok(list))
    }

    async fn open(
        &mut self,
        name: String,
        need: accelerators::Requirements,
        options: tensors::ModelOptions,
    ) -> Out<Resource<RemoteModel>> {
        let opened = match self.open_one() {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let granted = self
            .plugin
            .broker
            .granted(&self.plugin.accelerators, need.backend.as_deref());
        if granted.is_empty() {
            let error = Error::new(
                ErrorCode::RefusedByPolicy,
                "no accelerator that is granted to this plugin serves now: name one under [plugin.grant] accelerators",
            );
            let wanted = need.backend.as_deref().unwrap_or("any");
            self.plugin
                .refused(&format!("accelerator {wanted}"), &error);
            return Ok(Err(error_in(error)));
        }
        let mut last = Error::new(
            ErrorCode::NotFound,
            format!("no granted accelerator has a model {name:?} that fits"),
        );
        for kept in granted {
            let has = match kept.describe(Limit::Opening, true).await {
                Ok(found) => fitting(found, &need)
                    .and_then(|(_, models)| models.into_iter().find(|model| model.name == name)),
                Err(error) => {
                    last = error;
                    None
                }
            };
            let Some(info) = has else { continue };
            match open(&kept, &name, &options).await {
                Ok(remote) => {
                    let model = RemoteModel {
                        remote,
                        _opened: opened,
                        info,
                    };
                    return Ok(Ok(self.table.push(model)?));
                }
                Err(error) => last = error,
            }
        }
        Ok(self.hear(Err(last)))
    }
}

/// Opens a model of an accelerator.
pub(crate) async fn open(
    kept: &Arc<Kept>,
    name: &str,
    options: &tensors::ModelOptions,
) -> Result<Remote, Error> {
    let (name, options, owner) = (name.to_owned(), options.clone(), kept.clone());
    kept.call(None, Limit::Opening, move |live| {
        Box::pin(async move {
            let backend = live.world.evenhand_plugin_backend();
            let opened = backend.call_open(&mut live.store, &name, &options).await?;
            Ok(opened.map(|resource| Remote {
                kept: owner,
                life: live.life,
                resource,
            }))
        })
    })
    .await
}

/// Begins an answer of an open model.
pub(crate) async fn generate(
    model: &Remote,
    prompt: tensors::Prompt,
    sampling: tensors::Sampling,
) -> Result<Remote, Error> {
    let (owner, life, target) = (model.kept.clone(), model.life, model.resource);
    let kept = owner.clone();
    kept.call(Some(life), Limit::Opening, move |live| {
        Box::pin(async move {
            let model = live.world.evenhand_plugin_backend().model();
            let begun = model.call_generate(&mut live.store, target, &prompt, &sampling);
            Ok(begun.await?.map(|resource| Remote {
                kept: owner,
                life,
                resource,
            }))
        })
    })
    .await
}

impl accelerators::HostModel for State {
    async fn info(&mut self, model: Resource<RemoteModel>) -> wasmtime::Result<tensors::ModelInfo> {
        Ok(self.table.get(&model)?.info.clone())
    }

    async fn infer(
        &mut self,
        model: Resource<RemoteModel>,
        request: tensors::InferRequest,
    ) -> Out<tensors::InferResponse> {
        let remote = &self.table.get(&model)?.remote;
        let answer = remote!(remote, Limit::Deadline, model.call_infer(&request));
        Ok(self.hear(answer))
    }

    async fn embed(
        &mut self,
        model: Resource<RemoteModel>,
        texts: Vec<String>,
    ) -> Out<tensors::EmbedResult> {
        let remote = &self.table.get(&model)?.remote;
        let answer = remote!(remote, Limit::Deadline, model.call_embed(&texts));
        Ok(self.hear(answer))
    }

    async fn count_tokens(
        &mut self,
        model: Resource<RemoteModel>,
        prompt: tensors::Prompt,
    ) -> Out<u32> {
        let remote = &self.table.get(&model)?.remote;
        let answer = remote!(remote, Limit::Deadline, model.call_count_tokens(&prompt));
        Ok(self.hear(answer))
    }

    async fn generate(
        &mut self,
        model: Resource<RemoteModel>,
        prompt: tensors::Prompt,
        sampling: tensors::Sampling,
    ) -> Out<Resource<RemoteGeneration>> {
        let opened = match self.open_one() {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        let remote = &self.table.get(&model)?.remote;
        let begun = generate(remote, prompt, sampling).await;
        match self.hear(begun) {
            Ok(remote) => Ok(Ok(self.table.push(RemoteGeneration(remote, opened))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn drop(&mut self, model: Resource<RemoteModel>) -> wasmtime::Result<()> {
        self.table.delete(model)?;
        Ok(())
    }
}

impl accelerators::HostGeneration for State {
    async fn next(
        &mut self,
        generation: Resource<RemoteGeneration>,
    ) -> Out<Option<Vec<tensors::GenerationEvent>>> {
        let remote = &self.table.get(&generation)?.0;
        let answer = remote!(remote, Limit::Idle, generation.call_next());
        Ok(self.hear(answer))
    }

    async fn drop(&mut self, generation: Resource<RemoteGeneration>) -> wasmtime::Result<()> {
        self.table.delete(generation)?;
        Ok(())
    }
}
