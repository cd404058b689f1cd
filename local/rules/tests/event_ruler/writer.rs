//! Events that are likely to match a pattern.

use crate::tree::Tree;

/// Writes an event for a pattern. Every decision is a number, so that an event with fewer numbers is simpler.
pub(crate) struct Writer<'a, I> {
    pub(crate) choices: I,
    /// Values at random.
    pub(crate) others: &'a [Tree],
}

impl<I: Iterator<Item = u8>> Writer<'_, I> {
    /// Returns a number below `limit`; 0 if there are no more choices.
    fn choose(&mut self, limit: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(choice) % limit)
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let index = self.choose(all.len().max(1));
        all.get(index)
    }

    /// Returns the members of an event's object for an object of the pattern.
    pub(crate) fn members(&mut self, pattern: &Tree) -> Vec<(String, Tree)> {
        let Tree::Object(fields) = pattern else { return Vec::new() };
        let mut members = Vec::new();
        for (name, value) in fields {
            match value {
                Tree::List(alternatives) if name == "$or" => {
                    if let Some(alternative) = self.one_of(alternatives) {
                        members.extend(self.members(alternative));
                    }
                    if self.choose(4) == 3 {
                        members.extend(
                            alternatives.first().map(|first| self.members(first)).unwrap_or_default(),
                        );
                    }
                }
                Tree::List(operators) => match self.choose(12) {
                    11 => {}
                    10 => members.push((name.clone(), self.several(operators))),
                    9 => members.push((name.clone(), Tree::member("a", self.value(operators)))),
                    _ => members.push((name.clone(), self.value(operators))),
                },
                Tree::Object(_) => {
                    let inner = Tree::Object(self.members(value));
                    let inner = match self.choose(8) {
                        7 => Tree::List(vec![inner, Tree::Object(self.members(value))]),
                        6 => Tree::List(vec![
                            Tree::Object(self.members(value)),
                            Tree::List(vec![inner]),
                            self.other(),
                        ]),
                        _ => inner,
                    };
                    members.push((name.clone(), inner));
                }
                _ => {}
            }
        }
        members
    }

    fn several(&mut self, operators: &[Tree]) -> Tree {
        let items = (0..self.choose(3)).map(|_| self.value(operators)).collect();
        if self.choose(3) == 2 {
            Tree::List(vec![Tree::List(items), self.other()])
        } else {
            Tree::List(items)
        }
    }

    fn other(&mut self) -> Tree {
        self.one_of(self.others).cloned().unwrap_or_else(|| Tree::plain("null"))
    }

    /// Returns a value that is similar to those in one of the operators.
    fn value(&mut self, operators: &[Tree]) -> Tree {
        let Some(operator) = self.one_of(operators) else { return self.other() };
        let scalars = operator.scalars();
        let candidates: Vec<&Tree> = scalars
            .into_iter()
            .filter(|scalar| !matches!(scalar, Tree::Text(text) if text.contains(['<', '>', '='])))
            .collect();
        if self.choose(8) == 7 {
            return self.other();
        }
        let like = self.one_of(&candidates).copied().cloned();
        match like {
            Some(Tree::Text(text)) => self.similar_text(&text),
            Some(Tree::Plain(text))
                if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) =>
            {
                self.similar_number(&text)
            }
            Some(other) if self.choose(2) == 0 => other,
            _ => self.other(),
        }
    }

    fn similar_text(&mut self, text: &str) -> Tree {
        let more = if let Tree::Text(other) = self.other() { other } else { "a".to_owned() };
        Tree::Text(match self.choose(12) {
            1 => format!("{text}{more}"),
            2 => format!("{more}{text}"),
            3 => text.to_lowercase(),
            4 => text.to_uppercase(),
            5 => text.replace('*', ""),
            6 => text.replace('*', &more),
            7 => text.replace("\\*", "*").replace("\\\\", "\\"),
            8 => text.split('/').next().unwrap_or_default().to_owned(),
            9 => text.chars().skip(1).collect(),
            10 => text.replace('*', "ab"),
            11 => text.chars().rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect(),
            _ => text.to_owned(),
        })
    }

    fn similar_number(&mut self, text: &str) -> Tree {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        let negative = text.strip_prefix('-').map_or_else(|| format!("-{text}"), str::to_owned);
        match self.choose(8) {
            1 if is_whole => Tree::Plain(format!("{text}.0")),
            2 if is_whole && text != "0" => Tree::Plain(format!("{text}0e-1")),
            3 if is_whole => Tree::Plain(format!("{text}.5")),
            4 => Tree::Plain(negative),
            5 => Tree::text(text),
            6 if is_whole && text != "0" => Tree::Plain(format!("{text}1")),
            _ => Tree::plain(text),
        }
    }
}
