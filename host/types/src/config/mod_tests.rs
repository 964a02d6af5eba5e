use super::*;

#[test]
fn an_unknown_key_names_its_line() {
    let error = Config::parse("[server]\nlisten = \"127.0.0.1:1\"\nmax_boddy = 3\n").unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("line 3") && text.contains("max_boddy"),
        "{text}"
    );
}

#[test]
fn a_secret_that_stands_in_the_file_by_mistake_is_not_shown() {
    let text = "[[key]]\nname = \"k\"\nsecret = \"sk-live-1\"\n";
    let error = Config::parse(text).unwrap_err().to_string();
    assert!(
        error.contains("line 3") && !error.contains("sk-live"),
        "{error}"
    );
}

#[test]
fn contradictions_are_named() {
    let plugin =
        |name: &str, rest: &str| format!("[[plugin]]\nname = \"{name}\"\nsource = \"x\"\n{rest}\n");
    let keep = "grant = { keep = true }";
    const STORE: &str = "[store]\nurl = \"sqlite://x.db\"\n";
    let agent = |rest: &str| format!("[[agent]]\nname = \"c\"\nmodel = \"a/m\"\n{rest}\n");
    for (text, named) in [
        (" \n".to_owned(), "empty"),
        ("[compile]\ntime = \"10ms\"".to_owned(), "compile.time"),
        ("[compile]\nmemory = 1".to_owned(), "compile.memory"),
        (plugin("a", "limits = { handles = 0 }"), "limit of 0"),
        (
            plugin("a", "limits = { requests_per_minute = 0 }"),
            "limit of 0",
        ),
        (
            plugin("a", "grant = { accelerators = [\"b\"] }") + &plugin("b", ""),
            "\"b\"",
        ),
        (
            plugin("a", "grant = { keep = true, accelerators = [\"b\"] }") + &plugin("b", keep),
            "uses no other",
        ),
        (
            "[[route]]\nmodel = \"r\"\ntargets = [{ model = \"a/m\" }]".to_owned(),
            "\"a/m\" is of no plugin",
        ),
        (
            "[[route]]\nmodel = \"r\"\ntargets = [{ model = \"a/\" }]".to_owned(),
            "line 3",
        ),
        (plugin("a", "grant = { kv = { n = \"key\" } }"), "[store]"),
        (agent(""), "there is none"),
        (STORE.to_owned() + &agent("") + &agent(""), "two agents"),
        (
            STORE.to_owned() + &agent("limits = { steps = 0 }"),
            "limit of 0",
        ),
        (
            STORE.to_owned() + &agent("limits = { usd = 1 }"),
            "[[price]]",
        ),
        (
            STORE.to_owned() + &agent("tools = [\"b/*\"]\napprove = [\"c/pay\"]"),
            "none of its tools",
        ),
        (
            "[[price]]\nmodel = \"a/m\"\ninput = -1\noutput = 1".to_owned(),
            "from 0",
        ),
    ] {
        let error = Config::parse(&text).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn the_data_plane_stays_on_loopback_without_keys() {
    let error = Config::parse("[server]\nlisten = \"0.0.0.0:8787\"").unwrap_err();
    assert!(error.to_string().contains("[[key]]"), "{error}");
}

#[test]
fn the_control_plane_stays_on_loopback_without_a_token() {
    for listen in ["0.0.0.0:1", "[::]:1", "10.0.0.7:1"] {
        let text = format!("[admin]\nlisten = \"{listen}\"\n");
        let error = Config::parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("admin.token") && error.contains(listen),
            "{error}"
        );
        assert!(Config::parse(&(text + "token = { env = \"T\" }")).is_ok());
    }
}

#[test]
fn a_key_allows_names_and_prefixes_only() {
    let key = Key {
        name: "k".into(),
        secret: SecretSource::Env("K".into()),
        models: vec!["smart".into(), "a/*".into()],
        tools: vec!["calc/*".into()],
        agents: vec!["claims".into()],
    };
    assert!(key.allows("smart") && key.allows("a/b"));
    assert!(key.allows("agent/claims") && !key.allows("agent/other"));
    assert!(key.allows_tool("calc/add") && !key.allows_tool("sql/query"));
    assert!(!key.allows("smarter") && !key.allows("b/a"));
}
