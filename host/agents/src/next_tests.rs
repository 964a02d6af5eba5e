use super::*;
use types::session::{Agent, AgentLimits, Function, Tokens};

fn agent(limits: AgentLimits) -> Agent {
    Agent {
        id: "a".into(),
        name: None,
        model: "p/m".into(),
        instructions: None,
        tools: vec!["calc/*".into()],
        approve: Vec::new(),
        functions: vec![Function {
            name: "mine".into(),
            description: None,
            parameters: "{}".into(),
        }],
        limits,
        effort: None,
        output: None,
        metadata: Default::default(),
        created: 0,
        updated: 0,
    }
}

/// A log whose events are a second apart.
struct Told(Vec<Logged>);

impl Told {
    fn new(limits: AgentLimits) -> Self {
        let created = SessionEvent::Created {
            agent: Box::new(agent(limits)),
            metadata: Default::default(),
        };
        Self(Vec::new()).and(created).said()
    }

    fn and(mut self, event: SessionEvent) -> Self {
        let number = self.0.len() as u64;
        let at = number as i64 * 1000;
        self.0.push(Logged { number, at, event });
        self
    }

    fn said(self) -> Self {
        let turn = format!("t{}", self.0.len());
        self.and(SessionEvent::Said {
            turn,
            messages: Vec::new(),
        })
    }

    fn turn(&self) -> String {
        self.session().turn().unwrap().id.clone()
    }

    fn session(&self) -> Session {
        Session::of("s", &self.0).unwrap()
    }

    fn answered(self, calls: &[(&str, &str)]) -> Self {
        let parts = calls.iter().map(|(id, name)| {
            Part::new(Content::ToolCall(ToolCall {
                id: (*id).into(),
                name: (*name).into(),
                arguments: "{}".into(),
                by_provider: false,
            }))
        });
        let event = SessionEvent::Answered {
            turn: self.turn(),
            attempt: "x".into(),
            parts: parts.collect(),
            tokens: Tokens {
                input: 10,
                output: 5,
                ..Tokens::default()
            },
            usd: Some(0.5),
        };
        self.and(event)
    }

    fn began(self, call: &str, idempotent: bool) -> Self {
        let event = SessionEvent::CallBegan {
            turn: self.turn(),
            call: call.into(),
            tool: "calc/add".into(),
            digest: "d".into(),
            idempotent,
        };
        self.and(event)
    }

    fn ended(self, call: &str, said: &str) -> Self {
        let event = SessionEvent::CallEnded {
            turn: self.turn(),
            call: call.into(),
            outcome: CallOutcome::Ran,
            result: CallResult::failed(said),
        };
        self.and(event)
    }

    fn asked(self, request: &str, call: &str) -> Self {
        let event = SessionEvent::ApprovalAsked(Approval {
            request: request.into(),
            turn: self.turn(),
            call: call.into(),
            tool: "calc/add".into(),
            arguments: "{}".into(),
            arguments_hash: "h".into(),
            digest: "d".into(),
        });
        self.and(event)
    }

    fn given(self, request: &str, decision: Decision) -> Self {
        self.and(SessionEvent::ApprovalGiven {
            request: request.into(),
            decision,
            who: "k".into(),
        })
    }

    fn next(&self) -> Next {
        next(&self.session(), &self.0)
    }

    /// Ids of calls to run, and of those to deny.
    fn todo(&self) -> (Vec<String>, Vec<String>) {
        let Next::Calls(todo) = self.next() else {
            panic!("{:?}", self.next())
        };
        let (mut run, mut deny) = (Vec::new(), Vec::new());
        for todo in todo {
            match todo {
                Todo::Run(call, _) => run.push(call.id),
                Todo::Deny(call, _) => deny.push(call.id),
            }
        }
        (run, deny)
    }
}

