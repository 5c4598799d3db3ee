//! References to variables in arguments and variables, `$(NAME)`, read as the kubelet reads them. Pure.

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextPart<'a> {
    /// As it stands.
    Literal(&'a str),
    /// What the variable of this name has; where there is none, the reference as it stands.
    Reference(&'a str),
}

/// The parts of a text. `$$` is one dollar, so `$$(NAME)` is no reference; a dollar before anything else is nothing but that.
pub(super) fn parts(text: &str) -> Vec<TextPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        parts.push(TextPart::Literal(before));
        let reference = after
            .strip_prefix('(')
            .and_then(|name| name.split_once(')'));
        rest = if let Some((name, after)) = reference {
            parts.push(TextPart::Reference(name));
            after
        } else {
            parts.push(TextPart::Literal("$"));
            after.strip_prefix('$').unwrap_or(after)
        };
    }
    parts.push(TextPart::Literal(rest));
    parts
}

/// The names that a text refers to.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter_map(|part| match part {
        TextPart::Reference(name) => Some(name),
        TextPart::Literal(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
        let expansion = parts(text).into_iter().map(|part| match part {
            TextPart::Literal(text) => text.to_owned(),
            TextPart::Reference(name) => value(name).unwrap_or_else(|| format!("$({name})")),
        });
        expansion.collect()
    }

    /// The kubelet's own way, from `k8s.io/kubernetes/third_party/forked/golang/expansion`, byte by byte.
    fn expanded_by_a_kubelet(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
        let (bytes, mut expansion) = (text.as_bytes(), Vec::new());
        let (mut cursor, mut checkpoint) = (0, 0);
        while cursor < bytes.len() {
            if bytes[cursor] == b'$' && cursor + 1 < bytes.len() {
                expansion.extend_from_slice(&bytes[checkpoint..cursor]);
                let (read, is_variable, advance) = read_name(&bytes[cursor + 1..]);
                let read = String::from_utf8(read).unwrap();
                let mapped = is_variable.then(|| value(&read).unwrap_or(format!("$({read})")));
                expansion.extend(mapped.unwrap_or(read).into_bytes());
                cursor += advance;
                checkpoint = cursor + 1;
            }
            cursor += 1;
        }
        expansion.extend_from_slice(&bytes[checkpoint..]);
        String::from_utf8(expansion).unwrap()
    }

    fn read_name(input: &[u8]) -> (Vec<u8>, bool, usize) {
        match input[0] {
            b'$' => (b"$".to_vec(), false, 1),
            b'(' => match input.iter().position(|byte| *byte == b')') {
                Some(end) => (input[1..end].to_vec(), true, end + 1),
                None => (b"$(".to_vec(), false, 1),
            },
            other => (vec![b'$', other], false, 1),
        }
    }

    fn value(name: &str) -> Option<String> {
        match name {
            "A" => Some("$(B)".to_owned()),
            "B" => Some("b".to_owned()),
            "" => Some("nameless".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_reference_is_what_its_variable_has() {
        for (text, expansion) in [
            ("http://$(B):1", "http://b:1"),
            ("$(A)", "$(B)"),
            ("$(NONE) $(B", "$(NONE) $(B"),
            ("$$(B) $$$(B) $$$$(B)", "$(B) $b $$(B)"),
            ("$B ${B} $ $$ $", "$B ${B} $ $ $"),
            ("$($(B))", "$($(B))"),
            ("$()", "nameless"),
        ] {
            assert_eq!(expanded(text, value), expansion, "{text}");
        }
    }

    #[test]
    fn every_text_is_read_as_a_kubelet_reads_it() {
        const ALPHABET: &[u8; 6] = b"$()AB-";
        for length in 0..=7u32 {
            for number in 0..6usize.pow(length) {
                let bytes = (0..length).map(|at| ALPHABET[number / 6usize.pow(at) % 6]);
                let text = String::from_utf8(bytes.collect()).unwrap();
                let kubelets = expanded_by_a_kubelet(&text, value);
                assert_eq!(expanded(&text, value), kubelets, "{text}");
            }
        }
    }
}
