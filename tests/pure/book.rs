//! The book: every page of docs/ is in it, its links lead somewhere, and its labs are right.

use regex_lite::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Where links of the book to the rest of the repository begin, for a relative one would leave the book.
const REPOSITORY: &str = "https://github.com/OWNER/labrun/blob/main/";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files below `folder` of the repository.
fn pages_in(folder: &str) -> BTreeSet<PathBuf> {
    let mut pages = BTreeSet::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = Path::new(folder).join(path.file_name().unwrap());
        if path.is_dir() && folder.starts_with("docs") {
            pages.extend(pages_in(name.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.insert(name);
        }
    }
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page))
        .unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// Without what is code, in which brackets are no links and `#` begins a comment.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with("    ") {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Where the links of a page lead, in its prose.
fn links(text: &str) -> Vec<String> {
    let code = Regex::new("`[^`\n]*`").unwrap();
    let prose = prose(text);
    let prose = code.replace_all(&prose, "code");
    let link = Regex::new(r"\]\(([^()\s]*)\)").unwrap();
    link.captures_iter(&prose).map(|found| found[1].to_string()).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text).lines().filter(|line| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        // The second of a name would be NAME-1, which no link should depend on.
        assert!(anchors.insert(anchor), "two headings `{heading}`");
    }
    anchors
}

/// `path` without `.` and `..`; `None` if it leaves the repository.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => plain.pop().then_some(())?,
            Component::Normal(name) => plain.push(name),
            _ => {}
        }
    }
    Some(plain)
}

/// What is wrong with a `link` of `page`.
fn mistake(page: &Path, link: &str) -> Option<&'static str> {
    let inside = link.strip_prefix(REPOSITORY);
    if inside.is_none() && (link.contains("://") || link.starts_with("mailto:")) {
        return None;
    }
    let (file, anchor) = match inside.unwrap_or(link).split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (inside.unwrap_or(link), None),
    };
    let folder = page.parent().unwrap();
    let target = match (inside, file) {
        (_, "") => page.to_path_buf(),
        (Some(_), file) => PathBuf::from(file),
        (None, file) => match plain(&folder.join(file)) {
            Some(path) => path,
            None => return Some("leaves the repository"),
        },
    };
    if inside.is_none() && page.starts_with("docs") && !target.starts_with("docs") {
        return Some("leaves the book");
    }
    if !root().join(&target).exists() {
        return Some("leads nowhere");
    }
    match anchor {
        Some(anchor) if !anchors(&read(&target)).contains(anchor) => Some("has no such heading"),
        _ => None,
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = &pages_in("") | &pages_in("docs");
    assert!(pages.len() > 25, "{pages:?}");
    let mut mistakes = Vec::new();
    let mut count = 0;
    for page in &pages {
        for link in links(&read(page)) {
            count += 1;
            // A part of the table of contents that has no page of its own.
            if link.is_empty() && page.ends_with("SUMMARY.md") {
                continue;
            }
            let wrong = mistake(page, &link);
            mistakes.extend(wrong.map(|what| format!("{}: `{link}` {what}", page.display())));
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    assert!(count > 100, "only {count} links were found");
    // And what does not is seen.
    for (link, what) in [
        ("nowhere.md", "leads nowhere"),
        ("hosts.md#nowhere", "has no such heading"),
        ("#nowhere", "has no such heading"),
        ("../README.md", "leaves the book"),
        ("../../README.md", "leaves the repository"),
        ("https://github.com/OWNER/labrun/blob/main/nowhere", "leads nowhere"),
    ] {
        assert_eq!(mistake(Path::new("docs/hosts.md"), link), Some(what), "{link}");
    }
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = links(&read(Path::new("docs/SUMMARY.md")));
    let listed: Vec<PathBuf> = summary
        .iter()
        .filter(|link| !link.is_empty())
        .map(|link| Path::new("docs").join(link))
        .collect();
    let once: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "{listed:?}");
    let mut pages = pages_in("docs");
    assert!(pages.remove(Path::new("docs/SUMMARY.md")));
    assert_eq!(once, pages, "what docs/SUMMARY.md lists, and what is there");
}

#[test]
fn every_lab_of_the_book_is_right() {
    let mut count = 0;
    for page in pages_in("docs") {
        let text = read(&page);
        for block in text.split("```yaml\n").skip(1).filter(|block| block.starts_with("lab:")) {
            let lab = block.split("```").next().unwrap();
            labrun::lab::check::lab(lab, "x")
                .unwrap_or_else(|wrong| panic!("{}: {wrong:#?}\n{lab}", page.display()));
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} labs were found");
}
