//! A Markdown file, as far as the tests look into it.

use std::collections::BTreeMap;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

/// A Markdown file.
#[derive(Debug, Default)]
pub struct Document {
    /// The path from the root of the repository.
    pub path: String,
    /// What links to headings can name.
    pub anchors: Vec<String>,
    /// The destinations of links and images.
    pub links: Vec<String>,
    /// References to link definitions that do not exist.
    pub broken_references: Vec<String>,
    /// The fenced code blocks.
    pub blocks: Vec<Block>,
    /// What is in backticks.
    pub code: Vec<String>,
    /// The tables.
    pub tables: Vec<Table>,
}

/// A fenced code block.
#[derive(Debug, Default)]
pub struct Block {
    /// The word after the fence, for example `sh`.
    pub language: String,
    /// The lines between the fences.
    pub text: String,
}

/// A table. A cell keeps its backticks, but no other markup.
#[derive(Debug, Default)]
pub struct Table {
    /// The cells of the first row.
    pub header: Vec<String>,
    /// The cells of the other rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The cells of a column.
    ///
    /// # Panics
    ///
    /// When there is no such column.
    pub fn column(&self, name: &str) -> impl Iterator<Item = &str> {
        let index = self.header.iter().position(|header| header == name);
        let index = index.unwrap_or_else(|| panic!("the table {:?} has no column {name:?}", self.header));
        self.rows.iter().filter_map(move |row| row.get(index)).map(String::as_str)
    }
}

/// What is in backticks in a cell.
pub fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

impl Document {
    /// Reads a file by its path from the root.
    #[must_use]
    pub fn read(path: &str) -> Document {
        Document::parse(path, &crate::text(path))
    }

    /// The table whose first column has this header.
    ///
    /// # Panics
    ///
    /// When there is no such table, or more than one.
    #[must_use]
    pub fn table(&self, first: &str) -> &Table {
        let mut found = self.tables.iter().filter(|table| table.header.first().is_some_and(|it| it == first));
        match (found.next(), found.next()) {
            (Some(table), None) => table,
            _ => panic!("{} must have exactly one table that begins with the column {first:?}", self.path),
        }
    }

    /// The lines of all code blocks in a language, with those that end with a backslash joined to the next one.
    #[must_use]
    pub fn lines(&self, language: &str) -> Vec<String> {
        let blocks = self.blocks.iter().filter(|block| block.language == language);
        blocks
            .flat_map(|block| block.text.replace("\\\n", "").lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| !line.trim().is_empty())
            .collect()
    }

    fn parse(path: &str, text: &str) -> Document {
        let mut document = Document { path: path.to_owned(), ..Document::default() };
        let mut broken = Vec::new();
        let mut resolve = |link: pulldown_cmark::BrokenLink<'_>| {
            // `[x]` alone is text; only `[text][x]` and `[x][]` are meant as references.
            if matches!(link.link_type, LinkType::Reference | LinkType::Collapsed) {
                broken.push(link.reference.to_string());
            }
            None::<(CowStr<'_>, CowStr<'_>)>
        };
        let parser = Parser::new_with_broken_link_callback(text, Options::ENABLE_TABLES, Some(&mut resolve));
        let mut anchors = Anchors::default();
        let mut heading: Option<String> = None;
        let mut cell: Option<String> = None;
        let mut block: Option<Block> = None;
        let mut row: Vec<String> = Vec::new();
        for event in parser {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    document.anchors.push(anchors.next(&heading.take().unwrap_or_default()));
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.to_string());
                }
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    block = Some(Block { language: language.to_string(), text: String::new() });
                }
                Event::End(TagEnd::CodeBlock) => document.blocks.extend(block.take()),
                Event::Start(Tag::Table(_)) => document.tables.push(Table::default()),
                Event::Start(Tag::TableCell) => cell = Some(String::new()),
                Event::End(TagEnd::TableCell) => row.push(cell.take().unwrap_or_default()),
                Event::End(TagEnd::TableHead) => {
                    if let Some(table) = document.tables.last_mut() {
                        table.header = std::mem::take(&mut row);
                    }
                }
                Event::End(TagEnd::TableRow) => {
                    if let Some(table) = document.tables.last_mut() {
                        table.rows.push(std::mem::take(&mut row));
                    }
                }
                Event::Code(code) => {
                    heading.iter_mut().for_each(|text| text.push_str(&code));
                    if let Some(text) = &mut cell {
                        text.extend(["`", &code, "`"]);
                    }
                    document.code.push(code.to_string());
                }
                Event::Text(text) => {
                    let open = [&mut heading, &mut cell].into_iter().flatten();
                    open.chain(block.as_mut().map(|block| &mut block.text)).for_each(|to| to.push_str(&text));
                }
                _ => {}
            }
        }
        document.broken_references = broken;
        document
    }
}

/// The anchors of a file's headings, as GitHub makes them.
#[derive(Default)]
struct Anchors {
    seen: BTreeMap<String, usize>,
}

impl Anchors {
    fn next(&mut self, heading: &str) -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let count = self.seen.entry(slug.clone()).and_modify(|count| *count += 1).or_insert(0);
        if *count == 0 { slug } else { format!("{slug}-{count}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        let document = Document::parse("x.md", "# 1. A `b`, or c?\n## Übersicht\n## Übersicht\n## a_b - c");
        assert_eq!(document.anchors, ["1-a-b-or-c", "übersicht", "übersicht-1", "a_b---c"]);
    }

    #[test]
    fn links_references_blocks_and_tables_are_found() {
        let document = Document::parse(
            "x.md",
            "[a](b.md#c) and [d][e], [x]\n\n| `k` of | [m](n.md) |\n| --- | --- |\n| 1 | `2`, `3` |\n\n```sh\na \\\n  b\n\nc\n```\n\n[e]: f.md\n\n[g][h]",
        );
        assert_eq!(document.links, ["b.md#c", "f.md", "n.md"]);
        assert_eq!(document.broken_references, ["h"]);
        assert_eq!(document.lines("sh"), ["a   b", "c"]);
        let table = document.table("`k` of");
        assert_eq!(table.header, ["`k` of", "m"]);
        assert_eq!(table.column("m").flat_map(code).collect::<Vec<_>>(), ["2", "3"]);
    }
}
