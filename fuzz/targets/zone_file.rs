//! Zone files: what is read and written is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain::domain::name::Name;
use ordain::domain::ttl::Ttl;
use ordain::domain::zonefile::{ZoneFile, parse, write_header, write_record};

fn written(file: &ZoneFile) -> String {
    let mut text = String::new();
    write_header(&mut text, &file.origin, file.default_ttl.unwrap_or(Ttl::ZERO)).expect("a string takes all");
    for record in &file.records {
        write_record(&mut text, &record.name, record.ttl, &record.data).expect("a string takes all");
    }
    text
}

fuzz_target!(|text: &str| {
    let origin = Name::parse("example.org.").expect("a name");
    for origin in [None, Some(&origin)] {
        let Ok(file) = parse(text, origin) else { continue };
        let first = written(&file);
        let again = parse(&first, None).unwrap_or_else(|error| panic!("{error}\n{first}"));
        assert_eq!(again.records.len(), file.records.len(), "{first}");
        for (one, other) in file.records.iter().zip(&again.records) {
            assert_eq!((one.name.as_str(), one.data.to_wire()), (other.name.as_str(), other.data.to_wire()));
            assert!(one.ttl.is_none() || one.ttl == other.ttl, "{first}");
        }
        assert_eq!(written(&again), written(&parse(&written(&again), None).expect("written")));
    }
});
