//! Tools, resources and prompts of a remote MCP server (streamable HTTP), as if they were this plugin's.
//!
//! `rmcp` has the types of the protocol; its transports need an async runtime and sockets, which a component doesn't have, so that the
//! exchange itself is here. All I/O is behind [`host::Host`].

mod client;
mod config;
mod exchange;
mod host;
mod offers;
mod questions;
mod read;
mod sampling;

#[cfg(test)]
mod tests;

use evenhand_sdk::tools::*;
use evenhand_sdk::{Error, Tools, log};

use client::Client;
use config::Config;
use host::Granted;

struct Bridge;

impl Tools for Bridge {
    fn list_tools() -> Result<Vec<ToolInfo>, Error> {
        server(|server, config| {
            let mut tools = server.tools()?;
            tools.retain(|tool| config.offers(&tool.name));
            Ok(tools)
        })
    }

    fn call_tool(id: String, name: String, arguments: String) -> Result<CallResult, Error> {
        server(|server, config| match config.offers(&name) {
            true => server.call(&id, &name, &arguments),
            false => Err(Error::not_found(format!("there is no tool {name}"))),
        })
    }

    fn cancel_tool(id: String, _: String) {
        if let Err(error) = server(|server, _| server.take_back(&id)) {
            log::write(log::Level::Warn, &error.message);
        }
    }

    fn list_resources() -> Result<Vec<ResourceInfo>, Error> {
        server(|server, _| server.resources())
    }

    fn list_templates() -> Result<Vec<ResourceInfo>, Error> {
        server(|server, _| server.templates())
    }

    fn read_resource(uri: String) -> Result<Vec<ResourceContents>, Error> {
        server(|server, _| server.read(&uri))
    }

    fn list_prompts() -> Result<Vec<PromptInfo>, Error> {
        server(|server, _| server.prompts())
    }

    fn get_prompt(name: String, arguments: Vec<(String, String)>) -> Result<FilledPrompt, Error> {
        server(|server, _| server.prompt(&name, arguments))
    }

    fn complete(
        of: Reference,
        argument: String,
        value: String,
        others: Vec<(String, String)>,
    ) -> Result<Vec<String>, Error> {
        server(|server, _| server.complete(of, &argument, &value, others))
    }
}

evenhand_sdk::export_tools!(Bridge);

fn server<T>(
    work: impl FnOnce(&mut Client<Granted>, &Config) -> Result<T, Error>,
) -> Result<T, Error> {
    let config: Config = evenhand_sdk::config()?;
    let host = Granted(&config);
    work(&mut Client::new(&host, &config.url), &config)
}