fn ids(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn a_turn_goes_from_the_message_to_the_answer() {
    let told = Told::new(AgentLimits::default());
    assert_eq!(told.next(), Next::Ask);
    let told = told.answered(&[("1", "calc/add"), ("2", "calc/add"), ("3", "mine")]);
    assert_eq!(told.todo(), (ids(&["1", "2"]), vec![]));
    let told = told.began("1", true).began("2", true).ended("1", "a");
    assert_eq!(told.todo().0, ids(&["2"]));
    // The client has its own to answer.
    let told = told.ended("2", "b");
    assert_eq!(told.next(), Next::Rest);
    assert_eq!(told.session().status, Status::RequiresAction);
    let told = told.ended("3", "c");
    assert_eq!(told.next(), Next::Ask);
    let told = told.answered(&[]);
    assert_eq!(told.next(), Next::End(TurnOutcome::Completed));
    let turn = told.turn();
    let told = told.and(SessionEvent::TurnEnded {
        turn,
        outcome: TurnOutcome::Completed,
    });
    assert_eq!(told.next(), Next::Rest);
    assert_eq!(told.said().next(), Next::Ask);
}

#[test]
fn what_needs_a_yes_waits_for_it() {
    let told = Told::new(AgentLimits::default()).answered(&[("1", "calc/add"), ("2", "calc/add")]);
    let waits = told.asked("r1", "1").asked("r2", "2");
    assert_eq!(waits.next(), Next::Rest);
    let told = waits
        .given("r1", Decision::Approve)
        .given("r2", Decision::Deny);
    assert_eq!(told.todo(), (ids(&["1"]), ids(&["2"])));
    // The component was swapped: the yes was for another.
    let again = told.asked("r3", "1").ended("2", "no");
    assert_eq!(again.next(), Next::Rest);
    assert_eq!(again.given("r3", Decision::Approve).todo().0, ids(&["1"]));
}

#[test]
fn limits_and_cancelling_end_a_turn() {
    let few = |limits| {
        Told::new(limits)
            .answered(&[("1", "calc/add")])
            .ended("1", "a")
    };
    let ended = |next: Next, code: &str| match next {
        Next::End(TurnOutcome::Failed { code: of, .. }) => assert_eq!(of, code),
        other => panic!("{other:?}"),
    };
    let defaults = AgentLimits::default();
    ended(
        few(AgentLimits {
            steps: 1,
            ..defaults
        })
        .next(),
        "steps",
    );
    let closes = |limits| matches!(few(limits).next(), Next::Close(Status::BudgetReached, _));
    assert!(closes(AgentLimits {
        tokens: Some(15),
        ..defaults
    }));
    assert!(!closes(AgentLimits {
        tokens: Some(16),
        ..defaults
    }));
    assert!(closes(AgentLimits {
        usd: Some(0.5),
        ..defaults
    }));
    assert!(!closes(AgentLimits {
        usd: Some(0.6),
        ..defaults
    }));
    let same = |said: &str| {
        few(defaults)
            .answered(&[("2", "calc/add")])
            .ended("2", "a")
            .answered(&[("3", "calc/add")])
            .ended("3", said)
    };
    ended(same("a").next(), "no_progress");
    assert_eq!(same("b").next(), Next::Ask);
    let cancelled = few(defaults).and(SessionEvent::CancelAsked { who: String::new() });
    assert_eq!(cancelled.next(), Next::End(TurnOutcome::Cancelled));
}

#[test]
fn calls_without_an_end_are_known() {
    let told = Told::new(AgentLimits::default()).answered(&[("1", "calc/add"), ("2", "calc/add")]);
    let told = told.began("1", false).began("2", true);
    let lost = vec![("1".to_owned(), false), ("2".to_owned(), true)];
    assert_eq!(unknown(&told.0), lost);
    assert_eq!(leftovers(&told.session(), &told.0).len(), 2);
    let told = told.ended("1", "a");
    assert_eq!(unknown(&told.0), lost[1..]);
    assert_eq!(leftovers(&told.session(), &told.0).len(), 1);
}

#[test]
fn waiting_is_no_work() {
    let told = Told::new(AgentLimits::default()).answered(&[("1", "calc/add")]);
    // Events 1 to 3 are work, from 3 on it waits.
    let waits = told.asked("r1", "1");
    assert_eq!(worked(&waits.session(), &waits.0, 1_000_000), 2000);
    let told = waits.given("r1", Decision::Approve);
    assert_eq!(worked(&told.session(), &told.0, 5000), 3000);
}
