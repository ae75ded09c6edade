//! The HTML report: one page that loads nothing and runs nothing, to keep and to hand on.
//!
//! Its policy (Content-Security-Policy) forbids both to the browser as well, whatever came in with
//! a log or with a drawing from another machine.

use crate::record::result::{Attempt, Outcome, tries};
use crate::record::run::{LabRun, Run, SetupState, TestRun, seconds};
use crate::record::timing::Timing;
use crate::report::timings;
use crate::steps::figures::{Bench, MEASURES, Measure};
use crate::text::count;
use base64::Engine;
use std::path::{Component, Path};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page.css");

/// The page for `run`, to be put into `folder`. The run's paths are seen from `here`; both are
/// absolute.
pub fn page(run: &Run, folder: &Path, here: &Path) -> String {
    let link = |path: &str| relative(folder, &here.join(path));
    let labs: String = run.labs.iter().map(|lab| section(run, lab, &link)).collect();
    let labs = if labs.is_empty() {
        "<p class=\"empty\">There was no test to run in this part.</p>\n".into()
    } else {
        labs
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>labrun: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         {}<main>\n{labs}</main>\n<footer>Made by labrun {}. Times of tests are without the set-up of their lab.</footer>\n</body>\n</html>\n",
        escape(&run.summary()),
        header(run),
        escape(&run.labrun),
    )
}

