//! Questions to a name server, as an ordinary resolver asks them.

use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use ordain::dns::client::{Ask, Exchange as _, SocketExchange};
use ordain::domain::host_port::HostPort;

/// How long to wait for one answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks once; the answer, or a failed test.
pub(crate) async fn ask(server: &HostPort, name: &str, kind: RecordType, tcp: bool) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    let asked = SocketExchange::default()
        .exchange(server, &Ask { message, tcp, signed_by: None, timeout: LIMIT })
        .await;
    asked.unwrap_or_else(|error| panic!("{name} {kind} at {server}: {error}"))
}

/// The data of the answer as text, sorted; the response code if it is an error.
pub(crate) async fn answer(
    server: &HostPort,
    name: &str,
    kind: RecordType,
    tcp: bool,
) -> Result<Vec<String>, ResponseCode> {
    let message = ask(server, name, kind, tcp).await;
    match message.metadata.response_code {
        ResponseCode::NoError => {
            let mut data: Vec<String> =
                message.answers.iter().map(|record| record.data.to_string()).collect();
            data.sort();
            Ok(data)
        }
        code => Err(code),
    }
}
