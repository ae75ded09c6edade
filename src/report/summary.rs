//! The step summary of GitHub Actions: Markdown with a table, the ladders of what failed, the
//! topologies.

use crate::analysis::ladder::Extent;
use crate::record::result::{Outcome, tries};
use crate::record::run::{LabRun, Run, SetupState, TestRun, seconds};
use crate::steps::figures::Bench;
use crate::text::count;

/// What GitHub takes of a step, in bytes.
pub const LIMIT: usize = 1 << 20;
/// How wide a ladder may be before the page scrolls.
const WIDTH: usize = 110;
/// What the words take that say what was left out.
const RESERVE: usize = 200;
/// How many lines of a test or a set-up are shown.
const LINES: usize = 200;

/// The summary of `run` in at most `room` bytes. What does not fit is left out by whole sections,
/// the table before anything else last, and that is said.
pub fn markdown(run: &Run, room: usize) -> String {
    let room = room.saturating_sub(RESERVE);
    let mut text = format!(
        "### {} labrun: {}\n\n",
        match run.exit() as u8 {
            0 if run.nothing_ran || run.totals.flaky > 0 => "⚠️",
            0 => "✅",
            _ => "❌",
        },
        cell(&run.summary())
    );
    if let Some(parted) = &run.partition {
        text.push_str(&format!("Part {} of the tests.\n\n", parted.part));
    }
    if let Some(lack) = run.lack() {
        text.push_str(&format!("Incomplete: {lack}.\n\n"));
    }
    if run.interrupted {
        text.push_str("The run was interrupted.\n\n");
    }
    let mut left_out = 0;
    let mut add = |section: String| {
        let fits = text.len() + section.len() <= room;
        if fits {
            text.push_str(&section);
        } else {
            left_out += 1;
        }
        fits
    };
    if !run.tests.is_empty() && add("| | test | time | |\n|---|---|--:|---|\n".into()) {
        run.tests.iter().for_each(|test| {
            add(row(run, test));
        });
        add("\n".into());
    }
    for lab in &run.labs {
        if let Some(subject) = lab.subject.as_ref().filter(|s| s.how == "stand-in") {
            let [lab, program, path] =
                [&lab.name, &subject.program, &subject.path].map(|text| cell(text));
            add(format!("⚠️ {lab}: no {program} found, tested its stand-in {path}\n\n"));
        }
    }
    for lab in run.labs.iter().filter(|lab| lab.setup.state == SetupState::Failed) {
        add(format!(
            "#### 💥 setting up {} failed\n\n{}",
            cell(&lab.name),
            fence("", &shortened(&lab.setup.lines))
        ));
    }
    // A test of a lab that was not set up has no story of its own.
    let shown = |t: &&TestRun| {
        t.outcome == Outcome::Flaky
            || t.is_bad() && (!t.lines.is_empty() || t.story(run).is_empty())
    };
    for test in run.tests.iter().filter(shown) {
        add(failure(test));
    }
    for test in &run.tests {
        test.benches.iter().for_each(|bench| {
            add(measured(test, bench));
        });
    }
    for lab in &run.labs {
        add(topology(lab));
    }
    if left_out > 0 {
        text.push_str(&format!(
            "\n*{} left out: GitHub takes 1 MiB at most.*\n",
            count(left_out, "section or row")
        ));
    }
    text.truncate(room + RESERVE);
    text
}

fn row(run: &Run, test: &TestRun) -> String {
    let symbol = match test.outcome {
        Outcome::Pass => "✅",
        Outcome::Flaky => "⚠️",
        Outcome::Fail => "❌",
        Outcome::Skip => "⏭️",
        Outcome::Error => "💥",
    };
    let mut words = vec![cell(&test.detail)];
    words.extend(tries(test.outcome, &test.attempts).map(|text| cell(&text)));
    words.extend(test.story(run).first().filter(|_| test.is_bad()).map(|line| cell(line)));
    words.retain(|word| !word.is_empty());
    let time = if test.ms > 0 { seconds(test.ms) } else { String::new() };
    format!("| {symbol} | {} | {time} | {} |\n", cell(&test.test), words.join("<br>"))
}

fn failure(test: &TestRun) -> String {
    let mut text = format!(
        "#### {} {}\n\n",
        match test.outcome {
            Outcome::Fail => "❌",
            Outcome::Flaky => "⚠️",
            _ => "💥",
        },
        cell(&test.test)
    );
    for words in [&test.about, &test.detail] {
        if !words.is_empty() {
            text.push_str(&format!("{}\n\n", cell(words)));
        }
    }
    if !test.lines.is_empty() {
        text.push_str(&fence("", &shortened(&test.lines)));
    }
    if let Some(ladder) = &test.ladder {
        text.push_str(&fence("", &ladder.text(WIDTH, Extent::LONG)));
    }
    if let Some(folder) = &test.artifacts {
        text.push_str(&format!("Artifacts: {}\n\n", cell(folder)));
    }
    if let Some(tries) = tries(test.outcome, &test.attempts) {
        text.push_str(&format!("{}{}.\n\n", tries[..1].to_uppercase(), cell(&tries[1..])));
    }
    for (index, attempt) in test.attempts.iter().enumerate() {
        let kept = attempt.artifacts.iter().map(|folder| format!(", artifacts: {}", cell(folder)));
        text.push_str(&format!(
            "Attempt {}: {}{}\n\n{}",
            index + 1,
            cell(&attempt.detail),
            kept.collect::<String>(),
            fence("", &shortened(&attempt.lines))
        ));
    }
    text
}

/// What a `bench` step of `test` measured.
fn measured(test: &TestRun, bench: &Bench) -> String {
    let row = |row: &[String; 4]| {
        let [name, direct, through, ratio] = row.each_ref().map(|text| cell(text));
        format!("| {name} | {direct} | {through} | {ratio} |\n")
    };
    let table = bench.table();
    let rows: String = table[1..].iter().map(row).collect();
    format!("#### 📊 {}\n\n{}|---|--:|--:|--:|\n{rows}\n", cell(&test.test), row(&table[0]))
}

fn topology(lab: &LabRun) -> String {
    let Some(mermaid) = &lab.mermaid else { return String::new() };
    let lines: Vec<String> = mermaid.lines().map(String::from).collect();
    format!(
        "<details><summary>Topology of {}</summary>\n\n{}</details>\n\n",
        cell(&lab.name),
        fence("mermaid", &lines)
    )
}

fn shortened(lines: &[String]) -> Vec<String> {
    let mut shown = lines.to_vec();
    if shown.len() > LINES {
        let rest = shown.split_off(LINES).len();
        shown.push(format!("… and {}", count(rest, "line")));
    }
    shown
}

/// A block of code, in a fence that nothing in it can end.
fn fence(language: &str, lines: &[String]) -> String {
    let longest = lines
        .iter()
        .flat_map(|line| line.split(|c| c != '`'))
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(3.max(longest + 1));
    let text: Vec<String> =
        lines.iter().map(|line| line.replace(|c: char| c.is_control() && c != '\t', "�")).collect();
    format!("{fence}{language}\n{}\n{fence}\n\n", text.join("\n"))
}

/// `text` as one line in which nothing is Markdown or HTML. An entity is never part of the
/// structure (CommonMark 6.2).
fn cell(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '\\' | '!' | '#' | '@'
            | '$' => {
                escaped.push_str(&format!("&#{};", c as u32));
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
