//! The head of the page: how the run went, and which tests are shown.

use crate::record::run::{Run, seconds};
use crate::report::html::text::escape;
use crate::text::count;

pub fn header(run: &Run) -> String {
    let totals = run.totals;
    let bad = totals.failed + totals.errors;
    let all = run.tests.len();
    let (class, verdict) = match (bad, totals.skipped) {
        _ if run.interrupted => ("bad", "The run was interrupted".to_string()),
        (1.., _) => ("bad", format!("{bad} of {} failed", count(all, "test"))),
        _ if !run.missing.is_empty() => ("bad", "The report is incomplete".into()),
        (0, 1..) if run.strict => {
            ("bad", format!("{} of {} skipped", totals.skipped, count(all, "test")))
        }
        (0, 1..) if run.nothing_ran => {
            ("bad", format!("Nothing ran: {} skipped", count(all, "test")))
        }
        _ if totals.flaky > 0 => {
            ("flaky", format!("{} of {} flaky", totals.flaky, count(all, "test")))
        }
        (0, 1..) => ("good", format!("{} passed, {} skipped", totals.passed, totals.skipped)),
        (0, 0) if all == 0 => ("good", "Nothing to run".into()),
        (0, 0) if all == 1 => ("good", "The test passed".into()),
        (0, 0) => ("good", format!("All {all} tests passed")),
    };
    let mut meta = vec![started(&run.started), seconds(run.ms)];
    meta.extend(run.partition.as_ref().map(|p| format!("part {}", p.part)));
    meta.extend(run.lack());
    meta.extend(run.strict.then(|| "strict".into()));
    let counts = [
        ("pass", totals.passed),
        ("flaky", totals.flaky),
        ("fail", totals.failed),
        ("error", totals.errors),
        ("skip", totals.skipped),
    ];
    let bar: String = counts
        .iter()
        .filter(|(_, n)| *n > 0)
        .map(|(class, n)| format!("<span class=\"{class}\" style=\"flex:{n}\"></span>"))
        .collect();
    let bar =
        if bar.is_empty() { "<span class=\"none\" style=\"flex:1\"></span>".into() } else { bar };
    // No name of a test holds a colon.
    let filters = [
        ("show:all", "All", all),
        ("show:bad", "Failed", bad),
        ("show:flaky", "Flaky", totals.flaky),
        ("show:skip", "Skipped", totals.skipped),
        ("show:pass", "Passed", totals.passed),
    ];
    let filters: String = filters
        .iter()
        .filter(|(id, _, number)| *id == "show:all" || *number > 0)
        .map(|(id, word, number)| {
            let checked = if *id == "show:all" { " checked" } else { "" };
            format!("<input type=\"radio\" name=\"filter\" id=\"{id}\"{checked}><label for=\"{id}\">{word}<b>{number}</b></label>\n")
        })
        .collect();
    format!(
        "<header>\n<p class=\"eyebrow\">labrun</p>\n<h1 class=\"{class}\">{}</h1>\n<p class=\"meta\">{}</p>\n\
         <div class=\"bar\" aria-hidden=\"true\">{bar}</div>\n<fieldset class=\"filter\"><legend>Show tests</legend>\n{filters}</fieldset>\n</header>\n",
        escape(&verdict),
        escape(&meta.join(" · ")),
    )
}

/// `2026-11-21 13:40:00 UTC` of what RFC 3339 writes.
fn started(text: &str) -> String {
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text.into(),
    }
}
