//! The HTML report: one page that loads nothing, to keep and to hand on.
//!
//! Its policy (Content-Security-Policy) lets the browser load nothing and run no script but the page's own, which
//! it knows by its hash, whatever came in with a log or with a drawing from another machine. Without
//! scripts the page shows the same, but nothing moves.

mod exchange;
mod header;
mod lab;
mod test;
mod text;

use crate::analysis::detail::Detail;
use crate::graph::plan::Plan;
use crate::record::run::{LabRun, Run, TestRun};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use text::{escape, relative};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// So many messages of a run are taken apart on the page, first those of tests that failed.
const MESSAGES: usize = 1_000;

/// The page for `run`, to be put into `folder`. The run's paths are seen from `here`; both are
/// absolute.
pub fn page(run: &Run, folder: &Path, here: &Path) -> String {
    let page = Page::of(run, folder, here);
    let labs: String = run.labs.iter().map(|lab| lab::section(&page, lab)).collect();
    let labs = if labs.is_empty() {
        "<p class=\"empty\">There was no test to run in this part.</p>\n".into()
    } else {
        labs
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>labrun: {}</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n\
         {}<main>\n{labs}</main>\n<footer>Made by labrun {}. Times of tests are without the set-up of their lab.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy(),
        escape(&run.summary()),
        page.maps(),
        header::header(run),
        escape(&run.labrun),
    )
}

fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// What all parts of the page know.
struct Page<'a> {
    run: &'a Run,
    folder: &'a Path,
    here: &'a Path,
    /// How many messages of each test are taken apart.
    messages: HashMap<&'a str, usize>,
}

impl<'a> Page<'a> {
    fn of(run: &'a Run, folder: &'a Path, here: &'a Path) -> Page<'a> {
        let mut room = MESSAGES;
        let (bad, good): (Vec<_>, Vec<_>) = run.tests.iter().partition(|test| test.is_bad());
        let share = |test: &'a TestRun| {
            let number = test.messages.len().min(room);
            room -= number;
            (test.test.as_str(), number)
        };
        let messages = bad.into_iter().chain(good).map(share).collect();
        Page { run, folder, here, messages }
    }

    /// The way from the page to `path`.
    fn link(&self, path: &str) -> String {
        relative(self.folder, &self.here.join(path))
    }

    /// The messages of `test` that are taken apart.
    fn messages<'t>(&self, test: &'t TestRun) -> &'t [Detail] {
        let number = self.messages.get(test.test.as_str()).copied().unwrap_or_default();
        test.messages.get(..number).unwrap_or_default()
    }

    /// The class that has the drawing of `lab` as its background, if ways can be drawn over that.
    fn map(&self, lab: &str) -> Option<(String, &'a Plan)> {
        let (index, lab) = self.run.labs.iter().enumerate().find(|(_, one)| one.name == lab)?;
        lab.drawing.as_ref()?;
        let plan = lab.plan.as_ref().filter(|plan| plan.is_sound())?;
        Some((format!("map-{index}"), plan))
    }

    /// The drawings, once each: every test of a lab draws over the same.
    fn maps(&self) -> String {
        let map = |lab: &LabRun| {
            let (class, _) = self.map(&lab.name)?;
            let drawing = STANDARD.encode(lab.drawing.as_ref()?);
            Some(format!(
                ".{class} {{ background-image: url(data:image/svg+xml;base64,{drawing}); }}\n"
            ))
        };
        self.run.labs.iter().filter_map(map).collect()
    }
}