fn header(run: &Run) -> String {
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

/// Where the time of a lab went, as a waterfall.
fn waterfall(run: &Run, lab: &str) -> String {
    let own: Vec<Timing> =
        run.timings.iter().filter(|one| one.lab.as_deref() == Some(lab)).cloned().collect();
    let rows = timings::rows(&own);
    let Some(whole) = rows.first().map(|row| row.us.max(1) as f64) else { return String::new() };
    let percent = |us: u64| (us as f64 * 100.0 / whole).clamp(0.0, 100.0);
    let row = |row: &timings::Row| {
        format!(
            "<tr><th scope=\"row\" style=\"padding-left:{}em\">{}</th><td>{}</td>\
             <td class=\"span\"><span style=\"margin-left:{:.2}%;width:{:.2}%\"></span></td></tr>\n",
            row.depth,
            escape(&row.name),
            timings::milliseconds(row.us),
            percent(row.at),
            percent(row.us),
        )
    };
    format!(
        "<details class=\"card timings\"><summary><h3>Where the time went</h3></summary>\n\
         <div class=\"body\"><table>\n{}</table></div></details>\n",
        rows.iter().map(row).collect::<String>()
    )
}

fn section(run: &Run, lab: &LabRun, link: &dyn Fn(&str) -> String) -> String {
    let name = escape(&lab.name);
    let mut meta = vec![format!("<code>{}</code>", escape(&lab.file))];
    match lab.setup.state {
        SetupState::Ready => meta.push(format!("up in {}", seconds(lab.setup.ms))),
        SetupState::Reused => meta.push("was up already".into()),
        SetupState::Failed | SetupState::None => {}
    }
    if let Some(subject) = &lab.subject {
        meta.push(match subject.how.as_str() {
            "stand-in" => {
                format!(
                    "<span class=\"note\">no {} found, tested its stand-in {}</span>",
                    escape(&subject.program),
                    escape(&subject.path)
                )
            }
            "built" => format!("tested {}, built from its repository", escape(&subject.program)),
            "path" => format!("tested <code>{}</code>, found on PATH", escape(&subject.path)),
            _ => format!("tested <code>{}</code>", escape(&subject.path)),
        });
    }
    let mut text = format!(
        "<section class=\"lab\" aria-labelledby=\"lab:{0}\">\n<h2 id=\"lab:{0}\">{name}</h2>\n",
        id(&lab.name)
    );
    if !lab.about.is_empty() {
        text.push_str(&format!("<p>{}</p>\n", escape(&lab.about)));
    }
    text.push_str(&format!("<p class=\"meta\">{}</p>\n", meta.join(" · ")));
    if lab.setup.state == SetupState::Failed {
        let story = story(&lab.setup.lines);
        text.push_str(&format!(
            "<details class=\"card error\" open><summary><span class=\"badge\">error</span><h3>{name} could not be set up</h3></summary>\n<div class=\"body\">{story}</div></details>\n"
        ));
    }
    if let Some(drawing) = &lab.drawing {
        // As an image: it may have come in with somebody else's report, and in the page its tags would
        // be the page's own. An image runs nothing and loads nothing.
        let drawing = base64::engine::general_purpose::STANDARD.encode(drawing);
        text.push_str(&format!(
            "<details class=\"card drawing\"><summary><h3>Topology</h3></summary>\n<div class=\"body\"><figure tabindex=\"0\"><img alt=\"Topology of {name}\" src=\"data:image/svg+xml;base64,{drawing}\"></figure></div></details>\n"
        ));
    }
    text.push_str(&waterfall(run, &lab.name));
    text.extend(run.tests_of(&lab.name).map(|test| card(test, lab, link)));
    text + "</section>\n"
}

fn card(test: &TestRun, lab: &LabRun, link: &dyn Fn(&str) -> String) -> String {
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
        body.push_str(&story(&test.lines));
    }
    if let Some(tries) = tries(test.outcome, &test.attempts) {
        body.push_str(&format!("<p><span class=\"note\">{}</span></p>\n", escape(&tries)));
    }
    for (index, attempt) in test.attempts.iter().enumerate() {
        body.push_str(&earlier(index + 1, attempt, link));
    }
    body.extend(test.benches.iter().map(measured));
    if let Some(ladder) = &test.ladder {
        let name = escape(&test.test);
        body.push_str(&format!(
            "<div><h4>Packets</h4><figure class=\"ladder\" aria-label=\"Packets of {name}\" tabindex=\"0\">{}</figure></div>\n",
            ladder.svg()
        ));
    }
    if !test.logs.is_empty() {
        body.push_str(&format!(
            "<div><h4>Logs</h4>{}</div>\n",
            test.logs.iter().map(log).collect::<String>()
        ));
    }
    body.push_str(&files(test, link));
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
fn earlier(number: usize, attempt: &Attempt, link: &dyn Fn(&str) -> String) -> String {
    let kept = attempt
        .artifacts
        .iter()
        .map(|folder| format!(", kept in <a href=\"{}\">{}</a>", link(folder), escape(folder)));
    format!(
        "<div><h4>Attempt {number} {}: {}{}</h4>{}</div>\n",
        attempt.word(),
        escape(&attempt.detail),
        kept.collect::<String>(),
        story(&attempt.lines)
    )
}

/// Lines of which the first says what is wrong, and those after `|` are a program's own.
fn story(lines: &[String]) -> String {
    let line = |(index, line): (usize, &String)| match (index, line.starts_with('|')) {
        (0, false) => format!("<b>{}</b>", escape(line)),
        (_, true) => format!("<i>{}</i>", escape(line)),
        _ => escape(line),
    };
    format!(
        "<pre class=\"story\">{}</pre>\n",
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
    )
}

fn log(log: &crate::record::run::Log) -> String {
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

fn files(test: &TestRun, link: &dyn Fn(&str) -> String) -> String {
    let Some(artifacts) = &test.artifacts else { return String::new() };
    let place = link(artifacts);
    let item =
        |file: &String| format!("<li><a href=\"{place}/{}\">{}</a></li>", url(file), escape(file));
    let items: String = test.files.iter().map(item).collect();
    format!(
        "<div><h4>Kept in <a href=\"{place}\">{}</a></h4><ul class=\"files\">{items}</ul></div>\n",
        escape(artifacts)
    )
}

/// The way from `folder` to `path` as a URL; both are seen from the same place.
fn relative(folder: &Path, path: &Path) -> String {
    let parts = |path: &Path| -> Vec<String> {
        path.components()
            .filter(|c| *c != Component::CurDir)
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (from, to) = (parts(folder), parts(path));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let steps =
        std::iter::repeat_n("..".to_string(), from.len() - same).chain(to[same..].iter().cloned());
    // In front of it, so that a colon in the first name makes no scheme.
    format!("./{}", url(&steps.collect::<Vec<_>>().join("/")))
}

/// `path` with everything escaped that has a meaning in a URL (RFC 3986 2.3).
fn url(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A name that is unique on the page and fit for an `id`.
fn id(name: &str) -> String {
    escape(&name.replace(char::is_whitespace, "_"))
}

/// `text` as text: nothing in it is HTML, and no colour or other control of a terminal is left.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in console::strip_ansi_codes(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' => {}
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_page_to_the_file() {
        let way = |folder: &str, path: &str| relative(Path::new(folder), Path::new(path));
        assert_eq!(way("", "artifacts/relay-v4"), "./artifacts/relay-v4");
        assert_eq!(way("out/pages", "out/kept/x"), "./../kept/x");
        assert_eq!(way("/a/b", "/a/c d"), "./../c%20d");
        assert_eq!(way(".", "./java\"script:x"), "./java%22script%3Ax");
    }

    #[test]
    fn nothing_from_outside_is_html() {
        assert_eq!(
            escape("<b a='\"'>&\x1b[31mred\x1b[0m\x07\r\n"),
            "&lt;b a=&#39;&quot;&#39;&gt;&amp;red\u{fffd}\n"
        );
    }
}
