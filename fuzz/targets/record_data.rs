//! Record data: API text, rows, zone files and the wire say the same. The first two octets are the type.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain::domain::rdata::RData;
use ordain::domain::record_type::RecordType;
use ordain::domain::zonefile::{read_stored, to_stored};

fn check(kind: RecordType, data: &RData) {
    let wire = data.to_wire();
    let read = RData::from_wire(kind, &wire).expect("data has a wire form");
    assert_eq!(read.to_wire(), wire);
    let stored = to_stored(data);
    assert_eq!(read_stored(kind, &stored).expect("a row can be read").to_wire(), wire);
    let generic = read_stored(kind, &data.to_generic()).expect("every type has the generic form");
    assert_eq!(generic.to_wire(), wire);
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, octets)) = input.split_first_chunk::<2>() else { return };
    let kind = RecordType::from_number(u16::from_be_bytes(*kind));
    if let Ok(data) = RData::from_wire(kind, octets) {
        check(kind, &data);
    }
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(data) = RData::parse(kind, text) {
        let printed = data.to_string();
        let again = RData::parse(kind, &printed).expect("what the API took, it takes as it prints it");
        assert_eq!((again.to_string(), again.to_wire()), (printed, data.to_wire()));
        check(kind, &data);
    }
    if let Ok(data) = read_stored(kind, text) {
        check(kind, &data);
    }
});
