//! Sanitizing of text from other systems for a log, a terminal or a termination message.

/// The text on one line of at most `max_bytes` bytes.
///
/// Each run of white space and control characters becomes one space. Characters that change the direction of text, or
/// are invisible, are removed. A text that is too long is cut at a character boundary and ends with `...`.
pub fn single_line(text: &str, max_bytes: usize) -> String {
    const ELLIPSIS: &str = "...";

    let mut line = String::with_capacity(text.len().min(max_bytes));
    let mut pending_space = false;
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            pending_space = !line.is_empty();
        } else if !is_invisible(character) {
            let needed = usize::from(pending_space) + character.len_utf8();
            if line.len() + needed > max_bytes {
                let end = line.floor_char_boundary(max_bytes.saturating_sub(ELLIPSIS.len()));
                line.truncate(end);
                line.push_str(&ELLIPSIS[..ELLIPSIS.len().min(max_bytes)]);
                return line;
            }
            if std::mem::take(&mut pending_space) {
                line.push(' ');
            }
            line.push(character);
        }
    }
    line
}

/// Characters without a glyph: direction marks, joiners, interlinear annotations and tags.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::single_line;

    #[test]
    fn line_breaks_and_control_characters_become_one_space() {
        assert_eq!(single_line(" a\r\n\tb\u{1b}[31mc\u{9b}d\u{2028}e\0 ", 100), "a b [31mc d e");
        assert_eq!(single_line("\n \u{7f}", 100), "");
    }

    #[test]
    fn characters_that_reverse_or_hide_text_are_removed() {
        assert_eq!(single_line("a\u{202e}b\u{2066}c\u{200b}d\u{feff}", 100), "abcd");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_boundary_within_the_limit() {
        assert_eq!(single_line("abcdef", 6), "abcdef");
        assert_eq!(single_line("abcdefg", 6), "abc...");
        assert_eq!(single_line("ääää", 7), "ää...");
        assert_eq!(single_line("ääää", 6), "ä...");
        assert_eq!(single_line("abcd", 2), "..");
        assert_eq!(single_line("a b", 1), ".");
        for limit in 0..12 {
            assert!(single_line("aä€\u{1f600} b", limit).len() <= limit);
        }
    }
}
