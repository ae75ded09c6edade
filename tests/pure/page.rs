//! The HTML report in a real browser: what it shows, that it fits, and that it runs nothing but its own
//! script and loads nothing.

use crate::browser::{Browser, page};
use crate::runs::{good, hostile, mixed};

use labrun::record::run::Run;
use serde_json::Value;

/// Reads the page from within.
const LOOK: &str = r#"
const seen = {};
const box = element => element.getBoundingClientRect();
const shown = () => [...document.querySelectorAll('.test')].filter(t => box(t).height > 0).map(t => t.id);
seen.title = document.title;
seen.shown = shown();
seen.open = [...document.querySelectorAll('.test[open]')].map(t => t.id);
seen.wide = document.documentElement.scrollWidth > innerWidth;
seen.badge = getComputedStyle(document.querySelector('.badge')).backgroundColor;
seen.causes = [...document.querySelectorAll('.test[open] .story b')].map(b => b.textContent);
const words = [...document.querySelectorAll('[open] .ladder text')].map(t => box(t).height);
seen.words = [Math.min(...words), Math.max(...words)];
seen.back = getComputedStyle(document.body).backgroundColor;
seen.figures = [...document.querySelectorAll('[open] figure')].filter(f => box(f).height > 20).length;
for (const name of ['bad', 'skip', 'pass']) {
  const filter = document.getElementById('show:' + name);
  if (!filter) continue;
  filter.click();
  seen[name] = shown();
}
tell(seen);
"#;

fn look(browser: &Browser, run: &Run, width: u32, scheme: u8) -> Value {
    browser.look(run, width, scheme, "", LOOK)
}

#[test]
fn a_failed_run_shows_what_failed_and_filters_the_rest() {
    let Some(browser) = Browser::find("a_failed_run_shows_what_failed_and_filters_the_rest") else {
        return;
    };
    let seen = look(&browser, &mixed(), 1280, 1);
    assert_eq!(seen["title"], "labrun: 3 passed, 2 failed (1 in set-up), 1 skipped in 5.21 s");
    assert_eq!(seen["shown"].as_array().unwrap().len(), 6, "{seen}");
    assert_eq!(seen["open"], serde_json::json!(["relay-v4"]));
    assert_eq!(seen["bad"], serde_json::json!(["relay-v4", "server-v4"]));
    assert_eq!(seen["skip"], serde_json::json!(["relay-other"]));
    assert_eq!(seen["pass"], serde_json::json!(["relay-v6", "relay-ping", "relay-quick"]));
    assert_eq!((&seen["wide"], &seen["figures"]), (&false.into(), &2.into()), "{seen}");
}

#[test]
fn the_page_fits_a_telephone_and_follows_the_readers_colours() {
    let Some(browser) = Browser::find("the_page_fits_a_telephone_and_follows_the_readers_colours")
    else {
        return;
    };
    let light = look(&browser, &mixed(), 390, 1);
    let dark = look(&browser, &mixed(), 390, 0);
    assert_eq!((&light["wide"], &dark["wide"]), (&false.into(), &false.into()), "{light}");
    assert_ne!(light["back"], dark["back"]);
    assert_ne!(light["badge"], dark["badge"]);
    let seen = look(&browser, &hostile(), 390, 1);
    assert_eq!(seen["wide"], false, "{seen}");
}

/// A wide window is used, and a drawing is neither larger than drawn nor too small to read.
#[test]
fn the_words_of_a_ladder_can_be_read_and_each_cause_stands_out() {
    let test = "the_words_of_a_ladder_can_be_read_and_each_cause_stands_out";
    let Some(browser) = Browser::find(test) else { return };
    let mut run = mixed();
    let more = ["labs/relay.yaml:126", "the ACK crossed v-br-lb, too", "its way: v-br-srv"];
    run.tests[0].lines.extend(more.map(String::from));
    let drawn = look(&browser, &run, 1400, 1);
    assert_eq!(drawn["causes"], serde_json::json!([run.tests[0].lines[0], more[1]]), "{drawn}");
    let sizes = |seen: &Value| {
        let words = seen["words"].as_array().unwrap();
        (words[0].as_f64().unwrap(), words[1].as_f64().unwrap())
    };
    let (least, most) = sizes(&drawn);
    assert!(least >= 10.0 && most < 20.0, "{drawn}");
    let phone = look(&browser, &run, 390, 1);
    assert!(sizes(&phone).0 >= 6.0, "{phone}");
}

#[test]
fn nothing_from_outside_is_run_and_nothing_is_loaded() {
    let Some(browser) = Browser::find("nothing_from_outside_is_run_and_nothing_is_loaded") else {
        return;
    };
    for run in [good(), mixed(), hostile()] {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("page.png");
        let shown = browser.run(folder.path(), &["--dump-dom"], &page(&run));
        assert!(
            shown.dom.contains(&format!("<title>labrun: {}", &run.summary()[..8])),
            "{}",
            shown.dom
        );
        assert_eq!(shown.asked, Vec::<String>::new());
        if run != hostile() {
            assert_eq!(shown.words, "", "the console is empty");
        }
        let shown = browser.run(
            folder.path(),
            &[&format!("--screenshot={}", picture.display()), "--window-size=1000,800"],
            &page(&run),
        );
        assert_eq!(shown.asked, Vec::<String>::new());
        let png = std::fs::read(&picture).unwrap();
        // The size of the picture stands in its header (PNG specification, 11.2.1).
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (1000, 800));
        // One colour would take some kilobytes.
        assert!(png.len() > 20_000, "the page is blank: {} bytes", png.len());
    }
}

/// Its policy is the second fence: what came with a drawing is only an image.
#[test]
fn without_its_policy_the_page_runs_and_loads_nothing_either() {
    let test = "without_its_policy_the_page_runs_and_loads_nothing_either";
    let Some(browser) = Browser::find(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let shown = browser.run(
        folder.path(),
        &["--dump-dom"],
        &page(&hostile()).replace("Content-Security-Policy", "nothing"),
    );
    assert!(!shown.dom.contains("<title>owned</title>"), "{}", shown.dom);
    assert_eq!(shown.asked, Vec::<String>::new());
}
