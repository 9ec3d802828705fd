//! Where in a Markdown text the words are not the author's own: code, URLs, link targets.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

/// Finds the byte ranges of `source` in which nothing may count as a mention: code spans,
/// fenced code, URLs and the destinations of links. In order of their starts; they may overlap.
///
/// Indented text is not code here, although CommonMark says so: alert templates indent, and
/// an alert that reaches nobody is the worse mistake. HTML is text, as it is when shown.
#[must_use]
pub fn quoted_ranges(source: &str) -> Vec<Range<usize>> {
    let mut ranges = urls(source);
    // Most posts hold no markup that could hide a mention, and parsing is the larger cost.
    if source.contains(['`', '~', '[']) {
        // Raw HTML is never rendered, so `<` must not open a block that swallows a fence.
        // A control character of the same width keeps every offset.
        structural_ranges(
            &source.replace('<', "\u{1}"),
            0,
            Indented::Reparse,
            &mut ranges,
        );
    }
    ranges.sort_unstable_by_key(|range| range.start);
    ranges
}

/// What to do with indented code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indented {
    /// Look for code and links inside it once more, as if it were not indented.
    Reparse,
    /// Take it as plain text. One level is enough, and keeps the work linear.
    Plain,
}

fn structural_ranges(
    source: &str,
    base: usize,
    indented: Indented,
    ranges: &mut Vec<Range<usize>>,
) {
    let parser = Parser::new_ext(source, Options::empty());
    for (_, definition) in parser.reference_definitions().iter() {
        ranges.push(shifted(&definition.span, base));
    }
    let mut in_indented_code = false;
    // The end of what was shown of the innermost link; its destination follows.
    let mut shown_until = 0;
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Code(_) | Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                ranges.push(shifted(&range, base));
                shown_until = range.end;
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => in_indented_code = true,
            Event::End(TagEnd::CodeBlock) => in_indented_code = false,
            Event::Text(_) if in_indented_code && indented == Indented::Reparse => {
                let text = source.get(range.clone()).unwrap_or_default();
                let margin = text.len() - text.trim_start().len();
                let start = range.start + margin;
                structural_ranges(text.trim_start(), base + start, Indented::Plain, ranges);
            }
            Event::Start(Tag::Link {
                link_type: LinkType::Autolink | LinkType::Email,
                ..
            }) => {
                ranges.push(shifted(&range, base));
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => shown_until = range.start,
            Event::End(TagEnd::Link | TagEnd::Image) => {
                ranges.push(shifted(&(shown_until.max(range.start)..range.end), base));
                shown_until = range.end;
            }
            _ => shown_until = range.end,
        }
    }
}

fn shifted(range: &Range<usize>, base: usize) -> Range<usize> {
    range.start + base..range.end + base
}

/// Finds bare URLs: a scheme and `://`, or `www.` at the start of a word, up to the next
/// white space or `<`, which is where GitHub's autolinks end (GFM 0.29, section 6.9).
fn urls(source: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    if !source.contains("://") && !source.contains("www.") {
        return ranges;
    }
    let mut word_start = 0;
    for word in source.split(|c: char| c.is_whitespace() || c == '<' || c == '>') {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
        let url_start = word.find("://").and_then(|at| {
            let before = word.get(..at)?;
            let scheme = before.len() - before.trim_end_matches(is_scheme).len();
            (scheme > 0).then_some(at - scheme)
        });
        let www_start = word.find("www.").filter(|at| {
            let before = word.get(..*at).and_then(|text| text.chars().next_back());
            before.is_none_or(|c| !c.is_alphanumeric())
        });
        if let Some(at) = [url_start, www_start].into_iter().flatten().min() {
            ranges.push(word_start + at..word_start + word.len());
        }
        // Every separator is followed by the next word; its width varies with the script.
        word_start += word.len();
        word_start += source
            .get(word_start..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
    }
    ranges
}
