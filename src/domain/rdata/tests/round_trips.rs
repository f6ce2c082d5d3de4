//! Text to data to text, data to wire to data, for generated data.

use proptest::prelude::*;

use super::*;

fn label() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_]([A-Za-z0-9_-]{0,8}[A-Za-z0-9_])?"
}

fn domain() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 1..5).prop_map(|labels| format!("{}.", labels.join(".")))
}

fn number() -> impl Strategy<Value = String> {
    any::<u16>().prop_map(|n| n.to_string())
}

fn joined(parts: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    parts.prop_map(|parts| parts.join(" ")).boxed()
}

fn svc_params() -> impl Strategy<Value = String> {
    let params = (
        any::<u16>().prop_map(|port| format!(" port={port}")),
        Just(" alpn=h2,h3 no-default-alpn".to_owned()),
        any::<[u8; 4]>().prop_map(|a| format!(" ipv4hint={}", Ipv4Addr::from(a))),
        any::<[u8; 16]>().prop_map(|a| format!(" ipv6hint={}", Ipv6Addr::from(a))),
        "([a-z,;]|\\\\[0-2][0-4][0-9]|\\\\\\\\){0,9}".prop_map(|v| format!(" key700={v}")),
    );
    params
        .prop_flat_map(|(a, b, c, d, e)| prop::sample::subsequence(vec![a, b, c, d, e], 0..=5).prop_shuffle())
        .prop_map(|params| params.concat())
}

/// A text that the API takes, for each type.
fn record() -> impl Strategy<Value = (RecordType, String)> {
    let quoted = "[ !#-\\[\\]-~]{0,40}|(\\\\[0-1][0-9][0-9]|\\\\\"|\\\\\\\\|ä){0,9}";
    let texts: Vec<(RecordType, BoxedStrategy<String>)> = vec![
        (RecordType::A, any::<[u8; 4]>().prop_map(|a| Ipv4Addr::from(a).to_string()).boxed()),
        (RecordType::Aaaa, any::<[u8; 16]>().prop_map(|a| Ipv6Addr::from(a).to_string()).boxed()),
        (RecordType::Cname, domain().boxed()),
        (RecordType::Mx, joined(vec![number().boxed(), domain().boxed()])),
        (
            RecordType::Srv,
            joined(vec![number().boxed(), number().boxed(), number().boxed(), domain().boxed()]),
        ),
        (
            RecordType::Soa,
            joined([vec![domain().boxed(), domain().boxed()], vec![number().boxed(); 5]].concat()),
        ),
        (
            RecordType::Txt,
            prop::collection::vec(quoted, 1..4)
                .prop_map(|strings| strings.iter().map(|s| format!("\"{s}\"")).collect::<Vec<_>>().join(" "))
                .boxed(),
        ),
        (RecordType::Spf, "[!#-\\[\\]-~]{0,60}".boxed()),
        (RecordType::Sshfp, "[0-4] (0 ([0-9a-fA-F]{2}){5,20}|1 [0-9a-fA-F]{40}|2 [0-9a-fA-F]{64})".boxed()),
        (RecordType::Tlsa, "[0-9] [0-9] 0 ([0-9a-fA-F]{2}){1,40}".boxed()),
        (RecordType::Caa, "(0|1|128) issue [a-z]{1,9}(; [a-z]{1,3}=[a-z0-9]{1,4}){0,3}".boxed()),
        (RecordType::Cert, "(PKIX|[1-9][0-9]{0,3}) [0-9]{1,4} [0-9]{1,2} ([A-Za-z0-9+/]{4}){1,9}".boxed()),
        (
            RecordType::Naptr,
            "[0-9]{1,4} [0-9]{1,4} \"[APSU]?\" (E2U\\+sip|\"\") (!a!b!i|\"\") ([a-z]{1,9}\\.|\\.)".boxed(),
        ),
        (
            RecordType::Svcb,
            (1..=u16::MAX, domain(), svc_params()).prop_map(|(n, d, p)| format!("{n} {d}{p}")).boxed(),
        ),
    ];
    let choices: Vec<_> =
        texts.into_iter().map(|(rtype, text)| text.prop_map(move |text| (rtype, text)).boxed()).collect();
    prop::strategy::Union::new(choices)
}

proptest! {
    #[test]
    fn api_text_survives_text_and_wire((rtype, text) in record()) {
        let data = RData::parse(rtype, &text).map_err(|e| TestCaseError::fail(format!("{text:?}: {e}")))?;
        let print = data.to_string();
        let again = RData::parse(rtype, &print).unwrap();
        prop_assert_eq!(again.to_string(), print);
        prop_assert_eq!(&again, &data);
        prop_assert_eq!(&RData::from_wire(rtype, &data.to_wire()).unwrap(), &data);
        let json = serde_json::to_string(&data).unwrap();
        prop_assert_eq!(serde_json::from_str::<RData>(&json).unwrap(), data);
    }

    #[test]
    fn any_wire_form_is_refused_or_kept(
        index in 0..RecordType::NAMED.len() + 1,
        octets in prop::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..60),
    ) {
        let rtype = RecordType::NAMED.get(index).copied().unwrap_or(RecordType::Other(700));
        if let Ok(data) = RData::from_wire(rtype, &octets) {
            prop_assert_eq!(data.to_wire(), octets);
            prop_assert_eq!(data.record_type(), rtype);
        }
    }

    #[test]
    fn no_text_panics(index in 0..RecordType::NAMED.len(), text in "([ -~]{0,9}|[0-9] |[a-z]+\\. |\"|=|\\PC){0,9}") {
        let rtype = RecordType::NAMED[index];
        if let Ok(data) = RData::parse(rtype, &text) {
            prop_assert_eq!(RData::parse(rtype, &data.to_string()).unwrap(), data);
        }
    }
}
