//! Agents: those of the configuration, and those that clients made.

use calls::Caller;
use tools::Tool;
use types::session::Agent;
use types::{Error, ErrorCode};

use crate::grants::is_configured;
use crate::{Agents, Page, id, log, not_found};

/// Most seconds and steps of a turn of an agent that a client made. The operator's may have more.
const SECONDS: u64 = 3600;
const STEPS: u32 = 200;

impl Agents {
    /// An agent that the caller may use: of the configuration, or one that they made.
    ///
    /// # Errors
    /// `NotFound`; the store's.
    pub async fn agent(&self, caller: &Caller, id: &str) -> Result<Agent, Error> {
        let configured = {
            let now = self.catalog.now();
            let found = now.config.agents.iter().find(|agent| agent.name == id);
            found.map(Agent::from)
        };
        if let Some(agent) = configured.filter(|_| caller.may(&format!("agent/{id}"))) {
            return Ok(agent);
        }
        match self.store.agent(caller.name(), id).await? {
            Some(row) => read_agent(&row.value),
            None => Err(not_found("agent", id)),
        }
    }

    /// Agents that the caller may use, and whether there are more: those of the configuration, and then theirs.
    ///
    /// # Errors
    /// The store's.
    pub async fn agents(&self, caller: &Caller, page: &Page) -> Result<(Vec<Agent>, bool), Error> {
        let mut all: Vec<Agent> = {
            let now = self.catalog.now();
            let may = now.config.agents.iter().map(Agent::from);
            may.filter(|agent| caller.may(&format!("agent/{}", agent.id)))
                .collect()
        };
        let mut after = page.after.as_deref();
        if let Some(last) = after {
            match all.iter().position(|agent| agent.id == last) {
                Some(place) => {
                    all.drain(..=place);
                    after = None;
                }
                None => all.clear(),
            }
        }
        let limit = page.limit as usize;
        if all.len() <= limit {
            // One more than is shown tells whether there are more.
            let wanted = (limit - all.len() + 1) as u64;
            let made = self
                .store
                .agent_list(caller.name(), after, wanted, page.ascending)
                .await?;
            for row in made {
                all.push(read_agent(&row.value)?);
            }
        }
        let more = all.len() > limit;
        all.truncate(limit);
        Ok((all, more))
    }

    /// Keeps an agent of the caller's, a new one or what it is now.
    ///
    /// # Errors
    /// It asks for what the caller may not use; it is one of the configuration.
    pub async fn keep_agent(&self, caller: &Caller, mut agent: Agent) -> Result<Agent, Error> {
        let now = log::now();
        agent.updated = now;
        if agent.id.is_empty() {
            agent.id = id("agent_");
            agent.created = now;
        } else if is_configured(&agent) {
            let message = format!(
                "the agent {:?} is the operator's: it can't be changed here",
                agent.id
            );
            return Err(Error::new(ErrorCode::Forbidden, message));
        }
        self.check(caller, &agent).await?;
        let value = serde_json::to_string(&agent).map_err(|error| {
            Error::new(
                ErrorCode::Internal,
                format!("an agent can't be written: {error}"),
            )
        })?;
        self.store
            .agent_put(caller.name(), &agent.id, &value, agent.created)
            .await?;
        Ok(agent)
    }

    /// Forgets an agent of the caller's. Its sessions go on.
    ///
    /// # Errors
    /// `NotFound`; it is one of the configuration.
    pub async fn forget_agent(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        if is_configured(&self.agent(caller, id).await?) {
            let message = format!("the agent {id:?} is the operator's: it can't be deleted here");
            return Err(Error::new(ErrorCode::Forbidden, message));
        }
        self.store.agent_delete(caller.name(), id).await.map(drop)
    }

    /// May the caller have such an agent, and is there what it names?
    pub(crate) async fn check(&self, caller: &Caller, agent: &Agent) -> Result<(), Error> {
        if !caller.may(&agent.model) || agent.model.starts_with("agent/") {
            let message = format!("there is no model {:?}", agent.model);
            return Err(Error::new(ErrorCode::NotFound, message).at("model"));
        }
        let limits = &agent.limits;
        if limits.seconds > SECONDS || limits.steps > STEPS {
            let message = format!("a turn has at most {SECONDS} seconds and {STEPS} steps");
            return Err(Error::bad_request(message).at("limits"));
        }
        let offered = self.tools.list(|tool| caller.may_call(tool)).await;
        let idle = agent.tools.iter().chain(&agent.approve).find(|rule| {
            let fits = |tool: &Tool| types::config::matches(rule, &tool.id());
            !offered.iter().any(fits)
        });
        if let Some(rule) = idle {
            let message = format!("there is no tool {rule:?} on this host, or none for this key");
            return Err(Error::new(ErrorCode::NotFound, message).at("tools"));
        }
        if agent.limits.usd.is_some() {
            let now = self.catalog.now();
            if now.config.prices_of(&agent.model).is_none() {
                let message = format!(
                    "the operator has set no [[price]] for the model {:?}, so that a limit in US dollars can't be kept",
                    agent.model
                );
                return Err(Error::bad_request(message).at("limits.usd"));
            }
        }
        Ok(())
    }
}

fn read_agent(value: &str) -> Result<Agent, Error> {
    serde_json::from_str(value).map_err(|error| {
        Error::new(
            ErrorCode::Internal,
            format!("an agent can't be read: {error}"),
        )
    })
}
