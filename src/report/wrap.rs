//! Lines that fit into a terminal.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// `text` as lines of at most `columns`, broken at spaces; all but the first are indented. A word
/// that is longer than a line, as paths are, stays whole, so that it can be copied.
pub fn wrap(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let indent = " ".repeat(indent.min(columns / 2));
    // The indentation of the text itself is not a place to break it.
    let body = text.trim_start();
    let options = Options::new(columns)
        .initial_indent(&text[..text.len() - body.len()])
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::AsciiSpace)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::wrap(body, options).into_iter().map(|line| line.into_owned()).collect()
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
