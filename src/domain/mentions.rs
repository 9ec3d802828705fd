//! Which usernames a webhook's post mentions.

use std::ops::Range;

use super::markdown::quoted_ranges;
use super::names::Username;

/// The greatest number of members that one post alerts.
pub const MAX_MENTIONED: usize = 50;

/// Says where in `content` usernames are mentioned, in bytes and in order. Whether they belong to
/// members of the channel is not known here, so the bound of [`MAX_MENTIONED`] applies later, to
/// those who do.
///
/// A mention is `@` and the longest run of `[A-Za-z0-9_]` after it. An `@` right after a
/// letter or digit of any script, an underscore or a backslash is none, nor is one in code,
/// in a URL or in the destination of a link.
#[must_use]
pub fn mention_candidates(content: &str) -> Vec<Range<usize>> {
    if !content.contains('@') {
        return Vec::new();
    }
    let quoted = quoted_ranges(content);
    let mut quoted = quoted.iter().peekable();
    let mut quoted_until = 0;
    let mut candidates = Vec::new();
    for (at, _) in content.match_indices('@') {
        while let Some(range) = quoted.next_if(|range| range.start <= at) {
            quoted_until = quoted_until.max(range.end);
        }
        if at < quoted_until || follows_word(content, at) {
            continue;
        }
        let name = name_after(content, at);
        let possible =
            !name.is_empty() && name.len() <= Username::MAX_CHARS && !Username::is_reserved(name);
        if possible {
            let start = at + '@'.len_utf8();
            candidates.push(start..start + name.len());
        }
    }
    candidates
}

/// Whether the `@` at byte `at` continues a word, as in an e-mail address, or is escaped.
fn follows_word(content: &str, at: usize) -> bool {
    let before = content.get(..at).and_then(|text| text.chars().next_back());
    before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '\\')
}

fn name_after(content: &str, at: usize) -> &str {
    let rest = content.get(at + 1..).unwrap_or_default();
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    fn mention_candidates(content: &str) -> Vec<&str> {
        let places = super::mention_candidates(content).into_iter();
        places.map(|place| &content[place]).collect()
    }

    /// Each content with the names it mentions, separated by blanks.
    const TABLE: &[(&str, &str)] = &[
        ("@bob", "bob"),
        ("hello @bob!", "bob"),
        ("hello @bob.", "bob"),
        ("(@bob)", "bob"),
        ("@bob,@alice", "bob alice"),
        ("@bob @bob @alice", "bob bob alice"),
        ("@Bob @bob", "Bob bob"),
        ("@bob-smith", "bob"),
        ("@bob.smith", "bob"),
        ("@under_score_ @_x", "under_score_ _x"),
        ("@@bob", "bob"),
        ("@", ""),
        ("@ bob", ""),
        ("@é", ""),
        ("mail bob@example.com", ""),
        ("é@bob", ""),
        ("日@bob", ""),
        ("١@bob", ""),
        ("_@bob", ""),
        (r"\@bob", ""),
        (r"\\@bob", ""),
        ("*@bob*", "bob"),
        ("**@bob**", "bob"),
        ("-@bob", "bob"),
        ("@everyone @here @channel @Everyone", ""),
        ("@everyone2", "everyone2"),
        ("日 @bob日", "bob"),
        // Code.
        ("`@bob`", ""),
        ("``a ` @bob`` @alice", "alice"),
        ("`@bob", "bob"),
        ("a ` b\n\n@bob ` c", "bob"),
        ("```\n@bob\n```\n@alice", "alice"),
        ("~~~\n@bob\n~~~\n@alice", "alice"),
        ("```rust\n@bob", ""),
        ("> ```\n> @bob\n> ```\n@alice", "alice"),
        ("- ```\n  @bob\n  ```\n- @alice", "alice"),
        ("~@bob~", "bob"),
        // Indented text is not code.
        ("alert:\n\n    @bob\n", "bob"),
        ("    @bob", "bob"),
        ("\t@bob", "bob"),
        ("    `@bob` @alice", "alice"),
        // URLs and link destinations.
        ("https://example.com/@bob", ""),
        ("see https://example.com/@bob, @alice", "alice"),
        ("<https://example.com/@bob> @alice", "alice"),
        ("(https://example.com/@bob)", ""),
        ("www.example.com/@bob", ""),
        ("ssh+git://@bob", ""),
        ("://@bob", "bob"),
        ("[@alice](https://example.com/@bob)", "alice"),
        ("[x](/@bob)", ""),
        ("[x](/@bob \"@eve\") @alice", "alice"),
        ("![@alice](/@bob.png)", "alice"),
        ("[x]\n\n[x]: /@bob\n\n@alice", "alice"),
        ("[@bob]", "bob"),
        ("[x] (@bob)", "bob"),
        // HTML is text, and does not hide what is inside it.
        ("<b>@bob</b>", "bob"),
        ("<div>\n```\n@bob\n```\n</div>", ""),
        ("<!-- @bob -->", "bob"),
    ];

    #[test]
    fn the_grammar_of_mentions_holds_case_by_case() {
        for (content, expected) in TABLE {
            assert_eq!(
                mention_candidates(content).join(" "),
                *expected,
                "{content:?}"
            );
        }
    }

    #[test]
    fn a_name_of_32_characters_can_be_mentioned_and_one_of_33_cannot() {
        let longest = "a".repeat(32);
        assert_eq!(
            mention_candidates(&format!("@{longest}")),
            [longest.as_str()]
        );
        assert!(mention_candidates(&format!("@{longest}a")).is_empty());
    }

    #[test]
    fn hostile_markup_neither_panics_nor_hides_plain_mentions() {
        for piece in [
            "[",
            "](",
            "`",
            "~~~\n",
            "> ",
            "*_",
            "![",
            "<",
            "\\",
            "    \n",
            "@",
            "\u{1F468}\u{200D}",
        ] {
            let content = format!("@bob {}", piece.repeat(3990 / piece.chars().count()));
            assert_eq!(
                mention_candidates(&content).first(),
                Some(&"bob"),
                "{piece:?}"
            );
        }
    }
}
