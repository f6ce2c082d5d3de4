//! Names: what is read from text or from the wire is written as the same name both ways.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain::domain::host_port::HostPort;
use ordain::domain::hostname;
use ordain::domain::name::Name;

fn check(name: &Name) {
    let again = Name::parse(name.as_str()).expect("a name prints as one");
    assert_eq!(again.as_str(), name.as_str());
    let mut wire = Vec::new();
    name.write_wire(&mut wire);
    assert!(wire.len() <= 255);
    let (read, taken) = Name::from_wire(&wire).expect("a name has a wire form");
    assert_eq!((read.as_str(), taken), (name.as_str(), wire.len()));
    assert_eq!(name.ancestors().count(), name.label_count());
    assert!(name.ancestors().all(|above| name.is_below(&above) && name.is_within(&above)));
    let reversed: String = name.reversed_key().chars().rev().collect();
    assert_eq!(reversed, name.key());
}

fuzz_target!(|octets: &[u8]| {
    if let Ok((name, _)) = Name::from_wire(octets) {
        check(&name);
    }
    let Ok(text) = std::str::from_utf8(octets) else { return };
    if let Ok(name) = Name::parse(text) {
        check(&name);
    }
    for read in [hostname::parse_domain, hostname::parse_host, hostname::parse_international] {
        if let Ok(name) = read(text, "name") {
            check(&name);
        }
    }
    let _ = (hostname::check_email(text), hostname::check_tld(text), hostname::is_fqdn(text));
    if let Ok(at) = HostPort::parse_master(text) {
        assert_eq!(HostPort::parse_master(&at.to_string()).expect("a place prints as one"), at);
    }
});
