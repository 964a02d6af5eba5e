//! What there is for a visitor, as they see it.

use std::time::Duration;

use futures::future::join_all;
use rmcp::ErrorData;
use rmcp::model::{PaginatedRequestParams, Prompt, Resource, ResourceTemplate, Tool};
use tokio::time::timeout;
use tools::Behind;
use types::tool::{ResourceContents, ResourceInfo};
use types::{Error, ErrorCode};

use crate::visit::Visit;
use crate::{Shared, convert, names};

/// Most things in a page of a list.
const PAGE: usize = 100;

/// A plugin that can't list what it has in this time is left out: the others don't wait for it. Tools have the same, in the catalog.
const LISTING: Duration = Duration::from_secs(10);

async fn in_time<T>(plugin: &str, list: impl Future<Output = Vec<T>>) -> Vec<T> {
    timeout(LISTING, list).await.unwrap_or_else(|_| {
        tracing::warn!(
            plugin,
            "left out: it did not list what it has within {LISTING:?}"
        );
        Vec::new()
    })
}

impl Shared {
    /// The plugins that the visitor may use as a whole. Resources and prompts have no grants of their own.
    pub(crate) fn plugins(&self, visit: &Visit) -> Vec<String> {
        self.tools.plugins(|name| visit.may(name))
    }

    pub(crate) async fn tools(&self, visit: &Visit) -> Vec<Tool> {
        let may = |id: &str| visit.may(id);
        let tools = match &visit.plugin {
            Some(plugin) => self.tools.of_plugin(plugin, may).await,
            None => self.tools.list(may).await,
        };
        let tools = tools.iter().map(|tool| {
            let name = names::shown(visit, tool.plugin(), &tool.info.name);
            convert::tool(name, &tool.info)
        });
        tools.collect()
    }

    async fn infos(&self, visit: &Visit, behind: &Behind, templates: bool) -> Vec<ResourceInfo> {
        let plugins = self.plugins(visit);
        let lists = plugins.iter().map(|plugin| {
            in_time(
                plugin,
                self.tools.resources(plugin, templates, behind.clone()),
            )
        });
        join_all(lists).await.into_iter().flatten().collect()
    }

    pub(crate) async fn resources(&self, visit: &Visit, behind: &Behind) -> Vec<Resource> {
        let infos = self.infos(visit, behind, false).await;
        infos.iter().map(convert::resource).collect()
    }

    pub(crate) async fn templates(&self, visit: &Visit, behind: &Behind) -> Vec<ResourceTemplate> {
        let infos = self.infos(visit, behind, true).await;
        infos.iter().map(convert::template).collect()
    }

    pub(crate) async fn prompts(&self, visit: &Visit, behind: &Behind) -> Vec<Prompt> {
        let plugins = self.plugins(visit);
        let lists = plugins.iter().map(|plugin| async move {
            let prompts = in_time(plugin, self.tools.prompts(plugin, behind.clone())).await;
            let prompts = prompts.iter().map(|info| {
                let name = names::shown(visit, plugin, &info.name);
                convert::prompt(name, info)
            });
            prompts.collect::<Vec<_>>()
        });
        join_all(lists).await.into_iter().flatten().collect()
    }

    /// Reads a resource of the first plugin that has it.
    ///
    /// # Errors
    /// `NotFound`, or what the first plugin met that may have it.
    pub(crate) async fn read(
        &self,
        visit: &Visit,
        behind: &Behind,
        uri: &str,
    ) -> Result<Vec<ResourceContents>, Error> {
        let mut met = None;
        for plugin in self.plugins(visit) {
            match self.tools.read_resource(&plugin, uri, behind.clone()).await {
                Ok(contents) => return Ok(contents),
                Err(error) if error.code == ErrorCode::NotFound => {}
                Err(error) => met = met.or(Some(error)),
            }
        }
        let none = || {
            Error::new(
                ErrorCode::NotFound,
                format!("nobody has the resource {uri:?}"),
            )
        };
        Err(met.unwrap_or_else(none))
    }
}

/// The page of a list that is asked for, and the cursor of the next.
///
/// # Errors
/// The cursor is none of ours.
pub(crate) fn page<T>(
    all: Vec<T>,
    asked: Option<PaginatedRequestParams>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let from = match asked.and_then(|asked| asked.cursor) {
        None => 0,
        Some(cursor) => cursor.parse::<usize>().map_err(|_| {
            let message = format!("the cursor {cursor:?} is none of this server's");
            ErrorData::invalid_params(message, None)
        })?,
    };
    let next = from.saturating_add(PAGE);
    let more = (next < all.len()).then(|| next.to_string());
    Ok((all.into_iter().skip(from).take(PAGE).collect(), more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_plugin_that_does_not_answer_is_left_out() {
        assert_eq!(in_time("good", async { vec![1] }).await, [1]);
        let nothing: Vec<u8> = in_time("bad", std::future::pending()).await;
        assert!(nothing.is_empty());
    }

    #[test]
    fn pages_lead_through_the_whole_list() {
        let all: Vec<usize> = (0..PAGE * 2 + 1).collect();
        let mut read = Vec::new();
        let mut cursor = None;
        loop {
            let asked = PaginatedRequestParams::default().with_cursor(cursor);
            let (items, next) = page(all.clone(), Some(asked)).unwrap();
            assert!(items.len() <= PAGE);
            read.extend(items);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(read, all);
        assert_eq!(page(all[..PAGE].to_vec(), None).unwrap().1, None);
        let odd = PaginatedRequestParams::default().with_cursor(Some("x".into()));
        assert!(page(all, Some(odd)).is_err());
    }
}
