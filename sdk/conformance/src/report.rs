//! What the kit found.

use std::fmt;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::cases::{Case, case};

/// How a case ended, where not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// It was not tried.
    Skipped(String),
    /// The component broke the contract, or its script is wrong.
    Failed {
        /// What should have been.
        expected: String,
        /// What was.
        seen: String,
    },
}

/// A case's outcome.
pub type Outcome = Result<(), Stop>;

impl Stop {
    /// The component is not what it should be.
    pub(crate) fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::Failed {
            expected: expected.into(),
            seen: seen.into(),
        }
    }

    /// The case isn't tried, for this reason.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self::Skipped(why.into())
    }
}

/// A case that was run.
#[derive(Debug, Clone)]
pub struct Line {
    /// Which.
    pub case: &'static Case,
    /// Of what: a scenario, a field, a tool. Empty: of the component.
    pub of: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

impl Line {
    /// `case[of]`
    pub fn name(&self) -> String {
        match self.of.as_str() {
            "" => self.case.name.to_owned(),
            of => format!("{}[{of}]", self.case.name),
        }
    }
}

/// All that was run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The component, as people know it.
    pub component: String,
    /// In the order in which they ran.
    pub lines: Vec<Line>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, of: &str, outcome: Outcome, took: Duration) {
        self.lines.push(Line {
            case: case(name),
            of: of.to_owned(),
            outcome,
            took,
        });
    }

    /// How many passed, failed, and were skipped.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |what: fn(&Outcome) -> bool| {
            let lines = self.lines.iter();
            lines.filter(|line| what(&line.outcome)).count()
        };
        (
            count(Result::is_ok),
            count(|it| matches!(it, Err(Stop::Failed { .. }))),
            count(|it| matches!(it, Err(Stop::Skipped(_)))),
        )
    }

    /// The same, for machines: <https://github.com/testmoapp/junitxml>.
    ///
    /// # Errors
    /// It can't be written as XML.
    pub fn junit(&self) -> anyhow::Result<String> {
        let mut suite = TestSuite::new(self.component.clone());
        for line in &self.lines {
            let status = match &line.outcome {
                Ok(()) => TestCaseStatus::success(),
                Err(Stop::Skipped(why)) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(why.clone());
                    status
                }
                Err(Stop::Failed { expected, seen }) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status
                        .set_message(format!("expected {expected}; seen: {seen}"))
                        .set_type(line.case.rule)
                        .set_description(line.case.about);
                    status
                }
            };
            let mut case = TestCase::new(line.name(), status);
            case.set_classname("evenhand.conformance")
                .set_time(line.took);
            suite.add_test_case(case);
        }
        let mut report = quick_junit::Report::new("evenhand test");
        report.add_test_suite(suite);
        Ok(report.to_string()?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let name = line.name();
            match &line.outcome {
                Ok(()) => writeln!(f, "pass  {name}")?,
                Err(Stop::Skipped(why)) => writeln!(f, "skip  {name}: {why}")?,
                Err(Stop::Failed { expected, seen }) => {
                    writeln!(f, "FAIL  {name}: {}", line.case.about)?;
                    writeln!(f, "      expected: {expected}")?;
                    writeln!(f, "      seen: {seen}")?;
                    writeln!(f, "      breaks: {}", line.case.rule)?;
                }
            }
        }
        let (passed, failed, skipped) = self.counts();
        writeln!(
            f,
            "{}: {passed} passed, {failed} failed, {skipped} skipped",
            self.component
        )
    }
}
