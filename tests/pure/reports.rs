//! What is made of a run: every kind of report as it was, what must not happen in it, and joining.

use super::runs;
use base64::Engine;
use sha2::{Digest, Sha256};

use labrun::record::durations::Durations;
use labrun::record::failures::Failures;
use labrun::record::result::Outcome;
use labrun::record::run::{Parted, Run, Setup, SetupState, TestRun};
use labrun::record::timing::{Phase, Timing};
use labrun::report::files::Target;
use labrun::report::{github, html, junit, merge, summary};
use runs::{flaky, good, hostile, lab, mixed, run, test};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn page(run: &Run) -> String {
    html::page(run, Path::new("/work/out"), Path::new("/work"))
}

fn annotations(run: &Run) -> Vec<String> {
    github::annotations(run, Path::new("/work"), Path::new("/work/sub"))
}

#[test]
fn a_mixed_run_looks_as_it_did() {
    let run = mixed();
    let html = without_own_script(&page(&run));
    let (head, rest) = html.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    // The hash of its script is another whenever that is.
    let (policy, rest) = head.split_once("'sha256-").unwrap();
    let (_, head) = rest.split_once('\'').unwrap();
    insta::assert_snapshot!("mixed_html", format!("{policy}'sha256-'{head}{body}"));
    insta::assert_snapshot!("mixed_junit", junit::document(&run).unwrap());
    insta::assert_snapshot!("mixed_summary", summary::markdown(&run, summary::LIMIT));
    insta::assert_snapshot!("mixed_annotations", annotations(&run).join("\n"));
    insta::assert_snapshot!("mixed_json", run.json());
}

#[test]
fn a_good_run_looks_as_it_did() {
    insta::assert_snapshot!("good_junit", junit::document(&good()).unwrap());
    insta::assert_snapshot!("good_summary", summary::markdown(&good(), summary::LIMIT));
    assert!(page(&good()).contains(">All 3 tests passed<"));
    // The stand-in is named even where all is well.
    assert_eq!(
        annotations(&good()),
        [
            "::warning title=relay tested a stand-in::no dhcplb was found, so its stand-in dhcrelay was tested"
        ]
    );
}

/// What passed only when it was tried again.
#[test]
fn a_flaky_test_is_flaky_in_every_report_and_fails_no_run() {
    let whole = flaky();
    assert_eq!(whole.summary(), "1 passed, 1 failed, 1 flaky in 5.21 s");
    let mut run = whole.clone();
    run.tests.remove(0);
    run.count();
    assert_eq!(run.exit() as u8, 0);
    run.strict = true;
    assert_eq!(run.exit() as u8, 0);
    assert!(!run.nothing_ran);
    run.tests.remove(1);
    run.count();
    assert!(run.summary().starts_with("0 passed, 0 failed, 1 flaky") && !run.nothing_ran);

    assert_eq!(merge::read("x", &whole.json()).unwrap(), whole);
    assert!(whole.json().contains("\"outcome\": \"flaky\""));
    let html = page(&run);
    for words in [
        "<h1 class=\"flaky\">1 of 1 test flaky</h1>",
        "<span class=\"badge\">flaky</span>",
        "<details class=\"card test flaky\" id=\"relay-v6\" open>",
        "flaky: passed at attempt 3",
        "<a href=\"./../artifacts/relay-v6/1\">",
        "<a href=\"./../artifacts/relay-v6/2\">",
        "<b>step 2, ping in client: no answer</b>",
    ] {
        assert!(html.contains(words), "{words} is not in {html}");
    }
    assert!(!html.contains(">passed<"), "{html}");
    insta::assert_snapshot!("flaky_junit", junit::document(&whole).unwrap());
    insta::assert_snapshot!("flaky_summary", summary::markdown(&whole, summary::LIMIT));
    insta::assert_snapshot!("flaky_annotations", annotations(&whole).join("\n"));
    assert!(summary::markdown(&run, 9999).starts_with("### ⚠️ labrun: "));
}

