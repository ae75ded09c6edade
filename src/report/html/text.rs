//! Text from outside as the page's text, addresses and names.

use std::path::{Component, Path};

/// The way from `folder` to `path` as a URL; both are seen from the same place.
pub fn relative(folder: &Path, path: &Path) -> String {
    let parts = |path: &Path| -> Vec<String> {
        path.components()
            .filter(|c| *c != Component::CurDir)
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect()
    };
    let (from, to) = (parts(folder), parts(path));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let steps =
        std::iter::repeat_n("..".to_string(), from.len() - same).chain(to[same..].iter().cloned());
    // In front of it, so that a colon in the first name makes no scheme.
    format!("./{}", url(&steps.collect::<Vec<_>>().join("/")))
}

/// `path` with everything escaped that has a meaning in a URL (RFC 3986 2.3).
pub fn url(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// A name that is unique on the page and fit for an `id`.
pub fn id(name: &str) -> String {
    escape(&name.replace(char::is_whitespace, "_"))
}

/// `text` as text: nothing in it is HTML, and no colour or other control of a terminal is left.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in console::strip_ansi_codes(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\r' => {}
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_from_the_page_to_the_file() {
        let way = |folder: &str, path: &str| relative(Path::new(folder), Path::new(path));
        assert_eq!(way("", "artifacts/relay-v4"), "./artifacts/relay-v4");
        assert_eq!(way("out/pages", "out/kept/x"), "./../kept/x");
        assert_eq!(way("/a/b", "/a/c d"), "./../c%20d");
        assert_eq!(way(".", "./java\"script:x"), "./java%22script%3Ax");
    }

    #[test]
    fn nothing_from_outside_is_html() {
        assert_eq!(
            escape("<b a='\"'>&\x1b[31mred\x1b[0m\x07\r\n"),
            "&lt;b a=&#39;&quot;&#39;&gt;&amp;red\u{fffd}\n"
        );
    }
}
