//! What the host counts, for Prometheus. Labels have few values: names of plugins from the configuration, and words of ours.

#![deny(missing_docs)]

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets, in seconds: from a cached answer to the longest deadline by default.
const BUCKETS: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Plugin {
    plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Calls {
    plugin: String,
    dialect: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    plugin: String,
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limits {
    plugin: String,
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct States {
    plugin: String,
    state: String,
}

/// A call that is over.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// The plugin that it went to.
    pub plugin: &'a str,
    /// The client's wire format.
    pub dialect: &'static str,
    /// HTTP status; 0 where the client went away before there was one.
    pub status: u16,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// Tokens of the request, where the vendor told them.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
}

/// All that is counted.
pub struct Metrics {
    registry: Registry,
    calls: Family<Calls, Counter>,
    running: Family<Plugin, Gauge>,
    durations: Family<Plugin, Histogram, fn() -> Histogram>,
    tokens: Family<Tokens, Counter>,
    denials: Family<Plugin, Counter>,
    limits: Family<Limits, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("evenhand");
        let calls = Family::default();
        let running = Family::default();
        let durations = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> _);
        let tokens = Family::default();
        let denials = Family::default();
        let limits = Family::default();
        registry.register("calls", "Calls that ended, each try of a route apart; status none: the client went away before an answer", calls.clone());
        registry.register("calls_running", "Calls that run", running.clone());
        registry.register_with_unit(
            "call_duration",
            "From a request to the end of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("tokens", "Tokens as vendors told them", tokens.clone());
        registry.register("denials", "What plugins were refused", denials.clone());
        registry.register(
            "limit_hits",
            "Limits that plugins ran into, by their keys of the configuration",
            limits.clone(),
        );
        Self {
            registry,
            calls,
            running,
            durations,
            tokens,
            denials,
            limits,
        }
    }
}

impl Metrics {
    /// A call begins. It must come to [`Metrics::ended`].
    pub fn begun(&self, plugin: &str) {
        self.running.get_or_create(&of(plugin)).inc();
    }

    /// A call is over.
    pub fn ended(&self, call: Ended<'_>) {
        let plugin = of(call.plugin);
        self.running.get_or_create(&plugin).dec();
        self.durations
            .get_or_create(&plugin)
            .observe(call.took.as_secs_f64());
        let Plugin { plugin } = plugin;
        for (direction, tokens) in [("input", call.input_tokens), ("output", call.output_tokens)] {
            if let Some(tokens) = tokens {
                let plugin = plugin.clone();
                let labels = Tokens { plugin, direction };
                let counter = self.tokens.get_or_create(&labels);
                // What a plugin tells is of any size, and a counter must not go back.
                counter.inc_by(tokens.min(u64::MAX - counter.get()));
            }
        }
        let labels = Calls {
            plugin,
            dialect: call.dialect,
            status: class(call.status),
        };
        self.calls.get_or_create(&labels).inc();
    }

    /// A plugin was refused something.
    pub fn refused(&self, plugin: &str) {
        self.denials.get_or_create(&of(plugin)).inc();
    }

    /// A plugin ran into a limit.
    pub fn limited(&self, plugin: &str, limit: &'static str) {
        let plugin = plugin.to_owned();
        self.limits.get_or_create(&Limits { plugin, limit }).inc();
    }

    /// Everything, in the text format of OpenMetrics, with the states of the plugins of now.
    ///
    /// # Errors
    /// None that is known of: text is written to memory.
    pub fn text<'a>(
        &self,
        states: impl Iterator<Item = (&'a str, String)>,
    ) -> Result<String, fmt::Error> {
        let family = Family::<States, Gauge>::default();
        for (plugin, state) in states {
            let plugin = plugin.to_owned();
            family.get_or_create(&States { plugin, state }).set(1);
        }
        let mut now = Registry::with_prefix("evenhand");
        now.register(
            "plugin_state",
            "The state of each plugin of the configuration",
            family,
        );
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &now)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

fn of(plugin: &str) -> Plugin {
    let plugin = plugin.to_owned();
    Plugin { plugin }
}

fn class(status: u16) -> &'static str {
    match status {
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        _ => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_from_its_beginning_to_its_end() {
        let metrics = Metrics::default();
        let has = |line: &str| {
            let text = metrics.text([("p", "serving".into())].into_iter()).unwrap();
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        };
        metrics.begun("p");
        metrics.begun("p");
        has("evenhand_calls_running{plugin=\"p\"} 2");
        metrics.ended(Ended {
            plugin: "p",
            dialect: "d",
            status: 201,
            took: Duration::from_millis(300),
            input_tokens: Some(3),
            output_tokens: None,
        });
        metrics.refused("p");
        metrics.limited("p", "memory");
        has("evenhand_calls_running{plugin=\"p\"} 1");
        has("evenhand_calls_total{plugin=\"p\",dialect=\"d\",status=\"2xx\"} 1");
        has("evenhand_call_duration_seconds_bucket{le=\"0.25\",plugin=\"p\"} 0");
        has("evenhand_call_duration_seconds_bucket{le=\"0.5\",plugin=\"p\"} 1");
        has("evenhand_tokens_total{plugin=\"p\",direction=\"input\"} 3");
        has("evenhand_denials_total{plugin=\"p\"} 1");
        has("evenhand_limit_hits_total{plugin=\"p\",limit=\"memory\"} 1");
        has("evenhand_plugin_state{plugin=\"p\",state=\"serving\"} 1");
        has("# EOF");
    }

    #[test]
    fn classes_of_status_are_few() {
        let all = [0, 200, 299, 302, 404, 499, 502, 599, 600, u16::MAX].map(class);
        assert_eq!(
            all,
            [
                "none", "2xx", "2xx", "3xx", "4xx", "4xx", "5xx", "5xx", "none", "none"
            ]
        );
    }
}
