//! A naive resolver, written from RFC 1034 and RFC 4592 over a plain list of records, must agree with ours on random
//! zones and questions.

use std::collections::BTreeSet;

use hickory_proto::op::ResponseCode;
use proptest::prelude::*;

use super::support::*;

/// Record: owner labels below the apex, leftmost first; type; target labels.
type Rec = (Vec<&'static str>, &'static str, Vec<&'static str>);

#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    rcode: &'static str,
    authoritative: bool,
    /// Owner and type of each answer, in order.
    answers: Vec<(String, &'static str)>,
    /// Owner and type in the authority section.
    authority: BTreeSet<(String, &'static str)>,
}

fn text(labels: &[&str]) -> String {
    labels.iter().map(|l| format!("{l}.")).collect::<String>() + "z."
}

fn of<'r>(records: &'r [Rec], owner: &'r [&str], kind: &'r str) -> impl Iterator<Item = &'r Rec> {
    records.iter().filter(move |r| r.0 == owner && r.1 == kind)
}

fn exists(records: &[Rec], owner: &[&str]) -> bool {
    owner.is_empty() || records.iter().any(|r| r.0.ends_with(owner))
}

/// What the RFCs say, found the slow way.
fn reference(records: &[Rec], qname: &[&'static str], qtype: &'static str) -> Verdict {
    let mut verdict =
        Verdict { rcode: "NoError", authoritative: true, answers: vec![], authority: BTreeSet::new() };
    let mut name = qname.to_vec();
    let mut visited: Vec<Vec<&str>> = Vec::new();
    loop {
        // The highest cut on the way down hides everything below it.
        let cut = (0..name.len())
            .rev()
            .map(|at| name[at..].to_vec())
            .find(|n| of(records, n, "NS").next().is_some());
        if let Some(cut) = cut {
            verdict.authoritative = !verdict.answers.is_empty();
            verdict.authority.insert((text(&cut), "NS"));
            return verdict;
        }
        let source = if exists(records, &name) {
            name.clone()
        } else {
            let encloser = (0..=name.len()).map(|at| &name[at..]).find(|n| exists(records, n)).unwrap();
            let wildcard: Vec<&str> = std::iter::once("*").chain(encloser.iter().copied()).collect();
            if !exists(records, &wildcard) {
                verdict.rcode = "NXDomain";
                verdict.authority.insert(("z.".into(), "SOA"));
                return verdict;
            }
            wildcard
        };
        let found: Vec<_> = of(records, &source, qtype).collect();
        if !found.is_empty() {
            verdict.answers.extend(found.iter().map(|_| (text(&name), qtype)));
            return verdict;
        }
        let Some(alias) = of(records, &source, "CNAME").next() else {
            verdict.authority.insert(("z.".into(), "SOA"));
            return verdict;
        };
        if visited.contains(&source) {
            verdict.rcode = "ServFail";
            return verdict;
        }
        visited.push(source.clone());
        verdict.answers.push((text(&name), "CNAME"));
        name = alias.2.clone();
    }
}

fn labels(max: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(prop::sample::select(vec!["a", "b", "c", "*"]), 0..=max)
}

/// Records without the combinations that a zone cannot have: nothing beside an alias, no alias at the apex.
fn records() -> impl Strategy<Value = Vec<Rec>> {
    let record = (labels(4), prop::sample::select(vec!["A", "A", "TXT", "CNAME", "NS"]), labels(4));
    proptest::collection::vec(record, 0..14).prop_map(|all| {
        let mut kept: Vec<Rec> = Vec::new();
        for r in all {
            let special = matches!(r.1, "CNAME" | "NS");
            let apex = special && r.0.is_empty();
            let wild_cut = r.1 == "NS" && r.0.contains(&"*");
            let clash = kept.iter().any(|k| k.0 == r.0 && (k.1 == "CNAME" || r.1 == "CNAME" || k.1 == r.1));
            if !(apex || wild_cut || clash) {
                kept.push(r);
            }
        }
        kept
    })
}

fn data(record: &Rec) -> String {
    match record.1 {
        "A" => "192.0.2.1".into(),
        "TXT" => "\"t\"".into(),
        "NS" => "ns.elsewhere.".into(),
        _ => text(&record.2),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn ours_agrees_with_the_reference(
        records in records(),
        qname in labels(5),
        qtype in prop::sample::select(vec!["A", "TXT", "CNAME", "NS"]),
    ) {
        let lines: Vec<String> =
            records.iter().map(|r| format!("{} 60 {} {}", text(&r.0), r.1, data(r))).collect();
        let dns = authority([zone("z.", &lines.join("\n"))]);
        let answer = exchange(&dns, &question(&text(&qname), qtype), &TCP);
        let brief = |r: &hickory_proto::rr::Record| {
            let kinds = ["A", "TXT", "CNAME", "NS", "SOA"];
            let kind = kinds.into_iter().find(|k| *k == r.record_type().to_string()).unwrap();
            (r.name.to_string(), kind)
        };
        let ours = Verdict {
            rcode: match answer.metadata.response_code {
                ResponseCode::NXDomain => "NXDomain",
                ResponseCode::ServFail => "ServFail",
                _ => "NoError",
            },
            authoritative: answer.metadata.authoritative,
            answers: answer.answers.iter().map(brief).collect(),
            authority: answer.authorities.iter().map(brief).collect(),
        };
        prop_assert_eq!(ours, reference(&records, &qname, qtype));
    }
}

/// The reference itself, where it matters most.
#[test]
fn the_reference_knows_the_closest_encloser() {
    let records: Vec<Rec> = vec![(vec!["*"], "A", vec![]), (vec!["x", "a"], "A", vec![])];
    assert_eq!(reference(&records, &["b"], "A").answers.len(), 1);
    assert_eq!(reference(&records, &["y", "a"], "A").rcode, "NXDomain");
    assert_eq!(reference(&records, &["a"], "A").rcode, "NoError");
}
