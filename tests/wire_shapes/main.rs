//! The shape of every message on the wire, against `tests/golden/wire_shapes.txt`.
//!
//! The encoding is positional, so a change of shape is a change of meaning: it needs a new `schema = N` in the table and
//! an `older` form of the one before. After that, `ORDAIN_BLESS=1 cargo test --test wire_shapes` writes the file anew.

mod explore;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;

use ordain::actors::{api, central, mdns, producer, worker};
use ordain::transport::frame::{FAULT_SCHEMA, HEADER_SCHEMA, Header, SCOPED_HEADER_SCHEMA, ScopedHeader};
use ordain::transport::{Fault, Visit};

use trace::Shapes;

fn traced() -> Shapes {
    let mut shapes = Shapes::default();
    shapes.part::<Header<'static>>("frame", "header", HEADER_SCHEMA);
    shapes.part::<ScopedHeader<'static>>("frame", "header", SCOPED_HEADER_SCHEMA);
    shapes.part::<Fault>("frame", "fault", FAULT_SCHEMA);
    every_table(&mut shapes);
    shapes
}

/// Every service's messages: a new table goes here.
fn every_table<V: Visit>(visit: &mut V) {
    api::api::describe(visit);
    central::api::describe(visit);
    mdns::api::describe(visit);
    producer::api::describe(visit);
    worker::api::describe(visit);
}

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wire_shapes.txt")
}

#[test]
fn no_shape_changed_without_a_new_schema() {
    let shapes = traced();
    assert!(shapes.problems.is_empty(), "\n{}\n", shapes.problems.join("\n"));
    let now = shapes.text();
    if std::env::var_os("ORDAIN_BLESS").is_some() {
        std::fs::create_dir_all(golden().parent().unwrap()).unwrap();
        std::fs::write(golden(), &now).unwrap();
        return;
    }
    let blessed = std::fs::read_to_string(golden()).unwrap_or_default();
    let changes = differences(&blessed, &now);
    assert!(
        changes.is_empty(),
        "\nwire shapes have changed (- blessed, + now):\n{}\n\n\
         A message whose line changed its #digest but not its version needs a new `schema` in its table, and an `older`\n\
         form. If that is done, or the message was never released: ORDAIN_BLESS=1 cargo test --test wire_shapes\n",
        changes.join("\n"),
    );
}

/// Lines that are in one text only. Every line stands for itself, so their order does not matter.
fn differences(blessed: &str, now: &str) -> Vec<String> {
    let mut lines: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for line in blessed.lines() {
        lines.entry(line).or_default().0 = true;
    }
    for line in now.lines() {
        lines.entry(line).or_default().1 = true;
    }
    let only = lines.into_iter().filter(|(_, (before, after))| before != after);
    only.map(|(line, (before, _))| format!("{} {line}", if before { '-' } else { '+' })).collect()
}

#[test]
fn a_changed_shape_is_seen_and_named() {
    mod first {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        pub(crate) struct Thing {
            pub(crate) name: String,
        }
    }
    mod second {
        #[derive(Clone, serde::Serialize, serde::Deserialize)]
        pub(crate) struct Thing {
            pub(crate) name: String,
            pub(crate) ttl: Option<u32>,
        }
    }
    let (mut before, mut after) = (Shapes::default(), Shapes::default());
    before.part::<first::Thing>("probe", "thing", 1);
    after.part::<second::Thing>("probe", "thing", 1);
    let changes = differences(&before.text(), &after.text());
    assert_eq!(changes.len(), 4, "{changes:#?}");
    assert!(changes.iter().any(|line| line == "- type Thing { name: str }"), "{changes:#?}");
    assert!(
        changes.iter().any(|line| line == "+ type Thing { name: str, ttl: option<u32> }"),
        "{changes:#?}"
    );
}

#[test]
fn every_variant_is_seen_wherever_it_is() {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Outer {
        Empty,
        Listed(Vec<Option<Inner>>),
        Both { left: Inner, right: (u8, Inner) },
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Inner {
        Text(String),
        Number(u64),
    }
    let (shape, types) = explore::explore::<Vec<Outer>>().unwrap();
    assert_eq!(shape, "seq<Outer>");
    assert_eq!(
        types,
        [
            "type Inner 0=Text(str) | 1=Number(u64)",
            "type Outer 0=Empty | 1=Listed(seq<option<Inner>>) | 2=Both { left: Inner, right: (u8, Inner) }",
        ],
    );
}

#[test]
fn what_the_encoding_cannot_carry_is_refused() {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its shape matters")]
    enum Untagged {
        Number(u64),
        Text(String),
    }
    assert!(explore::explore::<Untagged>().is_err());
    assert!(explore::explore::<serde_json::Value>().is_err());
}

#[test]
fn every_wire_name_is_used_once() {
    #[derive(Default)]
    struct Names(Vec<(&'static str, &'static str)>);
    impl Visit for Names {
        fn message<M: ordain::transport::Message>(&mut self) {
            self.0.push((<M::To as ordain::transport::Service>::NAME, M::NAME));
        }
    }
    let mut names = Names::default();
    every_table(&mut names);
    let all = names.0.len();
    names.0.sort_unstable();
    names.0.dedup();
    assert_eq!(names.0.len(), all, "two rows of one service have the same wire name");
}

#[test]
fn every_table_is_traced() {
    fn tables(folder: &Path, found: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                tables(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                *found += text.lines().filter(|line| line.starts_with("rpcs! {")).count();
            }
        }
    }
    #[derive(Default)]
    struct Services(std::collections::BTreeSet<&'static str>);
    impl Visit for Services {
        fn message<M: ordain::transport::Message>(&mut self) {
            self.0.insert(std::any::type_name::<M>().rsplit_once("::").unwrap().0);
        }
    }
    let (mut in_sources, mut traced) = (0, Services::default());
    tables(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/actors"), &mut in_sources);
    every_table(&mut traced);
    assert_eq!(traced.0.len(), in_sources, "traced: {:#?}", traced.0);
}
