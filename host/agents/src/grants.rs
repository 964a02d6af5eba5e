//! What a session may use: by the agent as it was when the session began, and by the configuration as it is now.

use calls::Caller;
use types::session::Agent;

use crate::Agents;

/// What a session may use now.
pub(crate) struct Grants {
    /// The model that it asks.
    pub(crate) model: String,
    began: Agent,
    /// The entry of the configuration, of agents that have one.
    entry: Option<Agent>,
    caller: Caller,
}

impl Grants {
    /// May it call this tool? Of agents that a client made, the key's own tools count too.
    pub(crate) fn allows(&self, tool: &str) -> bool {
        let now = match &self.entry {
            Some(entry) => entry.may_call(tool),
            None => self.caller.may_call(tool),
        };
        now && self.began.may_call(tool)
    }

    /// Does a call of this tool need a person's yes?
    pub(crate) fn needs_approval(&self, tool: &str) -> bool {
        let entry = self.entry.as_ref();
        self.began.needs_approval(tool) || entry.is_some_and(|entry| entry.needs_approval(tool))
    }
}

impl Agents {
    /// What a session of this key and agent may use now; why it may not go on.
    pub(crate) fn grants(&self, owner: &str, agent: &Agent) -> Result<Grants, String> {
        let now = self.catalog.now();
        let caller = match now.config.keys.iter().find(|key| key.name == owner) {
            Some(key) => Caller::Key(key.clone()),
            None if owner.is_empty() && now.config.keys.is_empty() => Caller::Anyone,
            None => return Err("the key that began this session is not known here any more".into()),
        };
        let mut entry = None;
        if is_configured(agent) {
            let name = &agent.id;
            let found = now.config.agents.iter().find(|it| it.name == *name);
            let found = found.filter(|_| caller.may(&format!("agent/{name}")));
            let found = found.ok_or_else(|| {
                format!("the agent {name:?} is gone, or the key may not use it any more")
            })?;
            entry = Some(Agent::from(found));
        } else if !caller.may(&agent.model) {
            return Err(format!(
                "the key may not use the model {:?} any more",
                agent.model
            ));
        }
        let model = entry.as_ref().map_or(&agent.model, |entry| &entry.model);
        Ok(Grants {
            model: model.clone(),
            began: agent.clone(),
            entry,
            caller,
        })
    }
}

/// Is it of the configuration, and not a client's?
#[must_use]
pub fn is_configured(agent: &Agent) -> bool {
    agent.created == 0
}
