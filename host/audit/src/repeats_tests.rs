use super::*;

fn denial(plugin: &str, to: &str, reason: &str) -> Event {
    Event::Denial {
        plugin: plugin.into(),
        to: to.into(),
        reason: reason.into(),
    }
}

fn row(event: Event, more: Option<u64>) -> Row {
    let who = Who::Plugin;
    Row { who, event, more }
}

/// A plugin that makes up a host for each of so many requests.
fn noise(repeats: &mut Repeats, plugin: &str, requests: usize, now: Instant) {
    for i in 0..requests {
        repeats.see(Who::Plugin, denial(plugin, &i.to_string(), ""), now);
    }
}

#[test]
fn the_first_is_told_at_once_and_the_others_are_counted() {
    let mut repeats = Repeats::default();
    let begun = Instant::now();
    let after = |seconds| begun + Duration::from_secs(seconds);
    let mut see = |to: &str, reason: &str, at| {
        repeats.see(Who::Plugin, denial("p", to, reason), after(at));
        repeats.firsts() == [row(denial("p", to, reason), None)]
    };
    assert!(see("a", "1", 0));
    assert!(!see("a", "2", 1) && !see("a", "3", 59));
    assert!(see("b", "1", 30), "another target is another row");
    assert_eq!(repeats.over(Some(after(59))), []);
    let counted = row(denial("p", "a", "3"), Some(2));
    assert_eq!(repeats.over(Some(after(60))), [counted]);
    assert_eq!(repeats.over(None), [], "one of b, and it was told");
    repeats.see(Who::Plugin, denial("p", "a", "4"), after(61));
    assert_eq!(repeats.firsts().len(), 1, "a new minute begins");
}

#[test]
fn the_writer_is_woken_once_for_all_that_waits() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    assert!(repeats.see(Who::Plugin, denial("p", "a", ""), now));
    assert!(!repeats.see(Who::Plugin, denial("p", "b", ""), now));
    assert_eq!(repeats.firsts().len(), 2);
    assert!(repeats.see(Who::Plugin, denial("p", "c", ""), now));
}

#[test]
fn a_plugin_that_makes_up_hosts_gets_no_row_for_each() {
    let mut repeats = Repeats::default();
    noise(&mut repeats, "p", 10_000, Instant::now());
    assert_eq!(repeats.firsts().len(), SUBJECTS + 1);
    let others = row(
        denial("p", "others", ""),
        Some(10_000 - SUBJECTS as u64 - 1),
    );
    assert_eq!(repeats.over(None), [others]);
}

#[test]
fn a_noisy_plugin_hides_nothing_of_its_neighbours_or_its_own_quarantine() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    for plugin in 0..50 {
        noise(&mut repeats, &plugin.to_string(), 1_000, now);
    }
    let firsts = repeats.firsts().len();
    assert!(repeats.kept >= ALL && firsts == repeats.kept);
    // Each has its sure ones, and one for all its others.
    assert!(firsts <= ALL + 50 * (SURE + 1), "{firsts}");
    let told = [
        denial("quiet", "a", "r"),
        Event::LimitHit {
            plugin: "0".into(),
            limit: "memory",
        },
        Event::QuarantineEntered {
            plugin: "0".into(),
            reason: "r".into(),
        },
        Event::QuarantineLeft { plugin: "0".into() },
    ];
    for event in told.clone() {
        repeats.see(Who::Plugin, event, now);
    }
    assert_eq!(repeats.firsts(), told.map(|event| row(event, None)));
    let counted = repeats.over(None);
    assert_eq!(counted.len(), 50, "one for the others of each plugin");
    let more: u64 = counted.iter().filter_map(|row| row.more).sum();
    assert_eq!(more + firsts as u64, 50 * 1_000, "nothing is lost");
    assert_eq!((repeats.kept, repeats.owners.len()), (0, 0));
}

#[test]
fn a_reason_makes_no_row_of_its_own() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    for i in 0..1_000 {
        let reason = i.to_string();
        let plugin = "p".to_owned();
        repeats.see(
            Who::Plugin,
            Event::QuarantineEntered { plugin, reason },
            now,
        );
        let (file, reason) = ("f".to_owned(), i.to_string());
        repeats.see(Who::Host, Event::CacheEntryRefused { file, reason }, now);
    }
    assert_eq!(repeats.firsts().len(), 2);
}

#[test]
fn what_has_no_others_is_dropped_and_told() {
    let mut repeats = Repeats::default();
    for i in 0..150 {
        let (plugin, error) = (i.to_string(), String::new());
        let failed = Event::PluginFailed { plugin, error };
        repeats.see(Who::Host, failed, Instant::now());
    }
    assert_eq!(repeats.firsts().len(), SUBJECTS);
    let dropped = Event::EventsDropped { count: 50 };
    let who = Who::Host;
    assert_eq!(
        repeats.over(Some(Instant::now())),
        [Row {
            who,
            event: dropped,
            more: None
        }]
    );
}
