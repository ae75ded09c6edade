//! Text as people see it: how wide it is, how it is cut, and how names are kept from doing harm.

use std::borrow::Cow;
use std::time::Duration;
use unicode_width::UnicodeWidthChar;

/// The service that the runtime calls `id`, as a lab file names it: NAME, or NODE/NAME.
pub fn service(id: &str) -> String {
    id.replacen('@', "/", 1)
}

/// `text` on one line, with what is invisible or would change the text around it as escapes. Names
/// of nodes may hold anything: line breaks, escape sequences, marks that turn the writing
/// direction.
pub fn plain(text: &str) -> String {
    let shown =
        |c: char| if "'\"\\".contains(c) { c.to_string() } else { c.escape_debug().to_string() };
    text.chars().map(shown).collect()
}

/// `text` as a terminal may get it, whoever wrote it. Colours and the like (SGR, ECMA-48, 8.3.117) stay
/// and end with the text; other control characters, which could retitle the window, clear it or write
/// to the clipboard, are shown as escapes.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return text.into();
    }
    let (mut shown, mut coloured, mut rest) = (String::with_capacity(text.len()), false, text);
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if let Some(length) = sgr(rest) {
            shown.push_str(&rest[..length]);
            coloured = !matches!(&rest[..length], "\x1b[m" | "\x1b[0m");
            rest = &rest[length..];
            continue;
        }
        match c {
            // The other half of a line break.
            '\r' if after.is_empty() || after.starts_with('\n') => {}
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_debug()),
            c => shown.push(c),
        }
        rest = after;
    }
    if coloured {
        shown.push_str("\x1b[0m");
    }
    shown.into()
}

/// How many bytes the SGR sequence has that `text` begins with.
fn sgr(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    parameters[end..].starts_with('m').then_some(end + 3)
}

/// How many columns of a terminal `text` takes.
pub fn width(text: &str) -> usize {
    // Character by character: what terminals make of sequences differs, and none makes them wider.
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// As much of `text` as fits into `columns`, with an ellipsis if that is not all.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    let kept: String = text.chars().take_while(fits).collect();
    if columns == 0 { String::new() } else { format!("{}…", kept.trim_end()) }
}

/// `text`, cut or filled up with `fill` on the right to take exactly `columns`.
pub fn fit(text: &str, columns: usize, fill: char) -> String {
    let text = cut(text, columns);
    let rest = columns - width(&text);
    text + &fill.to_string().repeat(rest)
}

/// `text` for the content and the attributes of XML.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` with each character in the colour that `code` says (ECMA-48, 8.3.117), none if that is
/// empty.
pub fn paint(text: &str, code: impl Fn(char) -> &'static str) -> String {
    let mut painted = String::new();
    let mut now = "";
    for c in text.chars() {
        let next = code(c);
        if next != now && c != ' ' {
            if !now.is_empty() {
                painted.push_str("\x1b[0m");
            }
            if !next.is_empty() {
                painted.push_str(&format!("\x1b[{next}m"));
            }
            now = next;
        }
        painted.push(c);
    }
    if now.is_empty() { painted } else { painted + "\x1b[0m" }
}

/// `1 service`, `4 services`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// An amount of data, rounded, in the largest unit that it is one of: `820 bytes`, `13 kB`, `201 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        ..1_000 => count(bytes as usize, "byte"),
        1_000..999_500 => format!("{} kB", (bytes + 500) / 1_000),
        _ => format!("{} MB", (bytes + 500_000) / 1_000_000),
    }
}

/// `0.24 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// The candidate that `word` is most likely a slip of, if any is near enough.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count().min(word.chars().count()) / 4
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What follows on an unknown `word`: which of `candidates` may have been meant, `otherwise` what there is to say.
pub fn slip<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    match suggest(word, candidates) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => otherwise(),
    }
}

/// `a`, `b` and `c`, for messages.
pub fn quoted<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|w| format!("`{}`", w.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The same of as many as one reads.
pub fn listed<S: AsRef<str>>(words: &[S]) -> String {
    let most = 20;
    match words.len().saturating_sub(most) {
        0 => quoted(words),
        more => format!("{} and {more} more", quoted(&words[..most])),
    }
}

/// About how wide a text of 12 pixels in a fixed-width font is.
pub fn length(text: &str) -> usize {
    (width(text) * 37).div_ceil(5)
}

/// The style of every SVG drawing of labrun's. In a page it takes the page's colour of text, alone
/// it follows the viewer's choice of light or dark.
pub const STYLE: &str = "svg:root{color:#1f2328;color-scheme:light dark}\
@media(prefers-color-scheme:dark){svg:root{color:#e6edf3;background:#0d1117}}\
.lr{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
.lr text{fill:currentColor}.lr .b{font-weight:600}\
.lr .m{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}\
.lr .d{opacity:.65}.lr .s{font-size:11px}.lr .w{fill:#fff}.lr .u{fill:#b45309}\
@media(prefers-color-scheme:dark){svg:root.lr .u{fill:#fbbf24}}";

/// Columns that [`time`] takes.
pub const TIME: usize = 9;

/// `12.3 ms` or `12.34 s`, right-aligned.
pub fn time(microseconds: u64) -> String {
    let text = match microseconds {
        0..10_000_000 => format!("{:.1} ms", microseconds as f64 / 1e3),
        10_000_000..10_000_000_000 => format!("{:.2} s", microseconds as f64 / 1e6),
        _ => cut(&format!("{} s", microseconds / 1_000_000), TIME),
    };
    format!("{text:>TIME$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_is_left() {
        assert_eq!(
            plain("a\nb\x1b[1m\u{202e}\u{200b}é'\"\\"),
            "a\\nb\\u{1b}[1m\\u{202e}\\u{200b}é'\"\\"
        );
        assert_eq!(xml("<a href=\"x\">&\0"), "&lt;a href=&quot;x&quot;&gt;&amp;\\0");
    }

    #[test]
    fn of_control_sequences_only_colours_reach_a_terminal() {
        for (text, shown) in [
            ("plain\n\ttext é", "plain\n\ttext é"),
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("\x1b[38:5:1mred", "\x1b[38:5:1mred\x1b[0m"),
            ("\x1b]52;c;aGk=\x07", "\\u{1b}]52;c;aGk=\\u{7}"),
            ("\x1b]0;title\x1b\\", "\\u{1b}]0;title\\u{1b}\\"),
            ("\x1b[2J\x1b[H", "\\u{1b}[2J\\u{1b}[H"),
            ("\u{9b}2J\u{7f}\x08", "\\u{9b}2J\\u{7f}\\u{8}"),
            ("one\r\ntwo\r", "one\ntwo"),
            ("over\rwritten", "over\\rwritten"),
            ("\x1b[", "\\u{1b}["),
            ("\x1b[1", "\\u{1b}[1"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }

    #[test]
    fn wide_characters_count_twice_and_are_never_cut_in_half() {
        assert_eq!((width("ab"), width("网络"), width("é")), (2, 4, 1));
        assert_eq!(
            (cut("网络设备", 5).as_str(), cut("网络设备", 4).as_str(), cut("网络", 4).as_str()),
            ("网络…", "网…", "网络")
        );
        assert_eq!(
            (fit("网络", 3, '-').as_str(), fit("a", 3, '-').as_str(), fit("abc", 0, '-').as_str()),
            ("网…", "a--", "")
        );
        assert_eq!(fit("网络", 2, '-'), "…-");
    }
}
