//! The table: an operation on a line of its own, and under it, indented, a line per relation of the caller to the zone.
//!
//! `METHOD PATH [Header: value] [JSON]`; the words in braces are filled in. A `+` after a code says that the zone of the scene
//! or its floating IP is in the list, `-` that it is not. A line `given NAME METHOD PATH JSON` is done before by an admin of the zone's project; `{NAME}` is
//! then the id of what came of it, `{NAME.key}` another member.

use std::collections::{BTreeMap, BTreeSet};

/// What the zone is to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    /// It is of his project.
    Own,
    /// It is shared with his project.
    Shared,
    /// The same, and the recordset is one that his project made there.
    Guest,
    /// It is of another project.
    Foreign,
}

impl Relation {
    const ALL: [(Self, &str); 4] =
        [(Self::Own, "own"), (Self::Shared, "shared"), (Self::Guest, "guest"), (Self::Foreign, "foreign")];
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The line as it stands.
    pub(crate) line: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) header: Option<(String, String)>,
    pub(crate) body: Option<String>,
    /// What is made before: a name for it, and how.
    pub(crate) given: Vec<(String, Self)>,
    /// The codes by relation.
    pub(crate) expected: BTreeMap<Relation, Vec<String>>,
}

/// Reads the table.
pub(crate) fn parse(text: &str) -> Vec<Operation> {
    let mut operations: Vec<Operation> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(given) = line.strip_prefix("  given ") {
            let (name, how) = given.split_once(' ').unwrap();
            operations.last_mut().unwrap().given.push((name.to_owned(), operation(how)));
        } else if let Some(cells) = line.strip_prefix("  ") {
            let mut words = cells.split_whitespace().map(str::to_owned);
            let name = words.next().unwrap();
            let (relation, _) = Relation::ALL.into_iter().find(|(_, word)| *word == name).unwrap();
            operations.last_mut().unwrap().expected.insert(relation, words.collect());
        } else {
            operations.push(operation(line));
        }
    }
    operations
}

/// The kinds of operations that these are: method and path, whatever is in braces.
pub(crate) fn kinds(operations: &[Operation]) -> BTreeSet<String> {
    operations.iter().map(|operation| kind(&operation.method, &operation.path)).collect()
}

/// The kind of one operation.
pub(crate) fn kind(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let steps: Vec<&str> = path.split('/').map(|step| if step.contains('{') { "{}" } else { step }).collect();
    format!("{method} {}", steps.join("/"))
}

fn operation(line: &str) -> Operation {
    let (asked, body) = match line.find(" {\"") {
        Some(at) => (&line[..at], Some(line[at + 1..].to_owned())),
        None => (line, None),
    };
    let mut words = asked.splitn(3, ' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let header = words.next().map(|header| {
        let (name, value) = header.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    });
    Operation {
        line: line.to_owned(),
        method,
        path,
        header,
        body,
        given: Vec::new(),
        expected: BTreeMap::new(),
    }
}

/// The table with what was found in place of what was expected.
pub(crate) fn print(
    text: &str,
    operations: &[Operation],
    found: &BTreeMap<(usize, Relation), Vec<String>>,
) -> String {
    let comments: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let mut out = comments.join("\n") + "\n";
    for (at, operation) in operations.iter().enumerate() {
        out += &format!("\n{}\n", operation.line);
        for (name, how) in &operation.given {
            out += &format!("  given {name} {}\n", how.line);
        }
        for (relation, word) in Relation::ALL {
            if let Some(codes) = found.get(&(at, relation)) {
                let cells: String = codes.iter().map(|code| format!(" {code:<6}")).collect();
                out += &format!("  {word:<8}{}\n", cells.trim_end());
            }
        }
    }
    out
}
