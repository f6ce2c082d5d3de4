//! Record data as rows hold it: in the API's form where that says all, otherwise in the form of zone files.
//!
//! Clients write the API's form only. What comes from the masters of a zone may be of types that have none, or say what
//! the API would refuse.
//!
//! Invariants: what [`to_stored`] writes, [`read_stored`] reads as the same data; a text that the API takes means what it
//! means there.

use super::lexer::Lexer;
use crate::domain::rdata::{RData, RDataError};
use crate::domain::record_type::RecordType;

/// Reads the text of a row.
///
/// # Errors
/// If it is data of this type in neither form; says what the API has against it.
pub fn read_stored(rtype: RecordType, text: &str) -> Result<RData, RDataError> {
    RData::parse(rtype, text).or_else(|error| in_zone_file(rtype, text).ok_or(error))
}

/// The text for a row.
#[must_use]
pub fn to_stored(data: &RData) -> String {
    let text = data.to_string();
    match read_stored(data.record_type(), &text) {
        // Names that differ in case only are equal, but are to be kept as they are.
        Ok(read) if read.to_wire() == data.to_wire() => text,
        _ => data.to_generic(),
    }
}

fn in_zone_file(rtype: RecordType, text: &str) -> Option<RData> {
    let (mut lexer, mut fields) = (Lexer::new(text), Vec::new());
    lexer.next_entry(&mut fields).ok()??;
    let data = RData::from_fields(rtype, &fields, None).ok()?;
    lexer.next_entry(&mut fields).ok()?.is_none().then_some(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_api_refuses_is_kept_in_the_form_of_zone_files() {
        for (rtype, octets, text) in [
            (RecordType::Other(43), vec![0x12, 0x34, 8, 2], "\\# 4 12340802"),
            (RecordType::Other(65280), vec![], "\\# 0"),
            (RecordType::A, vec![192, 0, 2, 1], "192.0.2.1"),
            (RecordType::Txt, b"\x03a b\x01\\".to_vec(), "\"a b\" \"\\\\\""),
            (RecordType::Cname, b"\x03a b\x00".to_vec(), "a\\032b."),
            (RecordType::Srv, vec![0, 1, 0, 2, 0, 3, 0], "1 2 3 ."),
        ] {
            let data = RData::from_wire(rtype, &octets).unwrap();
            assert_eq!(to_stored(&data), text);
            assert_eq!(read_stored(rtype, text).unwrap().to_wire(), octets, "{text}");
        }
        assert_eq!(read_stored(RecordType::A, "\\# 4 c0000201"), RData::parse(RecordType::A, "192.0.2.1"));
        for text in ["", "x", "192.0.2.1\n192.0.2.2", "192.0.2.1 (", "\\# 5 c0000201"] {
            assert_eq!(read_stored(RecordType::A, text), RData::parse(RecordType::A, text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_wire_holds_comes_back(number in 1_u16..300, octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let rtype = RecordType::from_number(number);
            if let Ok(data) = RData::from_wire(rtype, &octets) {
                prop_assert_eq!(read_stored(rtype, &to_stored(&data)).unwrap().to_wire(), data.to_wire());
            }
        }
    }
}
