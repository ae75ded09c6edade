//! The HTML report in a real browser: what it shows, that it fits, and that it neither runs nor
//! loads anything. Without a Chromium the tests are skipped, and say so.

use super::runs;

use labrun::record::run::Run;
use labrun::report::html;
use runs::{good, hostile, mixed};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Reads the page from within: printed into its own title, because that is what comes out again.
const LOOK: &str = r#"<script>
const seen = {};
const box = element => element.getBoundingClientRect();
const shown = () => [...document.querySelectorAll('.test')].filter(t => box(t).height > 0).map(t => t.id);
seen.title = document.title;
seen.shown = shown();
seen.open = [...document.querySelectorAll('.test[open]')].map(t => t.id);
seen.wide = document.documentElement.scrollWidth > innerWidth;
seen.badge = getComputedStyle(document.querySelector('.badge')).backgroundColor;
seen.back = getComputedStyle(document.body).backgroundColor;
seen.figures = [...document.querySelectorAll('[open] figure')].filter(f => box(f).height > 20).length;
for (const name of ['bad', 'skip', 'pass']) {
  const filter = document.getElementById('show:' + name);
  if (!filter) continue;
  filter.click();
  seen[name] = shown();
}
document.title = JSON.stringify(seen);
</script></body>"#;

struct Browser(PathBuf);

/// What the browser made of a page.
struct Shown {
    dom: String,
    /// What it said on the console, and of errors.
    words: String,
    /// Every address it asked for, in vain, on behalf of the page.
    asked: Vec<String>,
}

impl Browser {
    fn find(test: &str) -> Option<Browser> {
        let found = ["chromium", "google-chrome"].iter().find_map(|name| which::which(name).ok());
        if found.is_none() {
            eprintln!("SKIP {test}: there is no chromium");
        }
        found.map(Browser)
    }

    fn run(&self, folder: &Path, arguments: &[&str], page: &str) -> Shown {
        let file = folder.join("page.html");
        std::fs::write(&file, page).unwrap();
        let net = folder.join("net.json");
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "100"]).arg(&self.0).args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--hide-scrollbars",
        ]);
        command
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .env("HOME", folder);
        command
            .arg(format!("--log-net-log={}", net.display()))
            .args(arguments)
            .arg(format!("file://{}", file.display()));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}");
        let log = std::fs::read_to_string(&net).unwrap();
        let asked =
            log.split("\"url\":\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_string());
        Shown {
            dom: String::from_utf8_lossy(&output.stdout).into_owned(),
            words: words
                .lines()
                .filter(|line| line.contains("CONSOLE"))
                .collect::<Vec<_>>()
                .join("\n"),
            asked: asked
                .filter(|url| {
                    !url.starts_with("file:") && !url.starts_with("data:") && !is_browsers_own(url)
                })
                .collect(),
        }
    }

    /// What [`LOOK`] sees in a window of `width` pixels. Only for that the page may run a script.
    fn look(&self, run: &Run, width: u32, scheme: u8) -> serde_json::Value {
        let folder = tempfile::tempdir().unwrap();
        let page = page(run)
            .replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'")
            .replace("</body>", LOOK);
        let size = format!("--window-size={width},900");
        let colours = format!("--blink-settings=preferredColorScheme={scheme}");
        let shown = self.run(folder.path(), &["--dump-dom", &size, &colours], &page);
        let title = shown
            .dom
            .split("<title>")
            .nth(1)
            .and_then(|rest| rest.split("</title>").next())
            .unwrap_or_else(|| panic!("{}", shown.dom));
        serde_json::from_str(title)
            .unwrap_or_else(|error| panic!("{error}: {title}\n{}", shown.words))
    }
}

/// Some of its makers' services a browser asks for by itself, whatever it is told.
fn is_browsers_own(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    host.ends_with(".google.com") || host.ends_with(".googleapis.com")
}

fn page(run: &Run) -> String {
    html::page(run, Path::new("/work"), Path::new("/work"))
}

#[test]
fn a_failed_run_shows_what_failed_and_filters_the_rest() {
    let Some(browser) = Browser::find("a_failed_run_shows_what_failed_and_filters_the_rest") else {
        return;
    };
    let seen = browser.look(&mixed(), 1280, 1);
    assert_eq!(seen["title"], "labrun: 3 passed, 2 failed (1 in set-up), 1 skipped in 5.21 s");
    assert_eq!(seen["shown"].as_array().unwrap().len(), 6, "{seen}");
    assert_eq!(seen["open"], serde_json::json!(["relay-v4"]));
    assert_eq!(seen["bad"], serde_json::json!(["relay-v4", "server-v4"]));
    assert_eq!(seen["skip"], serde_json::json!(["relay-other"]));
    assert_eq!(seen["pass"], serde_json::json!(["relay-v6", "relay-ping", "relay-quick"]));
    assert_eq!((&seen["wide"], &seen["figures"]), (&false.into(), &1.into()), "{seen}");
}

#[test]
fn the_page_fits_a_telephone_and_follows_the_readers_colours() {
    let Some(browser) = Browser::find("the_page_fits_a_telephone_and_follows_the_readers_colours")
    else {
        return;
    };
    let light = browser.look(&mixed(), 500, 1);
    let dark = browser.look(&mixed(), 500, 0);
    assert_eq!((&light["wide"], &dark["wide"]), (&false.into(), &false.into()), "{light}");
    assert_ne!(light["back"], dark["back"]);
    assert_ne!(light["badge"], dark["badge"]);
    assert_eq!(browser.look(&hostile(), 500, 1)["wide"], false);
}

#[test]
fn nothing_is_run_and_nothing_is_loaded() {
    let Some(browser) = Browser::find("nothing_is_run_and_nothing_is_loaded") else { return };
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
