//! Tests of record data: what the API takes and refuses, per rule; vectors of the RFCs; round trips.

mod api_rules;
mod round_trips;
mod vectors;

use super::*;

/// The canonical print of what the API takes.
fn printed(rtype: RecordType, text: &str) -> String {
    match RData::parse(rtype, text) {
        Ok(data) => data.to_string(),
        Err(error) => panic!("{rtype} {text:?}: {error}"),
    }
}

/// Every text is taken, prints canonically and survives text and wire.
fn takes(rtype: RecordType, texts: &[&str]) {
    for text in texts {
        let data = RData::parse(rtype, text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(RData::parse(rtype, &data.to_string()).as_ref(), Ok(&data), "{text:?}");
        assert_eq!(RData::from_wire(rtype, &data.to_wire()).as_ref(), Ok(&data), "{text:?}");
    }
}

/// Every text is refused.
fn refuses(rtype: RecordType, texts: &[&str]) {
    for text in texts {
        assert!(RData::parse(rtype, text).is_err(), "{rtype} takes {text:?}");
    }
}
