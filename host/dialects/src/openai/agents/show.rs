//! Agents, sessions and turns, as clients see them.

use serde_json::{Value, json};
use types::session::{Agent, Required, Session, Status, Tokens, Turn, TurnOutcome};

use super::{call::named, limits, seconds, tools};

/// An agent.
pub fn agent(agent: &Agent) -> Value {
    let mut shown = running(agent);
    shown["object"] = "agent".into();
    shown["created_at"] = seconds(agent.created).into();
    shown["updated_at"] = seconds(agent.updated).into();
    shown["metadata"] = json!(agent.metadata);
    shown
}

/// An agent, as a session shows it.
fn running(agent: &Agent) -> Value {
    let format = match &agent.output {
        None => json!({ "type": "text" }),
        Some((name, schema)) => {
            let schema = tools::json_or_text(schema);
            json!({ "type": "json_schema", "schema": schema, "name": name })
        }
    };
    json!({
        "id": agent.id,
        "name": agent.name,
        "model": agent.model,
        "instructions": agent.instructions,
        "multi_agent": { "enabled": false, "max_concurrent_subagents": null },
        "reasoning": { "effort": agent.effort, "summary": null },
        "service_tier": "auto",
        "text": { "format": format, "verbosity": "medium" },
        "tools": tools::shown(agent),
        "evenhand": limits::ours(agent),
    })
}

/// A session.
pub fn session(session: &Session) -> Value {
    let required: Vec<Value> = session.required.iter().map(required).collect();
    json!({
        "id": session.id,
        "object": "agent.session",
        "agent": running(&session.agent),
        "created_at": seconds(session.created),
        "last_active_at": seconds(session.updated),
        "environment": { "type": "none" },
        "error": session.error,
        "metadata": session.metadata,
        "required_actions": required,
        "status": status(session.status),
        "usage": usage(session.tokens),
        "spend_control": limits::spend(session),
        "vault_ids": [],
    })
}

/// The word for what a session does.
pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Idle => "idle",
        Status::InProgress => "in_progress",
        Status::RequiresAction => "requires_action",
        Status::Failed => "failed",
        Status::BudgetReached => "budget_reached",
    }
}

fn required(required: &Required) -> Value {
    match required {
        Required::Approval(approval) => {
            let (plugin, tool) = named(&approval.tool);
            json!({
                "type": "mcp_approval_request",
                "request_id": approval.request,
                "turn_id": approval.turn,
                "request": {
                    "type": "mcp_tool_call",
                    "server_label": plugin,
                    "name": tool,
                    "arguments": tools::json_or_text(&approval.arguments),
                    "message": format!("May the agent call `{tool}` of `{plugin}` with these arguments?"),
                },
            })
        }
        Required::Result(call) => json!({
            "type": "function_call",
            "turn_id": call.turn,
            "call_id": call.call,
            "name": call.name,
            "arguments": tools::json_or_text(&call.arguments),
        }),
    }
}

/// A turn of a session.
pub fn turn(session: &Session, turn: &Turn) -> Value {
    let runs = match session.status {
        Status::RequiresAction => "waiting",
        _ => "in_progress",
    };
    match &turn.outcome {
        Some(TurnOutcome::Completed) => shown(session, turn, "completed", Value::Null),
        Some(TurnOutcome::Cancelled) => shown(session, turn, "cancelled", Value::Null),
        Some(TurnOutcome::Failed { code, message }) => {
            shown(session, turn, "failed", failure(code, message))
        }
        // The session ended without it.
        None if session.is_over() => {
            let code = match session.status {
                Status::BudgetReached => "usd",
                _ => "session",
            };
            let why = session.error.as_deref().unwrap_or_default();
            shown(session, turn, "failed", failure(code, why))
        }
        None => shown(session, turn, runs, Value::Null),
    }
}

/// A turn that has just come.
pub(super) fn queued(session: &Session, turn: &Turn) -> Value {
    let mut queued = shown(session, turn, "queued", Value::Null);
    queued["started_at"] = Value::Null;
    queued
}

fn shown(session: &Session, turn: &Turn, status: &str, error: Value) -> Value {
    json!({
        "id": turn.id,
        "object": "agent.session.turn",
        "agent_id": session.agent.id,
        "session_id": session.id,
        "subagent_id": null,
        "status": status,
        "created_at": seconds(turn.began),
        "started_at": seconds(turn.began),
        "completed_at": turn.ended.map(seconds),
        "error": error,
        "usage": usage(turn.tokens),
    })
}

/// Why a turn failed: the nearest of the words that the SDK knows, and in `reason` our own.
pub(super) fn failure(reason: &str, message: &str) -> Value {
    let code = match reason {
        "steps" | "tokens" | "usd" | "budget_reached" => "session_budget_exceeded",
        "seconds" => "request_timeout",
        "model" => "server_error",
        _ => "internal_error",
    };
    json!({ "code": code, "message": message, "reason": reason })
}

/// Tokens that were used.
pub(super) fn usage(tokens: Tokens) -> Value {
    json!({
        "input_tokens": tokens.input,
        "input_tokens_details": { "cached_tokens": tokens.cached },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
        "total_tokens": tokens.input.saturating_add(tokens.output),
    })
}
