//! Statements put together from parts.
//!
//! Invariants: values only ever enter as arguments; what is pushed as text is written in this program.

use super::driver::Dialect;
use super::value::Value;

/// Most arguments of one statement: SQLite's limit, the lower one.
const MOST_ARGS: usize = 32_000;

/// A statement, or a part of one, with its arguments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) args: Vec<Value>,
}

impl Query {
    pub(crate) fn new(sql: &str) -> Self {
        Self { sql: sql.to_owned(), args: Vec::new() }
    }

    /// Appends text.
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Appends a new argument.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.args.push(value.into());
        self.sql.push_str(&format!("${}", self.args.len()));
        self
    }

    /// Appends `($n, $n+1 …)`.
    pub(crate) fn bind_list(&mut self, values: impl IntoIterator<Item: Into<Value>>) -> &mut Self {
        self.push("(");
        for (at, value) in values.into_iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " });
            self.bind(value);
        }
        self.push(")")
    }

    /// Appends ` AND column equals text`, where `*` in the text stands for any run of characters.
    pub(crate) fn and_text(&mut self, dialect: Dialect, column: &str, text: Option<&str>) -> &mut Self {
        let Some(text) = text else { return self };
        self.push(" AND ").push(column);
        if text.contains('*') {
            self.push(dialect.matches()).bind(dialect.pattern(text))
        } else {
            self.push(" = ").bind(text)
        }
    }

    /// As [`Self::and_text`], for a column of numbers compared with decimal text.
    pub(crate) fn and_decimal(&mut self, dialect: Dialect, column: &str, text: Option<&str>) -> &mut Self {
        match text.map(str::parse::<i64>) {
            Some(Ok(number)) => self.push(" AND ").push(column).push(" = ").bind(number),
            _ => self.and_text(dialect, &format!("CAST({column} AS TEXT)"), text),
        }
    }

    /// Appends ` AND column is a name like text`, without case, by a range of the key if the text starts plainly.
    pub(crate) fn and_name(&mut self, dialect: Dialect, column: &str, text: Option<&str>) -> &mut Self {
        let Some(text) = text else { return self };
        let key = text.to_ascii_lowercase();
        if let Some((start, _)) = key.split_once('*')
            && !start.is_empty()
        {
            self.and_starts(column, start);
        }
        self.and_text(dialect, column, Some(&key))
    }

    /// Appends ` AND column starts with text`, as a range that an index can serve.
    pub(crate) fn and_starts(&mut self, column: &str, start: &str) -> &mut Self {
        self.push(" AND ").push(column).push(" >= ").bind(start);
        if let Some(end) = successor(start) {
            self.push(" AND ").push(column).push(" < ").bind(end);
        }
        self
    }
}

/// The least text that is greater than every text starting with `start`.
fn successor(start: &str) -> Option<String> {
    let mut chars: Vec<char> = start.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// Statements that insert many rows: `insert` is the text up to VALUES.
pub(crate) fn insert_many(insert: &str, rows: impl IntoIterator<Item = Vec<Value>>) -> Vec<Query> {
    let mut statements = Vec::new();
    let mut current = Query::default();
    for row in rows {
        if !current.args.is_empty() && current.args.len() + row.len() > MOST_ARGS {
            statements.push(std::mem::take(&mut current));
        }
        let start = if current.args.is_empty() { insert } else { "," };
        current.push(start).push(" ").bind_list(row);
    }
    if !current.args.is_empty() {
        statements.push(current);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_after_everything_that_starts_with_its_start() {
        assert_eq!(successor(".gro.").as_deref(), Some(".gro/"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("\u{10ffff}"), None);
    }

    #[test]
    fn many_rows_are_few_statements_within_the_limit_of_arguments() {
        let rows = (0..20_000).map(|n| vec![Value::Int(n), Value::Null]);
        let statements = insert_many("INSERT INTO t (a, b) VALUES", rows);
        assert_eq!(statements.iter().map(|s| s.args.len()).collect::<Vec<_>>(), [32_000, 8_000]);
        assert!(statements[1].sql.starts_with("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"));
    }
}
