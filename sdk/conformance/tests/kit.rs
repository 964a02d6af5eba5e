//! The kit itself: what is no plugin is told so. Whole components are tested by the product's tests (`tests/test_conformance.py`).

use conformance::{Candidate, Report, Script, Stop};
use manifest::Manifest;
use sandbox::{Compiler, Guests, Sandbox};

/// What comes of a component.
fn report(component: &str, manifest: Option<&str>) -> Report {
    let io = tokio::runtime::Runtime::new().unwrap();
    let guests = Guests {
        fast: io.handle().clone(),
        slow: io.handle().clone(),
    };
    let sandbox = Sandbox::new(io.handle().clone(), guests, Compiler::in_process()).unwrap();
    let mut bytes = wat::parse_str(component).unwrap();
    if let Some(manifest) = manifest {
        let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
        bytes = manifest::embed(bytes, &manifest).unwrap();
    }
    let nowhere = tempfile::tempdir().unwrap();
    let script = Script {
        folder: nowhere.path().into(),
        ..Script::default()
    };
    let candidate = Candidate {
        name: "it".into(),
        bytes,
        script,
    };
    io.block_on(conformance::run(candidate, sandbox)).unwrap()
}

/// The case that failed, and what was seen.
fn failed(report: &Report) -> (String, String) {
    let mut failed = report.lines.iter().filter_map(|line| match &line.outcome {
        Err(Stop::Failed { seen, .. }) => Some((line.name(), seen.clone())),
        _ => None,
    });
    let first = failed.next().unwrap();
    assert_eq!(failed.next(), None, "{report}");
    first
}

const MANIFEST: &str = r#"{"name":"a/b","version":"1.0.0","licence":"MIT","config":{"type":"object","required":["x"]}}"#;

#[test]
fn a_component_without_a_manifest() {
    let (case, seen) = failed(&report("(component)", None));
    assert_eq!(case, "manifest.present");
    assert!(seen.contains("evenhand build"), "{seen}");
}

#[test]
fn a_component_that_exports_nothing() {
    let plain = r#"{"name":"a/b","version":"1.0.0","licence":"MIT"}"#;
    let (case, seen) = failed(&report("(component)", Some(plain)));
    assert_eq!(case, "load");
    assert!(seen.contains("exports nothing"), "{seen}");
}

#[test]
fn the_report_is_for_people_and_for_machines() {
    let report = report("(component)", Some(MANIFEST));
    assert_eq!(report.counts(), (2, 2, 0), "{report}");
    let text = report.to_string();
    assert!(
        text.contains("FAIL  manifest.config") && text.contains("breaks: "),
        "{text}"
    );
    let xml = report.junit().unwrap();
    assert!(
        xml.contains(r#"failures="2""#) && xml.contains(r#"name="manifest.config""#),
        "{xml}"
    );
}
