//! The workflows that run labs in continuous integration.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::path::Path;

/// Who runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    Github,
    Gitlab,
    None,
}

impl ValueEnum for Ci {
    fn value_variants<'a>() -> &'a [Ci] {
        &Ci::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Ci {
    pub const ALL: [Ci; 3] = [Ci::Github, Ci::Gitlab, Ci::None];

    pub fn name(self) -> &'static str {
        match self {
            Ci::Github => "github",
            Ci::Gitlab => "gitlab",
            Ci::None => "none",
        }
    }
}

/// Where labrun's own repository is, as `OWNER/NAME`.
pub(super) fn labrun() -> &'static str {
    env!("CARGO_PKG_REPOSITORY").trim_start_matches("https://github.com/")
}

/// The one that the repository in `folder` is for.
pub fn detect(folder: &Path) -> Ci {
    let config = std::fs::read_to_string(folder.join(".git/config")).unwrap_or_default();
    let remote =
        |host: &str| config.lines().any(|l| l.trim().starts_with("url") && l.contains(host));
    if folder.join(".github").is_dir() || remote("github.com") {
        Ci::Github
    } else if folder.join(GITLAB).is_file() || remote("gitlab") {
        Ci::Gitlab
    } else {
        Ci::None
    }
}

/// The workflow's file in the repository in `folder`, and its text. One that is there already is left alone:
/// GitLab takes another, once the first includes it.
pub fn workflow(ci: Ci, folder: &Path) -> Option<(&'static str, String)> {
    match ci {
        Ci::None => None,
        Ci::Github => Some((".github/workflows/labs.yml", github())),
        Ci::Gitlab => {
            let there = std::fs::read(folder.join(GITLAB)).ok();
            let own = there.is_none_or(|text| text == gitlab().as_bytes());
            Some((if own { GITLAB } else { BESIDE }, gitlab()))
        }
    }
}

const GITLAB: &str = ".gitlab-ci.yml";

/// The file that `.gitlab-ci.yml` includes, if there was one before.
pub const BESIDE: &str = ".gitlab/labs.yml";

fn github() -> String {
    format!(
        "# Tests this program in its labs.
name: labs
on:
  push:
    branches: [main]   # CHANGE: the branch that the others are merged into
  pull_request:
permissions:
  contents: read
jobs:
  labs:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
      - uses: actions/checkout@v6
      # CHANGE: what builds the program, if the runner has it not.
      - uses: {}@v1
",
        labrun()
    )
}

/// Labs need namespaces, which a container may make only if it is privileged or the runner no container.
fn gitlab() -> String {
    format!(
        "# Tests this program in its labs. The runner must be privileged, or run jobs as an ordinary user of a machine.
labs:
  image: debian:trixie   # CHANGE: what has the tools that build the program
  variables:
    LABRUN: https://github.com/{}/releases/latest/download/labrun-x86_64-unknown-linux-musl.tar.gz
  before_script:
    - apt-get update && apt-get install -y --no-install-recommends ca-certificates curl
    - curl --fail --silent --show-error --location \"$LABRUN\" | tar -xz -C /usr/local/bin labrun
    - labrun doctor --install
  script:
    - labrun test --report junit=labrun.xml
  artifacts:
    when: always
    paths: [labrun-artifacts]
    reports: {{junit: labrun.xml}}
",
        labrun()
    )
}
