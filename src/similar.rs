//! What a person may have meant by a word that is not known. Pure.

/// The known word that is most like this one, if any is alike.
pub(crate) fn most_similar<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let rated = known.into_iter().map(|known| {
        let likeness = strsim::jaro_winkler(&word, &known.to_lowercase());
        (likeness, known)
    });
    let alike = rated.filter(|(likeness, _)| *likeness > 0.8);
    let best = alike.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, known)| known)
}

/// The same as the end of a sentence; nothing when there is none.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let similar = most_similar(word, known);
    let question = similar.map(|similar| format!("; did you mean {similar}?"));
    question.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        let known = [
            "push-example-live",
            "push-example-vod",
            "Conflict",
            "LIVE.100011001",
        ];
        for (word, meant) in [
            ("push-exmaple-live", Some("push-example-live")),
            ("conflcit", Some("Conflict")),
            ("LIVE.10001101", Some("LIVE.100011001")),
            ("other", None),
            ("", None),
        ] {
            assert_eq!(most_similar(word, known), meant, "{word}");
        }
        assert_eq!(did_you_mean("Conflict.", known), "; did you mean Conflict?");
        assert_eq!(did_you_mean("other", known), "");
    }
}
