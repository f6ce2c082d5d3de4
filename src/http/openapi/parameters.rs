//! What the document says of parameters: those of paths, of lists, and the headers that switch something.

use serde_json::{Value, json};

/// A parameter that is not in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Parameter {
    /// How many items of a list.
    Limit,
    /// The item after which the page begins.
    Marker,
    /// The number after which the page begins.
    Number,
    /// Only items of which this is so.
    Condition(&'static str, &'static str),
    /// What a list is sorted by.
    SortKey(Vec<&'static str>),
    /// How it is sorted.
    SortDirection,
    /// Only items whose member matches.
    Filter(&'static str),
    /// Whole zones with their backend's files.
    HardDelete,
    /// Shares go with the zone.
    DeleteShares,
    /// Managed records may be changed.
    EditManagedRecords,
    /// Lists of recordsets without a count.
    HideCounts,
    /// The caller acts for another project.
    Sudo,
    /// The caller sees all projects.
    AllProjects,
    /// A report with details.
    Detail,
    /// Who is calling, where nobody asks for proof.
    Claim(&'static str, &'static str),
}

impl Parameter {
    /// Its name in the document's list of parameters, if all operations mean the same by it.
    pub(super) const fn shared(&self) -> Option<&'static str> {
        Some(match self {
            Self::Limit => "Limit",
            Self::Marker => "Marker",
            Self::SortDirection => "SortDirection",
            Self::HardDelete => "HardDelete",
            Self::DeleteShares => "DeleteShares",
            Self::EditManagedRecords => "EditManagedRecords",
            Self::HideCounts => "HideCounts",
            Self::Sudo => "SudoProject",
            Self::AllProjects => "AllProjects",
            Self::Claim(_, name) => name,
            Self::SortKey(_) | Self::Filter(_) | Self::Number | Self::Condition(..) | Self::Detail => {
                return None;
            }
        })
    }

    /// As the document has it.
    pub(super) fn describe(&self) -> Value {
        let switch = |name, description| header(name, description, json!({"type": "boolean"}));
        match self {
            Self::Limit => query(
                "limit",
                "Most items of the page; `max` asks for as many as the service gives.",
                json!({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "max"}]}),
            ),
            Self::Marker => query(
                "marker",
                "The id of the last item of the page before.",
                json!({"type": "string", "format": "uuid"}),
            ),
            Self::Number => query(
                "marker",
                "The number of the last item of the page before.",
                json!({"type": "integer", "minimum": 0}),
            ),
            Self::Condition(name, description) => query(name, description, json!({"type": "string"})),
            Self::SortKey(keys) => query(
                "sort_key",
                "What the list is sorted by (created_at if it is not given), and then by id.",
                json!({"type": "string", "enum": keys}),
            ),
            Self::SortDirection => {
                query("sort_dir", "How it is sorted.", json!({"enum": ["asc", "desc"], "default": "asc"}))
            }
            Self::Filter(name) => query(
                name,
                "Only items with this value, in which `*` stands for any characters (at most 64 of them).",
                json!({"type": "string"}),
            ),
            Self::HardDelete => {
                switch("X-Designate-Hard-Delete", "Name servers' own files of the zone go, too.")
            }
            Self::DeleteShares => switch("X-Designate-Delete-Shares", "The zone goes although it is shared."),
            Self::EditManagedRecords => {
                switch("X-Designate-Edit-Managed-Records", "Records that the service manages may be changed.")
            }
            Self::HideCounts => switch("OpenStack-DNS-Hide-Counts", "The list does not tell how many match."),
            Self::Sudo => header(
                "X-Auth-Sudo-Project-ID",
                "The project for which the caller acts, if he may. X-Auth-Sudo-Tenant-ID is the same.",
                json!({"type": "string"}),
            ),
            Self::AllProjects => switch(
                "X-Auth-All-Projects",
                "The request is about things of all projects, if the caller may. The query item all_projects is the same.",
            ),
            Self::Detail => {
                query("detail", "Accepted; all details are told in any case.", json!({"type": "string"}))
            }
            Self::Claim(name, _) => {
                header(name, "Who is calling: nobody asks for proof.", json!({"type": "string"}))
            }
        }
    }
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    parameter("query", name, description, schema)
}

fn header(name: &str, description: &str, schema: Value) -> Value {
    parameter("header", name, description, schema)
}

fn parameter(place: &str, name: &str, description: &str, schema: Value) -> Value {
    let mut parameter = json!({"name": name, "in": place, "description": description});
    if let Value::Object(members) = &mut parameter {
        members.insert("schema".to_owned(), schema);
    }
    parameter
}

/// The parameters in a path such as `/zones/{zone_id}`.
pub(super) fn in_path(path: &str) -> impl Iterator<Item = Value> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let schema = match name {
            "project_id" => json!({"type": "string", "minLength": 1}),
            "what" => json!({"type": "string"}),
            "floatingip_id" => json!({"type": "string"}),
            _ => json!({"type": "string", "format": "uuid"}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    })
}
