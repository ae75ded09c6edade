//! A lab on the page: what it is, its drawing, its tests.

use crate::record::run::{LabRun, Run, SetupState, seconds};
use crate::record::timing::Timing;
use crate::report::html::Page;
use crate::report::html::test::{card, story};
use crate::report::html::text::{escape, id};
use crate::report::timings;
use base64::Engine;

pub fn section(page: &Page, lab: &LabRun) -> String {
    let run = page.run;
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
        let story = story(&lab.setup.lines, &lab.file, &|_| None);
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
    text.extend(run.tests_of(&lab.name).map(|test| card(page, test, lab)));
    text + "</section>\n"
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
