//! The few things that the engines spell differently.
//!
//! Invariants: both spellings of a thing mean the same, which the suite checks on every engine.

/// An engine's way to say things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// Ends a query so that other transactions cannot change the rows of table alias `z` until this one ends.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE OF z",
        }
    }

    /// The functions that hold a number until the transaction ends, with others who hold it like that and with nobody
    /// else; `None` where writers never run side by side. For decisions on rows that others may be about to add, which no
    /// row lock covers.
    #[must_use]
    pub const fn advisory_locks(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(("pg_advisory_xact_lock_shared", "pg_advisory_xact_lock")),
        }
    }

    /// An expression for the next position of the zones' change feed: argument `$1`, or one more than the greatest so
    /// far. Positions become visible in their order.
    #[must_use]
    pub const fn feed_position(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "(SELECT CASE WHEN MAX(f.feed_at) >= $1 THEN MAX(f.feed_at) + 1 ELSE $1 END FROM zones f)"
            }
            Self::Postgres => "next_feed_position($1)",
        }
    }

    /// The operator that compares text with a [`Self::pattern`], case-sensitively.
    #[must_use]
    pub const fn matches(self) -> &'static str {
        match self {
            Self::Sqlite => " GLOB ",
            Self::Postgres => " LIKE ",
        }
    }

    /// The pattern of a text in which `*` stands for any run of characters and everything else for itself.
    #[must_use]
    pub fn pattern(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match (self, c) {
                (Self::Postgres, '*') => out.push('%'),
                (Self::Sqlite, '?' | '[') => out.extend(['[', c, ']']),
                (Self::Postgres, '%' | '_' | '\\') => out.extend(['\\', c]),
                _ => out.push(c),
            }
        }
        out
    }

    /// A FROM item with a row for each text in a column of JSON text, as `d.value`.
    #[must_use]
    pub fn each_text(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("json_each({column}) AS d"),
            Self::Postgres => format!("jsonb_array_elements_text({column}::jsonb) AS d (value)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_star_is_a_wildcard() {
        assert_eq!(Dialect::Sqlite.pattern("a*b?[c]%_\\"), "a*b[?][[]c]%_\\");
        assert_eq!(Dialect::Postgres.pattern("a*b?[c]%_\\"), "a%b?[c]\\%\\_\\\\");
    }
}
