//! Evenhand as an MCP server.

#![deny(missing_docs)]
