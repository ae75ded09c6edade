//! Runs made by hand, for what is made of them.

use labrun::analysis::detail::{Detail, Fields, Sighting};
use labrun::analysis::ladder::{Ladder, Row};
use labrun::graph::plan::{Plan, Plug};
use labrun::record::result::{Attempt, Outcome, ResolvedSubject};
use labrun::record::run::{FORMAT, LabRun, Link, Log, Run, Setup, SetupState, TestRun, Totals};
use labrun::steps::figures::{Bench, Figures};

/// A run with an outcome of every kind.
pub fn mixed() -> Run {
    let labs = vec![
        lab("relay", Setup { state: SetupState::Ready, ms: 304, lines: vec![] }),
        lab(
            "server",
            Setup {
                state: SetupState::Failed,
                ms: 0,
                lines: text(&[
                    "service dhcp-v4 (node ns-dhcplb) died with exit status 2",
                    "| panic: <nil>",
                ]),
            },
        ),
    ];
    let relayed = TestRun {
        lines: text(&[
            "the OFFER crossed v-br-lb, which it was to avoid",
            "the lease: 192.168.100.30 from 192.168.200.3, router 192.168.100.1",
            "meanwhile dhcp-v4 said:",
            "| ```",
            "| ::error::not labrun's, 100% | *really* <b>",
        ]),
        line: Some(123),
        detail: "labs/relay.yaml:123".into(),
        ms: 1051,
        artifacts: Some("artifacts/relay v4/1".into()),
        files: text(&["capture.pcapng", "logs/dhcp-v4.log"]),
        ladder: Some(ladder()),
        messages: messages(),
        links: vec![Link { line: 0, row: 2 }],
        logs: vec![Log {
            name: "logs/dhcp-v4.log".into(),
            text: "\x1b[31mDHCPDISCOVER\x1b[0m from <02:00:00:00:00:01>\n".into(),
            left_out: 70_000,
        }],
        ..test("relay", 0, "v4", Outcome::Fail)
    };
    let tests = vec![
        relayed,
        TestRun {
            ms: 1843,
            detail: "fd00:100::1a/128 from 02:00:00:00:02:03".into(),
            ladder: Some(ladder()),
            ..test("relay", 1, "v6", Outcome::Pass)
        },
        TestRun {
            ms: 20,
            detail: "1 step".into(),
            benches: vec![bench("client")],
            ..test("relay", 2, "ping", Outcome::Pass)
        },
        TestRun {
            detail: "dhcpcd is missing, install it: apt-get install dhcpcd-base".into(),
            ..test("relay", 3, "other", Outcome::Skip)
        },
        TestRun { ms: 7, detail: "1 step".into(), ..test("relay", 4, "quick", Outcome::Pass) },
        TestRun {
            detail: "the lab could not be set up".into(),
            subject: None,
            ..test("server", 0, "v4", Outcome::Error)
        },
    ];
    run(labs, tests)
}

/// What a `bench` step measured.
fn bench(node: &str) -> Bench {
    let figures = |connections, throughput, p50| Figures {
        connections,
        throughput,
        p50,
        p90: p50 * 2.0,
        p99: p50 * 8.0,
    };
    let to = ["10.0.0.1:80".into(), "10.0.2.1:8080".into()];
    Bench::new(node, to, [figures(24000.5, 9100.0, 0.25), figures(11450.0, 3400.0, 0.5)])
}

/// A run of which everything passed.
pub fn good() -> Run {
    let Run { mut labs, mut tests, .. } = mixed();
    labs.truncate(1);
    tests.retain(|t| t.outcome == Outcome::Pass);
    run(labs, tests)
}

/// A run in which a test passed only at its third attempt, and another at none.
pub fn flaky() -> Run {
    let Run { mut labs, mut tests, .. } = mixed();
    labs.truncate(1);
    tests.truncate(3);
    tests[0].attempts = vec![attempt(Outcome::Error, 1)];
    tests[1].outcome = Outcome::Flaky;
    tests[1].attempts = vec![attempt(Outcome::Fail, 1), attempt(Outcome::Error, 2)];
    run(labs, tests)
}

fn attempt(outcome: Outcome, number: usize) -> Attempt {
    Attempt {
        outcome,
        ms: 12,
        detail: "labs/relay.yaml:140".into(),
        lines: text(&["step 2, ping in client: no answer", "| <b>&"]),
        line: Some(140),
        artifacts: Some(format!("artifacts/relay-v6/{number}")),
    }
}

