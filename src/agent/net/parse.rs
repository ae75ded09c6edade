//! From text to what it asks for.

use super::lines::{Command, Line, Mount, Section};
use super::parse_link::{link, set, tap};
use super::parse_route::{route, rule};
use crate::quote::unescaped;
use std::borrow::Cow;
use std::fmt::Display;
use std::str::{FromStr, SplitWhitespace};

/// The sections of `text`.
///
/// # Errors
/// The first line that is not understood.
pub fn sections(text: &str) -> Result<Vec<Section<'_>>, String> {
    let mut sections: Vec<Section> = Vec::new();
    for text in text.lines().filter(|line| !line.is_empty()) {
        if let Some(header) = text.strip_prefix('[') {
            let parts = header.strip_suffix(']').and_then(|header| header.split_once(" of "));
            let (what, places) =
                parts.ok_or_else(|| format!("`{text}` does not say what is done, and where"))?;
            sections.push(Section { what, places: places.split(' ').collect(), lines: Vec::new() });
            continue;
        }
        let section = sections
            .last_mut()
            .ok_or_else(|| format!("`{text}` comes before any `[WHAT of NODE...]`"))?;
        let (text, may_fail) = text.strip_prefix("? ").map_or((text, false), |rest| (rest, true));
        let command = command(text)
            .map_err(|why| format!("{}: {why} (`{text}`)", section.title(section.places[0])))?;
        section.lines.push(Line { text, may_fail, command });
    }
    Ok(sections)
}

impl Section<'_> {
    /// What is done in `place`, for messages.
    pub fn title(&self, place: &str) -> String {
        format!("{} of {place}", self.what)
    }
}

fn command(text: &str) -> Result<Command<'_>, String> {
    let mut words = Words(text.split_whitespace());
    let command = match (words.next()?, text) {
        ("sysctl", _) => return sysctl(text),
        ("netns", _) => words.expect("add").and_then(|()| Ok(Command::Namespace(words.next()?))),
        ("link", _) => match words.next()? {
            "add" => link(&mut words).map(Command::Link),
            "set" => set(&mut words).map(Command::Set),
            other => Err(unknown(other)),
        },
        ("addr", _) => words.expect("add").and_then(|()| address(&mut words)),
        ("tuntap", _) => words.expect("add").and_then(|()| tap(&mut words)).map(Command::Tap),
        ("rule", _) => words.expect("add").and_then(|()| rule(&mut words)).map(Command::Rule),
        ("route", _) => words.expect("add").and_then(|()| route(&mut words)).map(Command::Route),
        ("qdisc", _) => return Ok(Command::Queue(text.split_whitespace().collect())),
        ("mkdir", _) => return folders(text),
        ("mount", _) => return mount(text).map(Command::Mount),
        ("mkfifo", _) => Ok(Command::Fifo(words.next()?)),
        ("touch", _) => Ok(Command::File(words.next()?)),
        ("ln", _) => words
            .expect("-s")
            .and_then(|()| Ok(Command::Symlink { target: words.next()?, path: words.next()? })),
        ("hostname", _) => Ok(Command::HostName(words.next()?)),
        (other, _) => Err(unknown(other)),
    }?;
    words.end()?;
    Ok(command)
}

pub(super) fn unknown(word: &str) -> String {
    format!("`{word}` is not understood")
}

pub(super) struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    pub(super) fn next(&mut self) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| "something is missing at the end".into())
    }

    /// The next word, if there is any.
    pub(super) fn more(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), String> {
        let found = self.next()?;
        if found == word { Ok(()) } else { Err(format!("`{found}` stands where `{word}` should")) }
    }

    pub(super) fn value<T: FromStr<Err: Display>>(&mut self) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|why| format!("`{word}`: {why}"))
    }

    pub(super) fn end(&mut self) -> Result<(), String> {
        self.0.next().map_or(Ok(()), |word| Err(unknown(word)))
    }
}

fn sysctl(text: &str) -> Result<Command<'_>, String> {
    // A value may have blanks in it.
    let mut parts = text.splitn(3, ' ').skip(1);
    let (Some(key), Some(value)) = (parts.next(), parts.next()) else {
        return Err("a setting needs a key and a value".into());
    };
    let (key, if_there) = key.strip_prefix('?').map_or((key, false), |key| (key, true));
    if key.starts_with('/') || key.split('/').any(|part| part.is_empty() || part == "..") {
        return Err(format!("`{key}` is not a path below /proc/sys"));
    }
    Ok(Command::Sysctl { key, value, if_there })
}

