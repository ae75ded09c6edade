//! A real browser, which tests look at pages with. Without a Chromium they are skipped, and say so.

use labrun::record::run::Run;
use labrun::report::html;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Browser(PathBuf);

/// What the browser made of a page.
pub struct Shown {
    pub dom: String,
    /// What it said on the console, and of errors.
    pub words: String,
    /// Every address it asked for, in vain, on behalf of the page.
    pub asked: Vec<String>,
}

impl Browser {
    pub fn find(test: &str) -> Option<Browser> {
        let found = ["chromium", "google-chrome"].iter().find_map(|name| which::which(name).ok());
        if found.is_none() {
            eprintln!("SKIP {test}: there is no chromium");
        }
        found.map(Browser)
    }

    pub fn run(&self, folder: &Path, arguments: &[&str], page: &str) -> Shown {
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

    /// What `script` tells of the page of `run`, opened at `address` in a window of `width` pixels, by
    /// `tell(VALUE)`. Only for that the page may run any script.
    pub fn look(&self, run: &Run, width: u32, scheme: u8, address: &str, script: &str) -> Value {
        self.look_at(&page(run), width, scheme, address, script)
    }

    /// The same of a page that was changed.
    pub fn look_at(
        &self,
        page: &str,
        width: u32,
        scheme: u8,
        address: &str,
        script: &str,
    ) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let before = "script-src 'sha256-";
        let (head, rest) = page.split_once(before).unwrap();
        let (_, rest) = rest.split_once('\'').unwrap();
        // No window is narrower than 500 pixels, but a frame in one.
        let page = format!("{head}script-src 'unsafe-inline'{rest}").replacen(
            "</body>",
            &format!("<script>const tell = value => parent.postMessage(JSON.stringify(value), '*');\n{script}</script></body>"),
            1,
        );
        self.framed(folder.path(), &page, width, scheme, address)
    }

    fn framed(&self, folder: &Path, page: &str, width: u32, scheme: u8, address: &str) -> Value {
        std::fs::write(folder.join("framed.html"), page).unwrap();
        let frame = format!(
            "<!doctype html><title>none</title><body><script>onmessage = event => document.title = event.data;</script>\
             <iframe src=\"framed.html{address}\" width=\"{width}\" height=\"900\" style=\"border:0\"></iframe></body>"
        );
        let colours = format!("--blink-settings=preferredColorScheme={scheme}");
        let patience = "--virtual-time-budget=20000";
        let size = "--window-size=1400,1000";
        let shown = self.run(folder, &["--dump-dom", size, &colours, patience], &frame);
        let title = shown
            .dom
            .split("<title>")
            .nth(1)
            .and_then(|rest| rest.split("</title>").next())
            .unwrap_or_else(|| panic!("{}", shown.dom));
        let title = title.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&");
        serde_json::from_str(&title)
            .unwrap_or_else(|error| panic!("{error}: {title}\n{}", shown.words))
    }
}

/// Some of its makers' services a browser asks for by itself, whatever it is told.
fn is_browsers_own(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    host.ends_with(".google.com") || host.ends_with(".googleapis.com")
}

pub fn page(run: &Run) -> String {
    html::page(run, Path::new("/work"), Path::new("/work"))
}