/// A run whose every text tries to be something else.
pub fn hostile() -> Run {
    let mut run = mixed();
    let evil = "</pre><script>document.title='owned'</script>]]>\0\x0b\x1b]0;x\x07\u{fffe}\r\n::error::x\n##[error]x|`*_[a](http://evil.example/)";
    for lab in &mut run.labs {
        (lab.about, lab.file) = (evil.into(), evil.into());
        lab.drawing =
            Some("<svg viewBox='0 0 1 1'><script>document.title='owned'</script><image href='http://evil.example/x.png'/></svg>".into());
        lab.setup.lines = vec![evil.into()];
    }
    for test in &mut run.tests {
        (test.about, test.detail, test.lines) = (evil.into(), evil.into(), vec![evil.into()]);
        test.artifacts = Some("javascript:alert(1)".into());
        test.files = vec![evil.into()];
        for of in &mut test.messages {
            (of.from, of.bytes) = (evil.into(), evil.into());
            of.seen[0].place = evil.into();
            of.layers =
                vec![Fields { protocol: evil.into(), fields: vec![(evil.into(), evil.into())] }];
        }
        if let Some(ladder) = &mut test.ladder {
            ladder.nodes[0] = evil.into();
            ladder.rows.iter_mut().for_each(|row| {
                (row.label, row.detail) = (evil.into(), evil.into());
            });
        }
        test.benches = vec![Bench { direct_to: evil.into(), ..bench(evil) }];
        test.attempts = vec![Attempt {
            detail: evil.into(),
            lines: vec![evil.into()],
            artifacts: Some("javascript:alert(1)".into()),
            ..attempt(Outcome::Fail, 1)
        }];
        test.logs = vec![Log { name: evil.into(), text: evil.into(), left_out: 0 }];
    }
    run
}

/// A run of these.
pub fn run(labs: Vec<LabRun>, tests: Vec<TestRun>) -> Run {
    let mut run = Run {
        format: FORMAT,
        labrun: "0.1.0".into(),
        started: "2026-11-21T13:40:00.123Z".into(),
        ms: 5210,
        strict: false,
        interrupted: false,
        partition: None,
        missing: vec![],
        nothing_ran: false,
        totals: Totals::default(),
        labs,
        tests,
        timings: vec![],
    };
    run.count();
    run
}

/// A lab of that name.
pub fn lab(name: &str, setup: Setup) -> LabRun {
    LabRun {
        name: name.into(),
        about: format!("what {name} is about"),
        order: 0,
        file: format!("labs/{name}.yaml"),
        subject: Some(stand_in()),
        setup,
        drawing: Some(
            "<svg viewBox=\"0 0 40 10\" width=\"400\" height=\"100\"><rect width=\"40\" height=\"10\" fill=\"#888\"/></svg>".into(),
        ),
        plan: Some(Plan {
            width: 400,
            height: 100,
            left: 100,
            plugs: [("client/eth0", 20), ("relay/eth0", 50), ("server/eth0", 80)]
                .map(|(place, y)| Plug { place: place.into(), lane: 20, y })
                .into(),
        }),
        mermaid: Some("flowchart LR\n  a --- b\n".into()),
    }
}

/// A test of that name and lab, about which nothing else is known.
pub fn test(lab: &str, order: usize, name: &str, outcome: Outcome) -> TestRun {
    TestRun {
        test: format!("{lab}-{name}"),
        lab: lab.into(),
        about: format!("what {name} shows"),
        order,
        outcome,
        ms: 0,
        detail: String::new(),
        lines: vec![],
        file: format!("labs/{lab}.yaml"),
        line: None,
        subject: Some(stand_in()),
        artifacts: None,
        files: vec![],
        benches: vec![],
        attempts: vec![],
        runs: None,
        ladder: None,
        messages: vec![],
        links: vec![],
        logs: vec![],
    }
}

fn stand_in() -> ResolvedSubject {
    ResolvedSubject { program: "dhcplb".into(), how: "stand-in".into(), path: "dhcrelay".into() }
}

fn ladder() -> Ladder {
    let row = |at, from, to: &[usize], label: &str| Row {
        at,
        from,
        to: to.to_vec(),
        label: label.into(),
        detail: "giaddr 192.168.100.1".into(),
        packets: vec![],
    };
    Ladder {
        nodes: text(&["client", "relay", "server"]),
        rows: vec![
            row(0, 0, &[1], "DISCOVER"),
            row(310, 1, &[2], "DISCOVER"),
            row(900, 2, &[1], "OFFER"),
            row(1234, 1, &[0], "OFFER"),
        ],
        left_out: 0,
        hidden: 0,
    }
}

/// The rows of [`ladder`], taken apart.
fn messages() -> Vec<Detail> {
    let place = |node: usize| format!("{}/eth0", ["client", "relay", "server"][node]);
    let of = |(row, one): (usize, Row)| Detail {
        row,
        first: row / 2 * 2,
        from: place(one.from),
        to: one.to.iter().map(|node| place(*node)).collect(),
        seen: vec![Sighting { at: one.at, place: "v-br-lb".into(), sent: true }],
        layers: vec![Fields {
            protocol: "DHCPv4".into(),
            fields: vec![("giaddr".into(), "192.168.100.1".into())],
        }],
        bytes: "0200003c613e".into(),
        length: 342,
    };
    ladder().rows.into_iter().enumerate().map(of).collect()
}

fn text(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| line.to_string()).collect()
}