#[test]
fn the_json_report_is_the_run() {
    assert_eq!(merge::read("x", &mixed().json()).unwrap(), mixed());
    let odd = mixed().json().replacen("\"from\": 0", "\"from\": 3", 1);
    let newer = mixed().json().replacen("\"format\": 1", "\"format\": 2", 1);
    for (text, words) in [
        (odd.as_str(), "the ladder of relay-v4 names a node"),
        ("{}", "names no `format`"),
        ("[", "not a JSON report"),
        (newer.as_str(), "format 2"),
        ("{\"format\": 1}", "missing field"),
    ] {
        let error = merge::read("in.json", text).unwrap_err().to_string();
        assert!(error.starts_with("in.json ") && error.contains(words), "{error}");
    }
}

/// Whether xmllint finds `document` to be as the schema wants it.
fn is_valid(document: &str) -> (bool, String) {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/junit.xsd");
    let mut command = Command::new("xmllint");
    command
        .args(["--noout", "--nonet", "--schema", schema, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn junit_reports_are_as_the_schema_wants_them() {
    if which::which("xmllint").is_err() {
        eprintln!("SKIP junit_reports_are_as_the_schema_wants_them: there is no xmllint");
        return;
    }
    for run in [mixed(), good(), flaky(), hostile(), run(vec![], vec![])] {
        let document = junit::document(&run).unwrap();
        let (valid, words) = is_valid(&document);
        assert!(valid, "{words}\n{document}");
    }
    let document = junit::document(&mixed()).unwrap();
    for (right, wrong) in [
        (" classname=\"relay\"", ""),
        ("time=\"1.051\"", "time=\"long\""),
        ("<failure", "<flop"),
        ("relay-v6", "relay-v4"),
        ("tests=\"6\"", "tests=\"-6\""),
    ] {
        let broken = document.replacen(right, wrong, 1);
        assert!(
            broken != document && !is_valid(&broken).0,
            "{wrong} instead of {right} is taken for valid"
        );
    }
}

/// `page` without its script, which is the only one that its policy lets run.
fn without_own_script(page: &str) -> String {
    let (before, rest) = page.rsplit_once("<script>").unwrap();
    let (script, after) = rest.split_once("</script>").unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    let allowed = format!("content=\"default-src 'none'; script-src 'sha256-{hash}'; style-src");
    assert_eq!(page.matches("Content-Security-Policy").count(), 1);
    assert!(page.contains(&allowed), "{allowed}");
    format!("{before}{after}")
}

#[test]
fn a_page_loads_nothing_and_nothing_from_outside_is_part_of_it() {
    for run in [mixed(), good()] {
        let html = without_own_script(&page(&run));
        for attribute in [
            "src=", "href=", "url(", "@import", "http://", "https://", "<script", "<link",
            "<iframe",
        ] {
            for (at, _) in html.match_indices(attribute) {
                let there = &html[at..(at + 40).min(html.len())];
                if html[..at].ends_with("xmlns=\"") {
                    continue;
                }
                let own = [
                    "href=\"./../artifacts/",
                    "href=\"data:,\"",
                    "href=\"#",
                    "url(data:image/svg+xml;base64,",
                    "<link rel=\"icon\"",
                    "src=\"data:image/svg+xml;base64,",
                ];
                let name_of_svg = html[..at].ends_with("<svg xmlns=\"")
                    && there.starts_with("http://www.w3.org/2000/svg\"");
                assert!(name_of_svg || own.iter().any(|own| there.starts_with(own)), "{there}");
            }
        }
    }
    let html = without_own_script(&page(&hostile()));
    assert!(!html.contains("<script") && !html.contains("href=\"javascript"), "{html}");
    assert!(html.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
}

/// `report merge` makes a page of other machines' reports.
#[test]
fn a_drawing_of_another_report_is_an_image_and_no_part_of_the_page() {
    let mut run = mixed();
    let evil = "<meta http-equiv=\"refresh\" content=\"0;url=https://example.org/\"><script>alert(1)</script>";
    run.labs[0].drawing = Some(evil.into());
    let page = page(&run);
    assert!(!page.contains("example.org") && !page.contains("alert(1)"), "{page}");
    assert!(page.contains("<img alt=\"Topology of relay\" src=\"data:image/svg+xml;base64,"));
}

#[test]
fn everything_of_a_run_is_on_its_page() {
    let html = page(&mixed());
    for words in [
        "2 of 6 tests failed",
        "what relay is about",
        "no dhcplb found, tested its stand-in dhcrelay",
        "server could not be set up",
        "died with exit status 2",
        "the OFFER crossed v-br-lb",
        "apt-get install dhcpcd-base",
        "70000 bytes before this are left out",
        "DHCPDISCOVER from &lt;02:00:00:00:00:01&gt;",
        "<a href=\"./../artifacts/relay%20v4/1/logs/dhcp-v4.log\">logs/dhcp-v4.log</a>",
        "<img alt=\"Topology of relay\"",
    ] {
        assert!(html.contains(words), "{words} is not in {html}");
    }
    assert_eq!(html.matches(" open><summary>").count(), 2, "what failed is open, and nothing else");
}

#[test]
fn annotations_point_to_the_lab_file_and_are_escaped() {
    let all = annotations(&mixed());
    assert!(
        all[0].starts_with(
            "::error file=sub/labs/server.yaml,line=1,title=setup of server failed::service dhcp-v4"
        ),
        "{}",
        all[0]
    );
    assert!(
        all[1].starts_with(
            "::error file=sub/labs/relay.yaml,line=123,title=relay-v4 failed::the OFFER"
        ),
        "{}",
        all[1]
    );
    assert!(all[1].contains("%0A| ::error::not labrun's, 100%25 |"), "{}", all[1]);
    assert!(
        all[2].starts_with("::warning title=1 test skipped::dhcpcd is missing, install it%")
            || all[2].contains("dhcpcd is missing")
    );
    // A test whose lab was not set up is told by that, once.
    assert_eq!(all.iter().filter(|line| line.starts_with("::error")).count(), 2, "{all:?}");
    assert!(annotations(&hostile()).iter().all(|line| !line.contains(['\n', '\r'])));
    let mut strict = mixed();
    strict.strict = true;
    assert!(
        annotations(&strict).iter().any(|line| line.starts_with("::error title=1 test skipped::")),
        "strict makes it a failure"
    );
    // A built-in lab has no file in the repository, and a colon or comma would end a property.
    let mut odd = run(
        vec![],
        vec![TestRun {
            line: Some(7),
            file: "<built-in>/x.yaml".into(),
            ..test("a:b,c%", 0, "t", Outcome::Fail)
        }],
    );
    assert_eq!(annotations(&odd), ["::error title=a%3Ab%2Cc%25-t failed::"]);
    odd.tests[0].file = "/elsewhere/x.yaml".into();
    assert_eq!(annotations(&odd), ["::error title=a%3Ab%2Cc%25-t failed::"]);
}

#[test]
fn no_more_annotations_than_github_shows_and_the_last_names_the_rest() {
    let failed = |n: usize| {
        run(
            vec![],
            (0..n)
                .map(|i| TestRun { line: Some(1), ..test("x", i, &i.to_string(), Outcome::Fail) })
                .collect(),
        )
    };
    assert_eq!(annotations(&failed(10)).len(), 10);
    let many = annotations(&failed(12));
    assert_eq!(many.len(), 10);
    assert_eq!(many[9], "::error title=3 more::x-9 failed%0Ax-10 failed%0Ax-11 failed");
}

#[test]
fn what_programs_print_is_no_command() {
    for harmless in ["fd00:100::10", "a ::error::b", "", "x\n  y"] {
        assert_eq!(github::safe(harmless), harmless);
    }
    for command in [
        "::error::x",
        "ok\n  ::set-output name=a::b",
        "ok\r::error::x",
        "a ##[error]b",
        "\u{feff}::error::x",
        "\u{a0}::error::x",
    ] {
        let safe = github::safe(command);
        let lines: Vec<&str> = safe.lines().collect();
        let token = lines[0].strip_prefix("::stop-commands::").unwrap();
        assert!(token.len() > 30 && safe.contains(command), "{safe}");
        assert_eq!(lines.last(), Some(&format!("::{token}::").as_str()));
        assert_ne!(github::safe(command), safe, "the token is another one each time");
    }
}

/// The lines of Markdown that are in no block of code, each of which must end.
fn outside_of_blocks(text: &str) -> Vec<&str> {
    let mut fence: Option<&str> = None;
    let mut outside = Vec::new();
    for line in text.lines() {
        match fence {
            Some(end) if line == end => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => {
                fence = Some(line.trim_end_matches(char::is_alphabetic))
            }
            None => outside.push(line),
        }
    }
    assert_eq!(fence, None, "a block is cut in two");
    outside
}

#[test]
fn a_summary_never_exceeds_its_room_and_says_what_it_left_out() {
    let long: Vec<TestRun> = (0..60)
        .map(|i| TestRun {
            lines: vec!["`|<".repeat(4000); 3],
            ..test("x", i, &i.to_string(), Outcome::Fail)
        })
        .collect();
    let run = run(vec![lab("x", Setup::default())], long);
    for room in [summary::LIMIT, 70_000, 10_000, 1000, 300] {
        let text = summary::markdown(&run, room);
        assert!(text.len() <= room, "{} of {room}", text.len());
        assert!(text.contains("left out: GitHub takes 1 MiB at most"), "{room}");
        outside_of_blocks(&text);
    }
    assert!(summary::markdown(&run, 0).len() <= 200);
    assert!(!summary::markdown(&mixed(), summary::LIMIT).contains("left out"));
}

#[test]
fn nothing_in_a_summary_is_markdown_but_what_is_meant_to_be() {
    let run = hostile();
    let text = summary::markdown(&run, summary::LIMIT);
    for line in outside_of_blocks(&text) {
        assert!(
            !line.contains("<script") && !line.contains("](") && !line.contains("*_"),
            "{line}"
        );
    }
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    // A head and a line below it, and a row for each test; then a table of seven lines for what each measured.
    let rows = 2 + 8 * run.tests.len();
    assert!(
        table.len() == rows && table.iter().all(|row| row.matches('|').count() == 5),
        "{table:?}"
    );
}

fn parts() -> [Run; 2] {
    let whole = mixed();
    let part = |number: usize, keep: &dyn Fn(&TestRun) -> bool| {
        let mut run = whole.clone();
        run.tests.retain(keep);
        run.labs.retain(|lab| run.tests.iter().any(|t| t.lab == lab.name));
        run.partition =
            Some(Parted { part: format!("{number}/2").parse().unwrap(), plan: "abc".into() });
        run.count();
        run
    };
    [part(1, &|t| t.test != "relay-v4"), part(2, &|t| t.test == "relay-v4")]
}

fn join(runs: &[&Run]) -> anyhow::Result<Run> {
    merge::join(
        runs.iter().enumerate().map(|(i, run)| (format!("{i}.json"), (*run).clone())).collect(),
    )
}

#[test]
fn parts_join_to_the_whole_in_any_order() {
    let [a, b] = parts();
    assert_eq!(join(&[&a, &b]).unwrap(), mixed());
    assert_eq!(join(&[&b, &a]).unwrap(), mixed());
    let mut flaky = flaky();
    let first = Run { tests: flaky.tests.split_off(1), ..flaky.clone() };
    let joined = join(&[&flaky, &first]).unwrap();
    assert_eq!((joined.totals.flaky, joined.tests[1].attempts.len()), (1, 2));
    assert_eq!(join(&[&b, &a, &a]).unwrap(), mixed(), "the same part twice says nothing new");
}

#[test]
fn parts_that_do_not_belong_together_are_no_whole() {
    let [a, mut b] = parts();
    let half = join(&[&a]).unwrap();
    assert_eq!(half.lack().unwrap(), "the part 2/2 is missing");
    assert!(
        half.exit() as u8 == 4
            && page(&half).contains("the part 2/2 is missing")
            && summary::markdown(&half, 9999).contains("is missing")
    );
    let mut passed = half.clone();
    passed.tests.retain(|t| t.outcome == Outcome::Pass);
    passed.count();
    assert_eq!(passed.exit() as u8, 2, "what nobody ran has not passed");

    b.partition.as_mut().unwrap().plan = "other".into();
    let error = join(&[&a, &b]).unwrap_err().to_string();
    assert!(error.starts_with("0.json and 1.json are parts of different divisions"), "{error}");
    let mut other = mixed();
    other.tests[1].outcome = Outcome::Fail;
    let error = join(&[&mixed(), &other]).unwrap_err().to_string();
    assert_eq!(error, "the test relay-v6 is in 0.json and in 1.json, with different results");
}

#[test]
fn the_worst_set_up_and_the_longest_time_are_those_of_the_whole() {
    let [a, mut b] = parts();
    b.ms = 9000;
    b.interrupted = true;
    b.labs[0].setup = Setup { state: SetupState::Failed, ms: 0, lines: vec!["why".into()] };
    let whole = join(&[&a, &b]).unwrap();
    assert_eq!(
        (whole.ms, whole.exit() as u8, whole.labs[0].setup.lines.as_slice()),
        (9000, 130, ["why".to_string()].as_slice())
    );
}

#[test]
fn exit_codes_follow_the_worst_that_happened() {
    let exit = |outcomes: &[Outcome], strict| {
        let mut run = run(
            vec![],
            outcomes.iter().enumerate().map(|(i, o)| test("x", i, &i.to_string(), *o)).collect(),
        );
        run.strict = strict;
        run.exit() as u8
    };
    use Outcome::{Error, Fail, Pass, Skip};
    assert_eq!((exit(&[], true), exit(&[Pass, Skip], false), exit(&[Pass, Skip], true)), (0, 0, 3));
    assert_eq!((exit(&[Fail, Skip], true), exit(&[Error, Fail], false)), (1, 4));
}

#[test]
fn only_what_passed_tells_how_long_a_test_takes() {
    let mut durations = Durations::default();
    durations.learn(&mixed());
    assert_eq!(
        durations.tests.iter().map(|(name, ms)| (name.as_str(), *ms)).collect::<Vec<_>>(),
        [("relay-ping", 20), ("relay-quick", 7), ("relay-v6", 1843)]
    );
    assert_eq!(
        durations.labs.iter().map(|(name, ms)| (name.as_str(), *ms)).collect::<Vec<_>>(),
        [("relay", 304)]
    );
    assert_eq!(durations.typical(["relay-ping", "relay-quick", "relay-v6", "new"].into_iter()), 20);
}

#[test]
fn what_failed_is_known_until_it_passes() {
    let names = |failures: &Failures| failures.tests.iter().cloned().collect::<Vec<_>>();
    let mut failures = Failures::default();
    failures.learn(&mixed());
    assert_eq!(names(&failures), ["relay-v4", "server-v4"]);
    // What was skipped, or not run, is as it was.
    let of = |outcome, name| run(vec![], vec![test("relay", 0, name, outcome)]);
    failures.learn(&of(Outcome::Skip, "v4"));
    failures.learn(&of(Outcome::Pass, "ping"));
    assert_eq!(names(&failures), ["relay-v4", "server-v4"]);
    failures.learn(&of(Outcome::Flaky, "v4"));
    failures.learn(&of(Outcome::Error, "ping"));
    assert_eq!(names(&failures), ["relay-ping", "server-v4"]);
}

#[test]
fn what_is_no_report_is_refused_with_a_way_out() {
    for (text, words) in [
        ("jnuit=x", "did you mean `junit`?"),
        ("pdf=x", "there is `json`, `junit`, `html`, `github`"),
        ("html", "`html=FILE`"),
        ("json=", "`json=FILE`"),
        ("github=x", "goes to GitHub"),
    ] {
        let error = text.parse::<Target>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn the_page_shows_where_the_time_of_a_lab_went() {
    let mut run = mixed();
    assert!(!page(&run).contains("Where the time went"));
    let timing = |phase, name: &str, us| Timing {
        lab: Some("relay".into()),
        test: None,
        phase,
        name: name.into(),
        us,
    };
    run.timings = vec![
        timing(Phase::Plan, "", 1000),
        timing(Phase::Service, "<script>", 2000),
        timing(Phase::Services, "", 3000),
        timing(Phase::Clean, "", 4000),
    ];
    let html = page(&run);
    assert_eq!(html.matches("Where the time went").count(), 1);
    assert!(!without_own_script(&html).contains("<script"));
    for words in [
        ">&lt;script&gt;</th><td>2.0 ms</td><td class=\"span\"><span style=\"margin-left:12.50%;width:25.00%\">",
        ">clean</th><td>4.0 ms</td><td class=\"span\"><span style=\"margin-left:50.00%;width:50.00%\">",
    ] {
        assert!(html.contains(words), "{words} is not in {html}");
    }
}
