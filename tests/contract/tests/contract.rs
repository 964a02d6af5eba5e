//! `wit/` beside each version that was published, and what counts as a change.

use std::path::{Path, PathBuf};

use semver::Version;
use test_contract::Contract;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The contract of this checkout.
fn now() -> Contract {
    Contract::read(&root().join("wit")).unwrap()
}

/// Every published version, by its folder's name.
fn published() -> Vec<(Version, Contract)> {
    let folders = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path());
    let folders = folders.filter(|path| path.join("wit").is_dir());
    folders
        .map(|folder| {
            let name = folder.file_name().unwrap().to_str().unwrap();
            let contract = Contract::read(&folder.join("wit")).unwrap();
            (Version::parse(name).unwrap(), contract)
        })
        .collect()
}

/// Does a component that was built for one work with the other, as versions promise it?
fn is_compatible(older: &Version, newer: &Version) -> bool {
    (older.major, older.minor) == (newer.major, newer.minor) && older <= newer
}

#[test]
fn the_contract_takes_what_was_built_for_published_versions() {
    let (now, published) = (now(), published());
    let version = now.version().unwrap();
    assert_eq!(version, manifest::CONTRACT);
    for (of, contract) in &published {
        assert_eq!(contract.version().unwrap(), *of);
        if is_compatible(of, &version) {
            assert_eq!(now.breaks(contract), Vec::<String>::new(), "since {of}");
        }
    }
    let same = published.iter().find(|(of, _)| *of == version);
    let (_, same) =
        same.expect("the version of wit/ is published, or not yet: cargo xtask contract");
    // A published version does not grow either: that is the next one.
    assert_eq!(same.breaks(&now), Vec::<String>::new());
}

const BEFORE: &str = r#"package evenhand:plugin@0.1.0;
interface things {
  record thing { name: string, size: option<u32> }
  variant shape { round(f32), flat }
  enum colour { red, green }
  resource file { read: func(at: u64) -> list<u8>; }
  find: func(name: string) -> result<thing, colour>;
  draw: func(what: shape) -> file;
}
interface plugin {
  use things.{thing};
  run: func(on: thing);
}
world main { import things; export plugin; }
"#;

/// What breaks where one text takes another's place in the contract; the version is another too.
fn breaks(was: &str, is: &str) -> Vec<String> {
    assert!(BEFORE.contains(was), "{was:?} is not there");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("x.wit"), text).unwrap();
        Contract::read(&folder).unwrap()
    };
    let newer = BEFORE.replacen(was, is, 1).replace("@0.1.0", "@0.1.7");
    write("newer", &newer).breaks(&write("older", BEFORE))
}

#[test]
fn what_older_components_do_not_notice_is_no_break() {
    for (was, is) in [
        ("interface things", "/// Other words.\ninterface things"),
        ("find: func", "size: func() -> u64;\n  find: func"),
        (
            "record thing",
            "record other { thing: thing }\n  record thing",
        ),
        ("read: func", "size: func() -> u64; read: func"),
        (
            "interface plugin",
            "interface more { go: func(); }\ninterface plugin",
        ),
        (
            "world main {",
            "interface more { go: func(); }\nworld more-world { export more; }\nworld main {",
        ),
        (
            "world main {",
            "interface more { go: func(); }\nworld main { import more;",
        ),
    ] {
        assert_eq!(breaks(was, is), Vec::<String>::new(), "{is}");
    }
}

#[test]
fn what_older_components_would_notice_is_one() {
    for (was, is, told) in [
        ("size: option<u32>", "size: u32", "type thing of things was"),
        (
            "name: string, size: option<u32>",
            "name: string",
            "type thing of things was",
        ),
        (
            "size: option<u32> }",
            "size: option<u32>, more: bool }",
            "type thing of things was",
        ),
        (
            "size: option<u32>",
            "length: option<u32>",
            "type thing of things was",
        ),
        (
            "name: string, size: option<u32>",
            "size: option<u32>, name: string",
            "type thing of things was",
        ),
        ("flat }", "flat, square }", "type shape of things was"),
        ("round(f32)", "round(f64)", "type shape of things was"),
        ("red, green", "green, red", "type colour of things was"),
        (
            "red, green",
            "red, green, blue",
            "type colour of things was",
        ),
        (
            "(name: string)",
            "(name: string, exact: bool)",
            "func find of things was",
        ),
        (
            "result<thing, colour>",
            "result<thing, string>",
            "func find of things was",
        ),
        (
            "draw: func(what: shape) -> file;",
            "",
            "func draw of things is gone",
        ),
        ("at: u64", "at: u32", "func [method]file.read of things was"),
        (
            "run: func",
            "stop: func();\n  run: func",
            "func stop of plugin is new",
        ),
        (
            "run: func",
            "resource r {}\n  run: func",
            "resource r of plugin is new",
        ),
        ("export plugin;", "", "world main no longer exports plugin"),
        (
            "import things; export plugin;",
            "",
            "world main no longer imports things",
        ),
        ("world main", "world other", "world main is gone"),
        (
            "world main { ",
            "interface more { go: func(); }\nworld main { export more; ",
            "world main exports more too",
        ),
    ] {
        let found = breaks(was, is);
        let says = found.iter().any(|line| line.contains(told));
        assert!(says, "{is}: {found:?}");
    }
}
