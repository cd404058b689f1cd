//! Comments of a program. The comment above a config key describes the key: Pulumi would warn about a member `description`.

/// Returns the comment directly above a member of a top-level section, as one line of text.
pub(crate) fn above(text: &str, section: &str, member: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| line.strip_suffix(':') == Some(section))? + 1;
    let is_inside = |line: &&&str| line.is_empty() || line.starts_with([' ', '#']);
    let inside: Vec<&str> = lines.get(start..)?.iter().take_while(is_inside).copied().collect();
    let key = format!("{member}:");
    let indent = inside.iter().find_map(|line| {
        let trimmed = line.trim_start();
        (!trimmed.is_empty() && !trimmed.starts_with('#')).then_some(line.len() - trimmed.len())
    })?;
    let is_key = |line: &&str| line.get(indent..).is_some_and(|rest| rest.starts_with(&key));
    let above = inside.get(..inside.iter().position(is_key)?)?;
    let mut comment: Vec<&str> = above
        .iter()
        .rev()
        .map_while(|line| line.get(indent..).and_then(|rest| rest.strip_prefix('#')).map(str::trim))
        .collect();
    comment.reverse();
    Some(comment.join(" ")).filter(|comment| !comment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name: p
# Not about a key.
config:
  # The name
  # of the bus.
  bus:
    # About the type.
    type: string

  queue: { type: string }
variables:
  # About a variable.
  other: 1
";

    #[test]
    fn the_comment_above_a_key_describes_it() {
        assert_eq!(above(TEXT, "config", "bus").as_deref(), Some("The name of the bus."));
        assert_eq!(above(TEXT, "config", "queue"), None);
        assert_eq!(above(TEXT, "config", "other"), None);
        assert_eq!(above(TEXT, "config", "type"), None);
        assert_eq!(above(TEXT, "outputs", "bus"), None);
    }
}
