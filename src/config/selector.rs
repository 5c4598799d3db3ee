//! The syntax of label selectors: a wrong one would otherwise be told by the API server, at every list. Pure.

/// Checks a selector such as `tier=live,env in (prod, test),!paused` and gives it back trimmed.
pub(super) fn check(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    for requirement in split(text) {
        let requirement = requirement.trim();
        if !is_requirement(requirement) {
            return Err(format!(
                "{requirement:?} is not a requirement on a label: \
                 write key=value, key!=value, key in (a,b), key notin (a,b), key or !key"
            ));
        }
    }
    Ok(text.to_owned())
}

/// Splits at the commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn is_requirement(text: &str) -> bool {
    if let Some(key) = text.strip_prefix('!') {
        return is_key(key.trim());
    }
    let end = text
        .find(|c: char| c.is_whitespace() || "=!<>(".contains(c))
        .unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    is_key(key) && is_condition(rest.trim())
}

/// What may follow a key: nothing, or an operator with its values.
fn is_condition(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    for operator in ["==", "!=", "="] {
        if let Some(value) = text.strip_prefix(operator) {
            return is_value(value.trim());
        }
    }
    if let Some(number) = text.strip_prefix(['<', '>']) {
        return number.trim().parse::<i64>().is_ok();
    }
    let set = text
        .strip_prefix("notin")
        .or_else(|| text.strip_prefix("in"));
    let values = set.and_then(|set| set.trim().strip_prefix('(')?.strip_suffix(')'));
    values.is_some_and(|values| values.split(',').all(|value| is_value(value.trim())))
}

fn is_key(text: &str) -> bool {
    let (prefix, name) = text
        .split_once('/')
        .map_or((None, text), |(a, b)| (Some(a), b));
    prefix.is_none_or(|prefix| super::names::subdomain(prefix).is_ok())
        && !name.is_empty()
        && is_value(name)
}

/// A label's value: empty, or at most 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends.
fn is_value(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let end = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(inside)
        && end(text.bytes().next())
        && end(text.bytes().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_as_the_api_server_takes_them() {
        for text in [
            "",
            "a",
            "!a",
            "a=b",
            "a==b",
            "a = b",
            "a!=b",
            "a=",
            "a in (b,c)",
            "a in(b)",
            "a notin (b, c), d=e,!f",
            "live.huaweicloud.com/tier=gold_1.x",
            "a>5",
            "a in (b,)",
        ] {
            assert!(check(text).is_ok(), "{text:?} was refused");
        }
        assert_eq!(check(" a=b "), Ok("a=b".to_owned()));
    }

    #[test]
    fn wrong_selectors_name_the_part_that_is_wrong() {
        for (text, part) in [
            ("a=b,,c", "\"\""),
            ("a=b,", "\"\""),
            ("a==b=c", "a==b=c"),
            ("tier=live env=prod", "tier=live env=prod"),
            ("a in b", "a in b"),
            ("a in (b", "a in (b"),
            ("a=b,-c=d", "-c=d"),
            ("=b", "=b"),
            ("a=b c", "a=b c"),
            ("a>x", "a>x"),
            ("Bad.Prefix/a=b", "Bad.Prefix/a=b"),
            ("/a", "/a"),
            ("!", "!"),
        ] {
            let error = check(text).unwrap_err();
            assert!(
                error.contains(part) && error.contains("key=value"),
                "{text:?} said {error}"
            );
        }
        assert!(check(&format!("a={}", "b".repeat(64))).is_err());
    }
}