fn address<'a>(words: &mut Words<'a>) -> Result<Command<'a>, String> {
    let address = words.value()?;
    let mut word = words.next()?;
    let broadcast = word == "brd";
    if broadcast {
        words.expect("+")?;
        word = words.next()?;
    }
    let certain = word == "nodad";
    if certain {
        word = words.next()?;
    }
    if word != "dev" {
        return Err(unknown(word));
    }
    Ok(Command::Address { address, broadcast, certain, link: words.next()? })
}

fn folders(text: &str) -> Result<Command<'_>, String> {
    let mut folders: Vec<Cow<str>> = text.split(' ').skip(1).map(unescaped).collect();
    let parents = folders.first().is_some_and(|first| first == "-p");
    if parents {
        folders.remove(0);
    }
    if folders.is_empty() || folders.iter().any(|folder| !folder.starts_with('/')) {
        return Err("folders are named by whole paths".into());
    }
    Ok(Command::Folders { parents, folders })
}

fn mount(text: &str) -> Result<Mount<'_>, String> {
    let words: Vec<&str> = text.split(' ').skip(1).collect();
    match words[..] {
        ["--rbind", source, target] => {
            Ok(Mount::Bind { source: unescaped(source), target: unescaped(target) })
        }
        ["-t", kind, source, target] => {
            Ok(Mount::New { kind, options: Vec::new(), source, target: unescaped(target) })
        }
        ["-t", kind, "-o", list, source, target] => {
            let options = list.split(',').collect();
            Ok(Mount::New { kind, options, source, target: unescaped(target) })
        }
        ["-o", list, target] if list.starts_with("remount,bind") => {
            let options = list.split(',').skip(2).collect();
            Ok(Mount::Again { options, target: unescaped(target) })
        }
        _ => Err("this form of mount is not understood".into()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What `line` asks for.
    pub(in super::super) fn one(line: &str) -> Command<'_> {
        super::command(line).unwrap_or_else(|why| panic!("{line}: {why}"))
    }

    #[test]
    fn every_line_is_done_where_its_section_says() {
        let text = "[settings of a b]\nsysctl ?net/ipv4/x 4096 87380\n\n[mounts of global]\n? hostname lab\n";
        let sections = sections(text).unwrap();
        assert_eq!(
            (sections[0].what, sections[0].places.as_slice()),
            ("settings", &["a", "b"][..])
        );
        let setting = Command::Sysctl { key: "net/ipv4/x", value: "4096 87380", if_there: true };
        assert_eq!(
            sections[0].lines,
            [Line { text: "sysctl ?net/ipv4/x 4096 87380", may_fail: false, command: setting }]
        );
        assert_eq!(
            sections[1].lines,
            [Line { text: "hostname lab", may_fail: true, command: Command::HostName("lab") }]
        );
    }

    #[test]
    fn paths_may_have_blanks_and_backslashes() {
        let source = Cow::from("/a b/c\\040");
        assert_eq!(
            one(r"mount --rbind /a\040b/c\134040 /d"),
            Command::Mount(Mount::Bind { source, target: "/d".into() })
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, words) in [
            ("link set dev e up", "`link set dev e up` comes before any `[WHAT of NODE...]`"),
            ("[links]", "`[links]` does not say what is done, and where"),
            (
                "[links of a]\nlink add name e",
                "links of a: something is missing at the end (`link add name e`)",
            ),
            ("[links of a]\nlink set dev e up now", "links of a: `now` is not understood"),
            (
                "[links of a]\nlink add name e address 02:00 type bridge",
                "`02:00` is not a hardware address",
            ),
            ("[links of a]\nlink add type bridge", "a link needs a name"),
            ("[links of a]\nlink add name e mtu many type bridge", "`many`: invalid digit"),
            (
                "[settings of a]\nsysctl ../etc/passwd 1",
                "`../etc/passwd` is not a path below /proc/sys",
            ),
            ("[settings of a]\nsysctl net/ipv4/ip_forward", "a setting needs a key and a value"),
            ("[mounts of a]\nmkdir here", "folders are named by whole paths"),
            ("[mounts of a]\nln here there", "`here` stands where `-s` should"),
            ("[mounts of a]\nmount /dev/sda /mnt", "this form of mount is not understood"),
        ] {
            let why = sections(text).unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
    }
}
