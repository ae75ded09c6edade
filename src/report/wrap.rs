//! Lines that fit into a terminal.

use console::measure_text_width;

/// `text` as lines of at most `columns`, broken at spaces; all but the first are indented. A word
/// that is longer than a line, as paths are, stays whole, so that it can be copied.
pub fn wrap(text: &str, columns: usize, indent: usize) -> Vec<String> {
    if measure_text_width(text) <= columns {
        return vec![text.into()];
    }
    let indent = indent.min(columns / 2);
    let mut lines = Vec::new();
    // The indentation of the text itself is no place to break it.
    let body = text.trim_start();
    let mut line = text[..text.len() - body.len()].to_string();
    let mut fresh = true;
    // Each with the blanks in front of it, so that aligned text stays so.
    let mut rest = body;
    while !rest.is_empty() {
        let start = rest.len() - rest.trim_start_matches(' ').len();
        let end = rest[start..].find(' ').map_or(rest.len(), |end| start + end);
        let (word, after) = rest.split_at(end);
        if !fresh && measure_text_width(&line) + measure_text_width(word) > columns {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            line.push_str(word.trim_start());
        } else {
            line.push_str(word);
        }
        fresh = false;
        rest = after;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_is_indented() {
        assert_eq!(wrap("a  b", 4, 2), ["a  b"]);
        assert_eq!(wrap("  one two three", 9, 4), ["  one two", "    three"]);
        assert_eq!(
            wrap("see /a/very/long/path now", 8, 2),
            ["see", "  /a/very/long/path", "  now"]
        );
    }

    #[test]
    fn colours_have_no_width_and_symbols_have_two() {
        let painted = "\x1b[1;31mfailed\x1b[0m now";
        assert_eq!(wrap(painted, 10, 2), [painted]);
        assert_eq!(wrap("✅ ab cd", 5, 0), ["✅ ab", "cd"]);
    }
}
