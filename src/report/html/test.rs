//! A test on the page: a card with its result, and all that is known of it.

use crate::record::result::{Attempt, Outcome, tries};
use crate::record::run::{LabRun, Log, SetupState, TestRun, seconds};
use crate::report::html::Page;
use crate::report::html::exchange;
use crate::report::html::text::{escape, id, url};
use crate::steps::figures::{Bench, MEASURES, Measure};
use crate::text::count;

pub fn card(page: &Page, test: &TestRun, lab: &LabRun) -> String {
    let (class, word) = match test.outcome {
        Outcome::Pass => ("pass", "passed"),
        Outcome::Flaky => ("flaky", "flaky"),
        Outcome::Fail => ("fail", "failed"),
        Outcome::Skip => ("skip", "skipped"),
        Outcome::Error => ("error", "error"),
    };
    // The lab tells why its tests could not be run.
    let told = test.is_bad() && lab.setup.state != SetupState::Failed;
    let open = if told || test.outcome == Outcome::Flaky { " open" } else { "" };
    let time = if test.outcome.ran() {
        format!("<span class=\"time\">{}</span>", seconds(test.ms))
    } else {
        String::new()
    };
    let mut body = String::new();
    if !test.about.is_empty() {
        body.push_str(&format!("<p>{}</p>\n", escape(&test.about)));
    }
    // Where parts of a run were joined, they may have tested different programs.
    if let Some(name) = test.stand_in().filter(|_| test.subject != lab.subject) {
        body.push_str(&format!(
            "<p><span class=\"note\">tested the stand-in {}</span></p>\n",
            escape(name)
        ));
    }
    if !test.lines.is_empty() {
        body.push_str(&story(&test.lines, &lab.file, &|line| exchange::link(page, test, line)));
    }
    if let Some(tries) = tries(test.outcome, &test.attempts) {
        body.push_str(&format!("<p><span class=\"note\">{}</span></p>\n", escape(&tries)));
    }
    for (index, attempt) in test.attempts.iter().enumerate() {
        body.push_str(&earlier(page, index + 1, attempt, &lab.file));
    }
    body.extend(test.benches.iter().map(measured));
    body.push_str(&exchange::exchange(page, test));
    if !test.logs.is_empty() {
        body.push_str(&format!(
            "<div><h4>Logs</h4>{}</div>\n",
            test.logs.iter().map(log).collect::<String>()
        ));
    }
    body.push_str(&files(page, test));
    let body = if body.is_empty() {
        "<p class=\"meta\">Nothing more was kept of it.</p>\n".into()
    } else {
        body
    };
    format!(
        "<details class=\"card test {class}\" id=\"{}\"{open}><summary><span class=\"badge\">{word}</span><h3>{}</h3>{time}\
         <span class=\"detail\">{}</span></summary>\n<div class=\"body\">\n{body}</div></details>\n",
        id(&test.test),
        escape(&test.test),
        escape(&test.detail),
    )
}

/// What a `bench` step measured, each measure with a bar for either way: the longer of the two fills its
/// cell.
fn measured(bench: &Bench) -> String {
    let bar = |value: f64, most: f64, way: &str, shown: &str| {
        let width = if most > 0.0 { (value * 100.0 / most).clamp(0.0, 100.0) } else { 0.0 };
        format!(
            "<td>{}</td><td class=\"span {way}\"><span style=\"width:{width:.2}%\"></span></td>",
            escape(shown)
        )
    };
    let table = bench.table();
    let row = |(measure, [name, direct, through, ratio]): (Measure, &[String; 4])| {
        let values = [&bench.direct, &bench.through].map(|one| one.get(measure));
        let most = values[0].max(values[1]);
        format!(
            "<tr><th scope=\"row\" rowspan=\"2\">{}</th>{}<td rowspan=\"2\">{}</td></tr>\n<tr>{}</tr>\n",
            escape(name),
            bar(values[0], most, "direct", direct),
            escape(ratio),
            bar(values[1], most, "through", through),
        )
    };
    let [from, direct, through, _] = table[0].each_ref().map(|text| escape(text));
    format!(
        "<div><h4>Measured {from}</h4><p class=\"ways\"><span class=\"direct\">{direct}</span> \
         <span class=\"through\">{through}</span></p>\n<table class=\"bench\">\n{}</table></div>\n",
        MEASURES.into_iter().zip(&table[1..]).map(row).collect::<String>()
    )
}

/// An attempt that failed, after which the test was tried again.
fn earlier(page: &Page, number: usize, attempt: &Attempt, file: &str) -> String {
    let kept = attempt.artifacts.iter().map(|folder| {
        format!(", kept in <a href=\"{}\">{}</a>", page.link(folder), escape(folder))
    });
    format!(
        "<div><h4>Attempt {number} {}: {}{}</h4>{}</div>\n",
        attempt.word(),
        escape(&attempt.detail),
        kept.collect::<String>(),
        story(&attempt.lines, file, &|_| None)
    )
}

/// Lines of which the first says what is wrong, as does that after a place in the lab `file`, and those
/// after `|` are a program's own. Some lead to what they are about.
pub fn story(lines: &[String], file: &str, link: &dyn Fn(usize) -> Option<String>) -> String {
    let led = |line: &str, href: &str| {
        let text = line.trim_start();
        let indent = &line[..line.len() - text.len()];
        format!("{indent}<a class=\"to-message\" href=\"{href}\">{}</a>", escape(text))
    };
    let place = |line: &str| {
        let number = line.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    let line = |(index, line): (usize, &String)| {
        let cause = index == 0 || place(&lines[index - 1]);
        match (cause, line.starts_with('|'), link(index)) {
            (true, _, Some(href)) => format!("<b>{}</b>", led(line, &href)),
            (_, _, Some(href)) => led(line, &href),
            (true, false, _) => format!("<b>{}</b>", escape(line)),
            (_, true, _) => format!("<i>{}</i>", escape(line)),
            _ if place(line) => format!("<i>{}</i>", escape(line)),
            _ => escape(line),
        }
    };
    format!(
        "<pre class=\"story\">{}</pre>\n",
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
    )
}

fn log(log: &Log) -> String {
    let cut = if log.left_out > 0 {
        format!("… {} bytes before this are left out\n", log.left_out)
    } else {
        String::new()
    };
    format!(
        "<details class=\"log\"><summary><code>{}</code></summary><pre tabindex=\"0\">{cut}{}</pre></details>\n",
        escape(&log.name),
        escape(log.text.trim_end())
    )
}

fn files(page: &Page, test: &TestRun) -> String {
    let Some(artifacts) = &test.artifacts else { return String::new() };
    let place = page.link(artifacts);
    let item =
        |file: &String| format!("<li><a href=\"{place}/{}\">{}</a></li>", url(file), escape(file));
    let items: String = test.files.iter().map(item).collect();
    let list = match test.files.len() {
        0 => String::new(),
        number => format!(
            "<details class=\"log\"><summary>{}</summary><ul class=\"files\">{items}</ul></details>",
            count(number, "file")
        ),
    };
    format!("<div><h4>Kept in <a href=\"{place}\">{}</a></h4>{list}</div>\n", escape(artifacts))
}
