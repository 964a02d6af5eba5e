//! Models that a caller may use.

use catalog::Snapshot;
use dialects::ListedModel;
use futures::future::join_all;
use sandbox::Kind;
use types::Error;

use crate::{Caller, Calls, Reply};

impl Calls {
    /// Every model that the caller may use: routes first, agents, then the plugins' in the order of their names. A plugin that can't list
    /// its models now is left out, and the log says why.
    pub async fn models(&self, caller: &Caller) -> Vec<ListedModel> {
        let now = self.catalog.now().clone();
        self.listed(&now, caller).await
    }

    /// A model of this name.
    ///
    /// # Errors
    /// Not found.
    pub async fn model(&self, caller: &Caller, id: &str) -> Result<ListedModel, Error> {
        let now = self.catalog.now().clone();
        let mut listed = self.listed(&now, caller).await;
        match listed.iter().position(|model| model.id == id) {
            Some(at) => Ok(listed.swap_remove(at)),
            None => Err(near(id, &listed)),
        }
    }

    /// Turns a model that wasn't found into an error that names those that are near; unless there is such a model, or nobody
    /// knows: then something else was not found, and the vendor says what.
    pub(crate) async fn name_near(
        &self,
        now: &Snapshot,
        caller: &Caller,
        model: &str,
        outcome: Result<Reply, Error>,
    ) -> Result<Reply, Error> {
        let listed = self.listed(now, caller).await;
        let plugin = |id: &str| id.split('/').next().map(str::to_owned);
        let known = listed
            .iter()
            .any(|other| plugin(&other.id) == plugin(model));
        match listed.iter().any(|other| other.id == model) || (!known && outcome.is_ok()) {
            true => outcome,
            false => Err(near(model, &listed)),
        }
    }

    async fn listed(&self, now: &Snapshot, caller: &Caller) -> Vec<ListedModel> {
        let providers = now
            .revisions
            .iter()
            .filter(|(_, revision)| revision.plugin.kind() == Kind::Provider);
        let asked =
            providers.map(|(name, revision)| async move { (name, revision.models().await) });
        let routes = now.config.routes.iter().map(|route| route.model.clone());
        let agents = now.config.agents.iter();
        let agents = agents.map(|agent| format!("agent/{}", agent.name));
        let mut listed: Vec<ListedModel> = routes
            .chain(agents)
            .map(|id| ListedModel {
                id,
                owned_by: "evenhand".into(),
                info: None,
            })
            .collect();
        for (name, models) in join_all(asked).await {
            match models {
                Ok(models) => listed.extend(models.iter().map(|info| ListedModel {
                    id: format!("{name}/{}", info.id),
                    owned_by: name.clone(),
                    info: Some(info.clone()),
                })),
                Err(error) => {
                    tracing::warn!(plugin = name, error = ?error.message, "its models are not listed")
                }
            }
        }
        listed.retain(|model| caller.may(&model.id));
        listed
    }
}

fn near(model: &str, listed: &[ListedModel]) -> Error {
    let mut error = crate::unknown(model);
    let near = router::nearest(model, listed.iter().map(|model| model.id.as_str()));
    error.message += &match near[..] {
        [] => "; GET /v1/models lists what there is".to_owned(),
        _ => format!("; did you mean {}?", near.join(", ")),
    };
    error
}
